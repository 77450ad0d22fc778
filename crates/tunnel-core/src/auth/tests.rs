//! Both roles against each other and against packets as peers send them; any octets.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::chap::{Chap, md5_response};
use super::pap::Pap;
use super::vectors::{PPTP_128, array};
use super::*;
use crate::mppe::{HEADER_OCTETS, Mode, Opened, Side, Strength};

const METHODS: [Method; 3] = [Method::Pap, Method::ChapMd5, Method::MsChapV2];

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes())
}

/// One exchange: what the server and the client end with.
fn exchange(method: Method, given: &str, known: &Known) -> (Answer, Step) {
    let mut server = Server::new(method, b"menshen", [3; 16]);
    let mut client = Client::new(method, b"HOME\\anna", secret(given));
    let (mut out, mut back) = (vec![], vec![]);
    if server.start(&mut out) {
        assert!(matches!(client.input(&out, [4; 16], &mut back), Step::Send));
    } else {
        assert!(client.start(&mut back));
    }
    let asked = server.input(&back, &mut vec![]);
    let (user, account) = (Vec::from(b"HOME\\anna"), Vec::from(b"anna"));
    assert_eq!(asked, Asked::Verify { user, account });
    assert_eq!(server.input(&back, &mut vec![]), Asked::Ignored(Ignored::Unexpected));
    let mut verdict = vec![];
    let answer = server.answer(known, &mut verdict).unwrap();
    assert!(server.answer(known, &mut vec![]).is_none());
    // The client repeats what it said: the same answer, and nobody is asked again.
    let mut again = vec![];
    assert_eq!(server.input(&back, &mut again), Asked::Repeated);
    assert_eq!(again, verdict);
    (answer, client.input(&verdict, [4; 16], &mut vec![]))
}

#[test]
fn the_right_password_is_accepted_by_every_method() {
    for method in METHODS {
        let (answer, step) = exchange(method, "right", &Known::Password(secret("right")));
        let Answer::Accepted { keys: ours } = answer else { panic!("{method:?} {answer:?}") };
        let Step::Proven { keys: theirs, text } = step else { panic!("{method:?} {step:?}") };
        assert_eq!(text, b"welcome");
        assert_eq!(
            (ours.is_some(), theirs.is_some()),
            (method == Method::MsChapV2, ours.is_some())
        );
    }
}

#[test]
fn what_is_known_decides() {
    let hash = || Known::NtHash(NtHash::of_password(&secret("right")));
    for (method, given, known, accepted) in [
        (Method::Pap, "right", hash(), true),
        (Method::Pap, "wrong", hash(), false),
        (Method::MsChapV2, "right", hash(), true),
        (Method::MsChapV2, "wrong", hash(), false),
        (Method::ChapMd5, "right", hash(), false),
        (Method::ChapMd5, "", hash(), false),
        (Method::ChapMd5, "wrong", Known::Password(secret("right")), false),
        (Method::ChapMd5, "", Known::Nobody, false),
        (Method::Pap, "", Known::Nobody, false),
        (Method::Pap, "nobody's password", Known::Nobody, false),
        (Method::MsChapV2, "nobody's password", Known::Nobody, false),
    ] {
        let (answer, step) = exchange(method, given, &known);
        assert_eq!(matches!(answer, Answer::Accepted { .. }), accepted, "{method:?} {given}");
        assert_eq!(matches!(step, Step::Proven { .. }), accepted, "{method:?} {given}");
        if let Step::Refused(refusal) = step {
            let code = (method == Method::MsChapV2).then_some(691);
            assert_eq!((refusal.code, refusal.kind), (code, RefusalKind::ByServer));
            assert_eq!(refusal.text, b"name or password refused");
        }
    }
}

#[test]
fn both_ends_have_the_same_keys() {
    let (answer, step) = exchange(Method::MsChapV2, "p", &Known::Password(secret("p")));
    let (Answer::Accepted { keys: Some(server) }, Step::Proven { keys: Some(client), .. }) =
        (answer, step)
    else {
        panic!()
    };
    for (from, to, side, other) in [
        (&server, &client, Side::Server, Side::Client),
        (&client, &server, Side::Client, Side::Server),
    ] {
        let mut packet = vec![0, 0, 0, 0x21, 0x45, 1, 2, 3];
        from.sender(side, Strength::Bits128, Mode::Stateless).seal(&mut packet);
        let mut receiver = to.receiver(other, Strength::Bits128, Mode::Stateless);
        assert_eq!(receiver.open(&mut packet), Opened::Plain);
        assert_eq!(packet[HEADER_OCTETS..], [0, 0x21, 0x45, 1, 2, 3]);
    }
}

/// The response of pppd, and its server's success and failure, packet by packet.
#[test]
fn the_packets_of_pppd() {
    let mut server = Server::new(Method::MsChapV2, b"pptpd", array(PPTP_128.challenge));
    let mut client = Client::new(Method::MsChapV2, b"testuser", secret("testpass"));
    let (mut out, mut back) = (vec![], vec![]);
    assert!(server.start(&mut out));
    client.input(&out, array(PPTP_128.peer_challenge), &mut back);
    let value = [
        vec![2, 1, 0, 62, 49],
        array::<16>(PPTP_128.peer_challenge).to_vec(),
        vec![0; 8],
        array::<24>(PPTP_128.nt_response).to_vec(),
        vec![0],
        Vec::from(b"testuser"),
    ];
    assert_eq!(back, value.concat());
    assert!(matches!(server.input(&back, &mut vec![]), Asked::Verify { .. }));
    let text = b"S=650368C2B12625C034AC21525B2D749D23A4F291 M=Access granted";
    let mut success = vec![];
    Chap::Success(text).write(1, &mut success);
    assert!(matches!(client.input(&success, [0; 16], &mut vec![]), Step::Proven { .. }));
    // A second success answers nothing any more.
    let step = client.input(&success, [0; 16], &mut vec![]);
    assert!(matches!(step, Step::Ignored(Ignored::Unexpected)));
}

#[test]
fn a_server_that_cannot_prove_itself_is_refused() {
    let mut client = Client::new(Method::MsChapV2, b"anna", secret("p"));
    for text in [&b"S=0000000000000000000000000000000000000000 M=welcome"[..], b"welcome", b""] {
        let (mut challenge, mut success) = (vec![], vec![]);
        Chap::Challenge { value: &[1; 16], name: b"x" }.write(9, &mut challenge);
        assert!(matches!(client.input(&challenge, [2; 16], &mut vec![]), Step::Send));
        Chap::Success(text).write(9, &mut success);
        let step = client.input(&success, [2; 16], &mut vec![]);
        let Step::Refused(refusal) = step else { panic!("{step:?}") };
        assert_eq!(refusal.kind, RefusalKind::ServerUnproven);
    }
}

#[test]
fn answers_to_other_identifiers_and_before_any_proof_are_ignored() {
    let mut client = Client::new(Method::ChapMd5, b"anna", secret("p"));
    let (mut early, mut challenge) = (vec![], vec![]);
    Chap::Success(b"").write(5, &mut early);
    assert!(matches!(
        client.input(&early, [0; 16], &mut vec![]),
        Step::Ignored(Ignored::Unexpected)
    ));
    Chap::Challenge { value: &[1, 2, 3], name: b"" }.write(4, &mut challenge);
    assert!(matches!(client.input(&challenge, [0; 16], &mut vec![]), Step::Send));
    assert!(matches!(client.input(&early, [0; 16], &mut vec![]), Step::Ignored(Ignored::OtherId)));
    let mut pap = Client::new(Method::Pap, b"anna", secret("p"));
    let mut ack = vec![];
    Pap::Ack(b"").write(0, &mut ack);
    assert!(matches!(pap.input(&ack, [0; 16], &mut vec![]), Step::Ignored(Ignored::Unexpected)));
}

#[test]
fn a_challenge_of_the_wrong_length_is_not_answered() {
    let mut client = Client::new(Method::MsChapV2, b"anna", secret("p"));
    for octets in [0, 8, 15, 17] {
        let mut challenge = vec![];
        Chap::Challenge { value: &vec![1; octets], name: b"" }.write(1, &mut challenge);
        let step = client.input(&challenge, [0; 16], &mut vec![]);
        assert!(matches!(step, Step::Ignored(Ignored::ValueLength)), "{octets}");
    }
}

/// The formula of RFC 1994 section 2 computed by another program.
#[test]
fn md5_of_identifier_password_and_challenge() {
    let challenge: Vec<u8> = (0..16).collect();
    let proof = md5_response(7, &secret("secret"), &challenge);
    assert_eq!(proof, array::<16>("821643665b430359e52ac524d29c8f95"));
}

/// RFC 1334 section 2.2.1; padding behind the stated length is ignored.
#[test]
fn pap_on_the_wire() {
    let mut out = vec![];
    Pap::Request { user: b"ab", password: b"c" }.write(7, &mut out);
    assert_eq!(out, [1, 7, 0, 9, 2, b'a', b'b', 1, b'c']);
    out.extend([9, 9]);
    let read = Pap::parse(&out);
    assert!(read == Some((7, Pap::Request { user: b"ab", password: b"c" })));
    // An answer without even the length of its text.
    assert!(Pap::parse(&[2, 7, 0, 4]) == Some((7, Pap::Ack(b""))));
    assert!(Pap::parse(&[1, 7, 0, 9, 2, b'a', b'b', 2, b'c']).is_none());
}

#[test]
fn options_of_lcp_name_methods() {
    for method in METHODS {
        assert_eq!(Method::from_option(method.option()), Some(method));
    }
    // EAP, MS-CHAP version 1, PAP with octets too many.
    for other in [&[0xC2, 0x27][..], &[0xC2, 0x23, 0x80], &[0xC0, 0x23, 0], &[0xC2, 0x23], &[]] {
        assert_eq!(Method::from_option(other), None);
    }
}

#[test]
fn nothing_secret_is_printed() {
    let known = Known::Password(secret("hunter2"));
    let client = Client::new(Method::Pap, b"anna", secret("hunter2"));
    let mut server = Server::new(Method::Pap, b"x", [0; 16]);
    let mut request = vec![];
    Pap::Request { user: b"anna", password: b"hunter2" }.write(1, &mut request);
    server.input(&request, &mut vec![]);
    let hash = NtHash::of_password(&secret("hunter2"));
    let texts =
        alloc::format!("{known:?} {client:?} {server:?} {hash:?} {:?}", Pap::parse(&request));
    assert!(!texts.contains("hunter2") && !texts.contains("104, 117"), "{texts}");
    assert!(!texts.contains(&alloc::format!("{:?}", hash.expose())), "{texts}");
}

#[test]
fn comparison_sees_lengths_and_every_octet() {
    use super::secret::same;
    assert!(same(&[], &[]) && same(&[1, 2], &[1, 2]));
    assert!(!same(&[1, 2], &[1, 3]) && !same(&[1, 2], &[1]) && !same(&[], &[0]));
}

proptest! {
    #[test]
    fn any_octets_are_taken_by_both_roles(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..8),
        method in prop::sample::select(&METHODS[..]),
    ) {
        let mut client = Client::new(method, b"anna", secret("p"));
        let mut server = Server::new(method, b"x", [1; 16]);
        client.start(&mut vec![]);
        for packet in &packets {
            let (mut out, mut back) = (vec![], vec![]);
            let proven = matches!(client.input(packet, [9; 16], &mut out), Step::Proven { .. });
            // Only plain methods can be told "accepted" by anybody.
            prop_assert!(!proven || method != Method::MsChapV2);
            server.input(packet, &mut back);
            let answer = server.answer(&Known::Password(secret("other")), &mut back);
            let accepted = matches!(answer, Some(Answer::Accepted { .. }));
            prop_assert!(!accepted);
        }
    }
}
