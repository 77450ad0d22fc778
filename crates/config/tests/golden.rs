//! Every `golden/NAME.toml` is checked and its report compared with `golden/NAME.out`.
//! `UPDATE_EXPECT=1` writes the reports; read them before committing.

use std::fs;
use std::path::{Path, PathBuf};

use menshen_config::{Colour, check, summary};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(folder).expect("the folder is committed");
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    files
}

#[test]
fn reports() {
    let files = files();
    assert!(files.len() >= 10, "the folder was found");
    let mut wrong = Vec::new();
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let checked = check(&bytes, "menshen.toml", Colour::Plain);
        assert!(!checked.problems.is_empty(), "{}: nothing is wrong", file.display());
        let report = format!("{}\n{}\n", checked.report, summary(&checked.problems));
        let expected_file = file.with_extension("out");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected_file, &report).unwrap();
        }
        if fs::read_to_string(&expected_file).unwrap_or_default() != report {
            wrong.push(format!("{}:\n{report}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[test]
fn every_report_has_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(path.with_extension("toml").exists(), "{} is left over", path.display());
    }
}
