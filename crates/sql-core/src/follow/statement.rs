//! QUERY events: changes of the schema, rights, XA, and rows in statement format.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{Do, Follow, Inflate, Slot, xid_key};
use crate::binlog::Query;
use crate::catalog::Scope;
use crate::judge::{self, CacheType, Facts, Names, Unseen, Written};
use crate::lexer::Mode;
use crate::statement::{self, Kind, Statement, XaVerb};

impl Follow {
    pub(super) fn query(
        &mut self,
        now: u64,
        query: &Query<'_>,
        names: &dyn Names,
        inflate: Inflate<'_>,
        out: &mut Vec<Do>,
    ) {
        let inflated;
        let text = match query.packed {
            false => query.text,
            true => {
                let text = query.deflated().and_then(|(bytes, length)| inflate(bytes, length));
                let Some(text) = text else {
                    self.everything(now, out);
                    self.current(now).refresh(Scope::Server);
                    return self.statement_ends(now, out);
                };
                inflated = text;
                &inflated
            }
        };
        if text.eq_ignore_ascii_case(b"BEGIN") {
            return self.current(now).begins_transaction();
        }
        if text.eq_ignore_ascii_case(b"COMMIT") || text.eq_ignore_ascii_case(b"ROLLBACK") {
            return self.finish(now, out);
        }
        let mode = query.mode(self.server);
        let mut xa = None;
        for statement in statement::statements(text, mode) {
            if let Kind::Xa { verb, xid } = statement.kind {
                xa = Some(self.xa(now, verb, xid, mode, out));
                continue;
            }
            self.statement(now, query.db, &statement, names, out);
        }
        match xa {
            Some(true) => self.finish(now, out),
            Some(false) => {}
            None => self.statement_ends(now, out),
        }
    }

    fn statement_ends(&mut self, now: u64, out: &mut Vec<Do>) {
        let dialect = self.server.dialect;
        if self.current(now).ends_with_statement(dialect) {
            self.finish(now, out);
        }
    }

    fn statement(
        &mut self,
        now: u64,
        db: &[u8],
        statement: &Statement<'_>,
        names: &dyn Names,
        out: &mut Vec<Do>,
    ) {
        let facts = Facts {
            database: (!db.is_empty()).then_some(db),
            cache_type: CacheType::On,
            auto_is_null: false,
            temporary: &[],
        };
        let written = judge::writes(statement, &facts, names);
        if written.everything.is_some() {
            self.everything(now, out);
        }
        let group = self.current(now);
        written.tables.iter().for_each(|table| group.name(table));
        let slots = written.tables.iter().map(|table| Slot::of(&table.database, &table.name));
        group.touch(slots, out);
        if written.privileges {
            group.privileges(out);
        }
        scopes(&written, db).into_iter().for_each(|scope| group.refresh(scope));
    }

    /// `true` if it ends the group.
    fn xa(&mut self, now: u64, verb: XaVerb, xid: &[u8], mode: Mode, out: &mut Vec<Do>) -> bool {
        match verb {
            XaVerb::Start => {
                self.current(now).begins_transaction();
                false
            }
            XaVerb::End | XaVerb::Prepare | XaVerb::Recover => false,
            XaVerb::CommitOnePhase => true,
            XaVerb::Commit | XaVerb::Rollback => {
                let key = xid_of(xid, mode);
                match key.as_ref().and_then(|key| self.prepared.remove(key)) {
                    Some(slots) => self.current(now).touch(slots, out),
                    // Prepared before we came, or forgotten.
                    None => self.everything(now, out),
                }
                if let Some(key) = key {
                    self.current(now).waits_for(key);
                }
                true
            }
        }
    }
}

/// What of the catalog a statement outdates.
fn scopes(written: &Written<'_>, db: &[u8]) -> Vec<Scope> {
    let scope = |(db, name): (&[u8], &[u8])| match (db.is_empty(), name.is_empty()) {
        (true, _) => Scope::Server,
        (false, true) => Scope::Database(db.into()),
        (false, false) if written.code => Scope::Database(db.into()),
        (false, false) => Scope::Table(db.into(), name.into()),
    };
    let definitions = written.definitions.iter();
    let mut scopes: Vec<Scope> =
        definitions.map(|table| scope((&table.database, &table.name))).collect();
    // A call that is not understood may have changed the schema; a flush or an unknown table not.
    let opaque = match written.everything {
        Some(Unseen::Statement | Unseen::Text | Unseen::Compound | Unseen::Dynamic) => true,
        Some(_) | None => false,
    };
    if opaque || (written.code && scopes.is_empty()) {
        scopes.push(match opaque || db.is_empty() {
            true => Scope::Server,
            false => Scope::Database(db.into()),
        });
    }
    scopes
}

/// `X'6162',X'',1` or `'ab','',1`, as servers write it to the log, as a key.
fn xid_of(text: &[u8], mode: Mode) -> Option<Box<[u8]>> {
    let mut parts = text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let global = part(parts.next()?, mode)?;
    let branch = parts.next().map_or(Some(Vec::new()), |text| part(text, mode))?;
    let format = match parts.next() {
        None => 1,
        Some(digits) => core::str::from_utf8(digits).ok()?.parse().ok()?,
    };
    Some(xid_key(format, &global, &branch))
}

/// A part in hexadecimal or as a text. (A text with a comma in it is not found, so it stands for
/// everything.)
fn part(text: &[u8], mode: Mode) -> Option<Vec<u8>> {
    let ([b'X' | b'x', b'\'', digits @ .., b'\''] | [b'0', b'x', digits @ ..]) = text else {
        return Some(statement::unquote(text, mode)?.into_owned());
    };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| {
        let [high, low] = pair else { return None };
        u8::try_from(digit(high)? * 16 + digit(low)?).ok()
    };
    digits.chunks(2).map(pair).collect()
}
