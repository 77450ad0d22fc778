//! Packets that may be informs.

use core::net::Ipv4Addr;

use crate::dhcp::{ANSWER_OCTETS_MAX, Told, answer, is_asked};

/// What is answered is an inform, and an answer is bounded and for the client who asked.
pub fn dhcp(octets: &[u8]) {
    let (client, server) = (Ipv4Addr::new(10, 77, 0, 2), Ipv4Addr::new(10, 77, 0, 1));
    let dns = [Ipv4Addr::new(9, 9, 9, 9); 20];
    let routes = [(Ipv4Addr::new(10, 200, 1, 0), 31); 70];
    let domain = Some("a domain of a fuzz target");
    let told = Told { server, dns: &dns, routes: &routes, domain };
    if let Some(answer) = answer(octets, client, &told) {
        assert!(is_asked(octets));
        assert!(answer.len() <= ANSWER_OCTETS_MAX);
        assert_eq!(answer.get(16..20), Some(&client.octets()[..]));
        assert_eq!(answer.last(), Some(&255));
    }
}
