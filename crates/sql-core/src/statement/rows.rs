//! The verbs that change rows: whose rows.

use alloc::vec::Vec;

use super::cursor::Cursor;
use super::verb::{Head, TARGETS_MAX};
use super::walk::State;
use super::words::Key;
use super::{Flag, Ident, Kind, What};

/// A table in a list of sources, with the name it goes by.
#[derive(Clone, Copy, Debug)]
struct Source<'a> {
    qualifier: Option<Ident<'a>>,
    name: Ident<'a>,
    alias: Option<Ident<'a>>,
}

impl<'a> Head<'a> {
    /// `INSERT [options] [INTO] t …`, `REPLACE` alike.
    pub(super) fn insert(&mut self, kind: Kind<'a>) -> Kind<'a> {
        loop {
            match self.cursor.peek_key() {
                Key::Delayed => self.flags.set(Flag::Delayed),
                Key::LowPriority | Key::HighPriority | Key::Ignore => (),
                _ => break,
            }
            self.cursor.next();
        }
        self.cursor.eat(Key::Into);
        self.target(What::Rows);
        kind
    }

    /// `UPDATE refs SET a.x = …`: the tables whose columns are set, if each column says whose it
    /// is, else all of the outer level.
    pub(super) fn update(&mut self) -> Kind<'a> {
        self.base = State::Want;
        self.cursor.skip(&[Key::LowPriority, Key::Ignore]);
        let sources = sources(&mut self.cursor);
        if !self.cursor.eat(Key::Set) {
            return Kind::Update;
        }
        match assigned(&mut self.cursor) {
            Some(owners) if sources.len() > 1 => self.owned(&owners, &sources),
            _ => self.all(&sources),
        }
        Kind::Update
    }

    /// `DELETE FROM t …`, `DELETE t, u FROM refs …`, `DELETE FROM t, u USING refs …`.
    pub(super) fn delete(&mut self) -> Kind<'a> {
        self.base = State::Select;
        self.cursor.skip(&[Key::LowPriority, Key::Quick, Key::Ignore, Key::History]);
        let from_first = self.cursor.eat(Key::From);
        let mut names = Vec::new();
        loop {
            let Some(name) = self.cursor.name() else { return Kind::Delete };
            if self.cursor.eat_byte(b'.') {
                self.cursor.eat_byte(b'*');
            }
            if names.len() >= TARGETS_MAX {
                return Kind::Delete;
            }
            names.push(name);
            if !self.cursor.eat_byte(b',') {
                break;
            }
        }
        let multiple =
            if from_first { self.cursor.eat(Key::Using) } else { self.cursor.eat(Key::From) };
        if multiple {
            let sources = sources(&mut self.cursor);
            self.owned(&names, &sources);
        } else {
            for (qualifier, name) in names {
                self.push(qualifier, name, What::Rows);
            }
        }
        Kind::Delete
    }

    /// `LOAD DATA … INTO TABLE t`; `LOAD INDEX INTO CACHE` changes no rows.
    pub(super) fn load(&mut self) -> Kind<'a> {
        if !matches!(self.cursor.peek_key(), Key::Data | Key::Xml) {
            self.flags.set(Flag::ImplicitCommit);
            return Kind::Maintain;
        }
        while let Some(item) = self.cursor.next() {
            match item.key() {
                Key::Local => self.flags.set(Flag::Local),
                Key::Into if self.cursor.eat(Key::Table) => {
                    self.target(What::Rows);
                    break;
                }
                _ => (),
            }
        }
        Kind::Load
    }

    pub(super) fn truncate(&mut self) -> Kind<'a> {
        self.flags.set(Flag::ImplicitCommit);
        self.cursor.eat(Key::Table);
        self.target(What::Rows);
        Kind::Truncate
    }

    /// The sources that go by these names; a name that none goes by is a table itself, and then
    /// nothing is sure.
    fn owned(&mut self, owners: &[(Option<Ident<'a>>, Ident<'a>)], sources: &[Source<'a>]) {
        for (qualifier, owner) in owners {
            let goes_by = |source: &&Source<'a>| match source.alias {
                Some(alias) => same(&alias, owner),
                None => same(&source.name, owner),
            };
            let mut found = false;
            for source in sources.iter().filter(goes_by) {
                self.push(source.qualifier, source.name, What::Rows);
                found = true;
            }
            if !found {
                self.push(*qualifier, *owner, What::Rows);
                self.all(sources);
            }
        }
    }

    fn all(&mut self, sources: &[Source<'a>]) {
        for source in sources {
            self.push(source.qualifier, source.name, What::Rows);
        }
    }
}

/// The tables of a list of sources at the outer level; subqueries are passed. Stops in front of the
/// word that ends the list.
fn sources<'a>(cursor: &mut Cursor<'a>) -> Vec<Source<'a>> {
    let mut found = Vec::new();
    let mut wanted = true;
    let mut depth = 0_usize;
    while let Some(item) = cursor.peek() {
        match item.key() {
            Key::Set | Key::Where | Key::Order | Key::Limit | Key::Returning if depth == 0 => break,
            Key::Join | Key::StraightJoin => wanted = true,
            _ => (),
        }
        if item.is(b',') {
            wanted = true;
        } else if item.is(b'(') {
            cursor.next();
            if wanted && !matches!(cursor.peek_key(), Key::Select | Key::With | Key::Values) {
                depth += 1;
            } else {
                cursor.leave_brackets();
                wanted = false;
            }
            continue;
        } else if item.is(b')') {
            depth = depth.saturating_sub(1);
        } else if wanted && item.key() != Key::Lateral && item.ident().is_some() {
            let Some((qualifier, name)) = cursor.name() else { break };
            if found.len() >= TARGETS_MAX {
                // Without targets the write is one to everything.
                return Vec::new();
            }
            found.push(Source { qualifier, name, alias: alias(cursor) });
            wanted = false;
            continue;
        }
        cursor.next();
    }
    found
}

/// `[PARTITION (…)] [AS] alias`
fn alias<'a>(cursor: &mut Cursor<'a>) -> Option<Ident<'a>> {
    if cursor.eat(Key::Partition) && cursor.eat_byte(b'(') {
        cursor.leave_brackets();
    }
    cursor.eat(Key::As);
    cursor.ident()
}

/// Whose columns a list of assignments sets; `None` if one does not say.
fn assigned<'a>(cursor: &mut Cursor<'a>) -> Option<Vec<(Option<Ident<'a>>, Ident<'a>)>> {
    let mut owners = Vec::new();
    loop {
        let (first, second) = cursor.name()?;
        let owner = if cursor.eat_byte(b'.') {
            // `db.t.x`
            cursor.ident()?;
            (first, second)
        } else {
            (None, first?)
        };
        if owners.len() >= TARGETS_MAX {
            return None;
        }
        if !owners.contains(&owner) {
            owners.push(owner);
        }
        if !cursor.eat_byte(b'=') && !cursor.eat_byte(b':') {
            return None;
        }
        // To the next comma of this level.
        loop {
            let Some(item) = cursor.peek() else { return Some(owners) };
            if matches!(item.key(), Key::Where | Key::Order | Key::Limit | Key::Returning) {
                return Some(owners);
            }
            cursor.next();
            if item.is(b'(') {
                cursor.leave_brackets();
            } else if item.is(b',') {
                break;
            }
        }
    }
}

/// Whether two names may be the same: case aside, which is a superset of every server's rule.
fn same(left: &Ident<'_>, right: &Ident<'_>) -> bool {
    left.bytes().eq_ignore_ascii_case(&right.bytes())
}
