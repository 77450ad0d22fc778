//! The commented sample and the reference page, both made from the table of keys alone.
//!
//! In the sample a line that begins with `#` and no space is a key: taking every such `#` away
//! gives a valid file that says the defaults. A test holds that.

use std::fmt::Write as _;

use crate::table::{Entry, Form, INHERITED, REQUIRED, Table, tables};

#[cfg(test)]
mod tests;

/// A `menshen.toml` with every key at its default, commented out.
#[must_use]
pub fn sample() -> String {
    let mut out = String::from(SAMPLE_HEAD);
    for table in tables() {
        let help = sentence(table.help).replace('`', "");
        match table.name {
            "" => out.push('\n'),
            name if table.repeated => {
                let _ = writeln!(out, "\n# {help} As often as needed, at most {}.", table.most);
                let _ = writeln!(out, "#[[{name}]]\n");
            }
            name => {
                let _ = writeln!(out, "\n# {help}\n[{name}]\n");
            }
        }
        let entries = table.entries.iter().filter(|entry| !matches!(entry.form, Form::Tables));
        let rows: Vec<String> = entries.map(sample_row).collect();
        out.push_str(&rows.join("\n"));
    }
    out
}

/// The reference page, Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(REFERENCE_HEAD);
    for table in tables() {
        reference_table(&mut out, &table);
    }
    out
}

/// The value that the sample shows for a key.
fn sample_value(entry: &Entry) -> &'static str {
    let shown = SHOWN.iter().find(|(name, _)| *name == entry.name).map(|(_, value)| *value);
    shown.or_else(|| entry.written_default()).unwrap_or(entry.example)
}

fn sample_row(entry: &Entry) -> String {
    let mut out = String::new();
    let mut text = sentence(entry.help);
    if !entry.detail.is_empty() {
        let _ = write!(text, " {}", entry.detail);
    }
    let shown = sample_value(entry);
    if shown != entry.default {
        let _ = write!(text, " {}.", default_sentence(entry));
    }
    comment(&mut out, &text);
    match &entry.form {
        Form::Words(words) => {
            for (word, help) in words {
                comment(&mut out, &format!("{word}: {help}."));
            }
        }
        Form::Number { range, zero, .. } => comment(&mut out, &range_sentence(range, *zero)),
        Form::Switch | Form::Tables => {}
        Form::Other(_) if shown == entry.example => {}
        Form::Other(_) => comment(&mut out, &format!("Such as {}", entry.example)),
    }
    let _ = writeln!(out, "#{} = {shown}", entry.key());
    out
}

fn range_sentence(range: &str, zero: Option<&str>) -> String {
    match zero {
        Some(zero) => format!("{}; 0 means: {zero}.", sentence_part(range)),
        None => format!("{}.", sentence_part(range)),
    }
}

fn default_sentence(entry: &Entry) -> String {
    match entry.default {
        REQUIRED => "Must be there".to_owned(),
        default => format!("Default: {default}"),
    }
}

fn reference_table(out: &mut String, table: &Table) {
    let title = match table.name {
        "" => "Before the first table".to_owned(),
        _ => format!("`{}`", table.header()),
    };
    let _ = writeln!(out, "\n## {title}\n\n{}", sentence(table.help));
    if table.repeated {
        let _ = writeln!(out, "Written as often as needed, at most {} times.", table.most);
    }
    for entry in &table.entries {
        let _ = writeln!(out, "\n### `{}`\n\n{}", entry.name, sentence(entry.help));
        if !entry.detail.is_empty() {
            let _ = writeln!(out, "{}", entry.detail);
        }
        let _ = writeln!(out);
        reference_value(out, entry);
        let default = match entry.default {
            REQUIRED => "none; the key must be there",
            INHERITED => INHERITED,
            "\"\"" => "none",
            default => &format!("`{default}`"),
        };
        let _ = writeln!(out, "- Default: {default}");
        let _ = writeln!(out, "- Example: `{} = {}`", entry.key(), entry.example);
        if let Some(counter) = entry.counter {
            let _ = writeln!(out, "- Hits are counted in: `menshen_{}`", counter.name());
        }
    }
}

fn reference_value(out: &mut String, entry: &Entry) {
    let value = match &entry.form {
        Form::Switch => "`true` or `false`".to_owned(),
        Form::Number { range, zero, sized } => {
            let kind = if *sized { "size" } else { "whole number" };
            let zero = zero.map(|zero| format!("; 0 means: {zero}")).unwrap_or_default();
            format!("{kind}, {range}{zero}")
        }
        Form::Words(words) => {
            for (word, help) in words {
                let _ = writeln!(out, "- `{word}`: {help}");
            }
            "one of these".to_owned()
        }
        Form::Other(form) => (*form).to_owned(),
        Form::Tables => format!("tables, see `[[{}]]`", entry.name),
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

/// Where the sample shows neither default nor example: its site uses the pool that it describes,
/// its protected program is found in one way.
const SHOWN: &[(&str, &str)] = &[
    ("site.php", "\"unix:/run/php/php8.2-fpm.sock\""),
    ("guard.protect.unit", "\"mariadb.service\""),
    ("uploads.hook.url", "\"https://app.example/hooks/files\""),
];

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
