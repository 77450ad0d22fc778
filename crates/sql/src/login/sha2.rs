//! The password of `caching_sha2_password`'s full authentication, where one link is private and the
//! other is not: a key of the door's own for clients that may not send it in the clear, and the
//! server's key where it may not get it so.
//!
//! RSA with OAEP, SHA-1 and MGF1, over the password with its NUL, XORed with the scramble
//! (MySQL, `sql/auth/sha2_password.cc`). Passwords are held for the moment of passing them on and
//! are never in an error or in `Debug`. It fails when a key is no RSA key or what came was not made
//! with ours.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use menshen_sql_core::wire::auth;
use tokio::sync::OnceCell;

/// A password in the clear, with its closing NUL.
pub(super) struct Password(Vec<u8>);

impl Password {
    /// What a client sent over a private link; `None` when it is no such text.
    pub(super) fn from_clear(payload: &[u8]) -> Option<Self> {
        let closed = payload.last() == Some(&0) && payload.len() <= PASSWORD_MAX;
        closed.then(|| Self(payload.to_vec()))
    }

    /// As it goes over a private link.
    pub(super) fn clear(&self) -> &[u8] {
        &self.0
    }

    /// As it goes to a server with this key over a link that is not private.
    pub(super) fn encrypted(&self, key_pem: &[u8], scramble: &[u8]) -> Option<Vec<u8>> {
        let der = pem::parse(key_pem).ok()?;
        let key = PublicEncryptingKey::from_der(der.contents()).ok()?;
        let key = OaepPublicEncryptingKey::new(key).ok()?;
        let mut out = vec![0; key.ciphertext_size()];
        let hidden = auth::obfuscated(self.0.strip_suffix(&[0])?, scramble);
        let length = key.encrypt(&OAEP_SHA1_MGF1SHA1, &hidden, &mut out, None).ok()?.len();
        out.truncate(length);
        Some(out)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The door's own key, made when it is first asked for and kept as long as the process.
#[derive(Debug, Default)]
pub struct OwnKey {
    made: OnceCell<Option<Arc<Made>>>,
}

#[derive(Debug)]
struct Made {
    key: OaepPrivateDecryptingKey,
    public_pem: Vec<u8>,
}

impl OwnKey {
    /// The public half as PEM; `None` when it could not be made.
    pub(super) async fn public_pem(&self) -> Option<Vec<u8>> {
        // Making it takes many milliseconds, which other sessions of the thread need not wait.
        let make = || async { tokio::task::spawn_blocking(make).await.ok().flatten() };
        let made = self.made.get_or_init(make).await;
        made.as_ref().map(|made| made.public_pem.clone())
    }

    /// What a client has encrypted with it.
    pub(super) fn open(&self, sealed: &[u8], scramble: &[u8]) -> Option<Password> {
        let made = self.made.get()?.as_ref()?;
        let mut out = vec![0; made.key.min_output_size()];
        let hidden = made.key.decrypt(&OAEP_SHA1_MGF1SHA1, sealed, &mut out, None).ok()?;
        let mut clear = auth::obfuscated(hidden, scramble);
        // The obfuscation is its own inverse, but closes what it is given with another NUL.
        clear.pop();
        Password::from_clear(&clear)
    }
}

fn make() -> Option<Arc<Made>> {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).ok()?;
    let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(&key.public_key()).ok()?;
    let public_pem = pem::encode(&pem::Pem::new("PUBLIC KEY", der.as_ref())).into_bytes();
    let key = OaepPrivateDecryptingKey::new(key).ok()?;
    Some(Arc::new(Made { key, public_pem }))
}

/// The server takes no longer ones (`MAX_CIPHER_LENGTH` is 1024, RSA's blocks are shorter still).
const PASSWORD_MAX: usize = 1024;

#[cfg(test)]
mod tests;
