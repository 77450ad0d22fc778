//! `SET`, `PREPARE` and `EXECUTE`: assignments and where texts come from.

use crate::lexer::TokenKind;

use super::cursor::Item;
use super::verb::{Head, TARGETS_MAX};
use super::walk::State;
use super::words::Key;
use super::{Assignment, Flag, Ident, Kind, Scope, Value};

impl<'a> Head<'a> {
    pub(super) fn set(&mut self) -> Kind<'a> {
        match self.cursor.peek_key() {
            Key::Statement => return self.set_statement(),
            Key::Password => return self.account(),
            Key::Default => {
                // `SET DEFAULT ROLE` is about accounts.
                return self.account();
            }
            Key::Resource => return Kind::Other,
            Key::Role => return self.set_role(),
            _ => (),
        }
        if self.assign(Scope::Session) { Kind::Set } else { Kind::Unknown }
    }

    /// `SET STATEMENT x = 1, y = 2 FOR …`
    fn set_statement(&mut self) -> Kind<'a> {
        self.cursor.next();
        // Not within itself: depth must not follow the text's length.
        let nested = self.flags.has(Flag::SetStatement);
        self.flags.set(Flag::SetStatement);
        if nested || !self.assign(Scope::Statement) || !self.cursor.eat(Key::For) {
            return Kind::Unknown;
        }
        self.base = State::Plain;
        self.kind()
    }

    fn set_role(&mut self) -> Kind<'a> {
        self.cursor.next();
        let value = self.value();
        self.put(Scope::Role, Ident { raw: b"ROLE", quote: 0 }, value);
        Kind::Set
    }

    /// The list of assignments, up to `FOR` or the end; false if it is not understood.
    fn assign(&mut self, default: Scope) -> bool {
        let mut scope = default;
        loop {
            let Some(item) = self.cursor.peek() else { return false };
            match item.key() {
                Key::Global | Key::Persist | Key::PersistOnly => {
                    self.cursor.next();
                    scope = Scope::Global;
                }
                Key::Session | Key::Local => {
                    self.cursor.next();
                    scope = default;
                }
                _ => (),
            }
            if !self.one(scope) {
                return false;
            }
            if !self.cursor.eat_byte(b',') {
                return self.cursor.peek().is_none() || self.cursor.peek_key() == Key::For;
            }
        }
    }

    fn one(&mut self, scope: Scope) -> bool {
        let Some(item) = self.cursor.next() else { return false };
        let (scope, name) = match item.kind {
            TokenKind::UserVariable => (Scope::User, variable(item.text, 1)),
            TokenKind::SystemVariable => system(&item, scope),
            _ if item.key() == Key::Transaction => {
                let scope = if scope == Scope::Session { self.transaction() } else { scope };
                // Its parts are divided by commas too: all of them are the value.
                let from = self.cursor.offset();
                while self.cursor.next().is_some() {}
                let value = Value::Expression(self.cursor.between(from, self.cursor.offset()));
                self.put(scope, Ident { raw: b"TRANSACTION", quote: 0 }, value);
                return true;
            }
            _ if matches!(item.key(), Key::Names | Key::Character | Key::Charset) => {
                self.cursor.eat(Key::Set);
                let value = self.value();
                self.put(Scope::Names, Ident { raw: b"NAMES", quote: 0 }, value);
                return true;
            }
            _ => {
                let Some(first) = item.ident() else { return false };
                // `SET a.b = 1`: a structured variable, or a column of a routine's row.
                let name = if self.cursor.eat_byte(b'.') { self.cursor.ident() } else { None };
                (scope, name.unwrap_or(first))
            }
        };
        self.cursor.eat_byte(b':');
        if !self.cursor.eat_byte(b'=') {
            return false;
        }
        let value = self.value();
        self.put(scope, name, value);
        true
    }

    /// `SET TRANSACTION` without a scope is about the next transaction only; with `SESSION` in
    /// front it is about the session.
    fn transaction(&self) -> Scope {
        let before = self.cursor.between(0, self.cursor.offset());
        let said = before.split(u8::is_ascii_whitespace).any(|word| {
            word.eq_ignore_ascii_case(b"SESSION") || word.eq_ignore_ascii_case(b"LOCAL")
        });
        if said { Scope::Session } else { Scope::NextTransaction }
    }

    /// A value up to the next comma of this level, `FOR`, or the end.
    fn value(&mut self) -> Value<'a> {
        let from = self.cursor.offset();
        let first = self.cursor.peek();
        let mut count = 0;
        while let Some(item) = self.cursor.peek() {
            if item.is(b',') || item.key() == Key::For {
                break;
            }
            self.cursor.next();
            if item.is(b'(') {
                self.cursor.leave_brackets();
            }
            count += 1;
        }
        let whole = self.cursor.between(from, self.cursor.offset());
        let signed = |byte: &u8| matches!(byte, b'-' | b'+' | b'.') || byte.is_ascii_digit();
        match first {
            Some(item) if count == 1 => value_of(&item).unwrap_or(Value::Expression(whole)),
            Some(item) if count == 2 && (item.is(b'-') || item.is(b'+')) => {
                if whole.iter().all(signed) {
                    Value::Number(whole)
                } else {
                    Value::Expression(whole)
                }
            }
            _ => Value::Expression(whole),
        }
    }

    /// `PREPARE name FROM text`
    pub(super) fn prepare(&mut self) -> Kind<'a> {
        let Some(name) = self.cursor.ident() else { return Kind::Unknown };
        if !self.cursor.eat(Key::From) {
            return Kind::Unknown;
        }
        Kind::Prepare { name, source: self.value() }
    }

    /// `EXECUTE name [USING …]`, `EXECUTE IMMEDIATE text`
    pub(super) fn execute(&mut self) -> Kind<'a> {
        if self.cursor.eat(Key::Immediate) {
            let from = self.cursor.offset();
            let single = self.cursor.next().and_then(|item| value_of(&item));
            let ends = matches!(self.cursor.peek_key(), Key::Using) || self.cursor.peek().is_none();
            while self.cursor.peek().is_some() && self.cursor.peek_key() != Key::Using {
                self.cursor.next();
            }
            let whole = self.cursor.between(from, self.cursor.offset());
            let source = single.filter(|_| ends).unwrap_or(Value::Expression(whole));
            return Kind::ExecuteImmediate { source, using: self.using() };
        }
        let Some(name) = self.cursor.ident() else { return Kind::Unknown };
        Kind::Execute { name, using: self.using() }
    }

    /// `USING value, …`: what follows the word; empty: nothing is used.
    fn using(&mut self) -> &'a [u8] {
        if !self.cursor.eat(Key::Using) {
            return b"";
        }
        let from = self.cursor.offset();
        while self.cursor.next().is_some() {}
        self.cursor.between(from, self.cursor.offset())
    }

    fn put(&mut self, scope: Scope, name: Ident<'a>, value: Value<'a>) {
        if self.assignments.len() >= TARGETS_MAX {
            self.flags.set(Flag::Uncertain);
        } else {
            self.assignments.push(Assignment { scope, name, value });
        }
    }
}

/// A single token as a value.
fn value_of<'a>(item: &Item<'a>) -> Option<Value<'a>> {
    Some(match item.kind {
        TokenKind::Text => Value::Text(item.text),
        TokenKind::Number => Value::Number(item.text),
        TokenKind::Word | TokenKind::Quoted => Value::Word(item.text),
        TokenKind::UserVariable => Value::Variable(variable(item.text, 1)),
        _ => return None,
    })
}

/// The name behind `@`, quotes taken off.
fn variable(text: &[u8], prefix: usize) -> Ident<'_> {
    let name = text.get(prefix..).unwrap_or_default();
    match name.first() {
        Some(quote @ (b'`' | b'\'' | b'"')) => {
            let inner = name.get(1..name.len().saturating_sub(1)).unwrap_or_default();
            Ident { raw: inner, quote: *quote }
        }
        _ => Ident { raw: name, quote: 0 },
    }
}

/// `@@x`, `@@global.x`: whose, and the name. Words before it in the same `SET` do not count.
fn system<'a>(item: &Item<'a>, scope: Scope) -> (Scope, Ident<'a>) {
    let within = |own| if scope == Scope::Statement { scope } else { own };
    let name = item.text.get(2..).unwrap_or_default();
    let Some(dot) = name.iter().position(|byte| *byte == b'.') else {
        return (within(Scope::Unsaid), variable(item.text, 2));
    };
    let (said, rest) = name.split_at(dot);
    let rest = rest.get(1..).unwrap_or_default();
    let scope = match said {
        _ if said.eq_ignore_ascii_case(b"session") || said.eq_ignore_ascii_case(b"local") => {
            within(Scope::Session)
        }
        // Also structured variables, which are global.
        _ => Scope::Global,
    };
    (scope, Ident { raw: rest, quote: 0 })
}
