//! Keys against RFC 3079 section 3.5 and those of pppd's conversations.

use super::*;
use crate::auth::vectors::{Exchange, PPTP_40, PPTP_128, RFC, SSTP, array, octets};

fn keys(exchange: &Exchange) -> Keys {
    Keys::new(&exchange.hash(), &array(exchange.nt_response))
}

fn current(chain: &Chain) -> alloc::vec::Vec<u8> {
    chain.mark().0[..chain.strength.octets()].to_vec()
}

/// Sections 3.5.1 to 3.5.3: the server's sending keys and `test message` under the first of them.
/// For 56 bits the RFC prints 58 as the last octet; RC4 under the key it gives makes B8.
#[test]
fn the_keys_of_rfc_3079() {
    let keys = keys(&RFC);
    assert_eq!(keys.server_sends, array::<16>("8b7cdc149b993a1ba118cb153f56dccb"));
    for (strength, key, cipher) in [
        (Strength::Bits40, "d1269ec49fa62e3e", "929137917e5803d668d75898"),
        (Strength::Bits56, "d15c00c49fa62e3e", "3f106833fa448da842bc57b8"),
        (Strength::Bits128, "405cb2247a7956e6e211007ae27b22d4", "81848317df68846272fb5abe"),
    ] {
        let chain = Chain::new(&keys.server_sends, strength);
        assert_eq!(current(&chain), octets(key), "{strength:?}");
        let mut rc4 = Rc4::new();
        chain.start(&mut rc4);
        let mut text = *b"test message";
        rc4.apply(&mut text);
        assert_eq!(text[..], octets(cipher), "{strength:?}");
    }
}

#[test]
fn the_keys_of_pppd() {
    for (exchange, strength, start, first, second) in [
        (
            &PPTP_128,
            Strength::Bits128,
            "e7890416085781e347f85299c9fb82d6",
            "4560d1f245ba6529f7eb464f7cb05479",
            "14477090745839a240157e84c0ae2afc",
        ),
        (&PPTP_40, Strength::Bits40, "2fe9413b441a5eda", "d1269e0ef74ae5ff", "d1269e5cc5f41d3a"),
    ] {
        let keys = keys(exchange);
        assert_eq!(keys.client_sends[..strength.octets()], octets(start));
        let mut chain = Chain::new(&keys.client_sends, strength);
        assert_eq!(current(&chain), octets(first));
        let mark = chain.mark();
        chain.step(&mut Rc4::new());
        assert_eq!(current(&chain), octets(second));
        chain.back(&mark);
        assert_eq!(current(&chain), octets(first));
    }
}

#[test]
fn both_start_keys_are_the_key_of_the_crypto_binding() {
    let expected = "29fddc48684f6e7d8500989c1a883adbb9c494fa5833a9fa08f3671e1d45678b";
    assert_eq!(*keys(&SSTP).both(), array::<32>(expected));
}

#[test]
fn no_key_is_printed() {
    assert_eq!(alloc::format!("{:?}", keys(&RFC)), "Keys(..)");
}
