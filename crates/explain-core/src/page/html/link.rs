//! `link`: what its `rel`, `as` and other attributes make of its address (HTML §4.6.7).

use super::element::Tag;
use super::srcset;
use crate::page::kind::Kind;
use crate::page::{Expected, Gather};

/// Takes a `link` element.
pub(super) fn take(gather: &mut Gather<'_>, tag: &Tag<'_>) {
    let rel = tag.attr("rel").unwrap_or_default().to_ascii_lowercase();
    let set = tag.attr("imagesrcset");
    let has = |word: &str| rel.split_ascii_whitespace().any(|other| other == word);
    if has("preload") && set.is_some() && tag.lower("as") == "image" {
        for address in srcset::addresses(set.unwrap_or_default()) {
            gather.take(Kind::PreloadImageSet, "link imagesrcset", address);
        }
        return;
    }
    let Some(href) = tag.attr("href") else { return };
    if has("stylesheet") {
        let text = matches!(tag.lower("type").as_str(), "" | "text/css");
        if text && tag.attr("disabled").is_none() {
            let outcome = gather.take(Kind::Style, "link rel=stylesheet", href);
            gather.follow(Expected::Style, href, outcome);
        }
    } else if has("manifest") {
        let outcome = gather.take(Kind::Manifest, "link rel=manifest", href);
        gather.follow(Expected::Manifest, href, outcome);
    } else if has("icon") {
        gather.take(Kind::Icon, "link rel=icon", href);
    } else if has("preload") {
        if let Some(kind) = preload(&tag.lower("as")) {
            gather.take(kind, "link rel=preload", href);
        }
    } else if has("modulepreload") {
        gather.take(Kind::PreloadScript, "link rel=modulepreload", href);
    } else if has("prefetch") {
        gather.take(Kind::Prefetch, "link rel=prefetch", href);
    } else if ["apple-touch-icon", "apple-touch-icon-precomposed", "mask-icon"].into_iter().any(has)
    {
        gather.take(Kind::SystemIcon, "link rel=apple-touch-icon", href);
    } else if has("next") || has("prev") || has("alternate") || has("license") || has("help") {
        gather.take(Kind::Link, "link", href);
    }
}

/// What Chromium fetches ahead; other values of `as` it does not know.
fn preload(word: &str) -> Option<Kind> {
    Some(match word {
        "image" => Kind::PreloadImage,
        "script" => Kind::PreloadScript,
        "style" => Kind::PreloadStyle,
        "font" => Kind::PreloadFont,
        "fetch" | "track" => Kind::PreloadOther,
        _ => return None,
    })
}
