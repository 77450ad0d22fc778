//! Tests of `table`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Entry, Form, Kind, NumberPlace, REQUIRED, SECTIONS, Section, Table, tables};
use crate::model::Config;
use crate::parse;

/// A file in which this key alone is written, with whatever it cannot do without; without a value
/// the same file without the key.
fn text(table: &Table, entry: &Entry, value: Option<&str>) -> String {
    written(table, entry, value, false)
}

/// The same; `alone`: without the keys that only other values of this one need.
fn written(table: &Table, entry: &Entry, value: Option<&str>, alone: bool) -> String {
    let mut text = String::new();
    let outer = table.name.rsplit_once('.').map_or("", |(outer, _)| outer);
    match outer {
        "site" => text.push_str("[[site]]\nphp = \"managed\"\n"),
        "uploads" => text.push_str("[[site]]\nphp = \"managed\"\n"),
        "" | "web" | "php" | "acme" | "guard" | "sql" | "s3" => {}
        "tunnel" => text.push_str("[tunnel]\nusers = \"u\"\n"),
        other => panic!("{other} is new"),
    }
    if !table.name.is_empty() {
        text.push_str(&table.header());
        text.push('\n');
    }
    for other in table.entries.iter().filter(|other| other.name != entry.name) {
        if other.default == REQUIRED {
            text.push_str(&format!("{} = {}\n", other.key(), other.example));
        }
    }
    text.push_str(match entry.name {
        "guard.protect.cgroup" | "guard.protect.pid_file" | "guard.protect.unit" if alone => {
            "command = \"a*\"\n"
        }
        "uploads.hook.url" if alone => "php = \"/hook.php\"\nhosts = [\"a.test\"]\n",
        "uploads.hook.url" => "",
        "uploads.hook.php" if !alone => "hosts = [\"a.test\"]\n",
        name if name.starts_with("uploads.hook.") => "url = \"http://a.test/\"\n",
        "guard.protect.command" if alone => "unit = \"a.service\"\n",
        "guard.protect.name"
        | "guard.protect.score"
        | "guard.protect.children"
        | "guard.protect.user" => "command = \"a*\"\n",
        _ if alone => "",
        "tls.certificate" => "key = \"k.pem\"\n",
        "tls.key" => "certificate = \"c.pem\"\n",
        "acme.directory.eab_kid" => "eab_key = \"key\"\n",
        "acme.directory.eab_key" => "eab_kid = \"kid\"\n",
        "php.pool.status_listen" => "status_path = \"/status\"\n",
        "sql.certificate" => "key = \"k.pem\"\n",
        "sql.key" => "certificate = \"c.pem\"\n",
        "s3.endpoint" => "bucket = \"b\"\n",
        "sql.control_password_file" => "control_user = \"menshen\"\n",
        "sql.without_binlog" => "listen = [\"127.0.0.1:3307\"]\nttl_ms = 5\n",
        "guard.hold_raise_percent" => "hold_cgroups = [\"/a\"]\n",
        "site.authorize" => "php = \"managed\"\n",
        "site.php_root" => "php = \"127.0.0.1:9000\"\n",
        "site.rule.fields"
        | "site.rule.pass"
        | "site.rule.cleanup"
        | "site.rule.tame_arrays"
        | "site.rule.store" => "delivery = \"fields\"\n",
        _ => "",
    });
    if let Some(value) = value {
        text.push_str(&format!("{} = {value}\n", entry.key()));
    }
    text
}

/// Every key with its table.
fn each(mut check: impl FnMut(&Table, &Entry)) {
    for table in tables() {
        for entry in &table.entries {
            check(&table, entry);
        }
    }
}

/// Leaves of the model under the names of the file.
fn leaves(config: &Config) -> BTreeMap<String, Vec<Value>> {
    fn walk(name: &str, value: &Value, leaves: &mut BTreeMap<String, Vec<Value>>) {
        match value {
            Value::Array(list) if tables().iter().any(|table| table.name == name) => {
                for element in list {
                    walk(name, element, leaves);
                }
            }
            Value::Object(inner)
                if name == "site.rule.fields"
                    || tables().iter().any(|table| table.name == name) =>
            {
                for (key, value) in inner {
                    let key = match (name, key.as_str()) {
                        ("", "sites") => "site",
                        ("php", "pools") => "pool",
                        ("acme", "directories") => "directory",
                        ("uploads", "hooks") => "hook",
                        ("web", "quotas") => "quota",
                        ("web", "expires") => "expire",
                        ("site", "tries") => "try",
                        ("site", "mounts") => "mount",
                        ("site", "rules") => "rule",
                        ("site", "redirects") => "redirect",
                        ("site.rule.fields", "templates") => "fields",
                        (_, key) => key,
                    };
                    // Details of a delivery are written beside it.
                    let shown = if name == "site.rule.fields" { "site.rule" } else { name };
                    let full = format!("{shown}.{key}");
                    let full = full.trim_start_matches('.');
                    if name == "site.rule.fields" {
                        leaves.entry(full.to_owned()).or_default().push(value.clone());
                    } else {
                        walk(full, value, leaves);
                    }
                }
            }
            Value::Null if name == "site.rule.fields" => {}
            value => leaves.entry(name.to_owned()).or_default().push(value.clone()),
        }
    }
    let mut found = BTreeMap::new();
    walk("", &serde_json::to_value(config).unwrap(), &mut found);
    found
}

/// Names of the leaves that differ.
fn changed(before: &Config, after: &Config) -> BTreeSet<String> {
    let (before, after) = (leaves(before), leaves(after));
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn config(text: &str) -> Config {
    let parsed = parse(text);
    parsed.config.unwrap_or_else(|| panic!("{text}\n{:#?}", parsed.problems))
}

#[test]
fn every_field_has_a_row_and_every_row_a_field() {
    let full = config(
        "[[web.public]]\npath = \"/a/\"\n\
         [[web.quota]]\npath = \"/a/\"\nbytes_max = 1\n\
         [[web.expire]]\npath = \"/a/\"\nage_seconds_max = 60\n[[acme.directory]]\n\
         url = \"https://a\"\n\
         [[uploads.hook]]\nurl = \"http://a\"\n\
         [[php.pool]]\naddress = \"127.0.0.1:1\"\n\
         [[guard.protect]]\nname = \"a\"\ncommand = \"a\"\n[[site]]\n\
         php = \"managed\"\n[[site.mount]]\npath = \"/a/\"\nroot = \"a\"\n[[site.rule]]\n\
         path = \"/\"\ndelivery = \"fields\"\n[[site.redirect]]\nfrom = \"/a\"\nto = \"/b\"\n",
    );
    let mut model: BTreeSet<String> = leaves(&full).into_keys().collect();
    assert!(model.remove("admin.explicit"), "it is derived, not written");
    let mut table = BTreeSet::new();
    each(|_, entry| {
        if !matches!(entry.form, Form::Tables) {
            assert!(table.insert(entry.name.to_owned()), "{} has one row", entry.name);
        }
    });
    assert_eq!(table, model);
}

#[test]
fn rows_lie_in_their_table() {
    each(|table, entry| {
        let name = entry.name.rsplit_once('.').map_or("", |(table, _)| table);
        assert_eq!(name, table.name, "{}", entry.name);
        if matches!(entry.form, Form::Tables) {
            assert_eq!(tables().iter().filter(|inner| inner.name == entry.name).count(), 1);
        }
    });
}

#[test]
fn defaults_of_the_table_are_those_of_the_model() {
    each(|table, entry| {
        let without = parse(&written(table, entry, None, true)).config;
        let Some(default) = entry.written_default() else {
            assert_eq!(without.is_none(), entry.default == REQUIRED, "{}", entry.name);
            return;
        };
        let mut with = config(&written(table, entry, Some(default), true));
        with.admin.explicit = false;
        assert_eq!(Some(with), without, "{}", entry.name);
    });
}

#[test]
fn an_example_changes_its_own_field_and_no_other() {
    each(|table, entry| {
        let after = config(&text(table, entry, Some(entry.example)));
        if matches!(entry.form, Form::Tables) {
            let names = leaves(&after);
            assert!(names.keys().any(|name| name.starts_with(entry.name)), "{}", entry.name);
            return;
        }
        let Some(before) = parse(&text(table, entry, None)).config else { return };
        let mut changed = changed(&before, &after);
        changed.remove("admin.explicit");
        let name = entry.name.to_owned();
        assert_eq!(changed, BTreeSet::from([name]), "{}", entry.name);
    });
}

fn check_ranges<S>(section: &Section<S>) {
    let tables = tables();
    let table = tables.iter().find(|table| table.name == section.name).unwrap();
    for (row, entry) in section.rows.iter().zip(&table.entries) {
        let Kind::Number(number) = &row.kind else { continue };
        assert!(number.min <= number.max, "{}", row.name);
        if matches!(number.place, NumberPlace::Small(_)) {
            assert!(u32::try_from(number.max).is_ok(), "{}", row.name);
        }
        let taken =
            |value: u64| parse(&text(table, entry, Some(&value.to_string()))).config.is_some();
        assert!(taken(number.min), "{}", row.name);
        assert!(taken(number.max), "{}", row.name);
        assert!(!taken(number.max + 1), "{}", row.name);
        assert_eq!(taken(0), number.zero.is_some() || number.min == 0, "{}", row.name);
        if number.min > 1 {
            assert!(!taken(number.min - 1), "{}", row.name);
        }
    }
}

#[test]
fn ends_of_every_range_are_taken_and_what_lies_beyond_is_not() {
    for section in SECTIONS {
        check_ranges(section);
    }
    check_ranges(&super::php::POOLS.section);
    check_ranges(&super::site::SITES.section);
    check_ranges(&super::site::RULES.section);
}

#[test]
fn every_word_can_be_chosen() {
    each(|table, entry| {
        let Form::Words(words) = &entry.form else { return };
        let mut values = BTreeSet::new();
        for (word, _) in words {
            let read = leaves(&config(&text(table, entry, Some(word))));
            values.insert(format!("{:?}", read[entry.name]));
        }
        assert_eq!(values.len(), words.len(), "{}", entry.name);
    });
}

#[test]
fn help_is_one_line_in_the_form_of_all_others() {
    each(|_, entry| {
        assert!(!entry.help.is_empty() && !entry.help.ends_with('.'), "{}", entry.name);
        assert!(!entry.help.contains('\n') && entry.help.len() <= 80, "{}", entry.name);
        assert!(entry.detail.is_empty() || entry.detail.ends_with('.'), "{}", entry.name);
        assert_ne!(entry.default, entry.example, "{}", entry.name);
    });
}

#[test]
fn a_tried_word_is_no_key_of_its_table_and_means_one() {
    for table in tables() {
        let mut tried = BTreeSet::new();
        for word in table.entries.iter().flat_map(|entry| entry.tried) {
            assert!(tried.insert(*word), "{word} is tried twice in {}", table.name);
            assert!(table.entries.iter().all(|other| other.key() != *word), "{word} is a key");
        }
    }
}
