//! Tests of `link`: one spelling, every claim covered, nothing allowed that is not claimed.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const KEY: KeyId = KeyId([0xa1, 0xb2, 0xc3, 0xd4]);

/// Not a MAC at all, but it depends on every byte.
fn mac(bytes: &[u8]) -> [u8; 32] {
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut out = [0; 32];
    for (place, byte) in bytes.iter().enumerate() {
        state = (state ^ u64::from(*byte) ^ (place as u64) << 32).wrapping_mul(0x0100_0000_01b3);
        state ^= state >> 29;
    }
    for chunk in out.chunks_mut(8) {
        state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ state >> 31;
        chunk.copy_from_slice(&state.to_be_bytes());
    }
    out
}

fn plain() -> Claims {
    Claims {
        deed: Deed::Get,
        path: "/reports/q3 Übersicht.pdf".into(),
        not_before: None,
        expires: 2_000_000_000,
        count: None,
        bytes: None,
        rate: None,
        networks: vec![],
        id: None,
    }
}

fn full() -> Claims {
    Claims {
        not_before: Some(1_900_000_000),
        count: Some(3),
        bytes: Some(10 << 30),
        rate: Some(1 << 20),
        networks: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        id: Some(LinkId([7; 12])),
        ..plain()
    }
}

fn open(text: &str) -> Result<Claims, LinkError> {
    Sealed::read(text.as_bytes())?.verify(mac)
}

fn allows(claims: &Claims, deed: Deed, target: &str, address: &str, now: u64) -> Option<Denied> {
    let path = decode_path(target.as_bytes()).unwrap();
    let address = address.parse().unwrap();
    claims.allows(&Use { deed, path: &path, address, now }).err()
}

#[test]
fn a_link_says_what_was_sealed() {
    for claims in [plain(), full()] {
        let text = claims.seal(KEY, mac).unwrap();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_eq!(Sealed::read(text.as_bytes()).unwrap().key(), KEY);
        assert_eq!(open(&text), Ok(claims));
    }
    // Short enough for a mail.
    assert!(plain().seal(KEY, mac).unwrap().len() < 100);
}

#[test]
fn every_changed_letter_is_refused() {
    let text = full().seal(KEY, mac).unwrap();
    for place in 0..text.len() {
        for other in *b"AQg_-z9=+/%" {
            let mut changed = text.clone().into_bytes();
            if changed[place] == other {
                continue;
            }
            changed[place] = other;
            let opened = Sealed::read(&changed).and_then(|sealed| sealed.verify(mac));
            assert!(opened.is_err(), "{place}");
        }
    }
    for cut in 0..text.len() {
        assert!(open(&text[..cut]).is_err(), "{cut}");
    }
    for more in ["A", "AAAA", "=", "%"] {
        assert!(open(&(text.clone() + more)).is_err());
    }
}

#[test]
fn every_claim_is_covered() {
    let changes: [Change; 9] = [
        |claims| claims.deed = Deed::Put,
        |claims| claims.path = "/reports/q3 Übersicht.pdg".into(),
        |claims| claims.path.make_ascii_uppercase(),
        |claims| claims.not_before = None,
        |claims| claims.expires += 1,
        |claims| claims.count = Some(4),
        |claims| claims.bytes = Some(1 << 40),
        |claims| claims.rate = None,
        |claims| claims.networks.truncate(1),
    ];
    let sealed = Sealed::read(full().seal(KEY, mac).unwrap().as_bytes()).unwrap();
    for (number, change) in changes.iter().enumerate() {
        let mut claims = full();
        change(&mut claims);
        let payload = wire::write(&claims, KEY);
        let forged = Sealed { key: KEY, payload, mac: sealed.mac };
        assert_eq!(forged.verify(mac), Err(LinkError::Forged), "{number}");
    }
    let other = wire::write(&full(), KeyId([0; 4]));
    let forged = Sealed { key: KeyId([0; 4]), payload: other, mac: sealed.mac };
    assert_eq!(forged.verify(mac), Err(LinkError::Forged), "the key's name is covered as well");
}

/// A payload that is signed all the same, as by a newer menshen.
fn signed_payload(payload: Vec<u8>) -> Result<Claims, LinkError> {
    let tag = half(&mac(&signed(&payload)));
    let link = text::encode(&[payload.as_slice(), &tag].concat());
    Sealed::read(link.as_bytes())?.verify(mac)
}

#[test]
fn what_is_not_understood_is_refused() {
    let payload = wire::write(&full(), KEY);
    assert_eq!(signed_payload(payload.clone()), Ok(full()));
    let mut newer = payload.clone();
    newer[0] = 2;
    assert_eq!(signed_payload(newer), Err(LinkError::Version));
    let mut unknown = payload.clone();
    unknown.extend_from_slice(&[9, 0, 1, b'x']);
    assert_eq!(signed_payload(unknown), Err(LinkError::Claim), "an unknown claim");
    let mut twice = payload.clone();
    twice.extend_from_slice(&payload[payload.len() - 15..]);
    assert_eq!(signed_payload(twice), Err(LinkError::Claim), "a claim twice");
    let mut deed = payload.clone();
    deed[5] = 4;
    assert_eq!(signed_payload(deed), Err(LinkError::Claim), "an unknown deed");
    // A number with a leading zero says the same in another spelling.
    let longer = wire::write(&plain(), KEY);
    let at = longer.len() - 7;
    let mut padded = longer[..at].to_vec();
    padded.extend_from_slice(&[2, 0, 5, 0]);
    padded.extend_from_slice(&longer[at + 3..]);
    assert_eq!(signed_payload(padded), Err(LinkError::Claim), "a second spelling");
    assert_eq!(signed_payload(longer[..at].to_vec()), Err(LinkError::Claim), "no expiry");
    assert_eq!(signed_payload(vec![1, 0, 0, 0, 0, 1]), Err(LinkError::Claim), "nothing");
}

/// Makes claims other ones.
type Change = fn(&mut Claims);

#[test]
fn claims_that_make_no_sense_are_not_sealed() {
    let refused: [(Change, ClaimError); 12] = [
        (|claims| claims.path = "reports".into(), ClaimError::Path),
        (|claims| claims.path = "/a/../b".into(), ClaimError::Path),
        (|claims| claims.path = "/a//b".into(), ClaimError::Path),
        (|claims| claims.path = "/.menshen-spool/x".into(), ClaimError::Path),
        (|claims| claims.path = "/a\\b".into(), ClaimError::Path),
        (|claims| claims.path = ["/", &"x".repeat(5000)].concat(), ClaimError::Path),
        (|claims| (claims.deed, claims.path) = (Deed::Put, "/a/".into()), ClaimError::PutFolder),
        (|claims| claims.deed = Deed::Drop, ClaimError::DropFile),
        (|claims| claims.expires = 1_900_000_000, ClaimError::Times),
        (|claims| claims.rate = Some(0), ClaimError::Zero),
        (|claims| claims.id = None, ClaimError::Id),
        (|claims| claims.networks = vec!["10.0.0.0/8".parse().unwrap(); 17], ClaimError::Networks),
    ];
    for (change, error) in refused {
        let mut claims = full();
        change(&mut claims);
        assert_eq!(claims.seal(KEY, mac), Err(error), "{:?}", claims.path);
    }
}

#[test]
fn a_link_is_for_one_deed_and_one_path() {
    let claims = Claims { path: "/a/b.txt".into(), ..plain() };
    let denied = |target| allows(&claims, Deed::Get, target, "192.0.2.1", 1);
    assert_eq!(denied("/a/b.txt"), None);
    assert_eq!(denied("/a/%62.txt"), None, "claims are about the decoded path");
    for other in ["/a/B.txt", "/a/b.txt/", "/a/b.txt;x", "/a/", "/a", "/a/b.txt%20", "/b.txt", "/"]
    {
        assert_eq!(denied(other), Some(Denied::Path), "{other}");
    }
    for tricky in ["/a%2fb.txt", "/x/../a/b.txt", "/a/./b.txt", "//a/b.txt", "/a/%2e%2e/a/b.txt"] {
        assert!(decode_path(tricky.as_bytes()).is_err(), "{tricky} never comes that far");
    }
    for deed in [Deed::Put, Deed::Drop] {
        assert_eq!(allows(&claims, deed, "/a/b.txt", "192.0.2.1", 1), Some(Denied::Deed));
    }
    let folder = Claims { path: "/a/".into(), ..plain() };
    let denied = |target| allows(&folder, Deed::Get, target, "192.0.2.1", 1);
    for inside in ["/a/", "/a/b", "/a/b/", "/a/b/c", "/a/%25"] {
        assert_eq!(denied(inside), None, "{inside}");
    }
    for outside in ["/a", "/ab", "/", "/A/b", "/b/a/"] {
        assert_eq!(denied(outside), Some(Denied::Path), "{outside}");
    }
    let all = Claims { path: "/".into(), ..plain() };
    assert_eq!(allows(&all, Deed::Get, "/x/y", "192.0.2.1", 1), None);
}

#[test]
fn a_link_is_for_its_time_and_its_networks() {
    let claims = full();
    let target = "/reports/q3%20%C3%9Cbersicht.pdf";
    let denied = |address, now| allows(&claims, Deed::Get, target, address, now);
    assert_eq!(denied("192.0.2.9", 1_899_999_999), Some(Denied::Early));
    assert_eq!(denied("192.0.2.9", 1_900_000_000), None);
    assert_eq!(denied("192.0.2.9", 1_999_999_999), None);
    assert_eq!(denied("192.0.2.9", 2_000_000_000), Some(Denied::Expired));
    let now = 1_950_000_000;
    for inside in ["192.0.2.255", "::ffff:192.0.2.1", "2001:db8:ffff::1"] {
        assert_eq!(denied(inside, now), None, "{inside}");
    }
    for outside in ["192.0.3.1", "2001:db9::1", "::ffff:192.0.3.1", "::1"] {
        assert_eq!(denied(outside, now), Some(Denied::Address), "{outside}");
    }
}

#[test]
fn networks_have_one_spelling() {
    for good in ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.7/32", "::/0", "2001:db8::1/128"] {
        assert_eq!(good.parse::<Network>().unwrap().to_string(), good);
    }
    assert_eq!("192.0.2.7".parse::<Network>().unwrap().to_string(), "192.0.2.7/32");
    for bad in ["", "x", "10.0.0.1/8", "10.0.0.0/33", "::1/64", "::ffff:10.0.0.0/104", "1.2.3.4/"] {
        assert!(bad.parse::<Network>().is_err(), "{bad}");
    }
}

#[test]
fn keys_have_names() {
    assert_eq!(KeyId::parse("a1b2c3d4"), Some(KEY));
    for bad in ["", "a1b2c3d", "A1B2C3D4", "+1b2c3d4", "a1b2c3d45", "xxxxxxxx"] {
        assert_eq!(KeyId::parse(bad), None, "{bad}");
    }
}

fn any_claims() -> impl Strategy<Value = Claims> {
    let networks = proptest::collection::vec((any::<u32>(), 0_u8..=32), 0..4).prop_map(|all| {
        let one = |(bits, prefix): (u32, u8)| {
            let kept = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Network::new(core::net::Ipv4Addr::from_bits(bits & kept).into(), prefix).unwrap()
        };
        all.into_iter().map(one).collect::<Vec<_>>()
    });
    let options = (
        proptest::option::of(1_u64..1000),
        proptest::option::of(1_u32..),
        proptest::option::of(1_u64..),
        proptest::option::of(1_u64..),
    );
    let path = "/[a-zA-Z0-9 %;é../]{0,20}".prop_filter("a path", |path: &String| is_safe(path));
    (0_u8..3, path, 1000_u64.., options, networks, any::<[u8; 12]>()).prop_map(
        |(deed, path, expires, (not_before, count, bytes, rate), networks, id)| {
            let deed = [Deed::Get, Deed::Put, Deed::Drop][usize::from(deed)];
            let name = path.trim_end_matches('/');
            let path = match deed {
                Deed::Get => path,
                Deed::Put => ["/f", name].concat(),
                Deed::Drop => [name, "/"].concat(),
            };
            let id = (count.is_some() || bytes.is_some()).then_some(LinkId(id));
            Claims { deed, path, not_before, expires, count, bytes, rate, networks, id }
        },
    )
}

proptest! {
    #[test]
    fn any_claims_come_back(claims in any_claims()) {
        let text = claims.seal(KEY, mac).unwrap();
        prop_assert_eq!(open(&text), Ok(claims));
    }

    #[test]
    fn different_claims_never_share_bytes(one in any_claims(), two in any_claims()) {
        prop_assert_eq!(one == two, wire::write(&one, KEY) == wire::write(&two, KEY));
    }

    #[test]
    fn any_bytes_are_refused_or_have_one_spelling(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        crate::fuzz::link(&bytes);
        crate::fuzz::link(text::encode(&bytes).as_bytes());
    }

    #[test]
    fn broken_payloads_never_panic(
        claims in any_claims(),
        place in any::<usize>(),
        byte in any::<u8>(),
    ) {
        let mut payload = wire::write(&claims, KEY);
        let place = place % payload.len();
        payload[place] = byte;
        let _ = signed_payload(payload);
    }
}

#[test]
fn links_are_found_in_addresses() {
    for (given, link, path) in [
        ("AQx", "AQx", None),
        ("https://a/b%20c?menshen-link=AQx", "AQx", Some("/b%20c?menshen-link=AQx")),
        ("https://a:1/?x=1&menshen-link=AQx&y", "AQx", Some("/?x=1&menshen-link=AQx&y")),
        ("/b?menshen-link=AQx#z", "AQx", None),
        ("https://a/.menshen/drop/AQx/", "AQx", None),
        ("https://a/.menshen/drop/AQx/f.txt", "AQx", None),
    ] {
        assert_eq!(find(given), (link, path), "{given}");
    }
}
