//! Single values: each kind of the table read from one TOML value. Lists are in `lists`.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::{Reader, hints};
use crate::model::{AccessLog, Admin};
use crate::nearest::nearest;
use crate::parse::text::{self, Refusal};
use crate::parse::{address, size};
use crate::problem::{code, quoted};
use crate::table::{Kind, Number, NumberPlace, Row, Signed, Unit, Word};

impl Reader<'_> {
    /// Reads the value of a key and puts it where it belongs.
    pub(super) fn value<S>(
        &mut self,
        row: &'static Row<S>,
        into: &mut S,
        value: &Spanned<DeValue<'_>>,
    ) {
        match &row.kind {
            Kind::Switch(place) => {
                if let Some(switch) = self.switch(row, value) {
                    *place(into) = switch;
                }
            }
            Kind::Number(number) => self.number(row, number, into, value),
            Kind::Signed(number) => self.signed(row, number, into, value),
            Kind::Choice(numbers, place) => {
                if let Some(number) = self.choice(row, numbers, value) {
                    *place(into) = number;
                }
            }
            Kind::Words(words) => self.word(row, words, into, value),
            Kind::Path(place) => {
                if let Some(path) = self.text(row, value, text::path) {
                    *place(into) = path;
                }
            }
            Kind::OptionalPath(place) => {
                if let Some(path) = self.text(row, value, unless_empty(text::path)) {
                    *place(into) = path;
                }
            }
            Kind::User(place) => {
                if let Some(user) = self.text(row, value, unless_empty(text::user)) {
                    *place(into) = user;
                }
            }
            Kind::Loopback(place) => {
                if let Some(listen) = self.text(row, value, loopback) {
                    *place(into) = Admin { listen, explicit: true };
                    self.addresses.extend(listen.map(|at| (row.name, at, value.span())));
                }
            }
            Kind::Log(place) => {
                if let Some(log) = self.text(row, value, access_log) {
                    *place(into) = log;
                }
            }
            Kind::Addresses(place) => self.addresses(row, place(into), value),
            Kind::Names(place) => self.names(row, place(into), value),
            Kind::Networks(place) => self.networks(row, place(into), value),
            Kind::Text(text) => {
                if let Some(read) = self.text(row, value, |text| Ok(text.to_owned()))
                    && let Err(refusal) = (text.put)(into, &read)
                {
                    self.refuse(row, value.span(), refusal);
                }
            }
            Kind::Texts(texts) => self.listed(row, texts, into, value),
            Kind::Pairs(pairs) => self.pairs(row, pairs, into, value),
            Kind::Tables(tables) => tables.read(self, row, into, value),
        }
    }

    /// Notes why a value was refused.
    pub(super) fn refuse<S>(&mut self, row: &Row<S>, span: Range<usize>, refusal: Refusal) {
        self.problems.error(code::VALUE, row.name, span, refusal.message).hint(refusal.hint);
    }

    fn switch<S>(&mut self, row: &Row<S>, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        if let DeValue::Boolean(switch) = value.get_ref() {
            return Some(*switch);
        }
        let meant = match value.get_ref() {
            DeValue::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => "write true, without quotes",
                "false" | "no" | "off" | "0" => "write false, without quotes",
                _ => "",
            },
            DeValue::Integer(number) if number.as_str() == "0" => "write false",
            DeValue::Integer(number) if number.as_str() == "1" => "write true",
            _ => "",
        };
        let hint = if meant.is_empty() { "write true or false" } else { meant };
        self.wrong_type(row, value, "true or false", hint);
        None
    }

    fn signed<S>(
        &mut self,
        row: &Row<S>,
        number: &Signed<S>,
        into: &mut S,
        value: &Spanned<DeValue<'_>>,
    ) {
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.wrong_type(row, value, "a whole number", "");
        };
        let read = i32::from_str_radix(integer.as_str(), integer.radix()).ok();
        match read.filter(|read| (number.min..=number.max).contains(read)) {
            Some(read) => *(number.place)(into) = read,
            None => {
                let message = format!("{} is out of range: {integer}", row.name);
                let hint = format!("{} to {}", number.min, number.max);
                self.problems.error(code::RANGE, row.name, value.span(), message).hint(hint);
            }
        }
    }

    fn number<S>(
        &mut self,
        row: &Row<S>,
        number: &Number<S>,
        into: &mut S,
        value: &Spanned<DeValue<'_>>,
    ) {
        let sized = number.takes_sizes();
        let read = match value.get_ref() {
            DeValue::Integer(integer) => match integer_value(integer) {
                Some(read) => Some(read),
                None => return self.out_of_range(row, number, value.span(), &integer.to_string()),
            },
            DeValue::String(text) if sized => match size::parse(text) {
                Ok(read) => Some(read),
                Err(refusal) => return self.refuse(row, value.span(), refusal),
            },
            _ => None,
        };
        let Some(read) = read else {
            let wanted = if sized { "a size" } else { "a whole number" };
            let hint = match value.get_ref() {
                DeValue::String(text) if text.parse::<u64>().is_ok() => {
                    format!("write {} without quotes", text.trim())
                }
                DeValue::String(_) | DeValue::Float(_) => {
                    format!("a whole number of {}, without unit", number.unit.word())
                }
                _ => String::new(),
            };
            let hint = if sized { String::new() } else { hint };
            return self.wrong_type(row, value, wanted, hint);
        };
        let allowed =
            (number.min..=number.max).contains(&read) || (read == 0 && number.zero.is_some());
        let small = u32::try_from(read).ok();
        match (&number.place, small) {
            (NumberPlace::Small(place), Some(small)) if allowed => *place(into) = small,
            (NumberPlace::Large(place), _) if allowed => *place(into) = read,
            (NumberPlace::Instead(place), _) if allowed => *place(into) = Some(read),
            _ => self.out_of_range(row, number, value.span(), &number.shown(read)),
        }
    }

    fn out_of_range<S>(
        &mut self,
        row: &Row<S>,
        number: &Number<S>,
        span: Range<usize>,
        written: &str,
    ) {
        let message = format!("{} must be {}, not {written}", row.name, number.range());
        let hint = match number.zero {
            Some(zero) => format!("0 means: {zero}"),
            None => String::new(),
        };
        self.problems.error(code::RANGE, row.name, span, message).hint(hint);
    }

    fn choice<S>(
        &mut self,
        row: &Row<S>,
        numbers: &[(u16, &str)],
        value: &Spanned<DeValue<'_>>,
    ) -> Option<u16> {
        let all: Vec<String> = numbers.iter().map(|(number, _)| number.to_string()).collect();
        let all = all.join(" or ");
        let DeValue::Integer(integer) = value.get_ref() else {
            let hint = match value.get_ref() {
                DeValue::String(text) if text.parse::<u16>().is_ok() => {
                    format!("write {text} without quotes")
                }
                _ => String::new(),
            };
            self.wrong_type(row, value, &all, hint);
            return None;
        };
        let read = integer_value(integer);
        let known = numbers.iter().find(|(number, _)| Some(u64::from(*number)) == read);
        if known.is_none() {
            let message = format!("{} must be {all}, not {integer}", row.name);
            self.problems.error(code::RANGE, row.name, value.span(), message).hint("");
        }
        known.map(|(number, _)| *number)
    }

    fn word<S>(
        &mut self,
        row: &Row<S>,
        words: &[Word<S>],
        into: &mut S,
        value: &Spanned<DeValue<'_>>,
    ) {
        let all: Vec<String> = words.iter().map(|word| quoted(word.word)).collect();
        let all = all.join(" or ");
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(row, value, &all, "");
        };
        match words.iter().find(|word| word.word == text.as_ref()) {
            Some(word) => (word.choose)(into),
            None => {
                let message = format!("{} must be {all}, not {}", row.name, quoted(text));
                let near = nearest(text, words.iter().map(|word| word.word));
                let hint = match hints::takes(row.name, text) {
                    Some(table) => Some(format!("that one is for {table}")),
                    None => near.map(|near| format!("did you mean \"{near}\"?")),
                };
                let span = value.span();
                let problem = self.problems.error(code::VALUE, row.name, span, message);
                problem.hint(hint.unwrap_or_default());
            }
        }
    }

    fn text<S, T>(
        &mut self,
        row: &Row<S>,
        value: &Spanned<DeValue<'_>>,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(row, value, "text in quotes", "");
            return None;
        };
        if text.starts_with("~/") || text.as_ref() == "~" {
            let message = format!("\"~\" in {} is taken as it stands", row.name);
            self.problems
                .warning(row.name, value.span(), message)
                .hint("write the home folder out");
        }
        read(text).map_err(|refusal| self.refuse(row, value.span(), refusal)).ok()
    }
}

impl<S> Number<S> {
    /// Whether text such as `"64MiB"` is taken.
    pub(crate) const fn takes_sizes(&self) -> bool {
        matches!(self.unit, Unit::Bytes | Unit::BytesPerSecond)
    }

    /// The range in words: `1 to 3600 seconds`, `1KiB to 1MiB`.
    pub(crate) fn range(&self) -> String {
        let min = match self.zero {
            Some(_) if self.min == 1 => "0".to_owned(),
            Some(_) => format!("0 or {}", self.shown(self.min)),
            None => self.shown(self.min),
        };
        let max = self.shown(self.max);
        match self.unit {
            Unit::Bytes => format!("{min} to {max}"),
            Unit::BytesPerSecond => format!("{min} to {max} per second"),
            Unit::Seconds | Unit::Count(_) => format!("{min} to {max} {}", self.unit.word()),
        }
    }

    /// A value as it may be written in the file, without quotes.
    pub(crate) fn shown(&self, value: u64) -> String {
        match self.unit {
            Unit::Bytes | Unit::BytesPerSecond => size::shown(value),
            Unit::Seconds | Unit::Count(_) => value.to_string(),
        }
    }
}

/// A whole number that is not negative; else it is out of every range.
fn integer_value(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn unless_empty<T>(
    read: impl Fn(&str) -> Result<T, Refusal>,
) -> impl Fn(&str) -> Result<Option<T>, Refusal> {
    move |text| if text.is_empty() { Ok(None) } else { read(text).map(Some) }
}

fn loopback(text: &str) -> Result<Option<std::net::SocketAddr>, Refusal> {
    if text == "off" {
        return Ok(None);
    }
    let refuse = |message: String| {
        Err(Refusal::new(message, "write such as \"127.0.0.1:8444\", \"[::1]:8444\" or \"off\""))
    };
    match address::listen(text) {
        Ok(addresses) => match addresses[..] {
            [one] if one.ip().is_loopback() => Ok(Some(one)),
            _ => refuse(format!("{} is not a loopback address", quoted(text))),
        },
        Err(_) if matches!(text, "" | "no" | "false" | "none" | "OFF" | "Off") => {
            refuse(format!("{} is not an address", quoted(text)))
        }
        Err(refusal) => Err(refusal),
    }
}

fn access_log(text: &str) -> Result<AccessLog, Refusal> {
    match text {
        "off" => Ok(AccessLog::Off),
        "stdout" => Ok(AccessLog::Stdout),
        path => text::path(path).map(AccessLog::File),
    }
}
