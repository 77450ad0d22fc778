//! What recipes may say.

use proptest::prelude::*;

use super::*;

fn git() -> String {
    include_str!("../recipes/git.toml").to_owned()
}

#[test]
fn git_has_both_ways() {
    let recipe = Recipe::parse(&git()).unwrap();
    let source = recipe.source.as_ref().unwrap();
    assert!(source.sha256.contains_key(&source.version), "its own version has a checksum");
    assert!(source.url("9.9").ends_with("/git-9.9.tar.xz"));
    for manager in Manager::ALL {
        assert!(recipe.packages.contains_key(&manager), "{manager:?}");
        assert!(source.packages.contains_key(&manager), "{manager:?}");
    }
    assert!(recipe.feature("https").unwrap().standard);
    assert_eq!(recipe.feature("svn").unwrap().needs, ["perl"]);
}

#[test]
fn the_recipe_of_the_guide_is_one() {
    let guide = include_str!("../../../../docs/guide/install.md");
    let (_, rest) = guide.split_once("```toml\n").unwrap();
    let recipe = Recipe::parse(rest.split("```").next().unwrap()).unwrap();
    assert_eq!(recipe.name, "hello");
}

#[test]
fn mistakes_are_named() {
    let mistakes = [
        ("name = \"git\"", "name = \"../git\"", "is no name"),
        ("about = ", "abut = ", "unknown field `abut`"),
        ("git version {version}", "git version", "{version}"),
        ("-j{jobs}", "-j{job}", "the variables here are"),
        ("\"{features}\", \"all\"", "\"x{features}\", \"all\"", "an argument of its own"),
        ("DESTDIR={stage}", "DESTDIR=/", "installs into {stage}"),
        ("{prefix}/bin/git", "/usr/bin/git", "has to begin with {prefix}/"),
        ("apt = [\"git\", ", "apt = [\"--allow\", ", "is no package's name"),
        ("\"c58da92c", "\"58da92c", "64 hex digits"),
        ("needs = [\"perl\"]", "needs = [\"pearl\"]", "which is no feature"),
        ("file = \"{root}", "run = [\"x\"]\nfile = \"{root}", "either `run` or `file`"),
        ("folder = \"git-{version}\"", "folder = \"../x\"", "folder is one name"),
        ("name = \"perl\"", "name = \"https\"", "stands here twice"),
        ("programs = [\"git\"]", "programs = [\"../git\"]", "names without a folder"),
    ];
    for (from, to, word) in mistakes {
        let text = git();
        assert!(text.contains(from), "{from}");
        let error = Recipe::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(word), "{to}: {error}");
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_read(text in ".{0,300}") {
        let _ = Recipe::parse(&text);
    }

    #[test]
    fn a_spoilt_recipe_is_refused_or_read(at in 0usize..4000, byte in 0u8..128) {
        let mut bytes = git().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = Recipe::parse(&text);
        }
    }
}
