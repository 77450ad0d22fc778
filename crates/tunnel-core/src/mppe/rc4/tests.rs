//! The keystreams of RFC 6229, and the `rc4` crate beside it.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;
use rc4::{KeyInit, StreamCipher};

use super::*;
use crate::auth::vectors::octets;

fn stream<const N: usize>(key: [u8; N], length: usize) -> Vec<u8> {
    let mut rc4 = Rc4::new();
    rc4.key(&key);
    let mut stream = vec![0; length];
    rc4.apply(&mut stream);
    stream
}

#[test]
fn keystreams_of_rfc_6229() {
    let key: [u8; 16] = core::array::from_fn(|at| u8::try_from(at + 1).unwrap());
    let long = stream(key, 4112);
    assert_eq!(long[..16], octets("9ac7cc9a609d1ef7b2932899cde41b97"));
    assert_eq!(long[16..32], octets("5248c4959014126a6e8a84f11d1a9e1c"));
    assert_eq!(long[4096..], octets("a36a4c301ae8ac13610ccbc12256cacc"));
    let short = stream(*key.first_chunk::<8>().unwrap(), 16);
    assert_eq!(short, octets("97ab8a1bf0afb96132f2f67258da15a8"));
}

proptest! {
    #[test]
    fn the_same_stream_as_the_crate_in_any_pieces(
        key: [u8; 16],
        mut data in prop::collection::vec(any::<u8>(), 0..600),
        piece in 1usize..40,
    ) {
        let mut theirs = data.clone();
        rc4::Rc4::new_from_slice(&key).unwrap().apply_keystream(&mut theirs);
        let mut ours = Rc4::new();
        // What an earlier key left behind must not matter.
        ours.key(&[9; 8]);
        ours.apply(&mut [0; 5]);
        ours.key(&key);
        data.chunks_mut(piece).for_each(|piece| ours.apply(piece));
        prop_assert_eq!(data, theirs);
    }
}
