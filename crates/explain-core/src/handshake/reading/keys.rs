//! When keys come and go: from secrets to openers, at the moments the RFCs say.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Reading, Side};
use crate::handshake::cipher::{Expansion, Opener};
use crate::handshake::message::{KeyName, MessageKind};
use crate::handshake::registry::{Cipher, Hash};
use crate::handshake::schedule::{expand_label, hash_bytes};
use crate::handshake::secrets::Label;
use crate::handshake::story::KeyMoment;

impl Reading<'_> {
    /// What changes once a message has passed.
    pub(super) fn after(&mut self, kind: MessageKind, side: Side, at_us: u64) {
        match kind {
            MessageKind::ServerHello if self.facts.tls13() => {
                self.keys13();
                let both = "The key agreement is complete: the rest of the handshake is encrypted \
                            with keys nobody on the path can know.";
                self.moment(KeyName::Handshake, Side::Server, at_us, both);
                let client = "The client can compute the same handshake keys as soon as it has the \
                              server's half.";
                self.moment(KeyName::Handshake, Side::Client, at_us, client);
            }
            MessageKind::Finished if self.facts.tls13() && !self.has_finished(side) => {
                self.set_finished(side, at_us);
                let lane = self.lane(side);
                lane.keys.retain(|(key, _)| *key == KeyName::Application);
                let sentence = match side {
                    Side::Server => {
                        "The server may send payload from here on; what it sends is \
                                     protected by the final keys."
                    }
                    Side::Client => {
                        "The client may send payload from here on; the handshake keys \
                                     are thrown away."
                    }
                };
                self.moment(KeyName::Application, side, at_us, sentence);
            }
            MessageKind::Finished => self.set_finished(side, at_us),
            MessageKind::KeyUpdate => self.update(side),
            _ => {}
        }
    }

    pub(super) fn has_finished(&self, side: Side) -> bool {
        let [client, server] = self.facts.finished;
        if side == Side::Client { client } else { server }
    }

    pub(super) fn set_finished(&mut self, side: Side, at_us: u64) {
        let [client, server] = &mut self.facts.finished;
        *(if side == Side::Client { client } else { server }) = true;
        if self.facts.done() && self.story.done_us.is_none() {
            self.story.done_us = Some(at_us);
        }
    }

    /// Keys for what a client sends before the server has chosen: the suite is the ticket's, which
    /// only the length of the secret hints at.
    pub(super) fn early_keys(&mut self) {
        let Some(secret) = self.secrets.get(Label::ClientEarly, &self.facts.client_random) else {
            return;
        };
        if !self.lane(Side::Client).keys.is_empty() {
            return;
        }
        let candidates = [
            (Cipher::Aes128Gcm, Hash::Sha256),
            (Cipher::ChaCha20Poly1305, Hash::Sha256),
            (Cipher::Aes256Gcm, Hash::Sha384),
        ];
        let openers = candidates.into_iter().filter_map(|(cipher, hash)| {
            Some((KeyName::EarlyData, Opener::tls13(cipher, hash, secret)?))
        });
        let openers: Vec<_> = openers.collect();
        self.lane(Side::Client).keys = openers;
    }

    /// Keys from the master secret, for the side whose ChangeCipherSpec has passed.
    pub(super) fn keys12(&mut self, side: Side) {
        let master = self.secrets.get(Label::Master, &self.facts.client_random);
        let opener = match (self.facts.prf(), self.facts.shape, self.facts.version, master) {
            (Some(prf), Some(shape), Some(version), Some(master)) => Opener::expanded(
                side,
                &Expansion {
                    version,
                    prf,
                    shape,
                    master,
                    client_random: &self.facts.client_random,
                    server_random: &self.facts.server_random,
                    encrypt_then_mac: self.facts.encrypt_then_mac,
                },
            ),
            _ => None,
        };
        self.lane(side).keys =
            opener.map(|opener| (KeyName::Session, opener)).into_iter().collect();
    }

    /// Notes when keys became usable.
    pub(super) fn moment(
        &mut self,
        key: KeyName,
        side: Side,
        at_us: u64,
        sentence: impl Into<String>,
    ) {
        let (after, sentence) = (self.story.messages.len(), sentence.into());
        self.story.keys.push(KeyMoment { key, side, at_us, after, sentence });
    }

    fn keys13(&mut self) {
        for side in [Side::Client, Side::Server] {
            let (handshake, application) = match side {
                Side::Client => (Label::ClientHandshake, Label::ClientApplication),
                Side::Server => (Label::ServerHandshake, Label::ServerApplication),
            };
            for (label, key) in
                [(handshake, KeyName::Handshake), (application, KeyName::Application)]
            {
                let Some(secret) = self.secrets.get(label, &self.facts.client_random) else {
                    continue;
                };
                let opener = Opener::tls13(self.facts.cipher(), self.facts.hash(), secret);
                let lane = self.lane(side);
                lane.keys.extend(opener.map(|opener| (key, opener)));
                if key == KeyName::Application {
                    lane.traffic = secret.to_vec();
                }
            }
        }
    }

    /// The next generation of keys after a KeyUpdate (RFC 8446 §7.2).
    fn update(&mut self, side: Side) {
        let (cipher, hash) = (self.facts.cipher(), self.facts.hash());
        let lane = self.lane(side);
        lane.traffic = expand_label(hash, &lane.traffic, "traffic upd", hash_bytes(hash));
        let opener = Opener::tls13(cipher, hash, &lane.traffic);
        lane.keys = opener.map(|opener| (KeyName::Application, opener)).into_iter().collect();
    }
}
