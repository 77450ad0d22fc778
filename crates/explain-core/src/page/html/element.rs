//! Elements and their attributes: which of them refer, and as what.

use alloc::string::String;

use scraper::node::Element;

use super::{link, srcset};
use crate::page::kind::Kind;
use crate::page::{Expected, Gather};

/// An element, with names without prefixes.
pub(super) struct Tag<'a> {
    /// Its name; those of HTML are in lower case.
    pub(super) name: &'a str,
    svg: bool,
    element: &'a Element,
}

/// What an element stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    /// In a `picture`.
    pub(super) picture: bool,
    /// In a `video` (`true`) or an `audio`.
    pub(super) video: Option<bool>,
}

impl<'a> Tag<'a> {
    pub(super) fn new(element: &'a Element) -> Self {
        let svg = &*element.name.ns == "http://www.w3.org/2000/svg";
        Self { name: element.name(), svg, element }
    }

    /// An attribute by its local name, so that `xlink:href` is a `href` too.
    pub(super) fn attr(&self, name: &str) -> Option<&'a str> {
        self.element.attrs().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    /// An attribute trimmed and in lower case; empty when it is missing.
    pub(super) fn lower(&self, name: &str) -> String {
        self.attr(name).unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// The address of a script.
    pub(super) fn link(&self) -> Option<&'a str> {
        self.attr(if self.svg { "href" } else { "src" })
    }

    /// Whether Chromium would run it: by its type, and not only without modules.
    pub(super) fn is_script(&self) -> bool {
        let kind = self.lower("type");
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let runs = matches!(kind, "" | "module")
            || kind.ends_with("/javascript")
            || kind.ends_with("/ecmascript")
            || kind.ends_with("/x-javascript");
        runs && self.attr("nomodule").is_none()
    }
}

/// Takes what an element refers to.
pub(super) fn take(gather: &mut Gather<'_>, tag: &Tag<'_>, within: Within) {
    if tag.svg {
        return take_svg(gather, tag);
    }
    let mut plain = |kind, place: &str, name: &str| {
        if let Some(value) = tag.attr(name).filter(|value| !value.trim().is_empty()) {
            gather.take(kind, place, value);
        }
    };
    match tag.name {
        "img" => take_image(gather, tag, within),
        "source" => take_source(gather, tag, within),
        "link" => link::take(gather, tag),
        "input" if tag.lower("type") == "image" => plain(Kind::Image, "input src", "src"),
        "body" | "table" | "thead" | "tbody" | "tfoot" | "tr" | "td" | "th" => {
            plain(Kind::StyleImage, "background attribute", "background");
        }
        "video" => {
            plain(Kind::Video, "video src", "src");
            plain(Kind::Image, "video poster", "poster");
        }
        "audio" => plain(Kind::Audio, "audio src", "src"),
        "track" => plain(Kind::Track, "track src", "src"),
        "script" if tag.is_script() => plain(Kind::Script, "script src", "src"),
        // With a srcdoc the src is only for browsers that do not know srcdoc.
        "iframe" if tag.attr("srcdoc").is_none() => take_frame(gather, tag, "iframe src"),
        "frame" => take_frame(gather, tag, "frame src"),
        "object" => take_plugin(gather, tag, "object data", "data"),
        "embed" => take_plugin(gather, tag, "embed src", "src"),
        "form" => plain(Kind::Form, "form action", "action"),
        "a" | "area" => {
            plain(Kind::Link, "link href", "href");
            for address in tag.attr("ping").unwrap_or_default().split_ascii_whitespace() {
                gather.take(Kind::Ping, "link ping", address);
            }
        }
        _ => {}
    }
    if let ("button" | "input", Some(action)) = (tag.name, tag.attr("formaction")) {
        gather.take(Kind::Form, "formaction", action);
    }
}

fn take_svg(gather: &mut Gather<'_>, tag: &Tag<'_>) {
    let (kind, place) = match tag.name {
        "image" => (Kind::Image, "SVG image href"),
        "feImage" => (Kind::Image, "SVG feImage href"),
        "use" => (Kind::SvgPart, "SVG use href"),
        "script" if tag.is_script() => (Kind::Script, "SVG script href"),
        "a" => (Kind::Link, "SVG link href"),
        _ => return,
    };
    if let Some(href) = tag.attr("href") {
        gather.take(kind, place, href);
    }
}

/// An image; in a set, its `src` is a candidate like the others (HTML §4.8.4.2.2).
fn take_image(gather: &mut Gather<'_>, tag: &Tag<'_>, within: Within) {
    let set = tag.attr("srcset");
    let kind = if set.is_some() || within.picture {
        Kind::ImageSet
    } else if tag.attr("crossorigin").is_some() {
        Kind::ImageCors
    } else {
        Kind::Image
    };
    if let Some(src) = tag.attr("src").filter(|src| !src.trim().is_empty()) {
        gather.take(kind, "img src", src);
    }
    for address in srcset::addresses(set.unwrap_or_default()) {
        gather.take(Kind::ImageSet, "img srcset", address);
    }
}

fn take_source(gather: &mut Gather<'_>, tag: &Tag<'_>, within: Within) {
    if within.picture {
        for address in srcset::addresses(tag.attr("srcset").unwrap_or_default()) {
            gather.take(Kind::ImageSet, "picture source srcset", address);
        }
    } else if let (Some(video), Some(src)) = (within.video, tag.attr("src")) {
        let kind = if video { Kind::Video } else { Kind::Audio };
        gather.take(kind, if video { "video source src" } else { "audio source src" }, src);
    }
}

fn take_frame(gather: &mut Gather<'_>, tag: &Tag<'_>, place: &str) {
    let Some(src) = tag.attr("src") else { return };
    let outcome = gather.take(Kind::Frame, place, src);
    gather.follow(Expected::Frame, src, outcome);
}

/// `object` and `embed`: an image by its type, else by its name; all else becomes a frame.
fn take_plugin(gather: &mut Gather<'_>, tag: &Tag<'_>, place: &str, name: &str) {
    let Some(address) = tag.attr(name) else { return };
    let kind = tag.lower("type");
    let image = match &*kind {
        "" => {
            let url = gather.resolve(address);
            let path = url.as_ref().map(|url| url.path().to_ascii_lowercase());
            let ending = path.as_deref().and_then(|path| path.rsplit_once('.'));
            ending.is_some_and(|(_, ending)| IMAGE_ENDINGS.contains(&ending))
        }
        "image/svg+xml" => false,
        kind => kind.starts_with("image/"),
    };
    gather.take(if image { Kind::PluginImage } else { Kind::Plugin }, place, address);
}

/// The address in the content of a refresh (HTML §4.2.5.3, "shared declarative refresh steps").
pub(super) fn refresh_target(content: &str) -> Option<&str> {
    let rest = content.trim_start_matches(|c: char| c.is_ascii_whitespace());
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ';' || c == ',');
    let value = match rest.get(..3).filter(|word| word.eq_ignore_ascii_case("url")) {
        Some(_) => {
            let tail = rest.get(3..)?.trim_start();
            tail.strip_prefix('=').map_or(rest, str::trim_start)
        }
        None => rest,
    };
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value.get(1..)?.split(quote).next()?,
        _ => value,
    };
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// Endings whose type Chromium takes for an image it can show.
const IMAGE_ENDINGS: [&str; 9] =
    ["apng", "avif", "bmp", "gif", "ico", "jpeg", "jpg", "png", "webp"];
