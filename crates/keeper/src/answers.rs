//! The answers to challenges that workers give for us: a bulletin, ours to post.
//!
//! An answer stands there as long as its [`Posted`] lives, so an order that fails, is given up or
//! dropped takes its answers along. A keeper that was killed leaves its answers behind; the next
//! one posts an empty list when it starts.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use menshen_config::keeper::{AlpnChallenge, HttpChallenge};
use menshen_sys::bulletin::Bulletin;
use rcgen::{CertificateParams, CustomExtension, KeyPair, PKCS_ECDSA_P256_SHA256};

/// The board with all answers.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    board: Rc<RefCell<Board>>,
}

/// An answer that stands on the board until this is dropped.
#[derive(Debug)]
pub(crate) struct Posted {
    answers: Answers,
    number: u64,
}

#[derive(Debug)]
struct Board {
    bulletin: Bulletin,
    next: u64,
    http: Vec<(u64, HttpChallenge)>,
    alpn: Vec<(u64, AlpnChallenge)>,
}

impl Answers {
    /// Takes the bulletin over and clears it.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn new(bulletin: Bulletin) -> io::Result<Self> {
        let mut board = Board { bulletin, next: 0, http: Vec::new(), alpn: Vec::new() };
        board.post()?;
        Ok(Self { board: Rc::new(RefCell::new(board)) })
    }

    /// Posts the answer to http-01 (RFC 8555 §8.3).
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn http(&self, token: &str, authorization: &str) -> io::Result<Posted> {
        let answer =
            HttpChallenge { token: token.to_owned(), authorization: authorization.to_owned() };
        self.add(|board, number| board.http.push((number, answer)))
    }

    /// Posts the answer to tls-alpn-01 (RFC 8737 §3): a certificate for `subject` that carries the
    /// digest of the key authorization, shown to whoever asks for `handshake_name`.
    ///
    /// # Errors
    /// What the kernel or the maker of certificates says.
    pub(crate) fn alpn(
        &self,
        handshake_name: String,
        subject: String,
        digest: &[u8; 32],
    ) -> io::Result<Posted> {
        let (certificate_pem, key_pem) =
            alpn_certificate(subject, digest).map_err(io::Error::other)?;
        let answer = AlpnChallenge { name: handshake_name, certificate_pem, key_pem };
        self.add(|board, number| board.alpn.push((number, answer)))
    }

    fn add(&self, add: impl FnOnce(&mut Board, u64)) -> io::Result<Posted> {
        let mut board = self.board.borrow_mut();
        board.next += 1;
        let number = board.next;
        add(&mut board, number);
        // Taken off again should posting fail.
        let posted = Posted { answers: self.clone(), number };
        let result = board.post();
        drop(board);
        result.map(|()| posted)
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        let mut board = self.answers.board.borrow_mut();
        board.http.retain(|(number, _)| *number != self.number);
        board.alpn.retain(|(number, _)| *number != self.number);
        // An answer that stays behind harms nobody, and the next post clears it.
        let _ = board.post();
    }
}

impl Board {
    fn post(&mut self) -> io::Result<()> {
        #[derive(serde::Serialize)]
        struct Shown<'a> {
            http: Vec<&'a HttpChallenge>,
            alpn: Vec<&'a AlpnChallenge>,
        }
        let shown = Shown {
            http: self.http.iter().map(|(_, answer)| answer).collect(),
            alpn: self.alpn.iter().map(|(_, answer)| answer).collect(),
        };
        self.bulletin.post(&serde_json::to_vec(&shown)?)?;
        Ok(())
    }
}

fn alpn_certificate(subject: String, digest: &[u8; 32]) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(vec![subject])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests;
