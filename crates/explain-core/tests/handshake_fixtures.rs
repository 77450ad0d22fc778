//! Real handshakes of OpenSSL, recorded by `handshakes/capture.py`: the story must hold the same
//! messages in the same order and sizes as tshark decoded from the same bytes, and every proof must
//! be right.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use menshen_explain_core::handshake::{
    self, CheckResult, ClientCertificate, EarlyData, KeyExchangeKind, MessageKind, Origin, Outcome,
    Piece, Protection, Recording, Resumption, Secrets, Side, Story, Verdict,
};
use proptest::prelude::*;

/// One file of `handshakes/`.
#[derive(Debug, Clone, Default)]
struct Fixture {
    keys: String,
    pieces: Vec<Piece<'static>>,
    closed: Option<(Side, u64)>,
    /// Side, type, bytes with the header: as tshark saw it.
    expected: Vec<(Side, u8, usize)>,
}

fn side(word: &str) -> Side {
    if word == "C" { Side::Client } else { Side::Server }
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn fixture(name: &str) -> Fixture {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handshakes");
    let mut fixture = Fixture::default();
    for line in fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["key", rest @ ..] => fixture.keys += &format!("{}\n", rest.join(" ")),
            [from @ ("C" | "S"), at, bytes] => fixture.pieces.push(Piece {
                from: side(from),
                at_us: at.parse().unwrap(),
                bytes: Cow::Owned(unhex(bytes)),
            }),
            ["closed", by, at] => fixture.closed = Some((side(by), at.parse().unwrap())),
            ["expect", from, kind, bytes] => {
                fixture.expected.push((side(from), kind.parse().unwrap(), bytes.parse().unwrap()))
            }
            _ => assert!(line.starts_with('#'), "{name}: {line}"),
        }
    }
    fixture
}

fn all() -> BTreeMap<String, Fixture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handshakes");
    let names = fs::read_dir(folder).unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.strip_suffix(".txt").map(str::to_owned)
    });
    names.map(|name| (name.clone(), fixture(&name))).collect()
}

fn tell(fixture: &Fixture, secrets: &Secrets) -> Story {
    let recording = Recording {
        subject: "door.test:443".to_owned(),
        origin: Origin::Capture,
        connect_us: None,
        pieces: &fixture.pieces,
        closed: fixture.closed,
    };
    handshake::tell(&recording, secrets)
}

fn opened(name: &str) -> Story {
    let fixture = fixture(name);
    tell(&fixture, &Secrets::parse(fixture.keys.as_bytes()))
}

fn code(kind: MessageKind) -> Option<u8> {
    Some(match kind {
        MessageKind::HelloRequest => 0,
        MessageKind::ClientHello => 1,
        MessageKind::ServerHello | MessageKind::HelloRetryRequest => 2,
        MessageKind::NewSessionTicket => 4,
        MessageKind::EndOfEarlyData => 5,
        MessageKind::EncryptedExtensions => 8,
        MessageKind::Certificate => 11,
        MessageKind::ServerKeyExchange => 12,
        MessageKind::CertificateRequest => 13,
        MessageKind::ServerHelloDone => 14,
        MessageKind::CertificateVerify => 15,
        MessageKind::ClientKeyExchange => 16,
        MessageKind::Finished => 20,
        MessageKind::CertificateStatus => 22,
        MessageKind::KeyUpdate => 24,
        MessageKind::CompressedCertificate => 25,
        _ => return None,
    })
}

/// CCM is not opened: its messages stay boxes.
fn is_closed(name: &str) -> bool {
    name.ends_with("-ccm")
}

#[test]
fn messages_order_and_sizes_are_those_of_tshark() {
    let fixtures = all();
    assert!(fixtures.len() >= 36);
    for (name, fixture) in fixtures {
        if is_closed(&name) {
            continue;
        }
        let story = tell(&fixture, &Secrets::parse(fixture.keys.as_bytes()));
        let told: Vec<_> = story
            .messages
            .iter()
            .filter_map(|message| Some((message.from, code(message.kind)?, message.bytes)))
            .collect();
        assert_eq!(told, fixture.expected, "{name}");
        assert_eq!(story.cut, None);
    }
}

#[test]
fn every_proof_is_right() {
    for (name, fixture) in all() {
        let story = tell(&fixture, &Secrets::parse(fixture.keys.as_bytes()));
        let done = story.outcome == Outcome::Done;
        assert_eq!(done, !name.starts_with("fail-"), "{name}: {:?}", story.outcome);
        for check in &story.checks {
            let old = (name.starts_with("tls10-rsa") || name.starts_with("tls11"))
                && check.code == "server-signature";
            if is_closed(&name) || old {
                assert!(
                    matches!(check.result, CheckResult::NotPossible { .. }),
                    "{name} {check:?}"
                );
            } else {
                assert_eq!(check.result, CheckResult::Ok, "{name} {check:?}");
            }
        }
        if done {
            for wanted in ["server-finished", "client-finished"] {
                assert!(story.checks.iter().any(|check| check.code == wanted), "{name}: {wanted}");
            }
        }
    }
}

#[test]
fn key_exchanges_are_told_apart() {
    let cases = [
        ("tls10-rsa", "TLS 1.0", KeyExchangeKind::Rsa, None),
        ("tls10-ecdhe-ecdsa", "TLS 1.0", KeyExchangeKind::Ecdhe, Some("x25519")),
        ("tls11-dhe", "TLS 1.1", KeyExchangeKind::Dhe, None),
        ("tls12-rsa", "TLS 1.2", KeyExchangeKind::Rsa, None),
        ("tls12-ecdhe-gcm", "TLS 1.2", KeyExchangeKind::Ecdhe, Some("x25519")),
        ("tls12-ticket", "TLS 1.2", KeyExchangeKind::PskOnly, None),
        ("tls13-x25519", "TLS 1.3", KeyExchangeKind::Ecdhe, Some("x25519")),
        ("tls13-ffdhe", "TLS 1.3", KeyExchangeKind::Dhe, Some("ffdhe2048")),
        ("tls13-retry", "TLS 1.3", KeyExchangeKind::Ecdhe, Some("secp384r1")),
        ("tls13-psk", "TLS 1.3", KeyExchangeKind::Ecdhe, Some("x25519")),
    ];
    for (name, version, kind, group) in cases {
        let story = opened(name);
        assert_eq!(story.version.unwrap().name, version, "{name}");
        let exchange = story.key_exchange.unwrap();
        assert_eq!(exchange.kind, kind, "{name}");
        assert_eq!(exchange.group.map(|group| group.name).as_deref(), group, "{name}");
        let random = story.textbook.iter().find(|step| step.text.contains("random value with"));
        let classic = kind == KeyExchangeKind::Rsa;
        assert_eq!(random.unwrap().verdict == Verdict::Happened, classic, "{name}");
    }
}

#[test]
fn what_was_agreed_and_resumed() {
    assert_eq!(opened("tls13-x25519").alpn.as_deref(), Some("http/1.1"));
    assert_eq!(opened("tls12-ecdhe-gcm").alpn.as_deref(), Some("h2"));
    assert_eq!(opened("tls12-ecdhe-gcm").sni.as_deref(), Some("door.test"));
    assert_eq!(opened("tls12-ticket").resumed, Some(Resumption::Ticket));
    assert_eq!(opened("tls12-session-id").resumed, Some(Resumption::SessionId));
    assert_eq!(opened("tls13-psk").resumed, Some(Resumption::Psk));
    assert_eq!(opened("tls13-x25519").resumed, None);
    let early = opened("tls13-early-data");
    assert_eq!(early.early_data, EarlyData::Accepted);
    assert!(early.messages.iter().any(|message| message.name == "early data"));
    let retry = opened("tls13-retry").hello_retry.unwrap();
    assert_eq!(retry.group.unwrap().name, "secp384r1");
    for name in ["tls12-client-certificate", "tls13-client-certificate"] {
        let story = opened(name);
        let ClientCertificate::Sent { certificate } = story.client_certificate else {
            panic!("{name}: {:?}", story.client_certificate)
        };
        assert_eq!(certificate.subject, "CN=client.door.test");
        assert!(story.checks.iter().any(|check| check.code == "client-signature"), "{name}");
    }
    let without = opened("tls13-client-without-certificate");
    assert_eq!(without.client_certificate, ClientCertificate::None);
    let leaf = opened("tls13-x25519").server_certificate.unwrap();
    assert_eq!((leaf.subject.as_str(), leaf.key.as_str()), ("CN=rsa.door.test", "RSA 2048 bits"));
    assert_eq!((leaf.names, leaf.sent), (vec!["door.test".into(), "www.door.test".into()], 2));
}

#[test]
fn failures_are_explained() {
    let cases = [
        ("fail-client-only-tls11", "client-too-old"),
        ("fail-no-common-suite", "no-common-suite"),
        ("fail-no-common-group", "no-common-group"),
        ("fail-no-common-protocol", "no-common-protocol"),
        ("fail-unknown-ca-tls12", "client-does-not-trust"),
        ("fail-unknown-ca-tls13", "client-does-not-trust"),
        ("fail-certificate-required-tls12", "client-certificate-missing"),
        ("fail-certificate-required-tls13", "client-certificate-missing"),
        ("fail-unrecognized-name", "name-not-served"),
        ("fail-plain-http", "not-tls"),
    ];
    for (name, wanted) in cases {
        let story = opened(name);
        let causes = handshake::causes(&story);
        let first = causes.first().unwrap_or_else(|| panic!("{name}: {:?}", story.outcome));
        assert_eq!(first.code, wanted, "{name}: {first:?}");
        assert!(!first.hint.is_empty() && first.hint.ends_with('.'), "{name}: {}", first.hint);
    }
    for (name, fixture) in all() {
        if !name.starts_with("fail-") {
            let story = tell(&fixture, &Secrets::parse(fixture.keys.as_bytes()));
            assert!(handshake::causes(&story).is_empty(), "{name}");
        }
    }
}

#[test]
fn without_secrets_boxes_have_the_size_of_what_is_in_them() {
    for (name, fixture) in all() {
        let story = tell(&fixture, &Secrets::none());
        let done = story.outcome == Outcome::Done;
        assert_eq!(done, !name.starts_with("fail-"), "{name}: {:?}", story.outcome);
        assert!(
            !story.checks.iter().any(|check| matches!(check.result, CheckResult::Failed { .. }))
        );
        let wire: u64 = story.flights.iter().map(|flight| flight.bytes as u64).sum();
        let records: u64 = story.client_bytes + story.server_bytes;
        if name != "fail-plain-http" {
            assert_eq!(wire, records, "{name}: every record is in a flight, once");
        }
        if name.starts_with("tls13") && name != "tls13-early-data" {
            let sealed: Vec<_> = story
                .messages
                .iter()
                .filter(|message| message.kind == MessageKind::Sealed)
                .map(|message| message.name.as_str())
                .collect();
            let (server, client) = sealed.split_first().unwrap();
            assert!(server.ends_with("Finished"), "{name}: {sealed:?}");
            let wanted: &[&str] = match name.as_str() {
                "tls13-client-certificate" => &["Certificate, CertificateVerify", "Finished"],
                "tls13-client-without-certificate" => &["Certificate", "Finished"],
                _ => &["Finished"],
            };
            assert_eq!(client, wanted, "{name}");
        }
    }
}

#[test]
fn a_wrong_secret_opens_nothing_and_a_changed_byte_fails_the_proof() {
    let mut fixture = fixture("tls12-ecdhe-gcm");
    // The last byte of the server's flight before ServerHelloDone is its signature's.
    let flight = fixture.pieces.iter_mut().find(|piece| piece.from == Side::Server).unwrap();
    let bytes = flight.bytes.to_mut();
    let at = bytes.len() - 10;
    bytes[at] ^= 1;
    let story = tell(&fixture, &Secrets::parse(fixture.keys.as_bytes()));
    let failed = story.checks.iter().filter(|c| matches!(c.result, CheckResult::Failed { .. }));
    let failed: Vec<_> = failed.map(|check| check.code).collect();
    assert_eq!(failed, ["server-signature", "client-finished", "server-finished"]);

    let wrong = self::fixture("tls13-x25519");
    let keys: String = wrong
        .keys
        .lines()
        .map(|line| {
            format!("{}{}\n", &line[..line.len() - 1], if line.ends_with('0') { 1 } else { 0 })
        })
        .collect();
    let story = tell(&wrong, &Secrets::parse(keys.as_bytes()));
    assert!(story.messages.iter().all(|message| {
        !matches!(message.protection, Protection::Encrypted { opened: true, .. })
    }));
}

#[test]
fn with_all_secrets_nothing_stays_closed_but_payload_of_old_versions() {
    for (name, fixture) in all().into_iter().filter(|(name, _)| !is_closed(name)) {
        let story = tell(&fixture, &Secrets::parse(fixture.keys.as_bytes()));
        for message in &story.messages {
            if let Protection::Encrypted { opened: false, .. } = message.protection {
                let old = story.version.as_ref().is_some_and(|version| version.name != "TLS 1.3");
                let payload = message.kind == MessageKind::ApplicationData;
                assert!(old && payload, "{name}: {message:?}");
            }
        }
    }
}

/// The server's first flight, its messages put into records of another size.
fn rerecorded(fixture: &Fixture, size: usize) -> Fixture {
    let mut out = fixture.clone();
    let flight = out.pieces.iter_mut().find(|piece| piece.from == Side::Server).unwrap();
    let (mut messages, mut rest) = (Vec::new(), flight.bytes.as_ref());
    while let [kind, _, _, high, low, after @ ..] = rest {
        assert_eq!(*kind, 22);
        let (body, next) = after.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        messages.extend_from_slice(body);
        rest = next;
    }
    let records = messages.chunks(size).map(|body| {
        let count = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[22, 3, 3], &count[..], body].concat()
    });
    flight.bytes = Cow::Owned(records.collect::<Vec<_>>().concat());
    out
}

#[test]
fn messages_share_and_span_records() {
    let fixture = rerecorded(&fixture("tls12-ecdhe-gcm"), 100);
    let story = tell(&fixture, &Secrets::parse(fixture.keys.as_bytes()));
    assert!(story.checks.iter().all(|check| check.result == CheckResult::Ok));
    let mut at = 0;
    for message in story.messages.iter().filter(|message| message.from == Side::Server).take(4) {
        let records = at / 100..=(at + message.bytes - 1) / 100;
        let wanted: Vec<u64> = records.map(|record| record as u64 * 105).collect();
        let told: Vec<u64> = message.records.iter().map(|record| record.offset).collect();
        assert_eq!(told, wanted, "{}", message.name);
        at += message.bytes;
    }
    let wire: u64 = story.flights.iter().map(|flight| flight.bytes as u64).sum();
    assert_eq!(wire, story.client_bytes + story.server_bytes);
}

#[test]
fn a_hybrid_group_is_told_by_its_halves() {
    let mut fixture = fixture("tls13-x25519");
    let hello = fixture.pieces.iter_mut().find(|piece| piece.from == Side::Server).unwrap();
    let bytes = hello.bytes.to_mut();
    let share = [0x00, 0x33, 0x00, 0x24, 0x00, 0x1d];
    let at = bytes.windows(6).position(|window| window == share).unwrap();
    bytes[at + 4..at + 6].copy_from_slice(&[0x11, 0xec]);
    let story = tell(&fixture, &Secrets::none());
    let exchange = story.key_exchange.unwrap();
    assert_eq!(exchange.kind, KeyExchangeKind::Hybrid);
    let halves: Vec<_> = exchange.hybrid.iter().map(|half| half.name).collect();
    assert_eq!(halves, ["ML-KEM-768", "X25519"]);
    assert!(story.textbook.iter().any(|step| step.why.contains("X25519MLKEM768")));
}

/// The story without its times, to compare recordings cut differently.
fn timeless(mut story: Story) -> Story {
    for message in &mut story.messages {
        message.at_us = 0;
    }
    for flight in &mut story.flights {
        (flight.start_us, flight.end_us) = (0, 0);
    }
    for key in &mut story.keys {
        key.at_us = 0;
    }
    story.done_us = story.done_us.map(|_| 0);
    story
}

/// The same bytes in the same order, in pieces of other sizes.
fn recut(fixture: &Fixture, sizes: &[usize]) -> Fixture {
    let mut sizes = sizes.iter().copied().cycle();
    let mut out = Fixture { pieces: Vec::new(), ..fixture.clone() };
    for piece in &fixture.pieces {
        let mut rest = piece.bytes.as_ref();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(sizes.next().unwrap().clamp(1, rest.len()));
            let bytes = Cow::Owned(now.to_vec());
            out.pieces.push(Piece { from: piece.from, at_us: piece.at_us, bytes });
            rest = later;
        }
    }
    out
}

#[test]
fn byte_by_byte_is_the_same_story() {
    for (name, fixture) in all() {
        let secrets = Secrets::parse(fixture.keys.as_bytes());
        let whole = timeless(tell(&fixture, &secrets));
        let bytes = timeless(tell(&recut(&fixture, &[1]), &secrets));
        assert_eq!(whole, bytes, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_cutting_is_the_same_story(
        at in 0_usize..1000,
        sizes in proptest::collection::vec(1_usize..300, 1..9),
        keys in any::<bool>(),
    ) {
        let fixtures = all();
        let fixture = fixtures.values().nth(at % fixtures.len()).unwrap();
        let secrets = if keys { Secrets::parse(fixture.keys.as_bytes()) } else { Secrets::none() };
        let whole = timeless(tell(fixture, &secrets));
        prop_assert_eq!(whole, timeless(tell(&recut(fixture, &sizes), &secrets)));
    }

    /// Damaged recordings: nothing panics, nothing of a peer can steer a terminal.
    #[test]
    fn damaged_recordings_are_told_too(
        at in 0_usize..1000,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let fixtures = all();
        let mut fixture = fixtures.values().nth(at % fixtures.len()).unwrap().clone();
        for (place, byte) in damage {
            let count = fixture.pieces.len();
            let piece = fixture.pieces.get_mut(place.index(count)).unwrap();
            let bytes = piece.bytes.to_mut();
            let inside = place.index(bytes.len());
            bytes[inside] = byte;
        }
        let story = tell(&fixture, &Secrets::parse(fixture.keys.as_bytes()));
        let text = serde_json::to_string(&story).unwrap();
        let steers = text.contains("\\u00");
        prop_assert!(!steers, "a control character: {}", text);
        let _ = handshake::causes(&story);
    }

    #[test]
    fn any_bytes_give_a_story(
        pieces in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..20),
        tls in any::<bool>(),
    ) {
        let mut fixture = Fixture::default();
        for (client, bytes) in pieces {
            let from = if client { Side::Client } else { Side::Server };
            let mut record = Vec::new();
            if tls {
                let kind = 20 + bytes.first().copied().unwrap_or(0) % 4;
                record.extend([kind, 3, 3, 0, u8::try_from(bytes.len()).unwrap()]);
            }
            record.extend(bytes);
            fixture.pieces.push(Piece { from, at_us: 0, bytes: Cow::Owned(record) });
        }
        let story = tell(&fixture, &Secrets::none());
        let _ = handshake::causes(&story);
        serde_json::to_string(&story).unwrap();
    }

    #[test]
    fn any_key_log_is_read(text in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Secrets::parse(&text);
    }
}
