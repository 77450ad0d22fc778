//! Tests of `challenges`.

use std::os::fd::AsFd;

use menshen_base::Counter;
use menshen_config::keeper::{AlpnChallenge, Challenges as Posted, HttpChallenge};
use menshen_sys::Bulletin;
use menshen_tls::ChallengeCertificates;

use super::Challenges;
use crate::fixture::{Choices, Fixture, Lines};
use crate::plan::Plan;

fn bulletin() -> (Bulletin, std::os::fd::OwnedFd) {
    let bulletin = Bulletin::create("challenges").unwrap();
    let reader = bulletin.as_fd().try_clone_to_owned().unwrap();
    (bulletin, reader)
}

fn post(bulletin: &mut Bulletin, http: &[(&str, &str)]) {
    let http = http.iter().map(|&(token, authorization)| HttpChallenge {
        token: token.to_owned(),
        authorization: authorization.to_owned(),
    });
    let posted = Posted { http: http.collect(), alpn: Vec::new() };
    bulletin.post(&serde_json::to_vec(&posted).unwrap()).unwrap();
}

/// Body and type of the answer to a challenge.
fn answer(made: &Fixture, method: &str, target: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let none = Lines::of::<&str>(&[]);
    let Plan::Reply(reply) = made.door.challenge(&none.ask(method, target))? else {
        panic!("not from memory")
    };
    assert_eq!(reply.status, 200);
    let field = |name| reply.fields.iter().find(|(key, _)| *key == name).map(|(_, v)| v.to_vec());
    assert_eq!(field("x-content-type-options").unwrap(), b"nosniff");
    Some((reply.body.bytes().to_vec(), field("content-type").unwrap()))
}

#[test]
fn only_what_is_posted_is_answered() {
    let (mut bulletin, reader) = bulletin();
    let made = Fixture::with(Choices { challenges: Some(reader), ..Choices::default() });
    let path = "/.well-known/acme-challenge/tok-1_A";
    assert_eq!(answer(&made, "GET", path), None, "nothing is posted yet");
    post(&mut bulletin, &[("tok-1_A", "tok-1_A.thumb"), ("two", "two.thumb")]);
    let expected = (b"tok-1_A.thumb".to_vec(), b"application/octet-stream".to_vec());
    assert_eq!(answer(&made, "GET", path), Some(expected.clone()));
    assert_eq!(answer(&made, "HEAD", path), Some(expected.clone()));
    assert_eq!(answer(&made, "GET", &format!("{path}?x=1")), Some(expected));
    assert_eq!(made.door.slot.get(Counter::AcmeAnswered), 3);
    let others = [
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/tok",
        "/.well-known/acme-challenge/tok-1_A/",
        "/.well-known/acme-challenge/./tok-1_A",
        "/.well-known/acme-challenge/tok-1_%41",
        "/.well-known/acme-challengetok-1_A",
        "/tok-1_A",
        "/",
    ];
    for target in others {
        assert_eq!(answer(&made, "GET", target), None, "{target}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(answer(&made, method, path), None, "{method}");
    }
    // Taken down again.
    post(&mut bulletin, &[("two", "two.thumb")]);
    assert_eq!(answer(&made, "GET", path), None);
    assert!(answer(&made, "GET", "/.well-known/acme-challenge/two").is_some());
    bulletin.post(b"no JSON").unwrap();
    assert_eq!(answer(&made, "GET", "/.well-known/acme-challenge/two"), None);
    assert_eq!(made.door.slot.get(Counter::AcmeAnswered), 4);
}

#[test]
fn without_orders_nothing_is_special() {
    let made = Fixture::new();
    assert_eq!(answer(&made, "GET", "/.well-known/acme-challenge/x"), None);
}

#[test]
fn a_keeper_cannot_say_just_anything() {
    let (mut bulletin, reader) = bulletin();
    let made = Fixture::with(Choices { challenges: Some(reader), ..Choices::default() });
    let long = "x".repeat(513);
    let posted = [
        ("script", "<script>alert(1) </script>"),
        ("line", "a\r\nb"),
        ("long", &*long),
        ("../up", "fine"),
        ("good", "good.thumb"),
    ];
    post(&mut bulletin, &posted);
    for (token, _) in &posted[..4] {
        let target = format!("/.well-known/acme-challenge/{token}");
        assert_eq!(answer(&made, "GET", &target), None, "{token}");
    }
    assert!(answer(&made, "GET", "/.well-known/acme-challenge/good").is_some());
}

#[test]
fn certificates_of_challenges_go_by_name() {
    let (mut bulletin, reader) = bulletin();
    let challenges = Challenges::new(reader);
    assert!(challenges.certificate_for("a.test").is_none());
    let (certificate_pem, key_pem) = crate::fixture::certificate(&["a.test"]);
    let bad = (certificate_pem.clone(), "no key".to_owned());
    let alpn = [("A.test", (certificate_pem, key_pem)), ("b.test", bad)];
    let alpn = alpn.map(|(name, (certificate_pem, key_pem))| AlpnChallenge {
        name: name.to_owned(),
        certificate_pem,
        key_pem,
    });
    let posted = Posted { http: Vec::new(), alpn: alpn.into() };
    bulletin.post(&serde_json::to_vec(&posted).unwrap()).unwrap();
    assert!(challenges.certificate_for("a.test").is_some());
    assert!(challenges.certificate_for("b.test").is_none());
    post(&mut bulletin, &[]);
    assert!(challenges.certificate_for("a.test").is_none());
}
