//! Ladders of real captures: where they stop, and that nothing is shown as arrived that is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its captures fails")]

use std::path::Path;

use menshen_base::Severity;
use menshen_explain_core::capture::{Item, Reader};
use menshen_explain_core::tunnel::Report;
use menshen_explain_core::tunnel::capture::Finder;
use menshen_explain_core::tunnel::picture::{Fate, Ladder};

fn report(name: &str) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let octets = std::fs::read(folder.join(format!("{name}.pcap"))).unwrap();
    let (mut reader, mut finder) = (Reader::new(), Finder::new());
    let take = |item: Item<'_>| {
        if let Item::Packet(packet) = item {
            finder.take(&packet);
        }
    };
    reader.push(&octets, take).unwrap();
    Report::new(finder.finish())
}

fn ladder(name: &str) -> Ladder {
    Ladder::of(&report(name).calls[0], None)
}

/// Name of the last rung, and the fates in it.
fn last(name: &str) -> (&'static str, Vec<Fate>) {
    let ladder = ladder(name);
    let rung = ladder.rungs.last().unwrap();
    (rung.name, rung.arrows.iter().map(|arrow| arrow.fate).collect())
}

#[test]
fn each_ladder_stops_at_the_step_that_fails() {
    use Fate::{Arrives, Doubt, Missing, Refuses, Stops};
    const GRE: &str = "Tunnel packets (GRE)";
    assert_eq!(last("closed.client"), ("Connection", vec![Arrives, Refuses]));
    assert_eq!(last("filtered.client"), ("Connection", vec![Doubt, Missing]));
    assert_eq!(last("http.client"), ("Greeting", vec![Arrives, Refuses]));
    assert_eq!(last("mute.client"), ("Greeting", vec![Arrives, Missing]));
    assert_eq!(last("callrefused.client"), ("Call", vec![Arrives, Refuses]));
    assert_eq!(last("mutecall.client"), ("Call", vec![Arrives, Missing]));
    assert_eq!(last("silent.client"), (GRE, vec![Doubt, Missing]));
    assert_eq!(last("silentout.client"), (GRE, vec![Stops, Arrives]));
    assert_eq!(last("silentin.server"), (GRE, vec![Arrives, Stops]));
    assert_eq!(last("rejectgre.client"), (GRE, vec![Stops, Missing]));
    assert_eq!(last("routed.client").0, "Link (LCP)");
    assert_eq!(last("works"), ("Data", vec![Arrives, Arrives]));
}

#[test]
fn nothing_arrives_beyond_the_step_that_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".pcap") else { continue };
        for call in &report(name).calls {
            let ladder = Ladder::of(call, None);
            let failed = ladder.rungs.iter().position(|rung| !rung.is_done);
            let good = call.verdict.finding.severity == Severity::Note;
            assert!(good || failed.is_some(), "{name}: {ladder:?}");
            assert!(good || !ladder.unreached.is_empty() || failed.is_some(), "{name}");
            assert!(ladder.ending.claim.starts_with(char::is_uppercase), "{name}");
            let open = &ladder.ending.open;
            assert!(open.iter().all(|words| !words.starts_with("tunnel-")), "{name}: {open:?}");
        }
    }
}

/// What a host knows more than its capture stands in its place.
#[test]
fn a_verdict_that_knows_more_stands_behind_the_ladder() {
    let report = report("clientout.client");
    let mut verdict = report.calls[0].verdict.clone();
    verdict.finding.code = "tunnel-own-firewall";
    let ladder = Ladder::of(&report.calls[0], Some(&verdict));
    assert_eq!(ladder.ending.code, "tunnel-own-firewall");
    assert_eq!(ladder.rungs.last().unwrap().arrows[0].fate, Fate::Missing);
}
