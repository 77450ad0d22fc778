//! Header fields that the configuration adds to answers, ready to be sent.
//!
//! Names and values are checked once, here; what cannot be sent is an error of the configuration
//! and never reaches an answer.

use std::io;

use http::{HeaderName, HeaderValue};
use menshen_config::model::NameValue;

use super::coding::is_compressible;
use crate::reply::Reply;

/// The fields of a site, or of a site and one of its rules.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// Each `name: value` and CRLF.
    pub(crate) lines: Vec<u8>,
    /// Names in lower case. They live as long as the worker does, as the configuration.
    fields: Vec<(&'static str, &'static [u8])>,
    compress: Compress,
}

/// Whether text of the site is sent compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Compress {
    #[default]
    Never,
    Text,
}

impl Extra {
    /// The fields of `site`, and those of a rule. A rule's field takes the place of the site's
    /// fields of the same name.
    pub(crate) fn new(
        site: &[NameValue],
        rule: &[NameValue],
        compress: Compress,
    ) -> io::Result<Self> {
        let overridden =
            |field: &&NameValue| rule.iter().any(|own| own.name.eq_ignore_ascii_case(&field.name));
        let mut extra = Self { compress, ..Self::default() };
        for field in site.iter().filter(|field| !overridden(field)).chain(rule) {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(io::Error::other)?;
            HeaderValue::from_bytes(field.value.as_bytes()).map_err(io::Error::other)?;
            let name: &'static str = String::leak(name.as_str().to_owned());
            let value: &'static [u8] = Vec::leak(field.value.clone().into_bytes());
            extra.fields.push((name, value));
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                extra.lines.extend_from_slice(part);
            }
        }
        Ok(extra)
    }

    /// The value of the last field of this name (in lower case).
    pub(crate) fn value(&self, name: &str) -> Option<&'static [u8]> {
        self.fields.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Calls `f` with every name and value.
    pub(crate) fn each(&self, mut f: impl FnMut(&'static str, &'static [u8])) {
        self.fields.iter().for_each(|(name, value)| f(name, value));
    }

    /// Whether a file of this type may be sent in several encodings.
    pub(crate) fn varies(&self, media_type: &str) -> bool {
        self.compress == Compress::Text && is_compressible(media_type)
    }

    /// Adds the fields to an answer from memory. What an error says of itself stands: nobody means
    /// it to be kept for a year, though files of the site are.
    pub(crate) fn add_to(&self, mut reply: Reply) -> Reply {
        if reply.status == 304 || reply.status >= 400 {
            // A 304 has taken what it repeats from the lines of the file.
            self.each(|name, value| {
                let said = reply.fields.iter().any(|(known, _)| *known == name);
                if !said && !ABOUT_CONTENT.contains(&name) {
                    reply.fields.push((name, value.into()));
                }
            });
            return reply;
        }
        reply.fields.retain(|(name, _)| *name == "location" || self.value(name).is_none());
        self.each(|name, value| {
            if name != "location" {
                reply.fields.push((name, value.into()));
            }
        });
        reply
    }
}

/// What files say of themselves and errors must not.
const ABOUT_CONTENT: [&str; 3] = ["cache-control", "content-type", "expires"];
