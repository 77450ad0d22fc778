//! The binding that sstp-client sent and sstp-server took, the other hash and the empty key (made
//! by another program), and each part changed.

use super::*;
use crate::auth::vectors::{SSTP, array, octets};

const NONCE: &str = "3bee7bad43a14c74b0c838b689fc15ee1558b2937e98b2e7a5e5ab9104a4a6b2";
const SHA_256: &str = "13ae28e9867c82cdad0cffe2e56e5eb82f4fdf45322787e2835806e74b1294d5";

fn keys() -> Keys {
    Keys::new(&SSTP.hash(), &array(SSTP.nt_response))
}

fn certificate() -> Certificate {
    Certificate {
        sha1: core::array::from_fn(|at| u8::try_from(at).unwrap()),
        sha256: array(SHA_256),
    }
}

#[test]
fn the_message_of_sstp_client() {
    let binding = Binding::new(Hash::Sha256, array(NONCE), &certificate(), Some(&keys()));
    let mut message = alloc::vec![];
    Message::Connected(binding).write(&mut message);
    let mac = "b7ad921c531092432fc113e5c795235ba2b5659a60be3e2af8e0428bc6ecbf92";
    let head = "1001007000040001 00030068 000000 02";
    assert_eq!(message, octets(&alloc::format!("{head}{NONCE}{SHA_256}{mac}")));
    assert_eq!(Message::parse(&message), Ok(Message::Connected(binding)));
}

#[test]
fn every_hash_with_and_without_a_key() {
    for (hash, keys, mac) in [
        (Hash::Sha1, Some(keys()), "22a6dff1ecb4d21fc342e0cf4321f1564d18ca0d"),
        (Hash::Sha1, None, "cbe0dcc638759c9541be75b0054a2892d34c783a"),
        (Hash::Sha256, None, "bbc3f965d007f57c364075d0040cb1086219a3523d9c7f0eb22e3c6cf2f8dd70"),
    ] {
        let binding = Binding::new(hash, array(NONCE), &certificate(), keys.as_ref());
        let mac = octets(mac);
        assert_eq!(binding.mac[..mac.len()], mac);
        assert!(binding.mac[mac.len()..].iter().all(|octet| *octet == 0));
        let held = binding.verify(Hashes::ALL, &array(NONCE), &certificate(), keys.as_ref());
        assert_eq!(held, Ok(hash));
    }
}

#[test]
fn the_part_that_does_not_hold_is_named() {
    let (nonce, certificate, keys) = (array(NONCE), certificate(), keys());
    for hash in [Hash::Sha1, Hash::Sha256] {
        let right = Binding::new(hash, nonce, &certificate, Some(&keys));
        let check = |binding: &Binding, offered, keys| {
            binding.verify(offered, &nonce, &certificate, keys).unwrap_err()
        };
        for at in 0..32 {
            let mut wrong = right;
            wrong.nonce[at] ^= 1;
            assert_eq!(check(&wrong, Hashes::ALL, Some(&keys)), Mismatch::Nonce);
            wrong = right;
            wrong.certificate[at] ^= 0x80;
            assert_eq!(check(&wrong, Hashes::ALL, Some(&keys)), Mismatch::Certificate);
            wrong = right;
            wrong.mac[at] ^= 1;
            assert_eq!(check(&wrong, Hashes::ALL, Some(&keys)), Mismatch::Mac, "octet {at}");
        }
        // Keys on one side only: the complaint that sends users to PAP.
        assert_eq!(check(&right, Hashes::ALL, None), Mismatch::Mac);
        let other = Hashes(Hashes::ALL.0 & !hash.bit());
        assert_eq!(check(&right, other, Some(&keys)), Mismatch::Hash);
        for bits in [0, 3, 4, 0xFF] {
            let wrong = Binding { hash: bits, ..right };
            assert_eq!(check(&wrong, Hashes::ALL, Some(&keys)), Mismatch::Hash);
        }
    }
}

/// A man in the middle shows a certificate of his own and passes everything else on.
#[test]
fn a_man_in_the_middle_is_found_out() {
    let (his, ours) = (Certificate::of_der(b"his"), Certificate::of_der(b"ours"));
    let mut binding = Binding::new(Hash::Sha256, [7; 32], &his, Some(&keys()));
    let seen = binding.verify(Hashes::ALL, &[7; 32], &ours, Some(&keys()));
    assert_eq!(seen, Err(Mismatch::Certificate));
    // He puts the right certificate in, but has no key to make the proof with.
    binding.certificate = ours.sha256;
    let seen = binding.verify(Hashes::ALL, &[7; 32], &ours, Some(&keys()));
    assert_eq!(seen, Err(Mismatch::Mac));
}

#[test]
fn the_best_hash_offered_is_taken() {
    assert_eq!(Hashes::ALL.best(), Some(Hash::Sha256));
    assert_eq!(Hashes(1).best(), Some(Hash::Sha1));
    assert_eq!((Hashes(0).best(), Hashes(4).best()), (None, None));
}
