//! One pass over a whole statement: names, sources, calls and flags, whatever the verb.
//!
//! Brackets are followed with one state a level, so that a comma of a list of sources is not one of
//! a list of columns. A mistake here costs nothing but a hit: every name that may be a table's is
//! collected wherever it stands.

use alloc::vec::Vec;
use core::ops::Range;

use crate::functions::Purity;
use crate::lexer::TokenKind;

use super::cursor::{Cursor, Item};
use super::words::Key;
use super::{Call, CallRole, Flag, Flags, Ident, Name, Role};

/// What the pass found.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    cursor: Cursor<'a>,
    pub(super) flags: Flags,
    pub(super) names: Vec<Name<'a>>,
    pub(super) calls: Vec<Call<'a>>,
    /// `SQL_CACHE` or `SQL_NO_CACHE` of the first `SELECT`.
    pub(super) hint: Option<Range<usize>>,
    levels: [State; LEVELS_MAX],
    level: usize,
    selects: usize,
    in_options: bool,
    /// Behind `JSON_TABLE` or a `COLUMNS` in it: the bracket ahead is its.
    json_ahead: bool,
    key_before: Key,
    kind_before: TokenKind,
}

/// Where a level of brackets is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// In an expression or list without a `SELECT`.
    Plain,
    /// Behind a `SELECT`, not in its sources.
    Select,
    /// A source is expected.
    Want,
    /// In the sources, behind one.
    Got,
    /// Behind `WITH`: a name is expected.
    CteWant,
    /// Behind such a name.
    CteGot,
    /// In the brackets of a `JSON_TABLE`, or of its columns.
    Json,
}

impl<'a> Walk<'a> {
    /// A pass that starts where `cursor` stands.
    pub(super) fn new(cursor: Cursor<'a>, base: State) -> Self {
        Self {
            cursor,
            flags: Flags::default(),
            names: Vec::with_capacity(8),
            calls: Vec::new(),
            hint: None,
            levels: [base; LEVELS_MAX],
            level: 0,
            selects: 0,
            in_options: false,
            json_ahead: false,
            key_before: Key::None,
            kind_before: TokenKind::Punctuation(b';'),
        }
    }

    /// Walks to the end of the statement; gives the place of its `;`.
    pub(super) fn run(&mut self) -> Option<usize> {
        while let Some(item) = self.cursor.next() {
            self.step(&item);
            self.key_before = item.key();
            self.kind_before = item.kind;
        }
        self.flags.join(self.cursor.flags);
        self.cursor.semicolon()
    }

    #[inline]
    fn step(&mut self, item: &Item<'a>) {
        match item.kind {
            TokenKind::Word | TokenKind::Quoted => return self.word(item),
            TokenKind::Punctuation(b'(') => self.open(),
            TokenKind::Punctuation(b')') => self.level = self.level.saturating_sub(1),
            TokenKind::Punctuation(b',') => match self.state() {
                State::Got => self.to(State::Want),
                State::CteGot => self.to(State::CteWant),
                _ => (),
            },
            // `{OJ t1 LEFT OUTER JOIN t2 …}`
            TokenKind::Punctuation(b'{') if self.state() == State::Want => {
                self.cursor.next();
            }
            TokenKind::UserVariable => self.flags.set(Flag::UserVariable),
            TokenKind::SystemVariable => self.system_variable(item),
            TokenKind::Parameter => self.flags.set(Flag::Parameters),
            TokenKind::Text | TokenKind::Number if self.state() == State::Want => self.odd_source(),
            _ => (),
        }
        self.in_options = false;
    }

    fn word(&mut self, item: &Item<'a>) {
        if self.json_table(item) {
            return;
        }
        if self.makes_time(item) {
            self.call(None, ident_of(item), Some(Purity::Impure));
        }
        if let Some(word) = item.word {
            let option = self.in_options && self.option(item);
            self.in_options = option;
            if word.key != Key::None {
                self.keyword(word.key);
            }
            if option && word.reserved || word.key == Key::Select {
                return;
            }
            match word.function {
                Some(Purity::ImpureBare) => return self.call(None, ident_of(item), word.function),
                Some(_) if self.cursor.at_byte(b'(') => {
                    if self.state() == State::Want {
                        self.odd_source();
                    }
                    return self.call(None, ident_of(item), word.function);
                }
                _ if word.reserved => return,
                _ => (),
            }
        }
        self.in_options &= item.word.is_some();
        self.name(item);
    }

    /// `JSON_TABLE(document, path COLUMNS (…))`: a source that reads nothing but its arguments, and
    /// lists of columns that are no calls. (A table of that name needs quotes.)
    fn json_table(&mut self, item: &Item<'a>) -> bool {
        if item.kind != TokenKind::Word || !self.cursor.at_byte(b'(') {
            return false;
        }
        let wanted: &[u8] = match self.state() {
            State::Want => b"json_table",
            State::Json => b"columns",
            _ => return false,
        };
        if !item.text.eq_ignore_ascii_case(wanted) {
            return false;
        }
        if self.state() == State::Want {
            self.to(State::Got);
        }
        self.json_ahead = true;
        true
    }

    /// `TIME '…'`, `{t '…'}`, `CAST(… AS TIME)` and `CONVERT(…, TIME)`: a time of day, which means
    /// the current day wherever a date is wanted. A column of that name in such a place costs a
    /// hit.
    fn makes_time(&self, item: &Item<'a>) -> bool {
        let text = self.cursor.peek().is_some_and(|next| next.kind == TokenKind::Text);
        match item.key() {
            Key::Time if text || self.state() == State::Json => true,
            Key::Time if self.cursor.at_byte(b')') => {
                self.key_before == Key::As || self.kind_before == TokenKind::Punctuation(b',')
            }
            _ => {
                let brace = self.kind_before == TokenKind::Punctuation(b'{');
                text && brace && item.text.eq_ignore_ascii_case(b"t")
            }
        }
    }

    /// Keywords that move the state of this level or set a flag.
    fn keyword(&mut self, key: Key) {
        let state = self.state();
        match key {
            Key::Select => {
                self.to(State::Select);
                self.selects += 1;
                self.in_options = true;
            }
            Key::From if state == State::Select => {
                self.flags.set(Flag::From);
                self.to(State::Want);
            }
            Key::Join | Key::StraightJoin if state == State::Got && !self.index_hint() => {
                self.to(State::Want);
            }
            Key::Where | Key::Having | Key::Limit | Key::Union | Key::Set => self.leave(),
            Key::Group | Key::Order if !self.index_hint() => self.leave(),
            Key::Except | Key::Intersect | Key::Window if state == State::Got => self.leave(),
            // Also behind `(SELECT …)`.
            Key::Procedure if self.selects > 0 => self.flags.set(Flag::Procedure),
            Key::Into if self.selects > 0 => self.flags.set(Flag::Into),
            Key::Lock if self.cursor.peek_key() == Key::In => self.flags.set(Flag::Locking),
            Key::For => self.for_what(state),
            Key::Is if self.cursor.peek_key() == Key::Null => self.flags.set(Flag::IsNull),
            Key::With => self.with(),
            Key::Table if self.selects > 0 || state == State::Want => self.odd_source(),
            Key::Values if state == State::Want => self.to(State::Plain),
            Key::Dual if state == State::Want => self.to(State::Got),
            Key::Cycle if state == State::CteGot => self.odd_source(),
            Key::Next | Key::Previous if self.cursor.peek_key() == Key::Value => {
                self.push_call(Call {
                    qualifier: None,
                    name: Ident { raw: b"NEXTVAL", quote: 0 },
                    role: CallRole::Sequence,
                });
            }
            _ => (),
        }
    }

    /// The words between `SELECT` and its columns.
    fn option(&mut self, item: &Item<'a>) -> bool {
        let flag = match item.key() {
            Key::SqlCache if self.selects == 1 => Flag::SqlCache,
            Key::SqlNoCache => Flag::SqlNoCache,
            Key::SqlCalcFoundRows => Flag::CalcFoundRows,
            Key::All | Key::Distinct | Key::DistinctRow | Key::HighPriority => return true,
            Key::StraightJoin | Key::SqlBigResult | Key::SqlSmallResult => return true,
            Key::SqlBufferResult => return true,
            _ => return false,
        };
        self.flags.set(flag);
        if self.selects == 1 && flag != Flag::CalcFoundRows {
            self.hint = Some(item.start..item.start + item.text.len());
        }
        true
    }

    fn name(&mut self, item: &Item<'a>) {
        let Some(first) = item.ident() else { return };
        if self.introduces(item) {
            return;
        }
        let mut qualifier = None;
        let mut name = first;
        let mut parts = 1;
        while self.cursor.at_byte(b'.') {
            self.cursor.next();
            let Some(part) = self.cursor.peek().and_then(|item| item.ident()) else { break };
            self.cursor.next();
            parts += 1;
            if parts == 2 {
                (qualifier, name) = (Some(first), part);
            }
        }
        let state = self.state();
        let bracket = self.cursor.at_byte(b'(');
        let role = match state {
            State::CteWant if self.is_recursive(item) => return,
            State::CteWant => {
                self.to(State::CteGot);
                Role::Cte
            }
            // `LATERAL (SELECT …)`: the brackets are the source.
            State::Want if bracket && item.key() == Key::Lateral => return,
            State::Want => {
                self.to(State::Got);
                Role::Source
            }
            _ => Role::Mention,
        };
        if bracket && role != Role::Cte {
            if role == Role::Source {
                self.flags.set(Flag::OddSource);
            }
            self.push_call(Call { qualifier, name, role: CallRole::Unknown });
        }
        self.push_name(Name { qualifier, name, role });
    }

    /// `_utf8mb4'x'`: a character set in front of its text, often once a value.
    fn introduces(&self, item: &Item<'a>) -> bool {
        item.text.first() == Some(&b'_')
            && item.kind == TokenKind::Word
            && self
                .cursor
                .peek()
                .is_some_and(|next| matches!(next.kind, TokenKind::Text | TokenKind::Number))
    }

    /// Keeps a name. Long statements repeat the same ones row by row.
    fn push_name(&mut self, name: Name<'a>) {
        let len = self.names.len();
        let repeats = len >= RECENT && self.names.iter().rev().take(RECENT).any(|it| *it == name);
        if len >= KEPT_MAX {
            self.flags.set(Flag::Uncertain);
        } else if !repeats {
            self.names.push(name);
        }
    }

    fn push_call(&mut self, call: Call<'a>) {
        let len = self.calls.len();
        let repeats = self.calls.iter().rev().take(RECENT).any(|it| *it == call);
        if len >= KEPT_MAX {
            self.flags.set(Flag::Uncertain);
        } else if !repeats {
            self.calls.push(call);
        }
    }

    fn call(&mut self, qualifier: Option<Ident<'a>>, name: Ident<'a>, purity: Option<Purity>) {
        let role = match purity {
            Some(Purity::Pure) => return,
            Some(Purity::Recent) => CallRole::Recent,
            Some(Purity::PureWithArguments) if self.arguments() > 0 => return,
            Some(Purity::PureWithTwo) if self.arguments() > 1 => return,
            Some(Purity::Diagnostic) => {
                self.flags.set(Flag::Diagnostics);
                CallRole::Diagnostic
            }
            Some(Purity::Sequence) => CallRole::Sequence,
            Some(_) => CallRole::Impure,
            None => CallRole::Unknown,
        };
        self.push_call(Call { qualifier, name, role });
    }

    /// How many arguments the brackets ahead hold, as far as the first few items show.
    fn arguments(&self) -> usize {
        let mut ahead = self.cursor.clone();
        ahead.next();
        if ahead.at_byte(b')') {
            return 0;
        }
        let (mut depth, mut count) = (0_usize, 1);
        // Not to the end: calls may be nested as deep as the text is long.
        for _ in 0..ARGUMENT_ITEMS_MAX {
            let Some(item) = ahead.next() else { break };
            match item.kind {
                TokenKind::Punctuation(b'(') => depth += 1,
                TokenKind::Punctuation(b')') if depth == 0 => break,
                TokenKind::Punctuation(b')') => depth -= 1,
                TokenKind::Punctuation(b',') if depth == 0 => count += 1,
                _ => (),
            }
        }
        count
    }

    fn for_what(&mut self, state: State) {
        match self.cursor.peek_key() {
            Key::Update | Key::Share => self.flags.set(Flag::Locking),
            Key::SystemTime => return self.flags.set(Flag::SystemTime),
            // `USE INDEX FOR JOIN (…)`
            _ if matches!(self.key_before, Key::Index | Key::Key) => return,
            _ => (),
        }
        if state == State::Got {
            self.to(State::Select);
        }
    }

    fn index_hint(&self) -> bool {
        self.key_before == Key::For
    }

    fn with(&mut self) {
        if self.cursor.peek_key() != Key::Rollup
            && matches!(self.state(), State::Plain | State::Select | State::Want)
        {
            self.to(State::CteWant);
        }
    }

    fn is_recursive(&self, item: &Item<'a>) -> bool {
        let more = self.cursor.peek().is_some_and(|next| next.ident().is_some());
        item.key() == Key::Recursive && more
    }

    fn system_variable(&mut self, item: &Item<'a>) {
        self.flags.set(Flag::SystemVariable);
        let name = item.text.rsplit(|byte| matches!(byte, b'.' | b'@' | b'`'));
        let asks = |name: &[u8]| ASKING_VARIABLES.iter().any(|one| name.eq_ignore_ascii_case(one));
        if name.into_iter().any(asks) {
            self.flags.set(Flag::Diagnostics);
        }
    }

    fn odd_source(&mut self) {
        self.flags.set(Flag::OddSource);
        if self.state() == State::Want {
            self.to(State::Got);
        }
    }

    fn open(&mut self) {
        let inner = match self.state() {
            _ if core::mem::take(&mut self.json_ahead) => State::Json,
            State::Want => {
                self.to(State::Got);
                State::Want
            }
            _ => State::Plain,
        };
        if self.level + 1 < LEVELS_MAX {
            self.level += 1;
            self.to(inner);
        } else {
            self.flags.set(Flag::Uncertain);
        }
    }

    fn leave(&mut self) {
        if matches!(self.state(), State::Got | State::Want) {
            self.to(State::Select);
        }
    }

    #[inline]
    fn state(&self) -> State {
        self.levels.get(self.level).copied().unwrap_or(State::Plain)
    }

    #[inline]
    fn to(&mut self, state: State) {
        if let Some(place) = self.levels.get_mut(self.level) {
            *place = state;
        }
    }
}

fn ident_of<'a>(item: &Item<'a>) -> Ident<'a> {
    Ident { raw: item.text, quote: 0 }
}

/// Deeper brackets are not followed, and the statement is not certain.
const LEVELS_MAX: usize = 64;

/// More names or calls are not kept, and the statement is not certain: looking them up must not
/// take longer than the statement.
const KEPT_MAX: usize = 2048;

/// How far back a repeated name or call is recognised.
const RECENT: usize = 16;

const ARGUMENT_ITEMS_MAX: usize = 64;

const ASKING_VARIABLES: &[&[u8]] =
    &[b"warning_count", b"error_count", b"last_insert_id", b"identity", b"rowcount"];
