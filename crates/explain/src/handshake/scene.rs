//! What is to be drawn of a handshake, in reading order and in words: the common ground of the
//! text, the SVG and the page.
//!
//! Everything a peer had a hand in passes [`clean`] here and nowhere else, so a renderer only has
//! to escape for its own format. Nothing here can fail.

mod head;
mod words;

use menshen_base::{Finding, Severity};
use menshen_explain_core::handshake::{
    Check, CheckResult, Flight, KeyMoment, Message, Protection, Side, TextbookStep, Verdict,
};

use super::Report;

pub(super) use head::Fact;
pub(super) use words::{bytes, clean, micros, short};

/// A handshake, ready to be drawn.
#[derive(Debug)]
pub(super) struct Scene {
    /// With whom.
    pub(super) title: String,
    /// How it ended.
    pub(super) ending: Line,
    /// What both agreed on.
    pub(super) facts: Vec<Fact>,
    /// True proportions of time; None when nothing passed.
    pub(super) scale: Option<Scale>,
    /// What happened, in order.
    pub(super) rows: Vec<Row>,
    /// The largest message, in bytes; at least 1.
    pub(super) bytes_max: u64,
    /// The classic story.
    pub(super) textbook: Vec<Step>,
    /// Checks that belong to no message.
    pub(super) checks: Vec<Line>,
    /// Cause and hint.
    pub(super) findings: Vec<Finding>,
}

/// A line with a mark and, below, what there is to add.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) mark: Mark,
    pub(super) text: String,
    pub(super) more: String,
}

/// How a line is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Good,
    Bad,
    Differs,
    Unknown,
}

/// Time to scale.
#[derive(Debug)]
pub(super) struct Scale {
    /// Where it ends, in microseconds; at least 1.
    pub(super) end_us: u64,
    /// Until here TCP connected.
    pub(super) connect_us: Option<u64>,
    /// Flights within the scale.
    pub(super) flights: Vec<Span>,
    /// When keys became usable, in microseconds.
    pub(super) keys_us: Vec<u64>,
}

/// A flight on the scale.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) number: usize,
    pub(super) from: Side,
    pub(super) start_us: u64,
    pub(super) end_us: u64,
}

/// One thing in the lanes.
#[derive(Debug)]
pub(super) enum Row {
    /// Time passes; then a flight begins.
    Flight { text: String, gap_us: u64, gap: String },
    /// A message.
    Arrow(Box<Arrow>),
    /// Keys become usable.
    Key { side: Side, text: String, sentence: String },
    /// Something was checked.
    Check(Line),
    /// Here it ended badly, or the drawing goes on without a recording.
    Stop(Line),
}

/// A message between the lanes.
#[derive(Debug)]
pub(super) struct Arrow {
    /// Its number; None when it never passed.
    pub(super) number: Option<usize>,
    pub(super) from: Side,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) at: String,
    pub(super) seal: Seal,
    pub(super) sentence: String,
    /// What is in it: name, value, note.
    pub(super) fields: Vec<(String, String, String)>,
}

/// Who can read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seal {
    /// All.
    Clear,
    /// Encrypted; opened with the keys of this connection.
    Opened,
    /// Encrypted; only its size is known.
    Sealed,
    /// It never passed.
    Expected,
}

impl Seal {
    /// All kinds, in the order of a legend.
    pub(super) const ALL: [Self; 4] = [Self::Clear, Self::Opened, Self::Sealed, Self::Expected];

    /// The word beside an arrow.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Clear => "readable",
            Self::Opened => "encrypted, opened here",
            Self::Sealed => "encrypted",
            Self::Expected => "did not pass",
        }
    }

    /// The sentence of a legend.
    pub(super) const fn legend(self) -> &'static str {
        match self {
            Self::Clear => "readable for everybody on the way",
            Self::Opened => "encrypted; opened here with this connection's own keys",
            Self::Sealed => "encrypted; only the size is known",
            Self::Expected => "did not pass: what would have come",
        }
    }
}

/// A step of the classic story.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) mark: Mark,
    /// It did not happen.
    pub(super) struck: bool,
    pub(super) text: String,
    pub(super) why: String,
}

impl Scene {
    pub(super) fn of(report: &Report) -> Self {
        let story = &report.story;
        let orphans = story.checks.iter().filter(|check| {
            check.message.is_none_or(|at| !story.messages.iter().any(|one| one.number == at))
        });
        Self {
            title: clean(&story.subject),
            ending: head::ending(report),
            facts: head::facts(report),
            scale: scale(report),
            rows: rows(report),
            bytes_max: story.messages.iter().map(|one| wide(one.bytes)).max().unwrap_or(1).max(1),
            textbook: story.textbook.iter().map(step).collect(),
            checks: orphans.map(checked).collect(),
            findings: report.findings.iter().take(FINDINGS_MAX).map(finding).collect(),
        }
    }

    /// The kinds of arrows in it.
    pub(super) fn seals(&self) -> Vec<Seal> {
        let has = |seal: &Seal| {
            self.rows.iter().any(|row| matches!(row, Row::Arrow(arrow) if arrow.seal == *seal))
        };
        Seal::ALL.into_iter().filter(has).collect()
    }

    /// Whether there is a key on the drawing.
    pub(super) fn has_keys(&self) -> bool {
        self.rows.iter().any(|row| matches!(row, Row::Key { .. }))
    }
}

impl Step {
    /// The verdict in a word, for those who do not see the mark.
    pub(super) const fn word(&self) -> &'static str {
        match (self.mark, self.struck) {
            (_, true) => "not today",
            (Mark::Good, _) => "happened",
            (Mark::Differs, _) => "differently",
            _ => "not seen",
        }
    }
}

/// The words on a finding, such as `error`.
pub(super) const fn severity_mark(severity: Severity) -> Mark {
    match severity {
        Severity::Error => Mark::Bad,
        Severity::Warning => Mark::Differs,
        Severity::Note => Mark::Unknown,
    }
}

fn rows(report: &Report) -> Vec<Row> {
    let story = &report.story;
    let mut rows = Vec::new();
    let mut before = story.connect_us.unwrap_or(0);
    for message in &story.messages {
        let begins = story.flights.iter().find(|flight| flight.first == message.number);
        if let Some(flight) = begins {
            rows.push(flight_row(flight, before, rows.is_empty()));
        }
        before = before.max(message.at_us);
        rows.push(Row::Arrow(Box::new(arrow(message))));
        let number = message.number;
        let checks = story.checks.iter().filter(|check| check.message == Some(number));
        rows.extend(checks.map(|check| Row::Check(checked(check))));
        let keys = story.keys.iter().filter(|moment| moment.after == number);
        rows.extend(keys.map(key));
    }
    if let Some(line) = head::stop(report) {
        rows.push(Row::Stop(line));
    }
    rows.extend(report.expected.iter().map(|expected| {
        Row::Arrow(Box::new(Arrow {
            number: None,
            from: expected.from,
            name: expected.name.into(),
            bytes: 0,
            at: String::new(),
            seal: Seal::Expected,
            sentence: expected.sentence.into(),
            fields: Vec::new(),
        }))
    }));
    rows
}

fn flight_row(flight: &Flight, before: u64, first: bool) -> Row {
    let gap_us = flight.start_us.saturating_sub(before);
    let messages = flight.last.saturating_sub(flight.first) + 1;
    let messages = if messages == 1 { "1 message".into() } else { format!("{messages} messages") };
    let (number, from) = (flight.number, flight.from.word());
    let text = format!("Flight {number} of the {from}: {messages}, {}", bytes(wide(flight.bytes)));
    let gap =
        if first { format!("begins after {}", micros(flight.start_us)) } else { waits(gap_us) };
    Row::Flight { text, gap_us, gap }
}

fn waits(gap_us: u64) -> String {
    format!("{} later", micros(gap_us))
}

fn arrow(message: &Message) -> Arrow {
    let seal = match message.protection {
        Protection::Clear => Seal::Clear,
        Protection::Encrypted { opened: true, .. } => Seal::Opened,
        Protection::Encrypted { opened: false, .. } => Seal::Sealed,
    };
    let field = |field: &menshen_explain_core::handshake::Field| {
        (clean(&field.name), clean(&field.value), clean(&field.note))
    };
    let mut fields: Vec<_> = message.fields.iter().take(FIELDS_MAX).map(field).collect();
    if let Protection::Encrypted { key, .. } = message.protection {
        fields.insert(0, ("encrypted with".into(), key.words().into(), String::new()));
    }
    Arrow {
        number: Some(message.number),
        from: message.from,
        name: clean(&message.name),
        bytes: wide(message.bytes),
        at: micros(message.at_us),
        seal,
        sentence: clean(&message.sentence),
        fields,
    }
}

fn key(moment: &KeyMoment) -> Row {
    let side = moment.side;
    let text = format!("{}: the {} can send with them", capital(moment.key.words()), side.word());
    Row::Key { side, text, sentence: clean(&moment.sentence) }
}

/// A check as a line.
pub(super) fn checked(check: &Check) -> Line {
    let what = clean(&check.what);
    let (mark, more) = match &check.result {
        CheckResult::Ok => (Mark::Good, String::new()),
        CheckResult::Failed { why } => (Mark::Bad, clean(why)),
        CheckResult::NotPossible { why } => (Mark::Unknown, clean(why)),
    };
    Line { mark, text: format!("{}: {what}", mark.check_word()), more }
}

impl Mark {
    /// How a check came out, in a word.
    pub(super) const fn check_word(self) -> &'static str {
        match self {
            Self::Good => "checked",
            Self::Bad => "wrong",
            Self::Differs | Self::Unknown => "not checked",
        }
    }
}

fn step(step: &TextbookStep) -> Step {
    let (mark, struck) = match step.verdict {
        Verdict::Happened => (Mark::Good, false),
        Verdict::Differently => (Mark::Differs, false),
        Verdict::NotToday => (Mark::Bad, true),
        Verdict::NotSeen => (Mark::Unknown, false),
    };
    Step { mark, struck, text: clean(step.text), why: clean(&step.why) }
}

/// The finding with its texts cleaned.
fn finding(finding: &Finding) -> Finding {
    let mut shown = finding.clone();
    for text in [&mut shown.subject, &mut shown.claim, &mut shown.hint] {
        *text = clean(text);
    }
    for evidence in &mut shown.evidence {
        for text in [&mut evidence.what, &mut evidence.place, &mut evidence.value] {
            *text = clean(text);
        }
    }
    shown
}

/// The scale reaches to the end of the handshake; what comes much later would squeeze it.
fn scale(report: &Report) -> Option<Scale> {
    let story = &report.story;
    let last = story.messages.iter().map(|message| message.at_us).max()?;
    let reach = story.done_us.map_or(last, |done| done.saturating_add(done / 5)).max(1);
    let span = |flight: &Flight| Span {
        number: flight.number,
        from: flight.from,
        start_us: flight.start_us,
        end_us: flight.end_us.min(reach),
    };
    let flights: Vec<Span> =
        story.flights.iter().filter(|flight| flight.start_us <= reach).map(span).collect();
    let end = flights.iter().map(|span| span.end_us).max().unwrap_or(last);
    let end_us = end.max(story.done_us.unwrap_or(0)).max(1);
    let keys_us = story.keys.iter().map(|moment| moment.at_us).filter(|at| *at <= end_us).collect();
    let connect_us = story.connect_us.filter(|connect| (1..=end_us).contains(connect));
    Some(Scale { end_us, connect_us, flights, keys_us })
}

/// The first letter as at the start of a sentence.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Fields shown of one message.
const FIELDS_MAX: usize = 80;
/// Findings shown.
const FINDINGS_MAX: usize = 12;
