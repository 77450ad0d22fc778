//! From a statement's first words to its kind and targets.
//!
//! Each verb reads as far as its targets stand; what it does not expect leaves the targets empty,
//! and a writing kind without targets counts as a write to everything.

use alloc::vec::Vec;

use crate::lexer::TokenKind;

use super::cursor::Cursor;
use super::walk::State;
use super::words::Key;
use super::{
    Assignment, Call, CallRole, Ddl, Flag, Flags, Ident, Kind, Reset, Target, What, XaVerb,
};

/// What the first words say.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) flags: Flags,
    pub(super) targets: Vec<Target<'a>>,
    pub(super) assignments: Vec<Assignment<'a>>,
    pub(super) procedure: Option<Call<'a>>,
    /// How the walk over the statement starts.
    pub(super) base: State,
    /// `;` is part of the statement.
    pub(super) holds_semicolons: bool,
}

impl<'a> Head<'a> {
    /// A reader of the first words behind `cursor`.
    pub(super) fn new(cursor: Cursor<'a>) -> Self {
        Self {
            cursor,
            flags: Flags::default(),
            targets: Vec::new(),
            assignments: Vec::new(),
            procedure: None,
            base: State::Plain,
            holds_semicolons: false,
        }
    }

    /// Reads the statement's first words.
    pub(super) fn kind(&mut self) -> Kind<'a> {
        while self.cursor.eat_byte(b'(') {}
        let Some(first) = self.cursor.peek() else { return Kind::Empty };
        let key = first.key();
        if key == Key::Select {
            return Kind::Select;
        }
        if key == Key::With {
            return self.with();
        }
        self.cursor.next();
        match key {
            Key::Values | Key::Table => Kind::Rows,
            Key::Insert => self.insert(Kind::Insert),
            Key::Replace => self.insert(Kind::Replace),
            Key::Update => self.update(),
            Key::Delete => self.delete(),
            Key::Load => self.load(),
            Key::Truncate => self.truncate(),
            Key::Create | Key::Alter | Key::Drop | Key::Rename => self.schema(key),
            Key::Grant | Key::Revoke => self.account(),
            Key::Optimize | Key::Repair => self.maintain(Some(What::Maintained)),
            Key::Check | Key::Checksum => self.maintain(None),
            Key::Analyze => self.analyze(),
            Key::Explain | Key::Describe | Key::Desc => self.explain(),
            Key::Lock => self.lock(),
            Key::Unlock => Kind::UnlockTables,
            Key::Flush => self.flush(),
            Key::Reset => self.reset(),
            _ => self.session(key),
        }
    }

    /// The verbs about the session, its transaction and the server.
    fn session(&mut self, key: Key) -> Kind<'a> {
        match key {
            Key::Begin => self.begin(),
            Key::Start => self.start(),
            Key::Commit => Kind::Commit { chain: self.chain() },
            Key::Rollback => self.rollback(),
            Key::Savepoint => Kind::Savepoint,
            Key::Release if self.cursor.peek_key() == Key::Savepoint => Kind::Savepoint,
            Key::Set => self.set(),
            Key::Use => self.cursor.ident().map_or(Kind::Unknown, Kind::Use),
            Key::Prepare => self.prepare(),
            Key::Execute => self.execute(),
            Key::Deallocate => {
                self.cursor.eat(Key::Prepare);
                self.cursor.ident().map_or(Kind::Unknown, Kind::Deallocate)
            }
            Key::Call => self.call(),
            Key::Xa => self.xa(),
            Key::Show => self.show(),
            Key::Do => Kind::Do,
            Key::Handler => Kind::Handler,
            Key::Get => {
                self.flags.set(Flag::Diagnostics);
                Kind::Other
            }
            Key::If | Key::Case | Key::Loop | Key::While | Key::Repeat | Key::For => {
                self.compound()
            }
            Key::Install | Key::Uninstall => Kind::Ddl(Ddl::Loadable),
            Key::Backup | Key::Cache | Key::Change | Key::Clone | Key::Help | Key::Kill => {
                Kind::Other
            }
            Key::Purge | Key::Resignal | Key::Restart | Key::Shutdown | Key::Signal | Key::Stop => {
                Kind::Other
            }
            _ => Kind::Unknown,
        }
    }

    /// `WITH` stands in front of several verbs: looks for the one at the outer level.
    fn with(&mut self) -> Kind<'a> {
        let mut depth = 0_usize;
        while let Some(item) = self.cursor.peek() {
            if item.is(b'(') {
                depth += 1;
            } else if item.is(b')') {
                depth = depth.saturating_sub(1);
            }
            let key = item.key();
            if matches!(key, Key::Select | Key::Values | Key::Table) {
                // In front of the verb come only the definitions, in brackets: behind `)` a
                // bracket opens the statement itself.
                if depth == 0 {
                    return Kind::Select;
                }
            }
            self.cursor.next();
            match key {
                Key::Update if depth == 0 => return self.update(),
                Key::Delete if depth == 0 => return self.delete(),
                Key::Insert if depth == 0 => return self.insert(Kind::Insert),
                Key::Replace if depth == 0 => return self.insert(Kind::Replace),
                _ => (),
            }
        }
        // `WITH c AS (…) (SELECT …)`
        Kind::Select
    }

    fn compound(&mut self) -> Kind<'a> {
        self.holds_semicolons = true;
        Kind::Compound
    }

    fn begin(&mut self) -> Kind<'a> {
        if self.cursor.eat(Key::Not) {
            return self.compound();
        }
        self.cursor.eat(Key::Work);
        if self.cursor.peek().is_some() {
            // A label's or routine's block.
            return self.compound();
        }
        self.flags.set(Flag::ImplicitCommit);
        Kind::Begin { snapshot: false }
    }

    fn start(&mut self) -> Kind<'a> {
        if !self.cursor.eat(Key::Transaction) {
            self.flags.set(Flag::ImplicitCommit);
            return Kind::Other;
        }
        self.flags.set(Flag::ImplicitCommit);
        let mut snapshot = false;
        while let Some(item) = self.cursor.next() {
            snapshot |= item.key() == Key::Consistent;
        }
        Kind::Begin { snapshot }
    }

    /// `[WORK] [AND [NO] CHAIN] [[NO] RELEASE]`
    fn chain(&mut self) -> Option<bool> {
        self.cursor.eat(Key::Work);
        if !self.cursor.eat(Key::And) {
            return None;
        }
        Some(!self.cursor.eat(Key::No))
    }

    fn rollback(&mut self) -> Kind<'a> {
        self.cursor.eat(Key::Work);
        if self.cursor.peek_key() == Key::To {
            return Kind::Savepoint;
        }
        Kind::Rollback { chain: self.chain() }
    }

    fn call(&mut self) -> Kind<'a> {
        if let Some((qualifier, name)) = self.cursor.name() {
            self.procedure = Some(Call { qualifier, name, role: CallRole::Procedure });
        }
        Kind::Call
    }

    fn xa(&mut self) -> Kind<'a> {
        let Some(item) = self.cursor.next() else { return Kind::Unknown };
        let mut verb = match item.key() {
            Key::Start | Key::Begin => XaVerb::Start,
            Key::End => XaVerb::End,
            Key::Prepare => XaVerb::Prepare,
            Key::Commit => XaVerb::Commit,
            Key::Rollback => XaVerb::Rollback,
            Key::Recover => XaVerb::Recover,
            _ => return Kind::Unknown,
        };
        let from = self.cursor.offset();
        // The name is texts, numbers and commas; words behind it are JOIN, ONE PHASE, SUSPEND.
        while let Some(item) = self.cursor.peek() {
            if item.kind == TokenKind::Word {
                break;
            }
            self.cursor.next();
        }
        let xid = self.cursor.between(from, self.cursor.offset());
        if verb == XaVerb::Commit && self.cursor.eat(Key::One) {
            verb = XaVerb::CommitOnePhase;
        }
        Kind::Xa { verb, xid }
    }

    fn show(&mut self) -> Kind<'a> {
        let asks = |key: Key| matches!(key, Key::Warnings | Key::Errors | Key::Count);
        if asks(self.cursor.peek_key()) {
            self.flags.set(Flag::Diagnostics);
        }
        Kind::Show
    }

    fn reset(&self) -> Kind<'a> {
        match self.cursor.peek_key() {
            Key::Query => Kind::Reset(Reset::QueryCache),
            Key::Master | Key::Binary => Kind::Reset(Reset::Master),
            _ => Kind::Reset(Reset::Other),
        }
    }

    /// `EXPLAIN t`, `EXPLAIN SELECT …`, and MySQL's `EXPLAIN ANALYZE`, which runs it.
    fn explain(&mut self) -> Kind<'a> {
        self.base = State::Plain;
        while let Some(item) = self.cursor.peek() {
            if item.key() == Key::Analyze {
                self.cursor.next();
                return self.analyzed();
            }
            if matches!(item.key(), Key::Extended | Key::Partitions | Key::Format) {
                self.cursor.next();
                if self.cursor.eat_byte(b'=') {
                    self.cursor.next();
                }
                continue;
            }
            break;
        }
        Kind::Show
    }

    /// MariaDB's `ANALYZE [FORMAT=JSON] statement` runs it; `ANALYZE TABLE` is upkeep.
    fn analyze(&mut self) -> Kind<'a> {
        match self.cursor.peek_key() {
            Key::Table | Key::Tables | Key::Local | Key::NoWriteToBinlog => self.maintain(None),
            _ => self.analyzed(),
        }
    }

    fn analyzed(&mut self) -> Kind<'a> {
        // Not within itself: depth must not follow the text's length.
        let nested = self.flags.has(Flag::Analyzed);
        self.flags.set(Flag::Analyzed);
        if self.cursor.eat(Key::Format) {
            self.cursor.eat_byte(b'=');
            self.cursor.next();
        }
        if nested { Kind::Unknown } else { self.kind() }
    }

    pub(super) fn account(&mut self) -> Kind<'a> {
        self.flags.set(Flag::Privileges);
        self.flags.set(Flag::ImplicitCommit);
        Kind::Account
    }

    pub(super) fn target(&mut self, what: What) -> bool {
        let name = self.cursor.name();
        if let Some((qualifier, name)) = name {
            self.push(qualifier, name, what);
        }
        name.is_some()
    }

    pub(super) fn push(&mut self, qualifier: Option<Ident<'a>>, name: Ident<'a>, what: What) {
        let target = Target { qualifier, name, what };
        if self.targets.len() >= TARGETS_MAX {
            self.flags.set(Flag::Uncertain);
        } else if !self.targets.contains(&target) {
            self.targets.push(target);
        }
    }
}

/// More targets, or sources they may be, are not kept, and the statement is not certain.
pub(super) const TARGETS_MAX: usize = 1024;
