//! Lines that lose, repeat and reorder, between our client and the real pppd: what comes through,
//! beside what Linux's own rule for PPTP would have given on from the very same packets.

use std::path::Path as Folder;

use menshen_tunnel::pptp::Number;
use menshen_tunnel_core::mppe::{Mode, Strength};
use menshen_tunnel_core::ppp::{Cause, Ciphers, Mppe, Settings, Stateful};

use crate::call::{Running, start};
use crate::guest::{Guest, bridged, show};
use crate::path::{Manners, Path};
use crate::space::{Space, file};

/// Our end of the line, the line, and a guest with pptpd behind its far end.
struct Stand {
    near: Space,
    path: Path,
    _far: Space,
    _guest: Guest,
}

fn stand(folder: &Folder, manners: Manners, server: &str) -> Option<Stand> {
    let (far, near) = (bridged(&["pptpd"])?, Space::new(&[])?);
    let path = Path::lay(&near, &far, manners);
    let values = [format!("SERVERS={server}"), "GATEWAY=10.77.0.1".to_owned()];
    let guest = Guest::boot(&far, folder, ("pptpd", 2), &values);
    guest.wait("LAB READY");
    Some(Stand { near, path, _far: far, _guest: guest })
}

fn opened(stand: &Stand, ppp: Settings) -> Running {
    let call = start(&stand.near, [10, 77, 0, 2], Number::ZeroFirst, ppp);
    call.wait("packets", |status| status.opened.is_some());
    call
}

#[test]
fn nearly_all_comes_through_where_the_kernels_rule_drops_much() {
    let folder = tempfile::tempdir().unwrap();
    let manners = Manners { lose: 20, reorder: 250, repeat: 100, replay: 50, ..Manners::default() };
    let Some(stand) = stand(folder.path(), manners, "2:128:mschap-v2") else { return };
    let call = opened(&stand, Settings::client(Mppe::Required(Ciphers::BITS_128)));
    let pings = stand.near.run("ping -c 800 -i 0.003 -w 200 10.78.2.1");
    assert!(!pings.contains("DUP!"), "{pings}");
    let ended = call.close().unwrap();
    assert_eq!(ended.cause, Cause::Closed, "{ended:?}");
    let (ours, line) = (ended.facts.counters, stand.path.counts());
    let counted = format!(
        "{} frames came: {} given on here, {} by the kernel's rule; {} lost, {} copies; {ours:?}",
        line.frames, ours.received, line.kernel, line.lost, line.copies
    );
    show("a line that loses, repeats and reorders", &counted);
    assert!(line.frames > 750 && line.lost > 5 && line.copies > 50, "{counted}");
    // The last words may still be under way when the call ends.
    let (dropped_here, dropped_there) = (line.frames - ours.received, line.frames - line.kernel);
    assert!(dropped_here * 50 <= line.frames, "{counted}");
    assert!(dropped_there * 10 >= line.frames, "{counted}");
    assert!(ours.rescued > 80 && ours.duplicates > 50, "{counted}");
}

#[test]
fn stateful_encryption_is_resynchronised_after_losses() {
    let folder = tempfile::tempdir().unwrap();
    let manners = Manners { lose: 5, stateful: true, ..Manners::default() };
    let Some(stand) = stand(folder.path(), manners, "2:stateful:mschap-v2") else { return };
    let ciphers = Ciphers { stateful: Stateful::Allowed, ..Ciphers::BITS_128 };
    let call = opened(&stand, Settings::client(Mppe::Required(ciphers)));
    let opened = call.status().opened.unwrap();
    let wanted = Some((Strength::Bits128, Mode::Stateful));
    assert_eq!((opened.sends, opened.receives), (wanted, wanted));
    assert_eq!(stand.path.counts().edited, 2);
    let words = format!("python3 {} fetch 10.78.2.1 2000000 2000000", file("content.py"));
    show("stateful MPPE on a line that loses", &stand.near.run(&words));
    let ended = call.close().unwrap();
    assert_eq!(ended.cause, Cause::Closed, "{ended:?}");
    assert!(stand.path.counts().lost >= 3, "{:?}", stand.path.counts());
    assert!(ended.facts.counters.missing >= 3, "{ended:?}");
}

/// What pppd said twice arrives at once. Two Acks in a row would give Linux another key than ours.
#[test]
fn a_line_that_stalls_while_encryption_is_agreed_upon_leaves_both_with_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    let manners = Manners { stalls: true, ..Manners::default() };
    let Some(stand) = stand(folder.path(), manners, "2:128:mschap-v2") else { return };
    let call = opened(&stand, Settings::client(Mppe::Required(Ciphers::BITS_128)));
    let pings = stand.near.run("ping -c 5 -i 0.2 -w 20 10.78.2.1");
    assert!(pings.contains(" 5 received"), "{pings}");
    assert_eq!(call.close().unwrap().cause, Cause::Closed);
}
