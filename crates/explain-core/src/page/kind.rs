//! What can refer to something, as a table: the category of the specification, what Chromium does
//! without and with `upgrade-insecure-requests`, and the directive of a policy that governs it.
//!
//! Outcomes are for hosts with an ordinary name; [`super::classify`] has what differs for addresses
//! and local hosts. Each row was measured with Chromium 156 and is measured again by
//! `crates/menshen/tests/explain_page.rs`.

use serde::Serialize;

use super::classify::Outcome;
use super::classify::Outcome::{
    Blocked, InsecureForm, Navigation, NotFetched, Unknown as NotKnown, Upgraded,
};

/// What refers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An image by its one address.
    Image,
    /// An image with `crossorigin`.
    ImageCors,
    /// An image chosen by `srcset` or in `picture`.
    ImageSet,
    /// An image of a style.
    StyleImage,
    /// Another SVG document of which a part is used.
    SvgPart,
    /// A video.
    Video,
    /// A sound.
    Audio,
    /// Subtitles.
    Track,
    /// A script.
    Script,
    /// A stylesheet.
    Style,
    /// A stylesheet of a stylesheet.
    StyleImport,
    /// A font.
    Font,
    /// An image fetched ahead.
    PreloadImage,
    /// An image of a set fetched ahead.
    PreloadImageSet,
    /// A script fetched ahead.
    PreloadScript,
    /// A stylesheet fetched ahead.
    PreloadStyle,
    /// A font fetched ahead.
    PreloadFont,
    /// Something else fetched ahead.
    PreloadOther,
    /// Something the next page may need.
    Prefetch,
    /// The icon of the page.
    Icon,
    /// An icon that only some systems fetch.
    SystemIcon,
    /// A web application manifest.
    Manifest,
    /// An icon of a manifest.
    ManifestIcon,
    /// A document in a frame.
    Frame,
    /// An `object` or `embed` with an image.
    PluginImage,
    /// An `object` or `embed` with anything else.
    Plugin,
    /// Where a form is sent.
    Form,
    /// A link that people follow.
    Link,
    /// A page that sends people on.
    Refresh,
    /// Who is told that a link was followed.
    Ping,
    /// A request of a script.
    Request,
    /// A web socket of a script.
    Socket,
    /// An image that a script makes.
    ScriptImage,
    /// An address in a script, used for something that is not seen.
    ScriptText,
    /// Something that Chromium does not fetch.
    Unused,
}

/// The category of W3C Mixed Content §3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spec {
    /// §3.1: the browser asks over https instead.
    Upgradeable,
    /// §3.2: the browser does not ask at all.
    Blockable,
    /// §4.3: a top-level navigation, or nothing that is fetched.
    NotMixed,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// Its kind.
    pub kind: Kind,
    /// The kind in words.
    pub about: &'static str,
    /// The category of the specification.
    pub spec: Spec,
    /// What Chromium does.
    pub plain: Outcome,
    /// What Chromium does with `upgrade-insecure-requests`.
    pub upgrading: Outcome,
    /// Directives of a policy that govern it, the first one present counts (CSP 3 §6.8.1).
    pub directives: &'static [&'static str],
}

impl Kind {
    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        // Every kind has a row: tested.
        TABLE.iter().find(|row| row.kind == self).unwrap_or(&UNUSED)
    }
}

impl Spec {
    /// The word of the specification.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Upgradeable => "upgradeable",
            Self::Blockable => "blockable",
            Self::NotMixed => "not mixed content",
        }
    }
}

const fn row(
    kind: Kind,
    about: &'static str,
    spec: Spec,
    outcomes: (Outcome, Outcome),
    directives: &'static [&'static str],
) -> Row {
    Row { kind, about, spec, plain: outcomes.0, upgrading: outcomes.1, directives }
}

const IMAGE: &[&str] = &["img-src", "default-src"];
const MEDIA: &[&str] = &["media-src", "default-src"];
const SCRIPT: &[&str] = &["script-src-elem", "script-src", "default-src"];
const STYLE: &[&str] = &["style-src-elem", "style-src", "default-src"];
const FONT: &[&str] = &["font-src", "default-src"];
const FRAME: &[&str] = &["frame-src", "child-src", "default-src"];
const CONNECT: &[&str] = &["connect-src", "default-src"];
const OBJECT: &[&str] = &["object-src", "default-src"];

use Spec::{Blockable, NotMixed, Upgradeable};

const UNUSED: Row = row(Kind::Unused, "not fetched", NotMixed, (NotFetched, NotFetched), &[]);

/// Every kind.
pub const TABLE: &[Row] = &[
    row(Kind::Image, "image", Upgradeable, (Upgraded, Upgraded), IMAGE),
    // The specification blocks what asks with CORS; Chromium upgrades it all the same.
    row(Kind::ImageCors, "image with CORS", Blockable, (Upgraded, Upgraded), IMAGE),
    row(Kind::ImageSet, "image of a set", Blockable, (Blocked, Upgraded), IMAGE),
    row(Kind::StyleImage, "image of a style", Upgradeable, (Upgraded, Upgraded), IMAGE),
    row(Kind::SvgPart, "part of an SVG", Upgradeable, (Upgraded, Upgraded), IMAGE),
    row(Kind::Video, "video", Upgradeable, (Upgraded, Upgraded), MEDIA),
    row(Kind::Audio, "audio", Upgradeable, (Upgraded, Upgraded), MEDIA),
    row(Kind::Track, "subtitles", Blockable, (Blocked, Upgraded), MEDIA),
    row(Kind::Script, "script", Blockable, (Blocked, Upgraded), SCRIPT),
    row(Kind::Style, "stylesheet", Blockable, (Blocked, Upgraded), STYLE),
    row(Kind::StyleImport, "imported stylesheet", Blockable, (Blocked, Upgraded), STYLE),
    row(Kind::Font, "font", Blockable, (Blocked, Upgraded), FONT),
    row(Kind::PreloadImage, "preloaded image", Upgradeable, (Upgraded, Upgraded), IMAGE),
    row(Kind::PreloadImageSet, "preloaded image of a set", Blockable, (Blocked, Upgraded), IMAGE),
    row(Kind::PreloadScript, "preloaded script", Blockable, (Blocked, Upgraded), SCRIPT),
    row(Kind::PreloadStyle, "preloaded stylesheet", Blockable, (Blocked, Upgraded), STYLE),
    row(Kind::PreloadFont, "preloaded font", Blockable, (Blocked, Upgraded), FONT),
    row(Kind::PreloadOther, "preload", Blockable, (Blocked, Upgraded), CONNECT),
    row(Kind::Prefetch, "prefetch", Blockable, (Blocked, Upgraded), &["default-src"]),
    // An image to the specification; Chromium asks for it as for nothing else, and blocks it.
    row(Kind::Icon, "icon", Upgradeable, (Blocked, Upgraded), IMAGE),
    row(Kind::SystemIcon, "icon for some systems", Upgradeable, (NotFetched, NotFetched), IMAGE),
    row(
        Kind::Manifest,
        "manifest",
        Blockable,
        (Blocked, Upgraded),
        &["manifest-src", "default-src"],
    ),
    // Asked for when the page is installed; not part of the page that is seen.
    row(Kind::ManifestIcon, "icon of the manifest", Upgradeable, (NotFetched, NotFetched), IMAGE),
    row(Kind::Frame, "frame", Blockable, (Blocked, Upgraded), FRAME),
    // Upgraded as an image; what comes back as something else is a frame again, and blocked.
    row(Kind::PluginImage, "object with an image", Blockable, (Blocked, Upgraded), OBJECT),
    // The request is made for a frame after the upgrade was looked at: still blocked.
    row(Kind::Plugin, "object", Blockable, (Blocked, Blocked), OBJECT),
    row(Kind::Form, "form", NotMixed, (InsecureForm, Upgraded), &["form-action"]),
    row(Kind::Link, "link", NotMixed, (Navigation, Navigation), &[]),
    row(Kind::Refresh, "refresh", NotMixed, (Navigation, Navigation), &[]),
    row(Kind::Ping, "ping of a link", Blockable, (Blocked, Upgraded), CONNECT),
    row(Kind::Request, "request of a script", Blockable, (Blocked, Upgraded), CONNECT),
    row(Kind::Socket, "web socket", Blockable, (Blocked, Upgraded), CONNECT),
    row(Kind::ScriptImage, "media of a script", Upgradeable, (Upgraded, Upgraded), &[]),
    row(Kind::ScriptText, "address in a script", NotMixed, (NotKnown, NotKnown), &[]),
    UNUSED,
];
