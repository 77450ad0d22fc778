//! Any bytes as packets of PAP, CHAP and MS-CHAPv2, to both roles.

use alloc::vec::Vec;

use crate::auth::chap::Chap;
use crate::auth::mschap2::{Failure, Response};
use crate::auth::pap::Pap;
use crate::auth::{
    Answer, Asked, Client, Known, Method, Secret, Server, Step, TEXT_OCTETS_MAX, USER_OCTETS_MAX,
};

/// The first octet chooses the method, each packet has its length before it. Packets are read and
/// written back; nobody is accepted who has no password, and no server that cannot prove itself.
pub fn auth(data: &[u8]) {
    let [choice, rest @ ..] = data else { return };
    let methods = [Method::Pap, Method::ChapMd5, Method::MsChapV2];
    let method = methods.get(usize::from(choice % 3)).copied().unwrap_or(Method::Pap);
    let mut client = Client::new(method, b"anna", Secret::new(b"the right password"));
    let mut server = Server::new(method, b"menshen", [*choice; 16]);
    client.start(&mut Vec::new());
    let mut rest = rest;
    while let [length, more @ ..] = rest {
        let (packet, after) = more.split_at_checked(usize::from(*length)).unwrap_or((more, &[]));
        rest = after;
        one(packet);
        let mut out = Vec::new();
        match client.input(packet, [7; 16], &mut out) {
            Step::Proven { keys, text } => {
                assert!(method != Method::MsChapV2 && keys.is_none());
                assert!(text.len() <= TEXT_OCTETS_MAX);
            }
            Step::Refused(refusal) => assert!(refusal.text.len() <= TEXT_OCTETS_MAX),
            Step::Send => assert!(!out.is_empty()),
            Step::Ignored(_) => assert!(out.is_empty()),
        }
        out.clear();
        if let Asked::Verify { user, account } = server.input(packet, &mut out) {
            assert!(user.len() <= USER_OCTETS_MAX && user.ends_with(&account));
            let answer = server.answer(&Known::Nobody, &mut out);
            assert!(matches!(answer, Some(Answer::Refused)) && !out.is_empty());
        }
    }
}

fn one(packet: &[u8]) {
    let mut again = Vec::new();
    if let Some((id, pap)) = Pap::parse(packet) {
        pap.write(id, &mut again);
        assert!(Pap::parse(&again) == Some((id, pap)), "a packet of PAP changed");
    }
    again.clear();
    if let Some((id, chap)) = Chap::parse(packet) {
        chap.write(id, &mut again);
        assert_eq!(packet.get(..again.len()), Some(&*again));
        if let Chap::Response { value, .. } = chap
            && let Some(response) = Response::parse(value)
        {
            assert_eq!(Response::parse(&response.value()), Some(response));
        }
    }
    assert!(Failure::parse(packet).message.len() <= TEXT_OCTETS_MAX);
}
