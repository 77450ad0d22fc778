//! A missing row, a weaker row and an impure core are found.

use std::path::PathBuf;

use super::super::tests::{shown, tree};
use super::*;

const ROOT: &str = "\
[workspace.lints.rust]
unsafe_code = \"forbid\"
missing_docs = \"warn\"

[workspace.lints.clippy]
dbg_macro = \"warn\"
";

fn package(name: &str, folder: &str) -> Package {
    Package { name: name.into(), folder: PathBuf::from(folder), dependencies: Vec::new() }
}

#[test]
fn an_own_table_must_hold_every_row_at_its_level() {
    let own = "[lints.rust]\nunsafe_code = \"deny\"\n[lints.clippy]\ndbg_macro = \"warn\"\n";
    let missing = missing_lints(ROOT, own, false);
    assert_eq!(missing, ["missing_docs = \"warn\"", "unsafe_code = \"forbid\""]);
    assert_eq!(missing_lints(ROOT, "[lints]\nworkspace = true\n", false), [""; 0]);
    assert_eq!(missing_lints(ROOT, "", false).len(), 3);
}

#[test]
fn only_the_unsafe_room_may_leave_unsafe_code_out() {
    let own = "[lints.rust]\nmissing_docs = \"warn\"\n[lints.clippy]\ndbg_macro = \"warn\"\n";
    let (_folder, tree) = tree(&[
        ("Cargo.toml", ROOT),
        ("crates/sys/Cargo.toml", own),
        ("crates/net/Cargo.toml", own),
    ]);
    let packages = [package("menshen-sys", "crates/sys"), package("menshen-net", "crates/net")];
    let problems = shown(&check(&tree, &packages));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("crates/net/Cargo.toml"), "{problems:?}");
}

#[test]
fn cores_are_no_std_and_name_std_only_in_tests() {
    let good = "//! Doc.\n#![no_std]\n#[cfg(test)]\nextern crate std;\n";
    let bad = "//! Doc.\n#![cfg_attr(not(test), no_std)]\nextern crate std;\n";
    let manifest = "[lints]\nworkspace = true\n";
    let (_folder, tree) = tree(&[
        ("Cargo.toml", ROOT),
        ("crates/web-core/Cargo.toml", manifest),
        ("crates/web-core/src/lib.rs", good),
        ("crates/web-core/src/a/tests.rs", "extern crate std;\n"),
        ("crates/sql-core/Cargo.toml", manifest),
        ("crates/sql-core/src/lib.rs", bad),
    ]);
    let packages = [
        package("menshen-web-core", "crates/web-core"),
        package("menshen-sql-core", "crates/sql-core"),
    ];
    let problems = shown(&check(&tree, &packages));
    assert_eq!(
        problems,
        [
            "crates/sql-core/src/lib.rs: a pure crate without #![no_std]",
            "crates/sql-core/src/lib.rs:3: extern crate std outside #[cfg(test)] in a pure crate",
        ]
    );
}
