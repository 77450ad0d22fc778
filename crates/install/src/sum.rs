//! SHA-256 of what is read.

use std::io::{self, Read};

use aws_lc_rs::digest::{Context, SHA256};

/// SHA-256 of all that is left of `source`, hex in lower case.
///
/// # Errors
/// What reading fails with.
pub fn sha256(mut source: impl Read) -> io::Result<String> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(hex(context.finish().as_ref())),
            Ok(read) => context.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// SHA-256 of a text.
pub(crate) fn of_text(text: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(text.as_bytes());
    hex(context.finish().as_ref())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

const BUFFER_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    //! Against FIPS 180-4's own example.

    #[test]
    fn the_sum_of_abc() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(super::sha256(&b"abc"[..]).unwrap(), abc);
        assert_eq!(super::of_text("abc"), abc);
    }
}
