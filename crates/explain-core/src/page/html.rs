//! What a document refers to: a real tree (HTML §13), walked in document order, so that `base` and
//! policies of `meta` count from where they stand.
//!
//! Comments and templates refer to nothing. `noscript` does only for browsers without scripts; its
//! content is text to others, and is parsed as a document of its own.

use alloc::string::String;

use scraper::node::Element;
use scraper::{Html, Node};
use url::Url;

use self::element::Tag;
use super::css::{self, Form};
use super::kind::Kind;
use super::{Gather, Scan, script};
use crate::page::csp::Policies;

mod depth;
mod element;
mod link;
mod srcset;

/// Scans a document at `url` that is part of the page at `page`, with the policies of its fields
/// and of what embeds it.
#[must_use]
pub fn scan(page: &Url, url: &Url, text: &str, policies: Policies) -> Scan {
    let mut gather = Gather::new(page, url, text, policies);
    walk(&mut gather, text, 0);
    gather.scan
}

fn walk(gather: &mut Gather<'_>, text: &str, depth: usize) {
    let shallow = depth::shallow(text);
    gather.scan.cut |= shallow.len() < text.len();
    let html = Html::parse_document(shallow);
    let mut state = State { depth, ..State::default() };
    let mut node = html.tree.root();
    loop {
        match node.value() {
            Node::Element(element) => state.open(gather, element),
            Node::Text(text) => state.text(gather, text),
            _ => {}
        }
        let Some(next) = node.first_child().or_else(|| {
            // Up until somebody has a next sibling.
            let mut done = node;
            loop {
                if let Node::Element(element) = done.value() {
                    state.close(gather, element);
                }
                if let Some(next) = done.next_sibling() {
                    return Some(next);
                }
                done = done.parent()?;
            }
        }) else {
            return;
        };
        node = next;
    }
}

/// A document within the one that is walked; base and policies of the outer one come back.
fn walk_inner(gather: &mut Gather<'_>, text: &str, depth: usize) {
    let (base, policies) = (gather.base.clone(), gather.scan.policies.clone());
    walk(gather, text, depth);
    gather.base = base;
    gather.scan.policies = policies;
}

/// What the walk is inside of.
#[derive(Debug, Default)]
struct State {
    /// Documents within each other: `srcdoc`, `noscript`.
    depth: usize,
    /// Templates that are open.
    templates: usize,
    in_head: bool,
    based: bool,
    pictures: usize,
    /// Videos (`true`) and sounds that are open, the inner one last.
    media: alloc::vec::Vec<bool>,
    /// What the text of the open element is.
    words: Words,
    collected: String,
}

/// What text means.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Words {
    #[default]
    Prose,
    Style,
    Script,
    NoScript,
}

impl State {
    fn open(&mut self, gather: &mut Gather<'_>, element: &Element) {
        let tag = Tag::new(element);
        // A shadow root that is declared in the markup is shown like any other content.
        if tag.name == "template" && tag.attr("shadowrootmode").is_none() {
            self.templates += 1;
        }
        if self.templates > 0 {
            return;
        }
        match tag.name {
            "head" => self.in_head = true,
            "picture" => self.pictures += 1,
            "video" => self.media.push(true),
            "audio" => self.media.push(false),
            "style" => self.begin(Words::Style),
            "noscript" => self.begin(Words::NoScript),
            "script" if tag.is_script() && tag.link().is_none() => self.begin(Words::Script),
            "base" if !self.based => self.base(gather, &tag),
            "meta" => self.meta(gather, &tag),
            _ => {}
        }
        if let Some(style) = tag.attr("style") {
            css::gather_as(gather, style, "a style attribute", Form::Declarations);
        }
        let within =
            element::Within { picture: self.pictures > 0, video: self.media.last().copied() };
        element::take(gather, &tag, within);
        let document = tag.attr("srcdoc").filter(|_| tag.name == "iframe");
        if let Some(document) = document.filter(|_| self.depth < DEPTH_MAX) {
            walk_inner(gather, document, self.depth + 1);
        }
    }

    fn begin(&mut self, words: Words) {
        self.words = words;
        self.collected.clear();
    }

    fn text(&mut self, gather: &Gather<'_>, text: &str) {
        if self.words != Words::Prose && self.templates == 0 && !gather.scan.cut {
            self.collected.push_str(text);
        }
    }

    fn close(&mut self, gather: &mut Gather<'_>, element: &Element) {
        let tag = Tag::new(element);
        if tag.name == "template" && tag.attr("shadowrootmode").is_none() {
            self.templates = self.templates.saturating_sub(1);
        }
        if self.templates > 0 {
            return;
        }
        match tag.name {
            "head" => self.in_head = false,
            "picture" => self.pictures = self.pictures.saturating_sub(1),
            "video" | "audio" => {
                self.media.pop();
            }
            "style" | "script" | "noscript" => self.end(gather),
            _ => {}
        }
    }

    /// The element whose text was collected is closed.
    fn end(&mut self, gather: &mut Gather<'_>) {
        let text = core::mem::take(&mut self.collected);
        match core::mem::take(&mut self.words) {
            Words::Prose => {}
            Words::Style => css::gather(gather, &text, "a style element"),
            Words::Script => script::gather(gather, &text),
            Words::NoScript if self.depth < DEPTH_MAX => {
                let was = gather.in_noscript;
                gather.in_noscript = true;
                walk_inner(gather, &text, self.depth + 1);
                gather.in_noscript = was;
            }
            Words::NoScript => {}
        }
    }

    fn base(&mut self, gather: &mut Gather<'_>, tag: &Tag<'_>) {
        if let Some(url) = tag.attr("href").and_then(|href| gather.document.join(href).ok()) {
            self.based = true;
            if !matches!(url.scheme(), "data" | "javascript") {
                gather.base = url;
            }
        }
    }

    fn meta(&self, gather: &mut Gather<'_>, tag: &Tag<'_>) {
        let Some(content) = tag.attr("content") else { return };
        let name = tag.attr("http-equiv").unwrap_or_default().trim().to_ascii_lowercase();
        match &*name {
            // CSP 3 §3.3: in the head only.
            "content-security-policy" if self.in_head && !gather.in_noscript => {
                gather.scan.policies.add(content);
            }
            "refresh" => {
                if let Some(url) = element::refresh_target(content) {
                    gather.take(Kind::Refresh, "meta refresh", url);
                }
            }
            _ => {}
        }
    }
}

/// Documents within each other that are looked at.
const DEPTH_MAX: usize = 4;

#[cfg(test)]
mod tests;
