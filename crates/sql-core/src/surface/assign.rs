//! `SET` of the cache's variables: what it says, what the server must compute, what follows.
//!
//! The other assignments of the list go to the server; a global one of ours is replaced there by
//! a harmless one that needs the same right. All of ours are checked before any takes effect, as
//! the server does (`sql/set_var.cc`, `sql_set_variables`). Not understood: `None`, the server
//! answers.

use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

use super::rewrite::{quoted, substituted};
use super::variable::{Checked, Fault, Given, Scope, Variable};
use super::words::{Words, name, scope, variable};
use super::{Answer, Effect, Native, Setting, Step, View};
use crate::judge::CacheType;
use crate::lexer::TokenKind;

/// A `SET` under way.
#[derive(Debug)]
pub(super) struct Assignments {
    ours: Vec<Ours>,
    /// What the server is told; its OK makes ours take effect.
    rest: Vec<u8>,
    /// The first warning of ours, once checked.
    warning: Option<Fault>,
    effects: Vec<Effect>,
    stage: Stage,
}

/// An assignment of one of our variables.
#[derive(Debug)]
struct Ours {
    variable: Variable,
    scope: Scope,
    value: Value,
}

/// What stands to the right of the `=`.
#[derive(Debug)]
enum Value {
    Known(Given),
    /// The server has to compute this.
    Expression(Vec<u8>),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The value of this one of ours is asked for.
    Values(usize),
    /// The rest is with the server, unseen by the client.
    Rest,
    /// The reply of the server goes to the client.
    Last,
    /// An error of ours goes to the client: nothing takes effect.
    Failed,
}

impl Assignments {
    /// Reads a `SET`; `None` when no variable of ours is assigned.
    pub(super) fn read(words: &Words<'_>, view: &View<'_>) -> Option<Self> {
        let (mut ours, mut rest) = (Vec::new(), Vec::new());
        let mut sticky = None;
        for part in words.parts(1..words.tokens.len()) {
            let item = Item::read(words, part, sticky)?;
            sticky = item.sticky;
            match item.variable {
                Some(variable) => {
                    let value = value(words, &item.value, view);
                    ours.push(Ours { variable, scope: item.scope, value });
                }
                None => rest.push(item.forwarded(words, view)),
            }
        }
        if ours.is_empty() {
            return None;
        }
        // Each kind of ours leaves one assignment that changes nothing and needs the same right.
        let same: &[u8] = if ours.iter().any(|one| one.scope == Scope::Global) {
            match view.native {
                Native::Known => b"@@global.query_cache_limit=@@global.query_cache_limit",
                Native::Removed => b"@@global.max_connect_errors=@@global.max_connect_errors",
            }
        } else {
            match view.native {
                Native::Known => {
                    b"@@session.query_cache_wlock_invalidate=@@session.query_cache_wlock_invalidate"
                }
                Native::Removed => b"@@session.wait_timeout=@@session.wait_timeout",
            }
        };
        rest.push(same.to_vec());
        let mut statement = b"SET ".to_vec();
        statement.extend(rest.join(&b", "[..]));
        Some(Self {
            ours,
            rest: statement,
            warning: None,
            effects: Vec::new(),
            stage: Stage::Values(0),
        })
    }

    /// The first step.
    pub(super) fn begin(&mut self, view: &View<'_>) -> Step {
        self.values(0, view)
    }

    /// What follows an answer.
    pub(super) fn resume(&mut self, answer: Answer, view: &View<'_>) -> Step {
        match (self.stage, answer) {
            (_, Answer::Err(payload)) => Step::Refuse(payload),
            (Stage::Values(at), answer) => {
                let given = match answer {
                    Answer::Row { types, values } => computed(&types, values),
                    _ => Given::Other,
                };
                if let Some(one) = self.ours.get_mut(at) {
                    one.value = Value::Known(given);
                }
                self.values(at + 1, view)
            }
            (Stage::Rest, Answer::Ok) => {
                self.stage = Stage::Last;
                match self.warning.take() {
                    Some(warning) => Step::Send { statement: signal(&warning, view), patch: None },
                    None => Step::Done(core::mem::take(&mut self.effects)),
                }
            }
            (Stage::Last, Answer::Relayed { ok: true } | Answer::Ok) => {
                Step::Done(core::mem::take(&mut self.effects))
            }
            _ => Step::Done(Vec::new()),
        }
    }

    /// Asks for the next value that the server has to compute, or goes on to the checks.
    fn values(&mut self, from: usize, view: &View<'_>) -> Step {
        for (at, one) in self.ours.iter().enumerate().skip(from) {
            if let Value::Expression(expression) = &one.value {
                self.stage = Stage::Values(at);
                let mut select = b"SELECT (".to_vec();
                select.extend_from_slice(expression);
                select.push(b')');
                return Step::Ask(select);
            }
        }
        self.checked(view)
    }

    fn checked(&mut self, view: &View<'_>) -> Step {
        for one in &self.ours {
            let Value::Known(given) = &one.value else { continue };
            match one.variable.check(one.scope, given, view) {
                Ok(Checked { setting, warning }) => {
                    self.effects.push(match one.scope {
                        Scope::Global => Effect::Global(setting),
                        _ => Effect::Session(setting),
                    });
                    if one.scope == Scope::Global && setting == OFF {
                        // As the server does, whose cache is freed then.
                        self.effects.extend([Effect::Session(OFF), Effect::Reset]);
                    }
                    self.warning = self.warning.take().or(warning);
                }
                Err(fault) => {
                    self.stage = Stage::Failed;
                    return Step::Send { statement: signal(&fault, view), patch: None };
                }
            }
        }
        if self.warning.is_some() {
            self.stage = Stage::Rest;
            return Step::Ask(self.rest.clone());
        }
        self.stage = Stage::Last;
        Step::Send { statement: self.rest.clone(), patch: None }
    }
}

/// One assignment of the list.
#[derive(Debug)]
struct Item {
    /// The scope keyword that holds for following assignments without one.
    sticky: Option<Scope>,
    scope: Scope,
    variable: Option<Variable>,
    /// The whole assignment, without a scope keyword.
    all: Range<usize>,
    value: Range<usize>,
    /// A sticky keyword that must be repeated when this assignment moves.
    repeat: Option<Scope>,
}

impl Item {
    fn read(words: &Words<'_>, part: Range<usize>, sticky: Option<Scope>) -> Option<Self> {
        let mut at = part.start;
        let first = words.tokens.get(at).filter(|_| !part.is_empty())?;
        let keyword = (first.kind == TokenKind::Word && !words.is_byte(at + 1, b'='))
            .then(|| scope(first.text))
            .flatten();
        at += usize::from(keyword.is_some());
        let token = words.tokens.get(at)?;
        let plain = matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
        let (scope, variable) = match variable(token) {
            Some((scope, variable)) => (scope, Some(variable)),
            None if plain => {
                let scope = keyword.or(sticky).unwrap_or(Scope::Unsaid);
                (scope, name(token).and_then(Variable::of))
            }
            None => (Scope::Unsaid, None),
        };
        // `=`, or `:=` as two bytes.
        let mut value = at + 1;
        value += usize::from(words.is_byte(value, b':'));
        value += usize::from(words.is_byte(value, b'='));
        if variable.is_some() && (value == at + 1 || value >= part.end) {
            return None;
        }
        Some(Self {
            sticky: keyword.or(sticky),
            scope,
            variable,
            repeat: keyword.or(sticky).filter(|_| plain),
            all: at..part.end,
            value: value.min(part.end)..part.end,
        })
    }

    /// This assignment of another's variable, to stand anywhere in a list.
    fn forwarded(&self, words: &Words<'_>, view: &View<'_>) -> Vec<u8> {
        let mut bytes = match self.repeat {
            Some(Scope::Global) => b"GLOBAL ".to_vec(),
            Some(_) => b"SESSION ".to_vec(),
            None => Vec::new(),
        };
        bytes.extend(substituted(words, &self.all, view));
        bytes
    }
}

/// The value that the tokens of `range` say, or what the server has to compute.
fn value(words: &Words<'_>, range: &Range<usize>, view: &View<'_>) -> Value {
    let tokens = words.tokens.get(range.clone()).unwrap_or_default();
    let given = match tokens {
        [token] => match token.kind {
            TokenKind::Word => Some(word(token.text)),
            TokenKind::Quoted => name(token).map(|name| Given::Text(name.to_vec())),
            TokenKind::Number => integer(token.text).map(Given::Int),
            TokenKind::Text => plain_text(token.text).map(Given::Text),
            _ => None,
        },
        [sign, token] if sign.kind == TokenKind::Punctuation(b'-') => {
            integer(token.text).map(|value| Given::Int(-value))
        }
        _ => None,
    };
    match given {
        Some(given) => Value::Known(given),
        None => Value::Expression(substituted(words, range, view)),
    }
}

/// A word on its own: the server takes it for a text.
fn word(text: &[u8]) -> Given {
    let is = |wanted: &[u8]| text.eq_ignore_ascii_case(wanted);
    if is(b"default") {
        Given::Default
    } else if is(b"null") {
        Given::Null
    } else if is(b"true") {
        Given::Int(1)
    } else if is(b"false") {
        Given::Int(0)
    } else {
        Given::Text(text.to_vec())
    }
}

/// A whole decimal number; the server computes all others.
fn integer(text: &[u8]) -> Option<i128> {
    let text = core::str::from_utf8(text).ok()?;
    let value = text.parse::<u64>().ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| i128::from(value))
}

/// A text without anything to decode.
fn plain_text(literal: &[u8]) -> Option<Vec<u8>> {
    let (first, inner) = literal.split_first()?;
    let (last, inner) = inner.split_last()?;
    let plain = first == last
        && matches!(first, b'\'' | b'"')
        && !inner.iter().any(|byte| byte == first || *byte == b'\\' || !byte.is_ascii());
    plain.then(|| inner.to_vec())
}

/// The value of the server's one row.
fn computed(types: &[u8], mut values: Vec<Option<Vec<u8>>>) -> Given {
    let Some(Some(value)) = values.pop() else { return Given::Null };
    match types.first() {
        // Whole numbers: tiny, short, long, longlong, int24, year.
        Some(1 | 2 | 3 | 8 | 9 | 13) => core::str::from_utf8(&value)
            .ok()
            .and_then(|text| text.parse::<i128>().ok())
            .map_or(Given::Other, Given::Int),
        // Decimal, float, double.
        Some(0 | 4 | 5 | 246) => Given::Other,
        _ => Given::Text(value),
    }
}

/// The statement that raises an error or a warning in the server.
pub(super) fn signal(fault: &Fault, view: &View<'_>) -> Vec<u8> {
    let (state, code) = (fault.state, fault.code);
    let statement = format!("SIGNAL SQLSTATE '{state}' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = ");
    let mut statement = statement.into_bytes();
    statement.extend(quoted(&fault.message, view.mode));
    statement
}

const OFF: Setting = Setting::CacheType(CacheType::Off);
