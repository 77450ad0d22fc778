//! What a probe adds to its capture.

use alloc::vec;

use super::*;
use crate::tunnel::capture::{Counts, Facts};

fn live() -> Live {
    let address = Address { address: [192, 0, 2, 1].into(), tcp: Tcp::Connected, after_ms: 1 };
    Live { host: "vpn".into(), addresses: vec![address], ..Live::default() }
}

fn nothing() -> Report {
    Report::new(Facts::default())
}

fn attempt() -> Attempt {
    Attempt {
        port: 1,
        id: 0,
        sent: 5,
        received: 0,
        seen: 0,
        forbidden: None,
        echoes_sent: Vec::new(),
        echoes_answered: Vec::new(),
        echoes_max: None,
        methods: None,
    }
}

/// A call with GRE out and none back, as from behind routers.
fn unheard() -> Report {
    let mut call = crate::tunnel::calls::Call::new([10, 0, 0, 1].into(), [192, 0, 2, 1].into(), 0);
    let control = crate::tunnel::calls::Control {
        syn_ack_us: Some(1),
        answered_us: Some(2),
        call_result: Some((1, 0, 0)),
        server_ttl: Some(60),
        client_ttl: Some(64),
        ..Default::default()
    };
    call.control = Some(control);
    (call.client_id, call.server_id) = (Some(0), Some(7));
    (call.to_server.packets, call.to_server.frames) = (5, 5);
    let lcp = &mut call.to_server.ppp.lcp;
    (lcp.requests, lcp.first_request_us, lcp.last_request_us) = (5, Some(3), Some(2_500_003));
    let counts = Counts { last_us: 3_000_000, ..Counts::default() };
    Report::new(Facts { counts, calls: vec![call] })
}

fn code(live: &Live, report: &Report) -> &'static str {
    verdict(live, report).finding.code
}

#[test]
fn what_a_capture_cannot_show_is_said_first() {
    let mut only = live();
    only.addresses[0].address = "2001:db8::1".parse().unwrap();
    assert_eq!(code(&only, &nothing()), "tunnel-ipv6-only");
    let right = Live { no_right: Some("EPERM".into()), ..live() };
    assert_eq!(code(&right, &unheard()), "tunnel-no-right");
    let mut forbidden = live();
    forbidden.attempts =
        vec![Attempt { sent: 0, forbidden: Some(("EPERM".into(), 3)), ..attempt() }];
    assert_eq!(code(&forbidden, &unheard()), "tunnel-own-firewall");
    forbidden.attempts = vec![Attempt { seen: 4, ..attempt() }];
    assert_eq!(code(&forbidden, &unheard()), "tunnel-own-firewall-in");
    forbidden.attempts = vec![Attempt { seen: 4, received: 4, ..attempt() }];
    assert_eq!(code(&forbidden, &unheard()), "tunnel-gre-lost");
}

#[test]
fn tcp_that_never_left_is_this_hosts_own_doing() {
    let with = |tcp| {
        let mut live = live();
        live.addresses[0].tcp = tcp;
        code(&live, &nothing())
    };
    assert_eq!(with(Tcp::Unreachable), "tunnel-no-route");
    assert_eq!(with(Tcp::Forbidden), "tunnel-own-firewall-tcp");
    assert_eq!(with(Tcp::Silent), "tunnel-own-firewall-tcp");
    assert_eq!(with(Tcp::Connected), "tunnel-undecided");
}

#[test]
fn the_far_ends_counts_settle_the_direction_and_nothing_else() {
    let open = verdict(&live(), &unheard());
    assert_eq!((open.finding.code, open.open.len()), ("tunnel-gre-lost", 5));
    for (seen, sent, code) in [
        (0, 0, "tunnel-gre-lost-out"),
        (0, 3, "tunnel-gre-lost-out"),
        (5, 0, "tunnel-server-sends-no-gre"),
        (5, 3, "tunnel-gre-lost-back"),
    ] {
        let far = Some(Far { seen, sent });
        let settled = verdict(&Live { far, ..live() }, &unheard());
        assert_eq!((settled.finding.code, settled.open.len()), (code, 0));
        assert!(settled.settle.is_none() && settled.finding.evidence.len() > 2);
    }
    let far = Some(Far { seen: 5, sent: 3 });
    let (to, from) = ([192, 0, 2, 1].into(), [10, 0, 0, 1].into());
    let route = Some(Route { to, from, device: "eth0".into(), behind_nat: true });
    let behind = verdict(&Live { far, route, ..live() }, &unheard());
    assert_eq!(behind.open, ["tunnel-gre-lost-back", "tunnel-nat-without-helper"]);
    // The server's GRE comes, and it does not answer ours: did ours arrive?
    let mut facts = unheard().calls.remove(0).call;
    (facts.to_client.packets, facts.to_client.frames) = (2, 2);
    facts.to_client.ppp.lcp.requests = 2;
    facts.to_server.ppp.lcp.acks = 2;
    let counts = Counts { last_us: 3_000_000, ..Counts::default() };
    let report = Report::new(Facts { counts, calls: vec![facts] });
    assert_eq!(code(&live(), &report), "tunnel-gre-lost-out");
    let with = |seen| Live { far: Some(Far { seen, sent: 3 }), ..live() };
    assert_eq!(verdict(&with(0), &report).open.len(), 0);
    assert_eq!(code(&with(0), &report), "tunnel-gre-lost-out");
    assert_eq!(code(&with(4), &report), "tunnel-server-ignores-gre");
}

#[test]
fn the_hint_is_about_this_very_host() {
    let hint = |sstp: Option<bool>| {
        let sstp = sstp.map(|answers| Sstp { answers, words: String::new(), untrusted: None });
        verdict(&Live { sstp, ..live() }, &unheard()).finding.hint
    };
    assert!(hint(None).ends_with("`menshen tunnel connect sstp://USER@vpn`."));
    assert!(hint(Some(true)).ends_with("sstp://USER@vpn`. SSTP answers there."));
    assert!(hint(Some(false)).contains("does not answer there yet"));
    assert!(!hint(None).contains("HOST"));
}
