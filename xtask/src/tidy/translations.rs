//! Pages in another language are in step with their originals.
//!
//! `NAME.zh-CN.md` translates `NAME.md` beside it. Its first line names the original's hash, so
//! that whoever changes a page has to look at its translation too; headings and what is to be
//! typed have to be the same. Whether the words say the same is for people to judge.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Problem;
use crate::workspace::Tree;

/// Problems with translations.
pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let pages = tree.texts("md").filter_map(|(file, text)| {
        let name = file.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
        Some((file, text, file.with_file_name(format!("{name}.md"))))
    });
    pages.flat_map(|(file, text, original)| compare(tree, file, &text, &original)).collect()
}

fn compare(tree: &Tree, file: &Path, text: &str, original: &PathBuf) -> Vec<Problem> {
    let problem = |line, message: String| Problem::new(file, line, message);
    let Some(of) = tree.text(original) else {
        return vec![problem(
            0,
            format!("a translation of {}, which is not there", original.display()),
        )];
    };
    let mut problems = Vec::new();
    let mark = mark(&of);
    if text.lines().next() != Some(&mark) {
        let message = format!("the original changed: look what, then begin with `{mark}`");
        problems.push(problem(1, message));
    }
    let (here, there) = (headings(text), headings(&of));
    if here != there {
        problems.push(problem(0, format!("headings of levels {here:?}, the original {there:?}")));
    }
    let (here, there) = (blocks(text), blocks(&of));
    if here.len() != there.len() {
        let message = format!("{} blocks of code, the original {}", here.len(), there.len());
        problems.push(problem(0, message));
    }
    for ((line, block), (_, other)) in here.iter().zip(&there) {
        if block != other {
            problems.push(problem(*line, "not what is to be typed in the original".into()));
        }
    }
    problems
}

/// The first line of a translation of this text.
fn mark(of: &str) -> String {
    let digest = Sha256::digest(of.as_bytes());
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("<!-- translation of {hex} -->")
}

/// Levels of the headings outside of code.
fn headings(text: &str) -> String {
    let mut code = false;
    let mut levels = String::new();
    for line in text.lines() {
        code ^= line.trim_start().starts_with("```");
        if !code && line.starts_with('#') {
            let level = line.chars().take_while(|c| *c == '#').count();
            levels.push_str(&level.to_string());
        }
    }
    levels
}

/// Blocks of code with their first lines, without comments, which may be translated.
fn blocks(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Vec<String>)> = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start().starts_with("```");
        match &mut open {
            None if fence => open = Some((index + 1, vec![line.trim().to_owned()])),
            None => {}
            Some(_) if fence => blocks.extend(open.take()),
            Some((_, lines)) => lines.extend(typed(line)),
        }
    }
    blocks
}

/// What of a line is no comment.
fn typed(line: &str) -> Option<String> {
    let words = line.split(" #").next().unwrap_or(line).trim_end();
    let comment = words.trim_start().starts_with('#') || words.trim_start().starts_with("// ");
    (!comment && !words.trim().is_empty()).then(|| words.to_owned())
}

const SUFFIX: &str = ".zh-CN.md";

#[cfg(test)]
mod tests {
    use super::super::tests::{shown, tree};
    use super::*;

    const PAGE: &str = "# Door\n\n```sh\n# try\nmenshen serve   # here\n```\n\n## More\n";

    fn problems(page: &str, translation: &str) -> Vec<String> {
        let (_folder, tree) = tree(&[("a/x.md", page), ("a/x.zh-CN.md", translation)]);
        shown(&check(&tree))
    }

    #[test]
    fn a_translation_in_step_is_fine() {
        let text = "# 门\n\n```sh\n# 试试\nmenshen serve   # 这里\n```\n\n## 更多\n";
        assert_eq!(problems(PAGE, &format!("{}\n{text}", mark(PAGE))), [""; 0]);
    }

    #[test]
    fn one_that_fell_behind_is_found() {
        let behind = "# 门\n\n```sh\nmenshen check\n```\n";
        let found = problems(PAGE, &format!("{}\n{behind}", mark("# Door\n")));
        assert!(found[0].starts_with("a/x.zh-CN.md:1: the original changed"), "{found:?}");
        assert_eq!(found[1], "a/x.zh-CN.md: headings of levels \"1\", the original \"12\"");
        assert_eq!(found[2], "a/x.zh-CN.md:4: not what is to be typed in the original");
        assert_eq!(found.len(), 3);
        let (_folder, alone) = tree(&[("y.zh-CN.md", "")]);
        assert_eq!(
            shown(&check(&alone)),
            ["y.zh-CN.md: a translation of y.md, which is not there"]
        );
    }
}
