//! Dead links and undocumented limits are found, good ones are not.

use super::super::tests::{shown, tree};
use super::*;

#[test]
fn links_to_files_and_folders_resolve_from_their_own_folder() {
    let text = "[a](b.md) [c](../README.md#top) [d](https://x.example/y) [e](#here) [f](./sub)\n";
    let (_folder, tree) = tree(&[
        ("docs/a.md", text),
        ("docs/b.md", ""),
        ("docs/sub/c.md", "```\n[x](not-a-link.md)\n```\n"),
        ("README.md", "[docs](docs/a.md \"title\")\n"),
    ]);
    assert_eq!(check(&tree), []);
}

#[test]
fn dead_links_and_links_out_of_the_tree_are_reported() {
    let (_folder, tree) = tree(&[
        ("README.md", "fine\n[x](docs/gone.md), [y](../elsewhere.md)\n"),
        ("docs/a.md", "[z](/etc/passwd)\n"),
        ("crates/x/README.md", "[not checked](gone.md)\n"),
    ]);
    assert_eq!(
        shown(&check(&tree)),
        [
            "README.md:2: link to missing docs/gone.md",
            "README.md:2: link to missing ../elsewhere.md",
            "docs/a.md:1: link to missing /etc/passwd",
        ]
    );
}

#[test]
fn a_counted_limit_must_be_in_the_reference() {
    let counters =
        "A Counter \"limit_one_total\" \"hits\";\nB Counter \"limit_two_total\" \"h\";\n";
    let (_folder, tree) = tree(&[
        ("crates/base/src/counter.rs", counters),
        ("docs/reference/configuration.md", "counted in limit_one_total\n"),
    ]);
    let problems = shown(&check(&tree));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].ends_with("counter limit_two_total"), "{problems:?}");
}
