//! Real captures of calls that do and do not come up: the verdict of each, and what it leaves open.
//! How they were made is in `captures/README.md`.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its captures fails")]

use std::fs;
use std::path::PathBuf;

use menshen_explain_core::capture::{Item, Packet, Reader};
use menshen_explain_core::tunnel::capture::Finder;
use menshen_explain_core::tunnel::vantage::Place::{self, Between, Both, Client, Server, Unknown};
use menshen_explain_core::tunnel::{Report, text};

/// File, place of the capture, verdict of each call, how many causes it cannot tell apart.
type Expected = (&'static str, Place, &'static [(&'static str, usize)]);

const EXPECTED: &[Expected] = &[
    ("bare", Both, &[("lcp-only", 0)]),
    ("callrefused.client", Client, &[("call-refused", 0)]),
    ("callrefused.server", Server, &[("call-refused", 0)]),
    ("clientin.client", Client, &[("client-ignores-gre", 0)]),
    ("clientin.server", Server, &[("gre-lost-back", 2)]),
    ("clientout.client", Client, &[("client-sends-no-gre", 0)]),
    ("clientout.server", Server, &[("gre-not-arriving", 4)]),
    ("closed.client", Client, &[("port-closed", 0)]),
    ("closed.server", Server, &[("port-closed", 0)]),
    ("decoy.client", Client, &[("client-ignores-gre", 0)]),
    ("dropgre.client", Client, &[("nat-without-helper", 4)]),
    ("dropgre.server", Server, &[("nat-without-helper", 2)]),
    ("dropgrein.client", Client, &[("nat-without-helper", 4)]),
    ("dropgrein.server", Server, &[("nat-without-helper", 0)]),
    ("filtered.client", Client, &[("port-filtered", 0)]),
    ("filtered.server", Unknown, &[("port-filtered", 0)]),
    ("helper.client", Client, &[("lcp-only", 0)]),
    ("helper.server", Server, &[("lcp-only", 0)]),
    ("helper2.server", Server, &[("lcp-only", 0), ("lcp-only", 0)]),
    ("host", Both, &[("no-common-auth", 0), ("mppe-no-key", 0)]),
    ("http.client", Client, &[("not-pptp", 0)]),
    ("http.server", Server, &[("not-pptp", 0)]),
    ("mute.client", Client, &[("control-silent", 0)]),
    ("mute.server", Server, &[("control-silent", 0)]),
    ("mutecall.client", Client, &[("call-unanswered", 0)]),
    ("mutecall.server", Server, &[("call-unanswered", 0)]),
    ("nogre.client", Client, &[("server-without-gre", 0)]),
    ("nogre.server", Server, &[("server-without-gre", 0)]),
    ("plain.client", Client, &[("nat-without-helper", 4)]),
    ("plain.server", Server, &[("nat-without-helper", 0)]),
    ("plain2.client", Client, &[("nat-without-helper", 4), ("nat-without-helper", 4)]),
    (
        "refused",
        Both,
        &[("auth-refused", 0), ("mppe-strength", 0), ("mppe-refused", 0), ("no-common-auth", 0)],
    ),
    ("rejectgre.client", Client, &[("gre-rejected", 0)]),
    ("rejectgre.server", Server, &[("client-gave-up", 3)]),
    ("routed.client", Client, &[("lcp-only", 0)]),
    ("routed.server", Server, &[("lcp-only", 0)]),
    ("serverin.client", Client, &[("gre-lost-out", 2)]),
    ("serverin.server", Server, &[("server-ignores-gre", 0)]),
    ("silent.client", Client, &[("gre-lost", 5)]),
    ("silent.server", Server, &[("gre-not-arriving", 4)]),
    ("silentin.client", Client, &[("gre-lost", 5)]),
    ("silentin.server", Server, &[("gre-lost-back", 2)]),
    ("silentout.client", Client, &[("gre-lost-out", 2)]),
    ("silentout.server", Server, &[("gre-not-arriving", 4)]),
    ("startrefused.client", Client, &[("start-refused", 0)]),
    ("startrefused.server", Server, &[("start-refused", 0)]),
    ("tcpreject.client", Client, &[("port-rejected", 0)]),
    ("works", Both, &[("works", 0)]),
    ("wrongkey.client", Client, &[("wrong-call-id", 0)]),
    ("wrongkey.server", Server, &[("wrong-call-id", 0)]),
];

/// Puts a frame around a packet.
type Frame = fn(&[u8]) -> Vec<u8>;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures")
}

fn octets(name: &str) -> Vec<u8> {
    fs::read(folder().join(format!("{name}.pcap"))).unwrap()
}

/// The report of a capture that comes in pieces of this size.
fn report(octets: &[u8], piece: usize) -> Report {
    let (mut reader, mut finder) = (Reader::new(), Finder::new());
    for piece in octets.chunks(piece) {
        let take = |item: Item<'_>| {
            if let Item::Packet(packet) = item {
                finder.take(&packet);
            }
        };
        reader.push(piece, take).unwrap();
    }
    Report::new(finder.finish())
}

#[test]
fn every_capture_has_its_verdict_and_no_more_certainty_than_its_place_allows() {
    for (name, place, verdicts) in EXPECTED {
        let report = report(&octets(name), 1 << 20);
        let found: Vec<(&str, usize)> = report
            .calls
            .iter()
            .map(|call| (call.verdict.finding.code, call.verdict.open.len()))
            .collect();
        let expected: Vec<(String, usize)> =
            verdicts.iter().map(|(code, open)| (format!("tunnel-{code}"), *open)).collect();
        let found: Vec<(String, usize)> =
            found.into_iter().map(|(code, open)| (code.to_string(), open)).collect();
        assert_eq!(found, expected, "{name}\n{}", text::text(&report));
        for call in &report.calls {
            assert_eq!(call.vantage.place, *place, "{name}: {:?}", call.vantage);
            let verdict = &call.verdict;
            assert!(!verdict.finding.claim.is_empty() && !verdict.finding.claim.ends_with('.'));
            let open = &verdict.open;
            assert!(open.is_empty() || open.contains(&verdict.finding.code), "{name}");
            assert_eq!(open.is_empty(), verdict.settle.is_none(), "{name}: how to tell");
        }
    }
}

#[test]
fn every_capture_is_expected() {
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".pcap") else { continue };
        assert!(EXPECTED.iter().any(|(expected, ..)| *expected == name), "{name}");
    }
}

/// The heart of it: from the client's side two causes look the same, and the server's side tells.
#[test]
fn what_one_end_cannot_tell_apart_the_other_end_does() {
    let open = |name| report(&octets(name), 4096).calls.remove(0).verdict.open;
    assert_eq!(open("silent.client"), open("silentin.client"));
    assert!(open("silent.client").contains(&"tunnel-gre-lost-out"));
    assert!(open("silent.client").contains(&"tunnel-gre-lost-back"));
    assert!(!open("silentin.server").contains(&"tunnel-gre-lost-out"));
    assert!(open("silent.server").contains(&"tunnel-gre-lost-out"));
}

#[test]
fn any_pieces_give_the_same_report() {
    for name in ["refused", "silentin.server", "plain2.client"] {
        let octets = octets(name);
        let whole = report(&octets, octets.len());
        for piece in [1, 7, 100, 1000] {
            assert_eq!(report(&octets, piece), whole, "{name} in pieces of {piece}");
        }
    }
}

/// The same packets in other frames: what was captured, not how, makes the report.
#[test]
fn link_types_and_tags_change_nothing() {
    let frames: &[(u16, Frame)] = &[
        (1, |ip| [&[0; 12][..], &[0x81, 0, 0, 7, 8, 0], ip].concat()),
        (1, |ip| [&[0; 12][..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0], ip].concat()),
        (1, |ip| [&[0; 12][..], &[8, 0], ip, &[0; 6]].concat()),
        (101, <[u8]>::to_vec),
        (228, <[u8]>::to_vec),
        (113, |ip| [&[0; 14][..], &[8, 0], ip].concat()),
        (276, |ip| [&[8, 0][..], &[0; 18], ip].concat()),
        (0, |ip| [&[2, 0, 0, 0][..], ip].concat()),
    ];
    for name in ["silentout.client", "rejectgre.client", "refused"] {
        let octets = octets(name);
        let whole = report(&octets, octets.len());
        for (link, frame) in frames {
            let (mut reader, mut finder) = (Reader::new(), Finder::new());
            let take = |item: Item<'_>| {
                let Item::Packet(packet) = item else { return };
                let bytes = frame(&packet.bytes[14..]);
                finder.take(&Packet { link: *link, bytes: &bytes, ..packet });
            };
            reader.push(&octets, take).unwrap();
            assert_eq!(Report::new(finder.finish()), whole, "{name}, link type {link}");
        }
    }
}

/// A capture that begins in the middle has no control connection: GRE is paired by addresses.
#[test]
fn a_capture_that_begins_late_has_the_call_all_the_same() {
    for (name, code) in [("works", "tunnel-works"), ("silentout.client", "tunnel-gre-lost-out")] {
        let octets = octets(name);
        let (mut reader, mut finder) = (Reader::new(), Finder::new());
        let take = |item: Item<'_>| {
            let Item::Packet(packet) = item else { return };
            if packet.bytes[23] == 47 {
                finder.take(&packet);
            }
        };
        reader.push(&octets, take).unwrap();
        let report = Report::new(finder.finish());
        let [call] = &report.calls[..] else { panic!("{}", text::text(&report)) };
        assert_eq!(call.verdict.finding.code, code, "{}", text::text(&report));
        assert!(call.call.sides_inferred);
        let whole = self::report(&octets, octets.len());
        assert_eq!(call.call.client, whole.calls[0].call.client, "{name}: sides are swapped");
        assert_eq!(call.call.client_id, whole.calls[0].call.client_id, "{name}");
    }
}

#[test]
fn notes_tell_of_helpers_and_decoys() {
    let codes = |name| -> Vec<&'static str> {
        let report = report(&octets(name), 4096);
        report.calls.iter().flat_map(|call| &call.notes).map(|note| note.code).collect()
    };
    assert_eq!(codes("helper.server"), ["tunnel-nat-helper"]);
    assert_eq!(codes("helper2.server"), ["tunnel-nat-helper"; 2]);
    assert_eq!(codes("helper.client"), [""; 0]);
    assert_eq!(codes("decoy.client"), ["tunnel-decoy"]);
}

/// Who has challenge and response can look for the password: neither is told.
#[test]
fn no_secret_is_in_a_report() {
    let report = report(&octets("refused"), 4096);
    let told = [text::text(&report), serde_json::to_string(&report).unwrap()].concat();
    assert!(told.contains("E=691") && told.contains("testuser"));
    assert!(!told.contains("C="), "a challenge is told");
}

#[test]
fn a_capture_without_pptp_says_so() {
    let header = &octets("works")[..24];
    let report = report(header, 24);
    assert!(!report.good && report.calls.is_empty());
    assert!(text::text(&report).contains("no PPTP is in the capture"));
    assert!(!EXPECTED.iter().any(|(_, place, _)| *place == Between), "none was taken on a router");
}
