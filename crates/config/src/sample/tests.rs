//! Tests of `sample`.

use std::fs;
use std::path::PathBuf;

use super::{reference, sample};
use crate::model::Config;
use crate::{parse, table};

/// Takes the `#` of every key away.
fn uncommented() -> String {
    let strip = |line: &str| match line.strip_prefix('#') {
        Some(key) if !key.starts_with(' ') => format!("{key}\n"),
        _ => format!("{line}\n"),
    };
    sample().lines().map(strip).collect()
}

#[test]
fn the_sample_as_it_stands_is_the_default() {
    let parsed = parse(&sample());
    assert_eq!(parsed.problems, []);
    assert_eq!(parsed.config, Some(Config::default()));
}

#[test]
fn the_sample_uncommented_is_the_default() {
    let text = uncommented();
    let parsed = parse(&text);
    // A certificate with names is a contradiction, yet an empty one is none.
    assert_eq!(parsed.problems, [], "{text}");
    let mut config = parsed.config.unwrap();
    assert!(config.admin.explicit, "the key was written");
    config.admin.explicit = false;
    assert_eq!(config, Config::default());
}

#[test]
fn the_sample_says_every_key() {
    let text = uncommented();
    for row in table::rows() {
        let line = format!("{} = {}", row.key(), row.default);
        assert!(text.lines().any(|other| other == line), "{}", row.name);
    }
}

#[test]
fn the_example_of_public_folders_is_valid() {
    let lines = sample();
    let example: String = lines
        .lines()
        .filter_map(|line| line.strip_prefix("#     "))
        .map(|line| format!("{line}\n"))
        .collect();
    let public = parse(&example).config.unwrap().web.public;
    assert_eq!(public.len(), 1, "{example}");
}

#[test]
fn lines_are_short() {
    for text in [sample(), reference()] {
        for line in text.lines() {
            assert!(line.chars().count() <= 280, "{line}");
            assert_eq!(line.trim_end(), line);
        }
    }
}

#[test]
fn the_reference_says_every_key_once() {
    let page = reference();
    for row in table::rows() {
        assert_eq!(page.matches(&format!("\n### `{}`\n", row.name)).count(), 1, "{}", row.name);
    }
}

/// `UPDATE_EXPECT=1` writes the files.
#[test]
fn the_committed_pages_are_these() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (name, text) in [("menshen.toml", sample()), ("configuration.md", reference())] {
        let file = folder.join(name);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, &text).unwrap();
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(committed, text, "{name} is not up to date: run with UPDATE_EXPECT=1");
    }
}
