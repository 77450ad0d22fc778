//! Just enough of structured fields (RFC 9651) to walk a dictionary (§4.2.2) and to read an item
//! (§4.2.3): every kind of value is checked for its grammar, only booleans, integers and byte
//! sequences are handed out.
//!
//! Inner lists are as deep as values get, so nothing here recurses. A field that came in several
//! lines is for the caller to join; an item never does (§4.2).

/// The text is not of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// One member of a dictionary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Its key: lower-case letters, digits, `_-.*`.
    pub key: &'a [u8],
    /// Its value without parameters; `None` for a key alone and for an inner list.
    pub value: Option<Bare<'a>>,
}

/// A bare item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare<'a> {
    /// What stands between the colons; base64 by its alphabet, not yet decoded.
    Bytes(&'a [u8]),
    /// An integer of up to 15 digits.
    Integer(i64),
    /// `?0` or `?1`.
    Boolean(bool),
    /// A valid value of another kind.
    Other,
}

/// The value of an item; its parameters are checked and passed over.
///
/// # Errors
/// The text is no item, or something follows it.
pub fn item(text: &[u8]) -> Result<Bare<'_>, Malformed> {
    let mut scan = Scan { rest: trim(text) };
    let value = scan.bare()?;
    scan.parameters()?;
    if scan.rest.is_empty() { Ok(value) } else { Err(Malformed) }
}

/// Walks over the members; stops after the first error.
#[must_use]
pub fn dictionary(text: &[u8]) -> Dictionary<'_> {
    Dictionary { scan: Scan { rest: trim(text) }, first: true, failed: false }
}

/// Without the spaces around (RFC 9651 §4.2 allows no tabs there).
fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| byte != b' ').unwrap_or(text.len());
    let end = text.iter().rposition(|&byte| byte != b' ').map_or(start, |last| last + 1);
    &text[start..end]
}

/// See [`dictionary`].
#[derive(Debug)]
pub struct Dictionary<'a> {
    scan: Scan<'a>,
    first: bool,
    failed: bool,
}

impl<'a> Iterator for Dictionary<'a> {
    type Item = Result<Member<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.scan.rest.is_empty() {
            return None;
        }
        let first = core::mem::replace(&mut self.first, false);
        let member = if first { self.scan.member() } else { self.scan.next_member() };
        self.failed = member.is_err();
        Some(member)
    }
}

#[derive(Debug)]
struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    fn next_member(&mut self) -> Result<Member<'a>, Malformed> {
        self.skip_blank();
        self.expect(b',')?;
        self.skip_blank();
        self.member()
    }

    fn member(&mut self) -> Result<Member<'a>, Malformed> {
        let key = self.key()?;
        let mut value = None;
        if self.accept(b'=') {
            if self.accept(b'(') {
                self.inner_list()?;
            } else {
                value = Some(self.bare()?);
            }
        }
        self.parameters()?;
        Ok(Member { key, value })
    }

    fn inner_list(&mut self) -> Result<(), Malformed> {
        loop {
            self.take(|byte| byte == b' ');
            if self.accept(b')') {
                return Ok(());
            }
            self.bare()?;
            self.parameters()?;
            if !matches!(self.rest.first(), Some(b' ' | b')')) {
                return Err(Malformed);
            }
        }
    }

    fn parameters(&mut self) -> Result<(), Malformed> {
        while self.accept(b';') {
            self.take(|byte| byte == b' ');
            self.key()?;
            if self.accept(b'=') {
                self.bare()?;
            }
        }
        Ok(())
    }

    fn key(&mut self) -> Result<&'a [u8], Malformed> {
        if !matches!(self.rest.first(), Some(b'a'..=b'z' | b'*')) {
            return Err(Malformed);
        }
        Ok(self.take(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*')))
    }

    fn bare(&mut self) -> Result<Bare<'a>, Malformed> {
        match self.rest.first() {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'"') => {
                self.expect(b'"')?;
                self.string()
            }
            Some(b':') => {
                self.expect(b':')?;
                let text = self.take(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
                self.expect(b':')?;
                Ok(Bare::Bytes(text))
            }
            Some(b'?') => {
                self.expect(b'?')?;
                match self.one()? {
                    b'0' => Ok(Bare::Boolean(false)),
                    b'1' => Ok(Bare::Boolean(true)),
                    _ => Err(Malformed),
                }
            }
            Some(b'@') => {
                self.expect(b'@')?;
                match self.number()? {
                    Bare::Integer(_) => Ok(Bare::Other),
                    _ => Err(Malformed),
                }
            }
            Some(b'%') => {
                self.expect(b'%')?;
                self.expect(b'"')?;
                self.display_string()
            }
            Some(b'*' | b'a'..=b'z' | b'A'..=b'Z') => {
                self.take(|byte| {
                    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)
                });
                Ok(Bare::Other)
            }
            _ => Err(Malformed),
        }
    }

    /// RFC 9651 §4.2.4: 15 digits, or 12 and up to 3 after a point.
    fn number(&mut self) -> Result<Bare<'a>, Malformed> {
        let negative = self.accept(b'-');
        let whole = self.take(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 {
            return Err(Malformed);
        }
        if self.accept(b'.') {
            let fraction = self.take(|byte| byte.is_ascii_digit());
            let sized = whole.len() <= 12 && (1..=3).contains(&fraction.len());
            return if sized { Ok(Bare::Other) } else { Err(Malformed) };
        }
        let value = whole.iter().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        Ok(Bare::Integer(if negative { -value } else { value }))
    }

    fn string(&mut self) -> Result<Bare<'a>, Malformed> {
        loop {
            match self.one()? {
                b'"' => return Ok(Bare::Other),
                b'\\' if !matches!(self.one()?, b'"' | b'\\') => return Err(Malformed),
                0x20..=0x7e => {}
                _ => return Err(Malformed),
            }
        }
    }

    /// RFC 9651 §4.2.10; whether the escapes are UTF-8 is not looked at, as nobody reads them.
    fn display_string(&mut self) -> Result<Bare<'a>, Malformed> {
        let hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        loop {
            match self.one()? {
                b'"' => return Ok(Bare::Other),
                b'%' if !(hex(self.one()?) && hex(self.one()?)) => return Err(Malformed),
                0x20..=0x7e => {}
                _ => return Err(Malformed),
            }
        }
    }

    fn one(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(byte)
    }

    fn accept(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn expect(&mut self, wanted: u8) -> Result<(), Malformed> {
        if self.accept(wanted) { Ok(()) } else { Err(Malformed) }
    }

    fn skip_blank(&mut self) {
        self.take(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|&byte| !wanted(byte)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests;
