//! Tests of who may do what.

use super::*;
use crate::fixture::{Lines, TOKEN, secrets};

/// Method, path, fields, and what they may do.
type Row<'a> = (&'a str, &'a str, &'a [&'a str], Result<Grant, Refusal>);

const NOW: u64 = 1_800_000_000;

fn public(rules: &[(&str, Access)]) -> Vec<PublicPath> {
    rules.iter().map(|&(path, access)| PublicPath { path: path.into(), access }).collect()
}

fn authority(rules: &[(&str, Access)]) -> Authority {
    Authority::new(&secrets(), public(rules), Links::default(), 3600, 3)
}

fn cookie_of(authority: &Authority, now: u64) -> String {
    let set = authority.session_begin(now);
    format!("Cookie: {}", set.split(';').next().unwrap())
}

#[test]
fn the_longest_public_prefix_decides() {
    use Access::{Read, Write};
    let authority = authority(&[("/pub/", Read), ("/pub/in/", Write), ("/pub/in/sealed/", Read)]);
    let rows: &[(&str, Option<Grant>)] = &[
        ("/", None),
        ("/pub", None),
        ("/public/file", None),
        ("/other", None),
        ("/pub/", Some(Grant::Read)),
        ("/pub/file", Some(Grant::Read)),
        ("/pub/inside", Some(Grant::Read)),
        ("/pub/in/file", Some(Grant::Write)),
        ("/pub/in/a/b", Some(Grant::Write)),
        ("/pub/in/sealed/file", Some(Grant::Read)),
    ];
    for (path, expected) in rows {
        assert_eq!(authority.public(path.as_bytes(), Reach::Itself), *expected, "{path}");
    }
}

#[test]
fn a_narrower_rule_guards_its_parents_but_not_what_is_beside_it() {
    use Access::{Read, Write};
    let authority = authority(&[("/", Write), ("/keep/safe/", Read)]);
    for (path, itself, inside) in [
        ("/", Grant::Read, Grant::Write),
        ("/keep/", Grant::Read, Grant::Write),
        ("/keep", Grant::Read, Grant::Write),
        ("/keep/safe/", Grant::Read, Grant::Read),
        ("/keep/other/", Grant::Write, Grant::Write),
        ("/keeper/", Grant::Write, Grant::Write),
    ] {
        assert_eq!(authority.public(path.as_bytes(), Reach::Itself), Some(itself), "{path}");
        assert_eq!(authority.public(path.as_bytes(), Reach::Inside), Some(inside), "{path}");
    }
}

#[test]
fn credentials_in_every_form() {
    let authority = authority(&[("/pub/", Access::Read), ("/drop/", Access::Write)]);
    let session = cookie_of(&authority, NOW);
    let old = cookie_of(&authority, NOW - 3600);
    let broken = session.replace("v1.", "v1.9");
    // "x:the-owner-token" and ":wrong" in base64.
    let basic = "Authorization: Basic eDp0aGUtb3duZXItdG9rZW4=";
    let basic_wrong = "Authorization: Basic Ondyb25n";
    let bearer = format!("Authorization: Bearer {TOKEN}");
    let longer = format!("Authorization: Bearer {TOKEN}x");
    let (read, write) = (Ok(Grant::Read), Ok(Grant::Write));
    let (missing, wrong) = (Err(Refusal::Missing), Err(Refusal::Wrong));
    let foreign = Err(Refusal::ForeignSite);
    let same = "Sec-Fetch-Site: same-origin";
    let rows: &[Row<'_>] = &[
        ("GET", "/file", &[], missing),
        ("GET", "/file", &[&bearer], write),
        ("PUT", "/file", &[&bearer], write),
        ("PUT", "/file", &["Authorization: bearer the-owner-token"], write),
        ("GET", "/file", &[basic], write),
        ("GET", "/file", &["Authorization: Bearer wrong"], wrong),
        ("GET", "/file", &[&longer], wrong),
        ("GET", "/file", &["Authorization: Bearer"], wrong),
        ("GET", "/file", &["Authorization: Digest x"], wrong),
        ("GET", "/file", &["Authorization: the-owner-token"], wrong),
        ("GET", "/file", &[basic_wrong], wrong),
        ("GET", "/file", &["Cookie: other=1"], missing),
        ("GET", "/file", &["Cookie: __Host-menshen=x"], missing),
        ("GET", "/file", &[&broken], missing),
        ("GET", "/file", &[&old], missing),
        ("GET", "/file", &[&session], write),
        ("HEAD", "/file", &[&session, "Sec-Fetch-Site: cross-site"], write),
        // A wrong token is not mended by a session.
        ("GET", "/file", &[&session, "Authorization: Bearer wrong"], wrong),
        ("PUT", "/file", &[&session], foreign),
        ("PUT", "/file", &[&session, same], write),
        ("POST", "/dir/", &[&session, same], write),
        ("DELETE", "/file", &[&session, "Sec-Fetch-Site: same-site"], foreign),
        ("DELETE", "/file", &[&session, "Sec-Fetch-Site: cross-site"], foreign),
        ("DELETE", "/file", &[&session, "Sec-Fetch-Site: none"], foreign),
        ("MOVE", "/file", &[&session, "Origin: https://files.example"], write),
        ("MOVE", "/file", &[&session, "Origin: https://FILES.example"], write),
        ("MOVE", "/file", &[&session, "Origin: http://files.example"], foreign),
        ("MOVE", "/file", &[&session, "Origin: https://files.example:444"], foreign),
        ("MOVE", "/file", &[&session, "Origin: https://files.example.evil"], foreign),
        ("MOVE", "/file", &[&session, "Origin: null"], foreign),
        // What the browser says itself outweighs what a page may have some say in.
        (
            "PUT",
            "/file",
            &[&session, "Sec-Fetch-Site: cross-site", "Origin: https://files.example"],
            foreign,
        ),
        ("GET", "/pub/file", &[], read),
        ("GET", "/pub/file", &["Authorization: Bearer wrong"], read),
        ("PUT", "/pub/file", &[&bearer], write),
        ("PUT", "/drop/file", &[], write),
        ("PUT", "/drop/file", &[&session, "Sec-Fetch-Site: cross-site"], write),
    ];
    for (method, path, fields, expected) in rows {
        // Fresh each time, so that no row is refused for another's wrong tokens.
        let authority = self::authority(&[("/pub/", Access::Read), ("/drop/", Access::Write)]);
        let fields = Lines::of(fields);
        let judged =
            authority.judge(&fields.ask(method, path), path.as_bytes(), Reach::Itself, NOW);
        assert_eq!(judged, *expected, "{method} {path} {:?}", fields.0);
    }
}

#[test]
fn a_session_is_only_given_for_the_token_and_kept_from_scripts_and_other_hosts() {
    let authority = authority(&[]);
    let none = Lines::of::<&str>(&[]);
    let shown = authority.token(&none.ask("POST", "/.menshen/session"), NOW);
    assert_eq!(shown, Err(Refusal::Missing));
    let session = Lines::of(&[cookie_of(&authority, NOW)]);
    let shown = authority.token(&session.ask("POST", "/.menshen/session"), NOW);
    assert_eq!(shown, Err(Refusal::Missing), "a session begets no session");
    for set in [authority.session_begin(NOW), Authority::session_end()] {
        assert!(set.starts_with("__Host-menshen="));
        for rule in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
            assert!(set.split("; ").any(|part| part == rule), "{rule} in {set}");
        }
        assert!(!set.contains("Domain"));
    }
}

#[test]
fn a_session_ends_when_its_time_is_over_and_with_its_key() {
    let authority = authority(&[]);
    let session = Lines::of(&[cookie_of(&authority, NOW)]);
    let judge = |authority: &Authority, now| {
        authority.judge(&session.ask("GET", "/file"), b"/file", Reach::Itself, now).is_ok()
    };
    assert!(judge(&authority, NOW + 3599));
    assert!(!judge(&authority, NOW + 3600));
    let mut changed = secrets();
    changed.cookie_key[0] ^= 1;
    assert!(!judge(&Authority::new(&changed, Vec::new(), Links::default(), 3600, 3), NOW));
}

#[test]
fn wrong_tokens_are_counted_by_network_and_forgiven_after_a_minute() {
    let authority = authority(&[]);
    let (wrong, right) = (
        Lines::of(&["Authorization: Bearer no"]),
        Lines::of(&["Authorization: Bearer the-owner-token"]),
    );
    let from = |lines: &Lines, peer: &str, now| {
        let mut ask = lines.ask("GET", "/file");
        ask.peer = peer.parse().unwrap();
        authority.judge(&ask, b"/file", Reach::Itself, now)
    };
    for _ in 0..3 {
        assert_eq!(from(&wrong, "2001:db8::1", NOW), Err(Refusal::Wrong));
    }
    let blocked = Err(Refusal::TooMany { retry_after_s: 50 });
    assert_eq!(from(&wrong, "2001:db8::1", NOW + 10), blocked);
    assert_eq!(from(&wrong, "2001:db8::2", NOW + 10), blocked, "the same /64");
    assert_eq!(from(&right, "2001:db8::1", NOW + 10), blocked, "guessing goes on unanswered");
    assert_eq!(from(&wrong, "2001:db8:0:1::1", NOW + 10), Err(Refusal::Wrong));
    assert_eq!(from(&right, "192.0.2.9", NOW + 10), Ok(Grant::Write));
    assert_eq!(from(&right, "2001:db8::1", NOW + 60), Ok(Grant::Write));
    assert_eq!(from(&wrong, "2001:db8::1", NOW + 60), Err(Refusal::Wrong), "counted from one");
}

#[test]
fn guessing_from_everywhere_costs_bounded_memory() {
    let mut failures = Tries::new(3);
    for number in 0..3 * u32::try_from(NETWORKS_MAX).unwrap() {
        failures.add(IpAddr::V4(number.into()), NOW + u64::from(number) / 100);
        assert!(failures.networks.len() <= NETWORKS_MAX);
    }
}
