//! A scanner for what a stylesheet refers to: `url()`, `@import`, `@font-face`, `image-set()` (CSS
//! Syntax 3 §4.3). No parser of rules: comments, strings, escapes and blocks are told apart, the
//! rest is skipped, and any text is a stylesheet.

use alloc::string::String;
use alloc::vec::Vec;

use super::kind::Kind;
use super::{Expected, Gather};

/// One address in a style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StyleRef {
    /// `StyleImport`, `Font` or `StyleImage`.
    pub kind: Kind,
    /// The address, unescaped.
    pub written: String,
}

/// Everything that `text` refers to. `declarations`: what stands in a `style` attribute, else a
/// whole stylesheet.
#[must_use]
pub fn references(text: &str, form: Form) -> Vec<StyleRef> {
    let mut scanner = Scanner::new(text, form);
    scanner.run();
    scanner.found
}

/// What a style is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A whole stylesheet.
    Sheet,
    /// The declarations of a `style` attribute.
    Declarations,
}

/// Takes all references of a stylesheet; `place` names it in texts.
pub(crate) fn gather(gather: &mut Gather<'_>, text: &str, place: &str) {
    gather_as(gather, text, place, Form::Sheet);
}

pub(crate) fn gather_as(gather: &mut Gather<'_>, text: &str, place: &str, form: Form) {
    for found in references(text, form) {
        let word = match found.kind {
            Kind::StyleImport => "@import",
            Kind::Font => "@font-face",
            _ => "url()",
        };
        let place = alloc::format!("{word} of {place}");
        let outcome = gather.take(found.kind, &place, &found.written);
        if found.kind == Kind::StyleImport {
            gather.follow(Expected::Style, &found.written, outcome);
        }
    }
}

/// What encloses the place where the scanner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    FontFace,
    Other,
}

/// What a parenthesis belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    ImageSet,
    Other,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    found: Vec<StyleRef>,
    blocks: Vec<Block>,
    functions: Vec<Function>,
    /// The at-rule whose prelude is being read, in lower case.
    rule: Option<String>,
    /// A rule was seen after which `@import` counts no more (CSS Cascade 5 §2).
    imports_over: bool,
    /// Depth of blocks deeper than are remembered.
    too_deep: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, form: Form) -> Self {
        let blocks = if form == Form::Declarations { [Block::Other].into() } else { Vec::new() };
        Self {
            text,
            at: 0,
            found: Vec::new(),
            blocks,
            functions: Vec::new(),
            rule: None,
            imports_over: false,
            too_deep: 0,
        }
    }

    fn run(&mut self) {
        while let Some(c) = self.peek() {
            match c {
                '/' if self.rest().starts_with("/*") => self.comment(),
                '"' | '\'' => {
                    let text = self.string(c);
                    self.took_string(text);
                }
                '@' => self.at_rule(),
                '{' => self.open(),
                '}' => self.close(),
                '(' => self.enter(Function::Other),
                ')' => {
                    self.at += 1;
                    self.functions.pop();
                }
                ';' => self.semicolon(),
                '\\' => {
                    self.ident();
                }
                c if is_name(c) => self.name(),
                _ => self.at += c.len_utf8(),
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn comment(&mut self) {
        let body = self.rest().get(2..).unwrap_or_default();
        self.at += body.find("*/").map_or(body.len() + 2, |end| end + 4);
    }

    fn space(&mut self) {
        while let Some(c) = self.peek() {
            if c.is_ascii_whitespace() {
                self.at += 1;
            } else if self.rest().starts_with("/*") {
                self.comment();
            } else {
                break;
            }
        }
    }

    fn at_rule(&mut self) {
        self.at += 1;
        let name = self.ident().to_ascii_lowercase();
        // Only these may stand before an import.
        if self.blocks.is_empty() && !matches!(&*name, "charset" | "import" | "layer") {
            self.imports_over = true;
        }
        self.rule = Some(name);
    }

    fn open(&mut self) {
        self.at += 1;
        self.functions.clear();
        let font = self.rule.take().is_some_and(|rule| rule == "font-face");
        if self.blocks.is_empty() {
            self.imports_over = true;
        }
        if self.blocks.len() < DEPTH_MAX {
            self.blocks.push(if font { Block::FontFace } else { Block::Other });
        } else {
            self.too_deep += 1;
        }
    }

    fn close(&mut self) {
        self.at += 1;
        self.functions.clear();
        self.rule = None;
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else {
            self.blocks.pop();
        }
    }

    fn semicolon(&mut self) {
        self.at += 1;
        // Parentheses hold a semicolon together only while they are open.
        if self.functions.is_empty() {
            self.rule = None;
        }
    }

    fn enter(&mut self, function: Function) {
        self.at += 1;
        if self.functions.len() < DEPTH_MAX {
            self.functions.push(function);
        }
    }

    /// A name; with a parenthesis a function, of which `url(` is a token of its own.
    fn name(&mut self) {
        let name = self.ident().to_ascii_lowercase();
        if self.peek() != Some('(') {
            return;
        }
        match &*name {
            "url" => self.url(),
            "image-set" | "-webkit-image-set" => self.enter(Function::ImageSet),
            _ => self.enter(Function::Other),
        }
    }

    fn url(&mut self) {
        self.at += 1;
        while self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            self.at += 1;
        }
        match self.peek() {
            Some(quote @ ('"' | '\'')) => {
                let text = self.string(quote);
                self.functions.push(Function::Other);
                self.took(text);
            }
            _ => {
                if let Some(text) = self.bare_url() {
                    self.took(text);
                }
            }
        }
    }

    /// An address without quotes; `None` for a bad one (CSS Syntax 3 §4.3.6).
    fn bare_url(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut bad = false;
        let mut ended = false;
        while let Some(c) = self.peek() {
            match c {
                ')' => {
                    self.at += 1;
                    break;
                }
                '\\' => {
                    self.at += 1;
                    text.extend(self.escape());
                    continue;
                }
                c if c.is_ascii_whitespace() => ended = true,
                '"' | '\'' | '(' => bad = true,
                c => {
                    bad |= ended;
                    text.push(c);
                }
            }
            self.at += c.len_utf8();
        }
        (!bad).then_some(text)
    }

    /// A string with its quotes; a line break ends it (a bad string).
    fn string(&mut self, quote: char) -> String {
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some('\n') => self.at += 1,
                        _ => text.extend(self.escape()),
                    }
                    continue;
                }
                '\n' => break,
                c if c == quote => {
                    self.at += 1;
                    break;
                }
                c => text.push(c),
            }
            self.at += c.len_utf8();
        }
        text
    }

    /// After the backslash: up to six hexadecimal digits and a space, or the character itself.
    fn escape(&mut self) -> Option<char> {
        let hex = self.rest().bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
        if hex == 0 {
            let c = self.peek()?;
            self.at += c.len_utf8();
            return Some(c);
        }
        let digits = self.rest().get(..hex).unwrap_or_default();
        let value = u32::from_str_radix(digits, 16).unwrap_or(0);
        self.at += hex;
        if self.peek().is_some_and(|c| c.is_ascii_whitespace()) {
            self.at += 1;
        }
        Some(char::from_u32(value).filter(|&c| c != '\0').unwrap_or('\u{fffd}'))
    }

    fn ident(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            if c == '\\' {
                self.at += 1;
                name.extend(self.escape());
            } else if is_name(c) {
                self.at += c.len_utf8();
                name.push(c);
            } else {
                break;
            }
            if name.len() > NAME_BYTES_MAX {
                break;
            }
        }
        name
    }

    fn took_string(&mut self, text: String) {
        let set = self.functions.last() == Some(&Function::ImageSet);
        if self.rule.as_deref() == Some("import") || set {
            self.took(text);
        }
    }

    fn took(&mut self, written: String) {
        let kind = match self.rule.as_deref() {
            Some("import") => {
                // The address is the first thing of the rule; what follows is conditions.
                self.rule = Some(String::new());
                if self.imports_over || !self.blocks.is_empty() {
                    return;
                }
                Kind::StyleImport
            }
            // Preludes of other rules name things, as @namespace does; nothing is fetched.
            Some(_) => return,
            None if self.blocks.last() == Some(&Block::FontFace) => Kind::Font,
            None if self.blocks.is_empty() => return,
            None => Kind::StyleImage,
        };
        self.space();
        if self.found.len() < FOUND_MAX {
            self.found.push(StyleRef { kind, written });
        }
    }
}

/// Characters of names (CSS Syntax 3 §4.2).
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii()
}

/// Blocks and parentheses within each other that are remembered.
const DEPTH_MAX: usize = 64;
/// Bytes of a name that are kept; the names that matter are short.
const NAME_BYTES_MAX: usize = 256;
/// Addresses of one style.
const FOUND_MAX: usize = 10_000;

#[cfg(test)]
mod tests;
