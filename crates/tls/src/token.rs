//! The owner token: one secret per state folder, the key to the house.
//!
//! 32 random bytes in base64url in the file `owner-token`, mode 0600. Workers are given only its
//! SHA-256, enough to recognise it: it has 256 random bits, so a slow password hash adds nothing.
//! It never appears in `Debug` or errors, and is compared in constant time.

use std::fmt;
use std::path::Path;

use aws_lc_rs::{constant_time, digest, hmac, rand};

use crate::base64url;
use crate::error::TlsError;
use crate::state_folder::{Privacy, StateFolder};

/// The owner token as text.
pub struct Token(String);

/// The token of the folder `state`, made at first use.
///
/// # Errors
/// A token file that others can read, that does not hold a token, or a failing file system.
pub fn ensure_token(state: &Path) -> Result<Token, TlsError> {
    let folder = StateFolder::open(state)?;
    if let Some(bytes) = folder.read(FILE, Privacy::Secret)? {
        return parse(&bytes)
            .map_err(|reason| TlsError::LocalToken { path: folder.path(FILE), reason });
    }
    let mut random = [0; 32];
    rand::fill(&mut random).map_err(|_| TlsError::LocalRandom)?;
    let token = Token(base64url::encode(&random));
    folder.write(&[(FILE, Privacy::Secret, format!("{}\n", token.0))])?;
    Ok(token)
}

/// Whether `presented` is the token with this digest. Constant time in the contents; long input is
/// refused unread.
#[must_use]
pub fn token_matches(digest: &[u8; 32], presented: &[u8]) -> bool {
    presented.len() <= LETTERS_MAX
        && constant_time::verify_slices_are_equal(&sha256(presented), digest).is_ok()
}

impl Token {
    /// The token itself, for the start-up line and the client; only letters, digits, `-`, `_`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the token's text, for [`token_matches`].
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }

    /// The key of the session cookies, which thus end with the token.
    #[must_use]
    pub fn cookie_key(&self) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        let mut output = [0; 32];
        output.copy_from_slice(hmac::sign(&key, COOKIE_LABEL).as_ref());
        output
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// An operator may put an own token there; too short a one could be guessed.
fn parse(bytes: &[u8]) -> Result<Token, &'static str> {
    let text = str::from_utf8(bytes).map_err(|_| "it is not text")?.trim();
    if !text.bytes().all(base64url::is_letter) {
        return Err("it has other characters than letters, digits, \"-\" and \"_\"");
    }
    if text.len() < base64url::ENCODED_32 {
        return Err("it is shorter than 43 characters");
    }
    if text.len() > LETTERS_MAX {
        return Err("it is longer than 256 characters");
    }
    Ok(Token(text.to_owned()))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut output = [0; 32];
    output.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    output
}

const FILE: &str = "owner-token";
const COOKIE_LABEL: &[u8] = b"menshen session cookies v1";
const LETTERS_MAX: usize = 256;

#[cfg(test)]
mod tests;
