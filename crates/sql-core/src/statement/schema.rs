//! The verbs that change definitions, locks and upkeep.

use super::verb::Head;
use super::words::Key;
use super::{Ddl, Flag, Flush, Kind, What};

impl<'a> Head<'a> {
    /// `CREATE`, `ALTER`, `DROP`, `RENAME`: up to the word that says of what.
    pub(super) fn schema(&mut self, verb: Key) -> Kind<'a> {
        let mut temporary = false;
        loop {
            let Some(item) = self.cursor.next() else { return Kind::Unknown };
            match item.key() {
                Key::Temporary => temporary = true,
                Key::Definer => self.definer(),
                Key::Algorithm => {
                    self.cursor.eat_byte(b'=');
                    self.cursor.next();
                }
                Key::Table | Key::Tables => return self.table(verb, temporary),
                Key::View => return self.list(verb, Ddl::View, What::Definition),
                Key::Sequence => return self.list(verb, Ddl::Sequence, What::Definition),
                Key::Index => return self.index(),
                Key::Database | Key::Schema => {
                    return self.list(verb, Ddl::Database, What::Database);
                }
                Key::Trigger => return self.trigger(verb),
                Key::Procedure | Key::Function | Key::Package => return self.routine(verb),
                Key::Event => return self.routine_like(verb, Ddl::Event),
                Key::User | Key::Role => return self.account(),
                Key::Prepare => {
                    return self.cursor.ident().map_or(Kind::Unknown, Kind::Deallocate);
                }
                Key::Server | Key::Tablespace | Key::Logfile | Key::Resource | Key::Instance => {
                    self.flags.set(Flag::ImplicitCommit);
                    return Kind::Ddl(Ddl::Server);
                }
                // `CREATE SPATIAL REFERENCE SYSTEM` ends here too, as not understood.
                _ => (),
            }
        }
    }

    fn definer(&mut self) {
        // `SQL SECURITY DEFINER` has none.
        if !self.cursor.eat_byte(b'=') {
            return;
        }
        // `user@host`, `CURRENT_USER()`: one token, the host is a variable to the lexer.
        self.cursor.next();
        if self.cursor.eat_byte(b'(') {
            self.cursor.leave_brackets();
        }
    }

    fn table(&mut self, verb: Key, temporary: bool) -> Kind<'a> {
        if temporary {
            self.flags.set(Flag::Temporary);
        } else {
            self.flags.set(Flag::ImplicitCommit);
        }
        let kind = Kind::Ddl(if temporary { Ddl::Temporary } else { Ddl::Table });
        match verb {
            Key::Drop => {
                return self.list(
                    verb,
                    if temporary { Ddl::Temporary } else { Ddl::Table },
                    What::Definition,
                );
            }
            Key::Rename => {
                self.renames();
                return kind;
            }
            _ => (),
        }
        self.if_exists();
        if !self.target(What::Definition) {
            return Kind::Unknown;
        }
        self.clauses(verb);
        kind
    }

    /// The other tables that clauses of `CREATE TABLE` and `ALTER TABLE` name.
    fn clauses(&mut self, verb: Key) {
        let mut before = Key::None;
        while let Some(item) = self.cursor.next() {
            match item.key() {
                // A foreign key: what a write to the parent may change grows.
                Key::References => {
                    self.target(What::Referenced);
                }
                Key::Rename if verb == Key::Alter => {
                    let key = self.cursor.peek_key();
                    if !matches!(key, Key::Column | Key::Index | Key::Key) {
                        self.cursor.skip(&[Key::To, Key::As]);
                        self.cursor.eat_byte(b'=');
                        self.target(What::Definition);
                    }
                }
                // `EXCHANGE PARTITION p WITH TABLE t`, `CONVERT TABLE t TO PARTITION …`,
                // `CONVERT PARTITION p TO TABLE t`
                Key::Table if verb == Key::Alter => {
                    self.target(What::Definition);
                }
                // The rows of `CREATE TABLE … SELECT` are read by the walk.
                Key::Select if verb == Key::Create && before != Key::Check => break,
                _ => (),
            }
            before = item.key();
        }
    }

    fn renames(&mut self) {
        loop {
            self.if_exists();
            self.target(What::Definition);
            self.cursor.skip(&[Key::To]);
            self.target(What::Definition);
            if !self.cursor.eat_byte(b',') {
                break;
            }
        }
    }

    /// A name, for `DROP` a list of names.
    fn list(&mut self, verb: Key, ddl: Ddl, what: What) -> Kind<'a> {
        if ddl != Ddl::Temporary {
            self.flags.set(Flag::ImplicitCommit);
        }
        self.if_exists();
        loop {
            if !self.target(what) && ddl != Ddl::Database {
                return Kind::Unknown;
            }
            if verb != Key::Drop || !self.cursor.eat_byte(b',') {
                break;
            }
        }
        Kind::Ddl(ddl)
    }

    /// `CREATE INDEX i ON t`, `DROP INDEX i ON t`.
    fn index(&mut self) -> Kind<'a> {
        self.flags.set(Flag::ImplicitCommit);
        while let Some(item) = self.cursor.next() {
            if item.key() == Key::On {
                break;
            }
        }
        if self.target(What::Definition) { Kind::Ddl(Ddl::Table) } else { Kind::Unknown }
    }

    fn trigger(&mut self, verb: Key) -> Kind<'a> {
        self.flags.set(Flag::ImplicitCommit);
        self.if_exists();
        if !self.target(What::Code) {
            return Kind::Unknown;
        }
        if verb == Key::Create {
            self.holds_semicolons = true;
            while let Some(item) = self.cursor.next() {
                if item.key() == Key::On {
                    self.target(What::Definition);
                    break;
                }
            }
        }
        Kind::Ddl(Ddl::Trigger)
    }

    fn routine(&mut self, verb: Key) -> Kind<'a> {
        let mut ahead = self.cursor.clone();
        while let Some(item) = ahead.next() {
            if item.key() == Key::Soname {
                self.flags.set(Flag::ImplicitCommit);
                return Kind::Ddl(Ddl::Loadable);
            }
            if item.is(b'(') {
                break;
            }
        }
        self.routine_like(verb, Ddl::Routine)
    }

    fn routine_like(&mut self, verb: Key, ddl: Ddl) -> Kind<'a> {
        self.flags.set(Flag::ImplicitCommit);
        self.holds_semicolons = verb != Key::Drop;
        // `PACKAGE BODY p` is ORACLE mode, which is never certain.
        self.if_exists();
        if !self.target(What::Code) {
            return Kind::Unknown;
        }
        Kind::Ddl(ddl)
    }

    fn if_exists(&mut self) {
        if self.cursor.eat(Key::If) {
            self.cursor.skip(&[Key::Not, Key::Exists]);
        }
    }

    /// `OPTIMIZE [NO_WRITE_TO_BINLOG] TABLE t, u …` and its like.
    pub(super) fn maintain(&mut self, what: Option<What>) -> Kind<'a> {
        self.flags.set(Flag::ImplicitCommit);
        self.cursor.skip(&[Key::NoWriteToBinlog, Key::Local]);
        if !self.cursor.eat(Key::Table) && !self.cursor.eat(Key::Tables) {
            // `REPAIR VIEW`, `CHECK VIEW` change no rows.
            let view = self.cursor.peek_key() == Key::View;
            return if view { Kind::Maintain } else { Kind::Unknown };
        }
        if let Some(what) = what {
            while self.target(what) && self.cursor.eat_byte(b',') {}
        }
        Kind::Maintain
    }

    /// `LOCK TABLES t [AS a] READ [LOCAL], u [LOW_PRIORITY] WRITE`.
    pub(super) fn lock(&mut self) -> Kind<'a> {
        if !self.cursor.eat(Key::Tables) && !self.cursor.eat(Key::Table) {
            return Kind::Other;
        }
        self.flags.set(Flag::ImplicitCommit);
        while let Some((qualifier, name)) = self.cursor.name() {
            let mut what = What::ReadLock;
            while let Some(item) = self.cursor.peek() {
                if item.is(b',') {
                    break;
                }
                if item.key() == Key::Write {
                    what = What::WriteLock;
                }
                self.cursor.next();
            }
            self.push(qualifier, name, what);
            if !self.cursor.eat_byte(b',') {
                break;
            }
        }
        Kind::LockTables
    }

    pub(super) fn flush(&mut self) -> Kind<'a> {
        self.flags.set(Flag::ImplicitCommit);
        self.cursor.skip(&[Key::NoWriteToBinlog, Key::Local, Key::Global, Key::Session]);
        let mut found = Flush::Other;
        loop {
            let key = self.cursor.peek_key();
            self.cursor.next();
            let this = match key {
                Key::Tables | Key::Table => self.flush_tables(),
                Key::Query => Flush::QueryCache,
                Key::Status => Flush::Status,
                Key::Privileges => {
                    self.flags.set(Flag::Privileges);
                    Flush::Privileges
                }
                _ => Flush::Other,
            };
            // Of several the one that matters most, as the enum orders them.
            if (this as u8) < found as u8 {
                found = this;
            }
            while self.cursor.peek().is_some() && !self.cursor.at_byte(b',') {
                self.cursor.next();
            }
            if !self.cursor.eat_byte(b',') {
                return Kind::Flush(found);
            }
            self.cursor.skip(&[Key::Global, Key::Session, Key::Local]);
        }
    }

    fn flush_tables(&mut self) -> Flush {
        let mut found = Flush::Tables;
        while self.target(What::Maintained) {
            found = Flush::SomeTables;
            if !self.cursor.eat_byte(b',') {
                break;
            }
        }
        found
    }
}
