//! Text → configuration and everything that is wrong with it, all at once.
//!
//! TOML 1.1 by the `toml` crate, which goes on after an error; what an error may have spoilt is
//! not judged again, so one mistake makes one problem. Reads no file: whether a path exists is
//! not asked here.

use toml::de::DeTable;

use crate::model::Config;
use crate::problem::{Problem, Problems, code};

pub(crate) mod acme;
pub(crate) mod address;
mod contradiction;
pub(crate) mod guard;
pub(crate) mod headers;
pub(crate) mod hook;
pub(crate) mod links;
pub(crate) mod pool;
mod reader;
pub(crate) mod s3;
pub(crate) mod size;
pub(crate) mod sql;
pub(crate) mod syntax;
pub(crate) mod template;
pub(crate) mod text;
pub(crate) mod tries;
pub(crate) mod tunnel;

#[cfg(test)]
mod tests;

pub(crate) use reader::Reader;
pub(crate) use text::Refusal;

/// A configuration text, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The configuration; `None` when a problem is an error.
    pub config: Option<Config>,
    /// What is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

/// Reads a configuration text of at most [`TEXT_BYTES_MAX`] bytes. An empty text is the default.
///
/// Paths stay as written: relative ones start at the folder of the file, which only the caller
/// knows. After resolving them, [`crate::paths::overlap`] should be asked again.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut problems = Problems::default();
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the text is {} bytes long", text.len());
        problems
            .error(code::TOO_LARGE, "", 0..0, message)
            .hint(format!("at most {TEXT_BYTES_MAX} bytes are read"));
        return Parsed { config: None, problems: problems.into_sorted(text) };
    }
    let readable = syntax::readable(text);
    let (table, errors) = DeTable::parse_recoverable(&readable.text);
    let table = table.get_ref();
    let damage = syntax::report(text, readable.faults, table, &errors, &mut problems);
    let mut read = reader::read(table, &damage, problems);
    if !damage.keys_lost() {
        contradiction::check(&mut read);
    }
    let problems = read.seen.problems;
    let config = (problems.errors() == 0).then_some(read.config);
    Parsed { config, problems: problems.into_sorted(text) }
}

/// Longest text that is read, in bytes.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
