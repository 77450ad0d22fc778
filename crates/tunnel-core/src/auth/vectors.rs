//! Conversations whose keys are known: the examples of RFC 2759 section 9.2, and what pppd 2.4.9
//! and sstp-client 1.0.18 sent and logged. Used by the tests of authentication, MPPE and SSTP.

use alloc::vec::Vec;

use super::{NtHash, Secret};

/// One MS-CHAPv2 exchange and what follows from it.
pub(crate) struct Exchange {
    pub(crate) user: &'static str,
    pub(crate) password: &'static str,
    pub(crate) challenge: &'static str,
    pub(crate) peer_challenge: &'static str,
    pub(crate) nt_response: &'static str,
}

impl Exchange {
    pub(crate) fn hash(&self) -> NtHash {
        NtHash::of_password(&Secret::new(self.password.as_bytes()))
    }
}

/// RFC 2759 section 9.2.
pub(crate) const RFC: Exchange = Exchange {
    user: "User",
    password: "clientPass",
    challenge: "5b5d7c7d7b3f2f3e3c2c602132262628",
    peer_challenge: "21402324255e262a28295f2b3a337c7e",
    nt_response: "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df",
};

/// pptp-linux with pppd against pptpd with pppd, MPPE with 128 bits.
pub(crate) const PPTP_128: Exchange = Exchange {
    user: "testuser",
    password: "testpass",
    challenge: "ae925719c15c96d06778c808e4d37ae6",
    peer_challenge: "d60487d8e8ed19b59c8bd9cd46e78cfc",
    nt_response: "f6756e097534b16d344cebd564dc91327af5562498cbdf58",
};

/// The same with 40 bits.
pub(crate) const PPTP_40: Exchange = Exchange {
    user: "testuser",
    password: "testpass",
    challenge: "8e28aacfc85f1f869a4ec41415a48ad8",
    peer_challenge: "131f6b1993c5a09f8e9e1bcef70355ce",
    nt_response: "56858c9deb613516fc1a85090f57a12264da0a9b84374da6",
};

/// sstp-client with pppd against sstp-server with pppd.
pub(crate) const SSTP: Exchange = Exchange {
    user: "testuser",
    password: "testpass",
    challenge: "bc2f6e020b476d18443a6a9b0da7852e",
    peer_challenge: "521420417d705f351924906123faac02",
    nt_response: "05c757aedb63ed7faff3b59f5a8dc68d82245217783b5008",
};

/// Octets from their hexadecimal digits.
pub(crate) fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(&pair.iter().collect::<alloc::string::String>(), 16).unwrap()
        })
        .collect()
}

/// The same, of a fixed number.
pub(crate) fn array<const N: usize>(hex: &str) -> [u8; N] {
    octets(hex).try_into().unwrap()
}
