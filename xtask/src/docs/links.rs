//! Links of the pages that were built: each must lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Links between the pages below `folder` whose file or whose place in it is not there.
pub(super) fn broken(folder: &Path) -> Result<Vec<String>, String> {
    let mut pages = BTreeMap::new();
    collect(folder, &mut pages)?;
    let mut broken = Vec::new();
    for (page, (links, _)) in &pages {
        for link in links {
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let file = match path {
                "" => Some(page.clone()),
                path => page.parent().and_then(|parent| parent.join(path).canonicalize().ok()),
            };
            let Some(file) = file else {
                broken.push(format!("{}: {link} is not there", shown(page, folder)));
                continue;
            };
            let known = pages.get(&file).is_none_or(|(_, ids)| ids.contains(place));
            if !place.is_empty() && !known {
                broken
                    .push(format!("{}: nothing is called #{place} in {path}", shown(page, folder)));
            }
        }
    }
    Ok(broken)
}

fn shown(page: &Path, folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_default();
    page.strip_prefix(folder).unwrap_or(page).display().to_string()
}

type Pages = BTreeMap<PathBuf, (Vec<String>, BTreeSet<String>)>;

fn collect(folder: &Path, pages: &mut Pages) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            collect(&path, pages)?;
        } else if path.extension().is_some_and(|e| e == "html") && !is_frame(&path) {
            let text = fs::read_to_string(&path).map_err(failed)?;
            let links =
                attribute(main(&text), "href").filter(|link| !link.contains(':')).map(plain);
            let ids = attribute(&text, "id").map(plain);
            let page = path.canonicalize().map_err(failed)?;
            pages.insert(page, (links.collect(), ids.collect()));
        }
    }
    Ok(())
}

/// Pages of mdBook's own: all chapters on one page, and what is shown for a missing one.
fn is_frame(path: &Path) -> bool {
    ["print.html", "404.html", "toc.html"].iter().any(|name| path.ends_with(name))
}

/// What of a page is the chapter: around it is mdBook's own.
fn main(text: &str) -> &str {
    let rest = text.split_once("<main>").map_or(text, |(_, rest)| rest);
    rest.split_once("</main>").map_or(rest, |(main, _)| main)
}

fn attribute<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {name}=\"");
    let starts: Vec<usize> = text.match_indices(&start).map(|(at, _)| at + start.len()).collect();
    starts.into_iter().filter_map(move |at| text.get(at..)?.split('"').next())
}

fn plain(text: &str) -> String {
    let text = text.replace("&amp;", "&").replace("&#39;", "'").replace("&quot;", "\"");
    // Of what is escaped in links only letters of other scripts matter here.
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let page = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        page(
            "a.html",
            "<a href=\"gone-too.html\"><main><a href=\"b.html#x\">1</a><a href=\"b.html#y\">2</a>\
              <a href=\"c.html\">3</a><a href=\"#%E9%97%A8\">4</a><h2 id=\"门\"></h2>\
              <a href=\"https://example.com\">5</a></main>",
        );
        page("b.html", "<main><h2 id=\"x\"></h2></main>");
        let broken = broken(folder.path()).unwrap();
        assert_eq!(
            broken,
            ["a.html: nothing is called #y in b.html", "a.html: c.html is not there"]
        );
    }
}
