//! Entry points for fuzzing: each takes any bytes and panics when an invariant of its module
//! breaks.
//!
//! It must never hold a rule of its own. The same functions serve the fuzz targets in `fuzz/`, the
//! replay of the committed corpus (`tests/tunnel_corpus.rs`) and the property tests.

use crate::capture::{Item, Packet, Reader};
use crate::tunnel::calls::{EVENTS_MAX, ICMP_MAX, STRAYS_MAX};
use crate::tunnel::capture::Finder;
use crate::tunnel::{Report, text};

/// One fuzz target: checks the invariants on any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus folder.
pub const TARGETS: &[(&str, Target)] = &[("tunnel-capture", tunnel_capture)];

/// Any bytes as a capture, whole and cut, and as one packet of each link type; what is told of them
/// steers no terminal.
pub fn tunnel_capture(data: &[u8]) {
    let whole = read(data, data.len().max(1));
    let piece = data.last().map_or(1, |last| usize::from(*last % 61) + 1);
    assert_eq!(whole, read(data, piece), "pieces change what is read");
    told(&whole);
    let mut finder = Finder::new();
    for link in [0, 1, 101, 108, 113, 228, 229, 276] {
        let wire_bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        finder.take(&Packet { unix_ns: 1, link, bytes: data, wire_bytes });
    }
    told(&Report::new(finder.finish()));
}

fn read(data: &[u8], piece: usize) -> Report {
    let (mut reader, mut finder) = (Reader::new(), Finder::new());
    for piece in data.chunks(piece) {
        let take = |item: Item<'_>| {
            if let Item::Packet(packet) = item {
                finder.take(&packet);
            }
        };
        if reader.push(piece, take).is_err() {
            break;
        }
    }
    Report::new(finder.finish())
}

fn told(report: &Report) {
    for call in &report.calls {
        let facts = &call.call;
        assert!(facts.events.len() <= EVENTS_MAX && facts.icmp.len() <= ICMP_MAX);
        assert!(facts.strays.len() <= STRAYS_MAX);
        assert!(call.verdict.finding.claim.len() > 10, "{}", call.verdict.finding.code);
    }
    let text = text::text(report);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "a text steers the terminal");
}
