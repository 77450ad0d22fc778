//! No texts meet, documents are well-formed, strangers' names stay names, and the stop is there.

use std::path::Path;

use menshen_explain_core::tunnel::live::Live;

use super::*;
use crate::picture::proof::{meet, well_formed};
use crate::tunnel::from_capture;

fn told(name: &str) -> Told {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../explain-core/tests/captures");
    let file = std::fs::File::open(folder.join(format!("{name}.pcap"))).unwrap();
    from_capture(name, file, &mut |_| {}).unwrap()
}

/// A peer with a name that wants more.
fn hostile() -> Told {
    let mut told = told("http.client");
    let call = &mut told.report.calls[0].call;
    if let Some(control) = &mut call.control {
        let octets = format!("{EVIL}{}", "x".repeat(4000));
        control.foreign = Some((menshen_explain_core::tunnel::Side::Server, octets));
    }
    told.report.calls[0].verdict.finding.claim = EVIL.repeat(20);
    told
}

fn all() -> Vec<(&'static str, Told)> {
    let mut all: Vec<(&str, Told)> = NAMES.iter().map(|name| (*name, told(name))).collect();
    let mut many = told("refused");
    for _ in 0..5 {
        let calls = many.report.calls.clone();
        many.report.calls.extend(calls);
    }
    all.push(("many", many));
    all.push(("hostile", hostile()));
    let mut empty = told("works");
    empty.report = super::super::Report::default();
    all.push(("empty", empty));
    all
}

#[test]
fn no_texts_meet_and_all_are_on_the_sheet() {
    for (name, told) in all() {
        let scene = Scene::of(&told);
        for (sheet, width) in [(narrow(&scene), NARROW), (wide(&scene), WIDE)] {
            assert_eq!(meet(&sheet.areas), [], "{name}");
            for area in &sheet.areas {
                let inside = area.left >= 0 && area.right <= width && area.top >= 0;
                assert!(inside && area.bottom <= sheet.height, "{name}: {area:?} of {width}");
            }
        }
    }
}

#[test]
fn documents_are_well_formed_and_strangers_stay_names() {
    for (name, told) in all() {
        let svg = svg(&told);
        well_formed(&svg, &[]);
        assert!(!svg.contains("<b onload"), "{name}");
        assert!(svg.chars().all(|c| c == '\n' || !c.is_control()), "{name}");
        if let Some(folder) = std::env::var_os("PICTURES") {
            std::fs::write(Path::new(&folder).join(format!("tunnel-{name}.svg")), svg).unwrap();
        }
    }
}

/// The signs of the wide layout: walls, boxes, and arrows by what became of them.
fn marks(name: &str) -> [usize; 6] {
    let body = wide(&Scene::of(&told(name))).body;
    let shafts = |class: &str| body.matches(&format!("class=\"shaft {class}\"")).count();
    [
        body.matches("class=\"wall\"").count(),
        body.matches("class=\"box-well\"").count(),
        shafts("arrives"),
        shafts("doubt"),
        shafts("stops"),
        shafts("missing"),
    ]
}

#[test]
fn the_stop_is_drawn_where_it_is_and_nowhere_else() {
    assert_eq!(marks("silent.client"), [1, 0, 6, 1, 0, 1]);
    assert_eq!(marks("silentout.client"), [1, 0, 7, 0, 1, 0]);
    assert_eq!(marks("closed.client"), [1, 0, 1, 0, 1, 0]);
    let [wall, well, .., doubt, stops, missing] = marks("works");
    assert_eq!((wall, well, doubt, stops, missing), (0, 1, 0, 0, 0));
    assert_eq!(marks("refused")[0], 4);
}

#[test]
fn words_are_those_of_the_verdict_and_of_people() {
    let told = told("silent.client");
    let svg = svg(&told);
    let without = |text: &str| {
        let mut out = String::new();
        for piece in text.split('<') {
            out += piece.split_once('>').map_or("", |(_, words)| words).trim();
            out.push(' ');
        }
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let words = without(&svg);
    for expected in [
        "Went well: Connection, Greeting, Call. Stopped at: Tunnel packets (GRE).",
        "It stops here. GRE goes out and none comes back",
        "From here this looks the same:",
        "What to do:",
        "never reached: Link (LCP), Password, Encryption (MPPE), Address (IPCP), Data",
        "Outgoing-Call-Reply: granted",
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    assert!(!words.contains("tunnel-gre"), "codes are for programs");
}

/// What a live probe makes of one silence and two tries.
#[test]
fn a_second_try_that_ends_alike_is_told_and_not_drawn() {
    let mut look = told("silent.client");
    let again = look.report.calls[0].clone();
    look.report.calls.push(again);
    assert_eq!(Scene::of(&look).calls.len(), 2, "a capture's calls are all somebody's");
    look.live = Some(Live::default());
    let mut verdict = look.report.calls[0].verdict.clone();
    verdict.finding.hint = "About this host.".to_owned();
    look.verdict = Some(verdict);
    let scene = Scene::of(&look);
    assert_eq!(scene.calls.len(), 1);
    assert_eq!(scene.calls[0].1.ending.hint, "About this host.");
    assert!(scene.facts[0].contains("stopped at the same step"), "{:?}", scene.facts);
    // One that goes another way has its own ladder.
    look.report.calls[1] = told("silentout.client").report.calls.remove(0);
    assert_eq!(Scene::of(&look).calls.len(), 2);
}

const NAMES: [&str; 12] = [
    "silent.client",
    "silentout.client",
    "silentin.server",
    "rejectgre.client",
    "plain.client",
    "closed.client",
    "filtered.client",
    "http.client",
    "callrefused.client",
    "routed.client",
    "refused",
    "works",
];
const EVIL: &str = "<b onload=\"x\" '&]]>\u{202e}\u{1b}[";
