//! What documents refer to, and what they do not.
extern crate std;

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::page::classify::Outcome;
use crate::page::kind::Kind::{
    Audio, Font, Form, Frame, Icon, Image, ImageCors, ImageSet, Link, Manifest, Ping, Plugin,
    PluginImage, Prefetch, PreloadFont, PreloadImage, PreloadImageSet, PreloadScript, Refresh,
    Request, Script, ScriptText, Socket, Style, StyleImage, StyleImport, SvgPart, SystemIcon,
    Track, Video,
};

fn of(text: &str) -> Scan {
    let url = Url::parse("https://page.test/folder/").unwrap();
    scan(&url, &url, text, Policies::default())
}

fn kinds(text: &str) -> Vec<(Kind, String)> {
    let pair = |one: crate::page::Reference| {
        (one.kind, one.url.trim_start_matches("http://t/").to_string())
    };
    of(text).references.into_iter().map(pair).collect()
}

#[test]
fn each_element_refers_as_what_it_is() {
    for (text, kind) in [
        ("<img src='http://t/x'>", Image),
        ("<img SRC=' http:\n//t/x '>", Image),
        ("<img crossorigin src=http://t/x>", ImageCors),
        ("<img srcset='http://t/x 2x'>", ImageSet),
        ("<img src='http://t/x' srcset='https://t/y 2x'>", ImageSet),
        ("<picture><img src='http://t/x'></picture>", ImageSet),
        ("<picture><source srcset='http://t/x'></picture>", ImageSet),
        ("<input type=IMAGE src='http://t/x'>", Image),
        ("<body background='http://t/x'>", StyleImage),
        ("<table><tr><td background='http://t/x'>", StyleImage),
        ("<svg><image xlink:href='http://t/x'/></svg>", Image),
        ("<svg><use href='http://t/x'/></svg>", SvgPart),
        ("<svg><script href='http://t/x'></script></svg>", Script),
        ("<video src='http://t/x'></video>", Video),
        ("<video poster='http://t/x'></video>", Image),
        ("<video><source src='http://t/x'></video>", Video),
        ("<audio><source src='http://t/x'></audio>", Audio),
        ("<video><track src='http://t/x'></video>", Track),
        ("<script src='http://t/x'></script>", Script),
        ("<script type=module src='http://t/x'></script>", Script),
        ("<link rel=stylesheet href='http://t/x'>", Style),
        ("<link rel='shortcut ICON' href='http://t/x'>", Icon),
        ("<link rel=apple-touch-icon href='http://t/x'>", SystemIcon),
        ("<link rel=preload as=image href='http://t/x'>", PreloadImage),
        ("<link rel=preload as=image imagesrcset='http://t/x 1x'>", PreloadImageSet),
        ("<link rel=preload as=font href='http://t/x'>", PreloadFont),
        ("<link rel=modulepreload href='http://t/x'>", PreloadScript),
        ("<link rel=prefetch href='http://t/x'>", Prefetch),
        ("<link rel=manifest href='http://t/x'>", Manifest),
        ("<iframe src='http://t/x'></iframe>", Frame),
        ("<frameset><frame src='http://t/x'></frameset>", Frame),
        ("<iframe srcdoc=\"<img src='http://t/x'>\"></iframe>", Image),
        ("<object data='http://t/x'></object>", Plugin),
        ("<object data='http://t/x' type='image/png'></object>", PluginImage),
        ("<object data='http://t/x' type='image/svg+xml'></object>", Plugin),
        ("<embed src='http://t/x'>", Plugin),
        ("<form action='http://t/x'></form>", Form),
        ("<button formaction='http://t/x'>", Form),
        ("<a href='http://t/x'>", Link),
        ("<a ping='http://t/x'>", Ping),
        ("<meta http-equiv=refresh content='5; URL=\"http://t/x\"'>", Refresh),
        ("<p style='background:url(http://t/x)'>", StyleImage),
        ("<style>a{background:url(http://t/x)}</style>", StyleImage),
        ("<style>@import 'http://t/x';</style>", StyleImport),
        ("<style>@font-face{src:url(http://t/x)}</style>", Font),
        ("<base href='http://t/'><img src=x>", Image),
        ("<noscript><img src='http://t/x'></noscript>", Image),
        ("<div><template shadowrootmode=open><img src='http://t/x'></template></div>", Image),
        ("<script>fetch('http://t/x')</script>", Request),
        ("<script>r.open( 'GET' , \"http://t/x\")</script>", Request),
        ("<script>var a='http://t/x'</script>", ScriptText),
    ] {
        assert_eq!(kinds(text), vec![(kind, "x".to_string())], "{text}");
    }
    assert_eq!(kinds("<script>new WebSocket('ws://t/x')</script>")[0].0, Socket);
    assert_eq!(kinds("<object data='http://t/x.PNG?q'></object>")[0].0, PluginImage);
}

#[test]
fn what_refers_to_nothing() {
    for text in [
        "<!-- <img src='http://t/x'> -->",
        "<template><img src='http://t/x'><style>a{b:url(http://t/x)}</style></template>",
        "<textarea><img src='http://t/x'></textarea>",
        "<script type='text/template' src='http://t/x'>fetch('http://t/x')</script>",
        "<script type='application/ld+json'>{\"url\":\"http://t/x\"}</script>",
        "<script nomodule src='http://t/x'></script>",
        "<script>'http://www.w3.org/2000/svg'</script>",
        "<source src='http://t/x'>",
        "<input src='http://t/x'>",
        "<blockquote cite='http://t/x'>",
        "<link rel=stylesheet disabled href='http://t/x'>",
        "<link rel=preload as=video href='http://t/x'>",
        "<link rel=preconnect href='http://t/x'>",
        "<iframe srcdoc='' src='http://t/x'></iframe>",
        "<img src='https://t/x'><img src='//t/x'><img src='x'><img src=''>",
        "<img src='data:,http://t/x'>",
        "<meta http-equiv=refresh content='5'>",
    ] {
        assert_eq!(kinds(text), vec![], "{text}");
    }
}

#[test]
fn base_counts_from_where_it_stands_and_once() {
    let text = "<img src=a><base href='http://t/x/'><base href='http://no/'><img src=b>";
    assert_eq!(kinds(text), [(Image, "x/b".to_string())]);
    // The one of a frame's own document stays there.
    let text = "<iframe srcdoc=\"<base href='http://t/'><img src=a>\"></iframe><img src=b>";
    assert_eq!(kinds(text), [(Image, "a".to_string())]);
}

#[test]
fn policies_of_meta_count_from_where_they_stand_in_the_head() {
    let up = "<meta http-equiv='Content-Security-Policy' content='upgrade-insecure-requests'>";
    let script = "<script src='http://t/x'></script>";
    let outcomes = |text: &str| -> Vec<Outcome> {
        of(text).references.iter().map(|one| one.outcome).collect()
    };
    let (blocked, upgraded) = (Outcome::Blocked, Outcome::Upgraded);
    assert_eq!(outcomes(&alloc::format!("{script}{up}{script}")), [blocked, upgraded]);
    assert_eq!(outcomes(&alloc::format!("<body>{up}{script}")), [blocked]);
    assert!(of(up).policies.upgrades());
    let inner = alloc::format!("<iframe srcdoc=\"{up}{script}\"></iframe>{script}");
    assert_eq!(outcomes(&inner), [upgraded, blocked]);
}

#[test]
fn noscript_is_for_others() {
    let scan = of("<noscript><img src='http://t/x'></noscript><img src='http://t/y'>");
    let flags: Vec<bool> = scan.references.iter().map(|one| one.without_scripts_only).collect();
    assert_eq!(flags, [true, false]);
}

#[test]
fn what_is_loaded_is_followed() {
    let scan = of("<link rel=stylesheet href=a.css><link rel=stylesheet href='http://t/no.css'>\
        <iframe src=b></iframe><link rel=manifest href=c><style>@import 'd.css'</style>\
        <meta http-equiv=content-security-policy content=upgrade-insecure-requests>\
        <link rel=stylesheet href='http://t/up.css'>");
    let urls: Vec<&str> = scan.follow.iter().map(|follow| follow.url.as_str()).collect();
    let folder = "https://page.test/folder/";
    let own = ["a.css", "b", "c", "d.css"].map(|name| alloc::format!("{folder}{name}"));
    let expected: Vec<&str> =
        own.iter().map(String::as_str).chain(["https://t/up.css"]).take(4).collect();
    assert_eq!(urls[..4], expected[..4]);
}

#[test]
fn places_are_those_of_the_text() {
    let scan = of("<p>\n  <img src='http://t/x'>\n<img src='http://t/x'>");
    let places: Vec<_> = scan.references.iter().map(|one| (one.line, one.column)).collect();
    assert_eq!(places, [(Some(2), Some(13)), (Some(3), Some(11))]);
}

#[test]
fn much_is_cut_and_deep_is_no_trouble() {
    let many = "<img src='http://t/x'>".repeat(crate::page::REFERENCES_MAX + 10);
    let scan = of(&many);
    assert_eq!((scan.references.len(), scan.cut), (crate::page::REFERENCES_MAX, true));
    of(&"<div>".repeat(20_000));
    of(&"<svg><g>".repeat(5_000));
}

#[test]
fn hostile_nesting_takes_no_time() {
    let began = std::time::Instant::now();
    for (open, then) in [("<div>", "<p>"), ("<div>", "</x>"), ("<b>", "<p>"), ("<table>", "<td>")] {
        let scan = of(&(open.repeat(50_000) + &then.repeat(50_000)));
        assert!(scan.cut, "{open}");
    }
    // Unbounded, the first alone takes three quarters of a minute.
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}
