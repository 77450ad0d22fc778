//! Proofs against RFC 2759 section 9.2 and what pppd sent, texts in any order, any octets.

use proptest::prelude::*;

use super::super::vectors::{Exchange, PPTP_40, PPTP_128, RFC, SSTP, array, octets};
use super::*;

fn response(exchange: &Exchange) -> Response {
    Response {
        peer_challenge: array(exchange.peer_challenge),
        nt_response: array(exchange.nt_response),
    }
}

#[test]
fn the_steps_of_rfc_2759_section_9_2() {
    let hash = RFC.hash();
    assert_eq!(hash.expose(), &array::<16>("44ebba8d5312b8d611474411f56989ae"));
    assert_eq!(*hash.hashed(), array::<16>("41c00c584bd2d91c4017a2a12fa59f3f"));
    let (peer, challenge) = (array(RFC.peer_challenge), array(RFC.challenge));
    assert_eq!(challenge_hash(&peer, &challenge, b"User"), array::<8>("d02e4386bce91226"));
    assert_eq!(Response::new(&hash, b"User", &challenge, peer), response(&RFC));
    let proof = response(&RFC).authenticator(&hash, b"User", &challenge);
    assert_eq!(proof, array::<20>("407a5589115fd0d6209f510fe9c04566932cda56"));
}

#[test]
fn what_pppd_proved_is_proven_and_its_server_too() {
    let server_proofs = [
        (&PPTP_128, "650368C2B12625C034AC21525B2D749D23A4F291"),
        (&PPTP_40, "6A49BA81BC422B71F39095951F27390D89D1B056"),
    ];
    for (exchange, sent) in server_proofs {
        let (hash, user) = (exchange.hash(), exchange.user.as_bytes());
        assert_eq!(hash.expose(), &array::<16>("35ccba9168b1d5ca6093b4b7d56c619b"));
        let challenge = array(exchange.challenge);
        let response = response(exchange);
        assert!(response.proves(&hash, user, &challenge));
        let proof = response.authenticator(&hash, user, &challenge);
        let text = alloc::format!("S={sent} M=Access granted");
        assert_eq!(success(text.as_bytes(), &proof), (true, Vec::from(b"Access granted")));
        assert!(!success(text.replace('6', "7").as_bytes(), &proof).0);
        assert_eq!(success_text(&proof, "Access granted"), text.as_bytes());
    }
    assert!(response(&SSTP).proves(&SSTP.hash(), b"testuser", &array(SSTP.challenge)));
}

#[test]
fn any_changed_octet_proves_nothing() {
    let (hash, challenge) = (RFC.hash(), array(RFC.challenge));
    for at in 0..24 {
        let mut response = response(&RFC);
        response.nt_response[at] ^= 1;
        assert!(!response.proves(&hash, b"User", &challenge), "octet {at}");
    }
    for at in 0..16 {
        let mut other = challenge;
        other[at] ^= 0x80;
        assert!(!response(&RFC).proves(&hash, b"User", &other), "octet {at}");
    }
    assert!(!response(&RFC).proves(&hash, b"user", &challenge));
}

#[test]
fn a_domain_is_not_part_of_the_proof() {
    let (hash, challenge) = (RFC.hash(), array(RFC.challenge));
    assert!(response(&RFC).proves(&hash, b"DOMAIN\\User", &challenge));
    assert_eq!(account(b"a\\b\\User"), b"User");
    assert_eq!(account(b""), b"");
}

#[test]
fn passwords_outside_ascii_are_hashed_as_utf_16() {
    let hash =
        |text: &str| *NtHash::of_password(&super::super::Secret::new(text.as_bytes())).expose();
    // The empty password's hash is well known.
    assert_eq!(hash(""), array::<16>("31d6cfe0d16ae931b73c59d7e0c089c0"));
    assert_ne!(hash("\u{1F511}"), hash("?"));
}

#[test]
fn a_value_is_49_octets_and_its_flags_are_not_looked_at() {
    let mut value = response(&RFC).value();
    assert_eq!(value[16..24], [0; 8]);
    (value[20], value[48]) = (9, 4);
    assert_eq!(Response::parse(&value), Some(response(&RFC)));
    assert_eq!(Response::parse(&value[..48]), None);
    assert_eq!(Response::parse(&[&value[..], &[0]].concat()), None);
}

#[test]
fn the_failure_of_pppd_is_understood_and_so_is_any_other_order() {
    let challenge = "0123456789ABCDEF0123456789abcdef";
    let pppd = alloc::format!("E=691 R=1 C={challenge} V=0 M=Access denied");
    let expected = Failure {
        code: Some(691),
        retry: true,
        challenge: Some(array(challenge)),
        version: Some(0),
        message: Vec::from(b"Access denied"),
    };
    assert_eq!(Failure::parse(pppd.as_bytes()), expected);
    let turned = alloc::format!("V=0 C={challenge} E=691 R=1 M=Access denied");
    assert_eq!(Failure::parse(turned.as_bytes()), expected);
    // Fields within the text for people are text for people.
    let failure = Failure::parse(b"E=648 M=E=1 R=1 C=00");
    assert_eq!((failure.code, failure.retry, failure.challenge), (Some(648), false, None));
    assert_eq!(failure.message, b"E=1 R=1 C=00");
    assert_eq!(Failure::parse(b"go away").message, b"go away");
    assert_eq!(Failure::parse(b""), Failure::default());
}

#[test]
fn our_own_failure_text_is_read_back() {
    let challenge = array(RFC.challenge);
    let text = failure_text(691, &challenge, "no");
    let failure = Failure::parse(&text);
    assert_eq!((failure.code, failure.retry), (Some(691), false));
    assert_eq!((failure.challenge, failure.version), (Some(challenge), Some(3)));
    assert_eq!(failure.message, b"no");
}

#[test]
fn des_keys_are_spread_without_their_parity() {
    assert_eq!(des_key(&[0xFF; 7]), [0xFE; 8]);
    assert_eq!(des_key(&[0x80, 0, 0, 0, 0, 0, 1]), [0x80, 0, 0, 0, 0, 0, 0, 2]);
    assert_eq!(octets("0a ff"), [10, 255]);
}

proptest! {
    #[test]
    fn any_text_is_read_and_its_message_is_bounded(text: Vec<u8>) {
        let failure = Failure::parse(&text);
        prop_assert!(failure.message.len() <= TEXT_OCTETS_MAX);
        let (proven, _) = success(&text, &[7; 20]);
        prop_assert!(!proven);
        let _ = Response::parse(&text);
    }
}
