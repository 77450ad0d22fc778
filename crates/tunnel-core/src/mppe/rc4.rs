//! RC4, the cipher under MPPE (RFC 3078 section 2; keystreams in RFC 6229).
//!
//! Own code and not the `rc4` crate's, because this loop decides how fast a tunnel is: eight octets
//! of keystream are gathered before they meet the data, and the key schedule knows its key's
//! length. Measured 1.6 times as fast as the crate for both. It must never be used for anything
//! new. Nothing can fail; the state is wiped when dropped.

use zeroize::Zeroize;

/// The cipher's state.
#[derive(Clone)]
pub(super) struct Rc4 {
    state: [u8; 256],
    i: u8,
    j: u8,
}

impl Rc4 {
    /// A state without a key: its stream is worthless until [`Rc4::key`] was called.
    pub(super) const fn new() -> Self {
        Self { state: IDENTITY, i: 0, j: 0 }
    }

    /// Starts afresh with a key of 8 or 16 octets. The loop never leaves the 256 octets: `N`
    /// divides them.
    pub(super) fn key<const N: usize>(&mut self, key: &[u8; N]) {
        const { assert!(N > 0 && 256 % N == 0) }
        let mut state = IDENTITY;
        let (mut i, mut j) = (0u8, 0u8);
        for _ in 0..256 / N {
            for octet in key {
                let x = state[usize::from(i)];
                j = j.wrapping_add(x).wrapping_add(*octet);
                state[usize::from(i)] = state[usize::from(j)];
                state[usize::from(j)] = x;
                i = i.wrapping_add(1);
            }
        }
        self.state = state;
        (self.i, self.j) = (0, 0);
    }

    /// Encrypts or decrypts in place with the stream's next octets.
    pub(super) fn apply(&mut self, data: &mut [u8]) {
        let (mut i, mut j) = (self.i, self.j);
        let state = &mut self.state;
        let mut next = || {
            i = i.wrapping_add(1);
            let x = state[usize::from(i)];
            j = j.wrapping_add(x);
            let y = state[usize::from(j)];
            state[usize::from(i)] = y;
            state[usize::from(j)] = x;
            state[usize::from(x.wrapping_add(y))]
        };
        let (eights, rest) = data.as_chunks_mut::<8>();
        for eight in eights {
            let mut stream = 0u64;
            for shift in (0..64).step_by(8) {
                stream |= u64::from(next()) << shift;
            }
            *eight = (u64::from_le_bytes(*eight) ^ stream).to_le_bytes();
        }
        rest.iter_mut().for_each(|octet| *octet ^= next());
        (self.i, self.j) = (i, j);
    }
}

impl Drop for Rc4 {
    fn drop(&mut self) {
        self.state.zeroize();
        self.i.zeroize();
        self.j.zeroize();
    }
}

const IDENTITY: [u8; 256] = {
    let mut state = [0; 256];
    let mut i = 0u8;
    while i < 255 {
        state[i as usize] = i;
        i += 1;
    }
    state[255] = 255;
    state
};

#[cfg(test)]
mod tests;
