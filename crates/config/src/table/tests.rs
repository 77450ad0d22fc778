//! Tests of `table`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{ACCESS_WORDS, Kind, NumberPlace, PUBLIC_COLUMNS, Row, SECTIONS, rows};
use crate::model::Config;
use crate::parse;

/// A file that says one key alone.
fn text(row: &Row, value: &str) -> String {
    match row.name.rsplit_once('.') {
        Some((table, key)) => format!("[{table}]\n{key} = {value}\n"),
        None => format!("{} = {value}\n", row.name),
    }
}

fn json(config: &Config) -> Value {
    serde_json::to_value(config).unwrap()
}

/// Dotted names of the leaves of the model, down to the second step.
fn model_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, value) in json(&Config::default()).as_object().unwrap() {
        match value.as_object() {
            Some(inner) => names.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            None => {
                names.insert(name.clone());
            }
        }
    }
    names
}

#[test]
fn every_field_has_a_row_and_every_row_a_field() {
    let mut model = model_names();
    assert!(model.remove("admin.explicit"), "it is derived, not written");
    let table: BTreeSet<String> = rows().map(|row| row.name.to_owned()).collect();
    assert_eq!(table, model);
    assert_eq!(table.len(), rows().count(), "a name has one row");
}

#[test]
fn rows_lie_in_their_section() {
    for section in SECTIONS {
        for row in section.rows {
            let table = row.name.rsplit_once('.').map_or("", |(table, _)| table);
            assert_eq!(table, section.name, "{}", row.name);
        }
    }
}

#[test]
fn defaults_of_the_table_are_those_of_the_model() {
    for row in rows() {
        let mut config = parse(&text(row, row.default)).config.unwrap();
        config.admin.explicit = false;
        assert_eq!(config, Config::default(), "{}", row.name);
    }
}

#[test]
fn an_example_changes_its_own_field_and_no_other() {
    for row in rows() {
        // A key on its own may contradict the default of another one; the fields are what count.
        let written = match row.name {
            "tls.certificate" => format!("{}key = \"k.pem\"\n", text(row, row.example)),
            "tls.key" => format!("{}certificate = \"c.pem\"\n", text(row, row.example)),
            _ => text(row, row.example),
        };
        let parsed = parse(&written);
        let config = parsed.config.unwrap_or_else(|| panic!("{}: {:?}", row.name, parsed.problems));
        let (before, after) = (json(&Config::default()), json(&config));
        for name in model_names() {
            let pointer = format!("/{}", name.replace('.', "/"));
            let changed = before.pointer(&pointer) != after.pointer(&pointer);
            let meant = name == row.name
                || (name == "admin.explicit" && row.name == "admin.listen")
                || (name.starts_with("tls.")
                    && row.name.starts_with("tls.")
                    && name != "tls.names"
                    && row.name != "tls.names");
            assert_eq!(changed, meant, "{} changed {name}", row.name);
        }
    }
}

#[test]
fn ends_of_every_range_are_taken_and_what_lies_beyond_is_not() {
    for row in rows() {
        let Kind::Number(number) = row.kind else { continue };
        assert!(number.min <= number.max, "{}", row.name);
        if matches!(number.place, NumberPlace::Small(_)) {
            assert!(u32::try_from(number.max).is_ok(), "{}", row.name);
        }
        let taken = |value: u64| parse(&text(row, &value.to_string())).config.is_some();
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
fn every_word_can_be_chosen() {
    for row in rows() {
        let Kind::Words(words) = row.kind else { continue };
        let mut values = BTreeSet::new();
        for word in words {
            let written = text(row, &format!("\"{}\"", word.word));
            let config = parse(&written).config.unwrap();
            let pointer = format!("/{}", row.name.replace('.', "/"));
            values.insert(json(&config).pointer(&pointer).unwrap().to_string());
        }
        assert_eq!(values.len(), words.len(), "{}", row.name);
    }
}

#[test]
fn help_is_one_line_in_the_form_of_all_others() {
    for row in rows() {
        assert!(!row.help.is_empty() && !row.help.ends_with('.'), "{}", row.name);
        assert!(!row.help.contains('\n') && row.help.len() <= 80, "{}", row.name);
        assert!(row.detail.is_empty() || row.detail.ends_with('.'), "{}", row.name);
        assert_ne!(row.default, row.example, "{}", row.name);
    }
}

#[test]
fn a_tried_word_is_no_key_and_means_one() {
    let mut tried = BTreeSet::new();
    for row in rows() {
        for word in row.tried {
            assert!(tried.insert(*word), "{word} is tried twice");
            assert!(rows().all(|other| other.key() != *word), "{word} is a key");
        }
    }
}

#[test]
fn columns_of_public_paths_are_what_the_reader_takes() {
    let [path, access] = PUBLIC_COLUMNS else { panic!("the reader knows two") };
    for (word, value, _) in ACCESS_WORDS {
        let written =
            format!("[[web.public]]\n{} = \"/a/\"\n{} = \"{word}\"\n", path.key, access.key);
        assert_eq!(parse(&written).config.unwrap().web.public[0].access, *value);
    }
    let written = format!("[[web.public]]\n{} = \"/a/\"\n", path.key);
    let read = parse(&written).config.unwrap().web.public.remove(0);
    let default = ACCESS_WORDS.iter().find(|(_, value, _)| *value == read.access).unwrap().0;
    assert_eq!(access.default, format!("\"{default}\""));
}
