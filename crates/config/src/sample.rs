//! The commented sample and the reference page, both made from the table of keys alone.
//!
//! In the sample a line that begins with `#` and no space is a key: taking every such `#` away
//! gives a valid file that says the defaults. A test holds that.

use std::fmt::Write as _;

use crate::table::{ACCESS_WORDS, Kind, PUBLIC_COLUMNS, Row, SECTIONS, Section};

#[cfg(test)]
mod tests;

/// A `menshen.toml` with every key at its default, commented out.
#[must_use]
pub fn sample() -> String {
    let mut out = String::from(SAMPLE_HEAD);
    for section in SECTIONS {
        if section.name.is_empty() {
            out.push('\n');
        } else {
            let _ = writeln!(
                out,
                "\n# {}\n[{}]\n",
                sentence(section.help).replace('`', ""),
                section.name
            );
        }
        for (index, row) in section.rows.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            sample_row(&mut out, row);
        }
    }
    out
}

/// The reference page, Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(REFERENCE_HEAD);
    for section in SECTIONS {
        reference_section(&mut out, section);
    }
    out
}

fn sample_row(out: &mut String, row: &Row) {
    let mut text = sentence(row.help);
    if !row.detail.is_empty() {
        let _ = write!(text, " {}", row.detail);
    }
    comment(out, &text);
    match row.kind {
        Kind::Words(words) => {
            for word in words {
                comment(out, &format!("\"{}\": {}.", word.word, word.help));
            }
        }
        Kind::Number(number) => comment(out, &range_sentence(&number)),
        Kind::PublicPaths(_) => {
            comment(out, "For example, in place of the line below and after all keys of [web]:");
            let _ = writeln!(out, "#     [[web.public]]");
            for column in PUBLIC_COLUMNS {
                let value = if column.default.is_empty() { "\"/pub/\"" } else { column.default };
                let help = column.help.replace('`', "");
                let _ = writeln!(out, "#     {} = {value}  # {help}", column.key);
            }
        }
        Kind::Switch(_) => {}
        _ => comment(out, &format!("Such as {}", row.example)),
    }
    let _ = writeln!(out, "#{} = {}", row.key(), row.default);
}

fn range_sentence(number: &crate::table::Number) -> String {
    match number.zero {
        Some(zero) => format!("{}; 0 means: {zero}.", sentence_part(&number.range())),
        None => format!("{}.", sentence_part(&number.range())),
    }
}

fn reference_section(out: &mut String, section: &Section) {
    let title = match section.name {
        "" => "Before the first table".to_owned(),
        name => format!("`[{name}]`"),
    };
    let _ = writeln!(out, "\n## {title}\n\n{}", sentence(section.help));
    for row in section.rows {
        let _ = writeln!(out, "\n### `{}`\n\n{}", row.name, sentence(row.help));
        if !row.detail.is_empty() {
            let _ = writeln!(out, "{}", row.detail);
        }
        let _ = writeln!(out);
        reference_value(out, row);
        let default = if row.default == "\"\"" { "none" } else { &format!("`{}`", row.default) };
        let _ = writeln!(out, "- Default: {default}");
        let _ = writeln!(out, "- Example: `{} = {}`", row.key(), row.example);
        if let Some(counter) = row.counter {
            let _ = writeln!(out, "- Hits are counted in: `menshen_{}`", counter.name());
        }
    }
}

fn reference_value(out: &mut String, row: &Row) {
    let value = match row.kind {
        Kind::Switch(_) => "`true` or `false`".to_owned(),
        Kind::Number(number) => {
            let kind = if number.takes_sizes() { "size" } else { "whole number" };
            let zero = number.zero.map(|zero| format!("; 0 means: {zero}")).unwrap_or_default();
            format!("{kind}, {}{zero}", number.range())
        }
        Kind::Words(words) => {
            for word in words {
                let _ = writeln!(out, "- `\"{}\"`: {}", word.word, word.help);
            }
            "one of these words".to_owned()
        }
        Kind::Path(_) => "path".to_owned(),
        Kind::OptionalPath(_) => "path, or `\"\"` for none".to_owned(),
        Kind::User(_) => "user name, or `\"\"` for none".to_owned(),
        Kind::Addresses(_) => "list of addresses".to_owned(),
        Kind::Loopback(_) => "loopback address, or `\"off\"`".to_owned(),
        Kind::Log(_) => "`\"off\"`, `\"stdout\"` or a path".to_owned(),
        Kind::Names(_) => "list of host names and addresses, at least one".to_owned(),
        Kind::Networks(_) => "list of networks and addresses".to_owned(),
        Kind::PublicPaths(_) => {
            for column in PUBLIC_COLUMNS {
                let default = match column.default {
                    "" => "required".to_owned(),
                    default => format!("default `{default}`"),
                };
                let _ = writeln!(out, "- `{}`: {}; {default}", column.key, column.help);
            }
            for (word, _, help) in ACCESS_WORDS {
                let _ = writeln!(out, "- `access = \"{word}\"`: {help}");
            }
            "list of tables with the keys above".to_owned()
        }
    };
    let _ = writeln!(out, "- Value: {value}");
}

/// Writes text as comment lines of at most 80 columns; backquotes are for Markdown only.
fn comment(out: &mut String, text: &str) {
    let text = text.replace('`', "");
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > COMMENT_COLUMNS_MAX {
            out.push('\n');
            column = 0;
        }
        out.push_str(if column == 0 { "# " } else { " " });
        column += if column == 0 { 2 } else { 1 } + length;
        out.push_str(word);
    }
    out.push('\n');
}

fn sentence(text: &str) -> String {
    format!("{}.", sentence_part(text))
}

fn sentence_part(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

const COMMENT_COLUMNS_MAX: usize = 80;

const SAMPLE_HEAD: &str = "\
# menshen.toml: every key with its default. Take the # away from a key to change it.
# Without any configuration file these defaults hold. Check a file with: menshen check FILE
";

const REFERENCE_HEAD: &str = "\
# Configuration

`menshen.toml` is [TOML](https://toml.io/). It is optional, and so is every key in it. Unknown keys
are refused. `menshen check FILE` names everything that is wrong with a file at once, and
`menshen reload` applies a changed file; a wrong one changes nothing.

Sizes are whole numbers of bytes or text such as `\"64KiB\"`, `\"10GiB\"` (of 1024) and `\"10GB\"`
(of 1000). Lists take at most 128 entries, the whole file at most 256 KiB.

This page and the [sample](menshen.toml) are made from the table in `crates/config/src/table.rs`.
";
