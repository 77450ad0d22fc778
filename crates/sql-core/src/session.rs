//! What one client's session is in: what the server reported, transactions, fingerprint.
//!
//! Sans IO. The caller reports what it sees: trackers of OK packets ([`Session::variable`],
//! [`Session::schema`], [`Session::unnamed_change`]), what each statement means ([`Intent`]) before
//! it is sent, and the end of each reply ([`Session::settle`]). From that follow whether the cache
//! may be asked ([`Session::serving`]), under which fingerprint, and which tables become or stop
//! being pending ([`Settled`]).
//!
//! It must never call a session understood that is not: whatever may have changed state in a way
//! the server does not report by name (a routine that may have
//! made a temporary table) makes it *opaque* until the client resets it. How it fails: opaque
//! sessions and servers that report nothing are relayed and never served.
//!
//! Cited: MariaDB `sql/session_tracker.cc` and the protocol's page on OK packets. Measured on
//! MariaDB 10.11: `SET STATEMENT` reports the value that holds for one statement only, so the
//! session asks again ([`Serving::Ask`]); `SET TRANSACTION` reports nothing.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use crate::judge::{CacheType, Facts, Reason, Table};
use crate::lexer::{Dialect, Mode, Server};
use crate::statement::Value;
use crate::versions::Slot;

pub use intent::{Change, Intent};
pub use texts::{Effective, Texts};
pub use transaction::{Outcome, Settled, Snapshot, Target, Transaction, Turn, Undo};
pub use variables::{Isolation, Variables};

mod intent;
mod texts;
mod transaction;
mod variables;

/// One client's session.
#[derive(Debug)]
pub struct Session {
    server: Server,
    capabilities: u64,
    transactions: Transactions,
    status: u16,
    database: Option<Box<[u8]>>,
    variables: Variables,
    mode: Mode,
    transaction: Transaction,
    texts: Texts,
    temporary: Vec<Table>,
    role: Box<[u8]>,
    doubts: Doubts,
    unnamed: bool,
    /// Variables that were changed without a report, and which are not among those always asked.
    asked: Vec<Box<[u8]>>,
    /// `CREATE TEMPORARY` statements since the server counts.
    made: u64,
    /// Whether the cache is on for this session.
    storing: bool,
    fingerprint: Option<u32>,
}

/// Whether statements in transactions are served (`transactions` in `[sql]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transactions {
    /// From entries that show what the transaction's snapshot shows.
    Snapshot,
    /// Never.
    Never,
}

/// Whether the cache may be asked for this session's next statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// Yes; for a snapshot only what has not changed since.
    Yes {
        /// When the server took it.
        snapshot: Option<Snapshot>,
    },
    /// It must go to the server, which takes a snapshot or opens the transaction with it, or has
    /// done so unnoticed; its reply may be stored if nothing has changed since
    /// [`Transaction::since`].
    Opens,
    /// Not before [`Session::tracking`] has been sent again.
    Ask,
    /// No.
    No(Reason),
}

/// Why the reported state may not be the whole state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Doubts {
    /// The server does not report, or has not yet.
    untracked: bool,
    /// Something changed that nobody named.
    opaque: bool,
    /// Reported values may be of one statement only.
    stale: bool,
    /// The client has told the server to report less, or changed unreported how it reads text.
    unheard: bool,
    /// `LOCK TABLES`.
    locked: bool,
    /// `SET timestamp`.
    fixed_time: bool,
    /// `SET TRANSACTION` for the next transaction.
    next_isolation: bool,
    /// The level changed while a transaction was open, which goes on with the one it began with.
    former_isolation: bool,
    /// Something changed without a name, which may be a temporary table that was made.
    unnamed: bool,
    /// `SET profiling = 1`: statements of the door's own would show, and hits would not.
    profiled: bool,
    /// In an XA transaction.
    xa: bool,
    /// An ERR within a transaction: it may be over.
    status: bool,
}

impl Session {
    /// A session as it is right after login. `capabilities`: the bits of the client that shape
    /// replies; `status`: of the server's OK.
    #[must_use]
    pub fn new(
        server: Server,
        capabilities: u64,
        transactions: Transactions,
        database: Option<&[u8]>,
        status: u16,
    ) -> Self {
        Self {
            server,
            capabilities,
            transactions,
            status,
            database: database.filter(|name| !name.is_empty()).map(Into::into),
            variables: Variables::default(),
            mode: Mode::new(b"", b"", server),
            transaction: Transaction::default(),
            texts: Texts::default(),
            temporary: Vec::new(),
            role: Box::default(),
            doubts: Doubts { untracked: true, ..Doubts::default() },
            unnamed: false,
            asked: Vec::new(),
            made: 0,
            storing: true,
            fingerprint: None,
        }
    }

    /// Whether the cache may be asked, as far as the session is concerned.
    #[must_use]
    pub fn serving(&self) -> Serving {
        if self.doubts == Doubts::default() && self.status & (IN_TRANS | AUTOCOMMIT) == AUTOCOMMIT {
            return match self.fresh_isolation() {
                true => Serving::Yes { snapshot: None },
                false => Serving::No(Reason::Isolation),
            };
        }
        self.serving_seldom()
    }

    fn serving_seldom(&self) -> Serving {
        let doubts = &self.doubts;
        let rows = [
            (doubts.untracked, Reason::NoTracking),
            (doubts.opaque || doubts.profiled, Reason::OpaqueSession),
            (doubts.fixed_time, Reason::FixedTimestamp),
            (doubts.locked, Reason::LockedTables),
            (doubts.next_isolation || doubts.former_isolation, Reason::Isolation),
            (!self.fresh_isolation(), Reason::Isolation),
            (doubts.xa || doubts.status, Reason::InTransaction),
        ];
        if let Some((_, reason)) = rows.into_iter().find(|(is, _)| *is) {
            return Serving::No(reason);
        }
        if doubts.stale || doubts.unheard || doubts.unnamed {
            return Serving::Ask;
        }
        match (self.in_transaction(), self.status & AUTOCOMMIT != 0) {
            (false, true) => Serving::Yes { snapshot: None },
            _ if self.transactions == Transactions::Never => Serving::No(Reason::InTransaction),
            (false, false) => Serving::Opens,
            (true, _) if self.reads_committed() => Serving::Yes { snapshot: None },
            (true, _) => match self.transaction.snapshot() {
                None => Serving::Opens,
                snapshot => Serving::Yes { snapshot },
            },
        }
    }

    /// Whether READ UNCOMMITTED and SERIALIZABLE are out of the question.
    fn fresh_isolation(&self) -> bool {
        let level = self.variables.isolation();
        matches!(level, Some(Isolation::RepeatableRead | Isolation::ReadCommitted))
    }

    fn reads_committed(&self) -> bool {
        self.variables.isolation() == Some(Isolation::ReadCommitted)
    }

    /// `SERVER_STATUS_IN_TRANS` of the last status word.
    #[must_use]
    pub const fn in_transaction(&self) -> bool {
        self.status & IN_TRANS != 0
    }

    /// Whether a write now may stay invisible until a `COMMIT`.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.in_transaction() || self.status & AUTOCOMMIT == 0 || self.doubts.xa
    }

    /// Whether [`Self::tracking`] must be sent before anything else: the client has just told the
    /// server to report less, or changed how statements are read in a way that is not reported.
    #[must_use]
    pub const fn is_unheard(&self) -> bool {
        self.doubts.unheard && !self.doubts.untracked
    }

    /// The last status word, for replies of the door's own.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// How statements are read.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What the server said it is.
    #[must_use]
    pub const fn server(&self) -> Server {
        self.server
    }

    /// The default database.
    #[must_use]
    pub fn database(&self) -> Option<&[u8]> {
        self.database.as_deref()
    }

    /// The variables as reported.
    #[must_use]
    pub const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// What is known of texts and values by name.
    #[must_use]
    pub const fn texts(&self) -> &Texts {
        &self.texts
    }

    /// A prepared statement is about to be executed, see [`Texts::executed`].
    pub fn executed(&mut self, name: &[u8], schema: u64) {
        self.texts.executed(name, self.storing, schema);
    }

    /// What is pending.
    #[must_use]
    pub const fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// What is pending, to add to it.
    pub const fn transaction_mut(&mut self) -> &mut Transaction {
        &mut self.transaction
    }

    /// Whether the session has temporary tables: then every statement is read before the cache is
    /// asked.
    #[must_use]
    pub fn has_temporary(&self) -> bool {
        !self.temporary.is_empty()
    }

    /// Whether something would be lost if the session ended now: a transaction, locks, temporary
    /// tables.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.in_transaction() || self.doubts.locked || self.doubts.xa || self.has_temporary()
    }

    /// Whether the session holds `LOCK TABLES`.
    #[must_use]
    pub const fn is_locked(&self) -> bool {
        self.doubts.locked
    }

    /// The `SET ROLE` that holds, as written; empty: the account's default.
    #[must_use]
    pub fn role(&self) -> &[u8] {
        &self.role
    }

    /// How long the server's link may be silent before it should be used.
    #[must_use]
    pub fn patience(&self) -> Duration {
        // Then the client itself may be silent for the rest.
        Duration::from_millis(self.variables.wait_timeout().unwrap_or(60).saturating_mul(250))
    }

    /// The text a `PREPARE` or `EXECUTE IMMEDIATE` gets from there, if it is known.
    #[must_use]
    pub fn text_of(&self, source: Value<'_>) -> Option<Box<[u8]>> {
        intent::text_of(source, self)
    }

    /// What the judge must know.
    #[must_use]
    pub fn facts(&self, cache_type: CacheType) -> Facts<'_> {
        Facts {
            database: self.database.as_deref(),
            cache_type,
            auto_is_null: self.variables.auto_is_null(),
            temporary: &self.temporary,
        }
    }

    /// The interned fingerprint; `None`: [`Self::write_fingerprint`] must be interned anew.
    #[must_use]
    pub const fn fingerprint(&self) -> Option<u32> {
        self.fingerprint
    }

    /// Takes the number under which the text was interned, below 2^28.
    pub const fn set_fingerprint(&mut self, number: u32) {
        self.fingerprint = Some(number);
    }

    /// The number for a key: fingerprint, status bits that replies show, and the protocol.
    #[must_use]
    pub fn key_number(&self, protocol: Protocol) -> Option<u32> {
        let bits = u32::from(self.status & (IN_TRANS | AUTOCOMMIT));
        Some(self.fingerprint? << 3 | bits << 1 | protocol as u32)
    }

    /// Everything of the session that shapes replies, exactly.
    pub fn write_fingerprint(&self, text: &mut Vec<u8>) {
        text.extend_from_slice(&self.capabilities.to_le_bytes());
        let name = self.database.as_deref().unwrap_or_default();
        text.extend_from_slice(&name.len().to_le_bytes());
        text.extend_from_slice(name);
        self.variables.write(text);
    }

    /// The server reported a variable.
    pub fn variable(&mut self, name: &[u8], value: &[u8]) {
        // Until a status word says that no transaction is open.
        self.doubts.former_isolation |= variables::is_isolation(name)
            && self.variables.isolation() != Some(Isolation::read(value));
        if !self.variables.set(name, value) {
            return;
        }
        self.fingerprint = None;
        if name.eq_ignore_ascii_case(b"profiling") {
            self.doubts.profiled = value.eq_ignore_ascii_case(b"ON");
        }
        let get = |name| self.variables.get(name).unwrap_or_default();
        self.mode = Mode::new(get(b"sql_mode"), get(b"character_set_client"), self.server);
    }

    /// The server reported the default database; empty: none.
    pub fn schema(&mut self, name: &[u8]) {
        self.database = Some(name).filter(|name| !name.is_empty()).map(Into::into);
        self.fingerprint = None;
    }

    /// The server reported that something changed without a name to it.
    pub const fn unnamed_change(&mut self) {
        self.unnamed = true;
    }

    /// Says whether the cache is on: what is prepared while it is off is not stored later.
    pub const fn store(&mut self, cache: CacheType) {
        self.storing = !matches!(cache, CacheType::Off);
    }

    /// The statement that makes the server report: see [`variables::tracking`].
    #[must_use]
    pub fn tracking(&self) -> Vec<u8> {
        variables::tracking(self.server, &self.asked)
    }

    /// The server answered [`Self::tracking`], with OK or not.
    pub fn tracked(&mut self, ok: bool, status: Option<u16>) {
        self.unnamed = false;
        self.doubts.untracked = !(ok && self.variables.are_tracked());
        self.doubts.stale = false;
        self.doubts.unheard = false;
        if let Some(status) = status {
            self.note_status(status);
        }
    }

    /// Whether the server must be asked how many temporary tables this session has made: the value
    /// of its status variable `Com_create_temporary_table`.
    #[must_use]
    pub const fn is_miscounted(&self) -> bool {
        self.doubts.unnamed
    }

    /// The server's count. Where it is not what this session has been seen to make, a routine or
    /// trigger has made one, and nobody knows its name.
    pub fn counted(&mut self, made: Option<u64>) {
        self.doubts.unnamed = false;
        self.doubts.opaque |= made != Some(self.made);
    }

    /// A reply has ended: applies what the statement changes and settles what is pending.
    ///
    /// `status` is the last status word, `None` when the server answered with ERR.
    pub fn settle(&mut self, intent: &Intent, status: Option<u16>) -> Settled {
        let was_open = self.is_open();
        let outcome = match status {
            Some(status) => {
                self.note_status(status);
                Outcome::Done { open: status & IN_TRANS != 0 }
            }
            None => {
                self.doubts.status |= was_open;
                Outcome::Failed
            }
        };
        self.apply(intent, status.is_some());
        self.transaction.settle(intent.turn, outcome, was_open)
    }

    fn note_status(&mut self, status: u16) {
        self.status = status;
        self.doubts.status = false;
        self.doubts.xa &= status & IN_TRANS != 0;
        self.doubts.former_isolation &= status & IN_TRANS != 0;
    }

    fn apply(&mut self, intent: &Intent, ok: bool) {
        let unnamed = core::mem::take(&mut self.unnamed);
        if unnamed && intent.opaque_if_unnamed {
            // Only MariaDB counts temporary tables that are made.
            self.doubts.unnamed = self.server.dialect == Dialect::Mariadb;
            self.doubts.opaque |= !self.doubts.unnamed;
            self.doubts.stale = true;
        }
        self.doubts.unnamed |= intent.runs_routine && self.server.dialect == Dialect::Mariadb;
        self.doubts.opaque |= !ok && intent.several && !intent.changes.is_empty();
        if intent.consumes_isolation && self.doubts.next_isolation && !self.in_transaction() && ok {
            self.doubts.next_isolation = false;
            self.doubts.stale = true;
        }
        for change in &intent.changes {
            self.change(change, ok);
        }
    }

    fn change(&mut self, change: &Change, ok: bool) {
        let under = self.fingerprint.unwrap_or(NO_FINGERPRINT);
        match change {
            Change::Role(role) if ok => self.role = role.clone(),
            Change::Role(_) => {}
            Change::Locked => self.doubts.locked |= ok,
            Change::Unlocked => self.doubts.locked &= !ok,
            Change::TimeFixed => self.doubts.fixed_time = true,
            Change::TimeFlows => self.doubts.fixed_time &= !ok,
            Change::NextIsolation => self.doubts.next_isolation = true,
            Change::Stale => self.doubts.stale = true,
            Change::Unreported(name) if ok && self.asked.len() < ASKED_MAX => {
                self.doubts.stale = true;
                if !self.asked.contains(name) {
                    self.asked.push(name.clone());
                }
            }
            // Some of what failed may have been done.
            Change::Unreported(_) => self.doubts.opaque = true,
            Change::Unheard => self.doubts.unheard = true,
            Change::Opaque => self.doubts.opaque = true,
            Change::XaBegins => self.doubts.xa |= ok,
            Change::Prepared { name, text } if ok => {
                let under = self.storing.then_some(under);
                self.texts.prepared(name, text.as_deref(), under);
            }
            Change::Prepared { name, .. } | Change::Deallocated(name) => {
                self.texts.deallocated(name);
            }
            Change::Valued { name, literal } => {
                self.texts.valued(name, literal.as_deref().filter(|_| ok), under);
            }
            Change::ValuesForgotten => self.texts.forget_values(),
            Change::TextsForgotten => self.texts.forget(),
            Change::TemporaryCounted => self.made += 1,
            Change::CountsFlushed => self.made = if ok { 0 } else { self.made },
            Change::TemporaryMade(table) if self.temporary.contains(table) => {}
            Change::TemporaryMade(_) if self.temporary.len() >= TEMPORARY_MAX => {
                self.doubts.opaque = true;
            }
            Change::TemporaryMade(table) => self.temporary.push(table.clone()),
            Change::TemporaryGone(table) if ok => self.temporary.retain(|one| one != table),
            Change::TemporaryGone(_) => {}
        }
    }

    /// The server answered `COM_RESET_CONNECTION` or `COM_CHANGE_USER` with OK: everything of the
    /// session is gone but the connection. Returns the slots whose writes were rolled back, and
    /// those that locks held.
    pub fn reset(&mut self, database: Option<&[u8]>, status: u16) -> Settled {
        let happened = self.transaction.unlock();
        let undone = self.transaction.abandon();
        let mut fresh =
            Self::new(self.server, self.capabilities, self.transactions, database, status);
        core::mem::swap(self, &mut fresh);
        Settled { happened, undone, ..Settled::default() }
    }

    /// The server refused `COM_CHANGE_USER`. Before it looked at the account it had made the
    /// session a new one (`dispatch_command` in `sql/sql_parse.cc`), as the former account and in
    /// the former database; what else it has kept nobody says, so it stays opaque. Returns the
    /// slots that are no longer pending.
    pub fn refused(&mut self) -> Settled {
        let database = self.database.take();
        let mut settled = self.reset(database.as_deref(), AUTOCOMMIT);
        self.doubts.opaque = true;
        settled.happened.append(&mut settled.undone);
        settled
    }

    /// The session is over with its outcome unknown: the slots still pending, each as often as it
    /// was begun.
    #[must_use]
    pub fn abandon(&mut self) -> Vec<Slot> {
        self.transaction.abandon()
    }
}

/// How a reply is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Protocol {
    /// `COM_QUERY`.
    Text = 0,
    /// `COM_STMT_EXECUTE`.
    Binary = 1,
}

/// `SERVER_STATUS_IN_TRANS`.
const IN_TRANS: u16 = 1;
/// `SERVER_STATUS_AUTOCOMMIT`.
const AUTOCOMMIT: u16 = 2;
/// Names of variables asked for beside those always asked for; more make a session opaque.
const ASKED_MAX: usize = 32;
/// No interned fingerprint has it.
const NO_FINGERPRINT: u32 = u32::MAX;
/// Names of temporary tables kept a session; more make it opaque.
const TEMPORARY_MAX: usize = 256;

#[cfg(test)]
mod tests;
