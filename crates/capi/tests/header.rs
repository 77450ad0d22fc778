//! The header is that of the sources, and what a program was built against stays as it was.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(here().join("cbindgen.toml")).unwrap();
    // Its modules are found from there.
    let builder = cbindgen::Builder::new().with_src(here().join("src/lib.rs"));
    let mut header = Vec::new();
    builder.with_config(config).generate().unwrap().write(&mut header);
    // What a Rust caller has to see to is said to C programmers by the types and the texts.
    let text = String::from_utf8(header).unwrap();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        if line.trim() == "// # Safety" {
            while lines.last().is_some_and(|line| line.trim() == "//") {
                lines.pop();
            }
            lines.push("// # Safety");
        } else if lines.last() == Some(&"// # Safety") && line.trim_start().starts_with("//") {
            // Still its paragraph.
        } else {
            if lines.last() == Some(&"// # Safety") {
                lines.pop();
            }
            lines.push(line);
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_header_is_this_one() {
    let path = here().join("include/menshen.h");
    let made = generated();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, made, "run it with UPDATE_EXPECT=1 and look at the difference");
    let once = made.matches("menshen_link_make(").count();
    assert_eq!(once, 1, "nothing is declared twice");
}

/// Declarations without comments, each on a line of its own with single blanks.
fn declarations(header: &str) -> BTreeSet<String> {
    let header = header.split_once("*/").map_or(header, |(_, rest)| rest);
    let plain: Vec<&str> = header
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let joined = plain.join(" ");
    let mut declarations = BTreeSet::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (at, letter) in joined.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                declarations
                    .insert(joined[start..=at].split_whitespace().collect::<Vec<_>>().join(" "));
                start = at + 1;
            }
            _ => {}
        }
    }
    declarations
}

#[test]
fn nothing_of_the_released_interface_is_gone_or_changed() {
    let path = here().join("include/abi-1.txt");
    let now = declarations(&generated().replace("extern \"C\" {", "").replace("} //", "//"));
    if std::env::var_os("UPDATE_EXPECT").is_some() && !Path::new(&path).exists() {
        let text: Vec<&str> = now.iter().map(String::as_str).collect();
        fs::write(&path, text.join("\n") + "\n").unwrap();
    }
    let released: BTreeSet<String> =
        fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    let gone: Vec<&String> = released.difference(&now).collect();
    assert!(
        gone.is_empty(),
        "changed or gone since version 1 of the interface: {gone:#?}\nA change that programs must \
         be built anew for needs a new major number, a new soname and a new file beside this one"
    );
    let added: Vec<&String> = now.difference(&released).collect();
    assert!(
        added.is_empty(),
        "new in the interface: {added:#?}\nAdd it to include/abi-1.txt and raise the minor number"
    );
}
