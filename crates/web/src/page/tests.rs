//! Tests of the embedded page: what may stand in the template, and that its parts are all there.

use std::collections::BTreeSet;

use super::*;

fn text(page: &Page<'_>) -> String {
    String::from_utf8(page.reply().body.bytes().to_vec()).unwrap()
}

fn page<'a>(path: &'a str, rows: &'a str) -> Page<'a> {
    Page { lang: Lang::En, path, rows, state: "open", access: "write" }
}

/// Names the sources refer to: absolute in the template, relative in the modules.
fn referenced() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |text: &str, before: &str| {
        for rest in text.split(before).skip(1) {
            let end = rest.find(['"', '\'', ')']).unwrap();
            names.insert(rest[..end].to_owned());
        }
    };
    for template in [TEMPLATE, include_str!("../../page/drop.html")] {
        add(template, "\"/.menshen/page/");
    }
    for part in &PARTS {
        if let Ok(text) = std::str::from_utf8(part.bytes) {
            add(text, "from \"./");
            add(text, "import(\"./");
            add(text, "\"/.menshen/page/");
        }
    }
    names
}

#[test]
fn every_part_is_referenced_and_every_reference_is_a_part() {
    let parts: BTreeSet<String> = PARTS.iter().map(|part| part.name.to_owned()).collect();
    assert_eq!(referenced(), parts);
}

#[test]
fn every_file_of_the_page_is_compiled_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
    let mut files: BTreeSet<String> = crate::fixture::names(folder.as_ref()).into_iter().collect();
    for template in ["index.html", "drop.html", "shared.html"] {
        assert!(files.remove(template), "{template}");
    }
    let parts: BTreeSet<String> = PARTS.iter().map(|part| part.name.to_owned()).collect();
    assert_eq!(files, parts);
}

#[test]
fn a_value_that_looks_like_a_placeholder_stays_a_value() {
    let text = text(&page("/{{rows}}/{{state}}/", "<tr><td>{{title}}{{path}}</td></tr>"));
    assert!(text.contains("<title>/{{rows}}/{{state}}/</title>"));
    assert!(text.contains("<tr><td>{{title}}{{path}}</td></tr>"));
}

#[test]
fn every_placeholder_is_filled() {
    let text = text(&page("/folder/", "ROWS"));
    assert!(!text.contains("{{") && !text.contains("}}"));
    for part in ["<html lang=\"en\"", "<title>/folder/</title>", "ROWS", "open", "write"] {
        assert!(text.contains(part), "{part}");
    }
    // A misspelt name would silently become nothing.
    let known = ["lang", "title", "rows", "state", "access"];
    let used: BTreeSet<&str> =
        TEMPLATE.split("{{").skip(1).map(|rest| rest.split("}}").next().unwrap()).collect();
    assert_eq!(used, known.into_iter().collect());
}

#[test]
fn a_path_cannot_become_markup() {
    let text = text(&page("/<script>\"'&/", ""));
    assert!(text.contains("<title>/&lt;script&gt;&quot;&#39;&amp;/</title>"));
    assert!(!text.contains("<script>\"'"));
}

#[test]
fn the_policy_allows_nothing_but_our_own_parts() {
    let field = |reply: &Reply, name: &str| {
        let value = reply.fields.iter().find(|(key, _)| *key == name);
        value.map(|(_, value)| String::from_utf8(value.to_vec()).unwrap())
    };
    let mut replies = vec![page("/", "").reply()];
    replies.extend(PARTS.iter().map(Part::reply));
    for reply in &replies {
        let policy = field(reply, "content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"));
        assert_eq!(field(reply, "x-content-type-options").as_deref(), Some("nosniff"));
    }
    // Nothing inline that the policy would stop, and nothing from elsewhere.
    for banned in
        [" style=\"", " onclick", " onload", " onerror", "<style", "src=\"http", "javascript:"]
    {
        assert!(!TEMPLATE.contains(banned), "{banned} in the template");
    }
    assert_eq!(
        TEMPLATE.matches("<script").count(),
        TEMPLATE.matches("<script type=\"module\" src=").count()
    );
}

#[test]
fn a_part_is_revalidated_by_a_tag_of_its_bytes() {
    let tags: BTreeSet<&str> = PARTS.iter().map(Part::etag).collect();
    assert_eq!(tags.len(), PARTS.len());
    let part = part(b"page.js").unwrap();
    let (whole, unchanged) = (part.reply(), part.not_modified());
    assert_eq!((whole.status, unchanged.status), (200, 304));
    assert!(unchanged.body.bytes().is_empty() && !whole.body.bytes().is_empty());
    // RFC 9110 §15.4.5: what a 304 says is what the 200 said.
    for field in &unchanged.fields {
        assert!(whole.fields.contains(field), "{field:?}");
    }
    assert!(self::part(b"index.html").is_none() && self::part(b"../lib.rs").is_none());
}

#[test]
fn the_script_for_forms_is_small_and_its_own() {
    let script = forms_script();
    let bytes = script.reply().body.bytes().to_vec();
    assert!(bytes.len() <= 13 << 9, "{} bytes", bytes.len());
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.is_ascii() || !text.contains('\u{fffd}'));
    // It asks nobody but the door, and needs nothing that a strict policy would refuse.
    for banned in ["//", "eval(", "innerHTML", ".style", "new Function", "importScripts"] {
        assert!(!text.contains(banned), "{banned} in the script");
    }
    assert!(text.contains("\"/.menshen/uploads/\"") && text.contains("Tus-Resumable"));
}

#[test]
fn the_language_is_said() {
    for (lang, word) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        let page = Page { lang, ..page("/", "") };
        assert!(text(&page).contains(&format!("<html lang=\"{word}\"")));
        let reply = page.reply();
        assert!(reply.fields.iter().any(|(name, value)| {
            *name == "content-language" && value.as_ref() == word.as_bytes()
        }));
    }
}
