//! The embedded page: a template and its static parts, compiled in.
//!
//! The template takes only text that is escaped here; nothing of a client reaches a script.

use std::sync::OnceLock;

use aws_lc_rs::digest;
use menshen_web_core::fields::Lang;

use crate::listing::html;
use crate::reply::{Body, Reply};

/// What the template shows.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) lang: Lang,
    /// Path of the directory.
    pub(crate) path: &'a str,
    /// Rows of the listing, HTML already; empty when locked.
    pub(crate) rows: &'a str,
    /// `open` or `locked`.
    pub(crate) state: &'static str,
    /// `read` or `write`.
    pub(crate) access: &'static str,
}

impl Page<'_> {
    /// The page as an answer.
    pub(crate) fn reply(&self) -> Reply {
        let lang = match self.lang {
            Lang::En => "en",
            Lang::Zh => "zh",
        };
        let title = html(self.path);
        let mut text = String::with_capacity(TEMPLATE.len() + self.rows.len() + 256);
        let mut rest = TEMPLATE;
        // One pass, so that a value that looks like a placeholder stays a value.
        while let Some(at) = rest.find("{{") {
            text.push_str(&rest[..at]);
            let (name, after) = rest[at + 2..].split_once("}}").unwrap_or(("", ""));
            text.push_str(match name {
                "lang" => lang,
                "title" => &title,
                "rows" => self.rows,
                "state" => self.state,
                "access" => self.access,
                _ => "",
            });
            rest = after;
        }
        text.push_str(rest);
        Reply::new(200)
            .text("content-security-policy", POLICY)
            .text("cache-control", "private, no-cache")
            .text("vary", "accept, accept-language, cookie, authorization")
            .text("referrer-policy", "no-referrer")
            .text("x-content-type-options", "nosniff")
            .text("content-language", lang)
            .body("text/html; charset=utf-8", Body::Owned(text.into_bytes()))
    }
}

/// A static part of the page, by name.
pub(crate) fn part(name: &[u8]) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.name.as_bytes() == name)
}

/// The script that sends the large files of a site's forms ahead (docs/decisions/0039).
pub(crate) fn forms_script() -> &'static Part {
    &FORMS
}

/// A static part of the page.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    etag: OnceLock<String>,
}

impl Part {
    /// The opaque part of its entity tag.
    pub(crate) fn etag(&self) -> &str {
        self.etag.get_or_init(|| {
            let hash = digest::digest(&digest::SHA256, self.bytes);
            hash.as_ref()[..12].iter().map(|byte| format!("{byte:02x}")).collect()
        })
    }

    /// The part as an answer.
    pub(crate) fn reply(&self) -> Reply {
        self.fields(Reply::new(200)).body(self.media_type, Body::Fixed(self.bytes))
    }

    /// 304.
    pub(crate) fn not_modified(&self) -> Reply {
        self.fields(Reply::new(304))
    }

    fn fields(&self, reply: Reply) -> Reply {
        reply
            .with("etag", format!("\"{}\"", self.etag()).into_bytes())
            .text("cache-control", "no-cache")
            .text("x-content-type-options", "nosniff")
            .text("content-security-policy", POLICY)
            .text("cross-origin-resource-policy", "same-origin")
    }
}

macro_rules! parts {
    ($($name:literal $media_type:literal;)+) => {
        static PARTS: [Part; PART_COUNT] = [$(Part {
            name: $name,
            media_type: $media_type,
            bytes: include_bytes!(concat!("../page/", $name)),
            etag: OnceLock::new(),
        },)+];
    };
}

parts! {
    "page.css" "text/css; charset=utf-8";
    "page.js" "text/javascript; charset=utf-8";
    "dialogs.js" "text/javascript; charset=utf-8";
    "drop.css" "text/css; charset=utf-8";
    "drop.js" "text/javascript; charset=utf-8";
    "door.js" "text/javascript; charset=utf-8";
    "listing.js" "text/javascript; charset=utf-8";
    "panel.js" "text/javascript; charset=utf-8";
    "pieces.js" "text/javascript; charset=utf-8";
    "upload.js" "text/javascript; charset=utf-8";
    "words.js" "text/javascript; charset=utf-8";
    "icon.svg" "image/svg+xml";
}

/// Made of `upload.js` beside it, by esbuild; `cargo xtask ci` makes it again and compares.
static FORMS: Part = Part {
    name: "upload.js",
    media_type: "text/javascript; charset=utf-8",
    bytes: include_bytes!("../forms/upload.min.js"),
    etag: OnceLock::new(),
};

const PART_COUNT: usize = 12;
const TEMPLATE: &str = include_str!("../page/index.html");
/// What such a page may do.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

#[cfg(test)]
mod tests;
