//! Tests of `sample`.

use std::fs;
use std::path::PathBuf;

use super::{reference, sample, sample_value};
use crate::model::{Config, PhpBackend, Rule, Site};
use crate::parse;
use crate::table::{Form, tables};

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

/// With one of each repeated table beside it.
#[test]
fn the_sample_uncommented_is_the_default() {
    let text = uncommented();
    let parsed = parse(&text);
    // A certificate with names is a contradiction, yet an empty one is none.
    assert_eq!(parsed.problems, [], "{text}");
    let mut config = parsed.config.unwrap();
    assert!(config.admin.explicit, "the key was written");
    config.admin.explicit = false;
    assert_eq!(config.web.public.drain(..).count(), 1);
    assert_eq!(config.web.quotas.drain(..).count(), 1);
    assert_eq!(config.web.expires.drain(..).count(), 1);
    assert_eq!(config.uploads.hooks.drain(..).count(), 1);
    assert_eq!(config.acme.directories.drain(..).count(), 1);
    assert_eq!(config.php.pools.drain(..).count(), 1);
    let programs: Vec<_> = config.guard.protect.drain(..).collect();
    assert!(matches!(&programs[..], [one] if one.by().is_some() && one.score == -500));
    let [mut site] = <[Site; 1]>::try_from(std::mem::take(&mut config.sites)).unwrap();
    assert_eq!(config, Config::default());

    let lists = (site.mounts.drain(..).count(), site.rules.len(), site.redirects.drain(..).count());
    assert_eq!(lists, (1, 1, 1));
    let rule = site.rules.remove(0);
    let inherited = Rule { delivery: None, upload_bytes_max: None, ..rule.clone() };
    assert_eq!(
        Rule { file_bytes_max: None, authorize: None, ..inherited },
        Rule::new(rule.path.clone())
    );
    assert!(matches!(site.php, PhpBackend::At(_)));
    assert_eq!(Site { php: PhpBackend::Off, ..site }, Site::default());
}

#[test]
fn the_sample_says_every_key() {
    let text = uncommented();
    for entry in tables().iter().flat_map(|table| &table.entries) {
        let line = match entry.form {
            Form::Tables => format!("[[{}]]", entry.name),
            _ => format!("{} = {}", entry.key(), sample_value(entry)),
        };
        assert!(text.lines().any(|other| other == line), "{}", entry.name);
    }
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
    for entry in tables().iter().flat_map(|table| &table.entries) {
        let title = format!("\n### `{}`\n", entry.name);
        assert_eq!(page.matches(&title).count(), 1, "{}", entry.name);
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
