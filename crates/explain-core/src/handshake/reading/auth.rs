//! Certificates, signatures, key exchange messages and Finished.
//!
//! RFC 8446 §4.4, RFC 5246 §7.4, RFC 8422 §5.4, RFC 8879.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Reading, Side, Told};
use crate::handshake::certificate::Chain;
use crate::handshake::cursor::{Cursor, numbers};
use crate::handshake::extension::{Place, explain};
use crate::handshake::hello::extensions;
use crate::handshake::message::MessageKind;
use crate::handshake::proof;
use crate::handshake::registry;
use crate::handshake::secrets::Label;
use crate::handshake::story::{Check, CheckResult, ClientCertificate, KeyExchangeKind};
use crate::handshake::text::{bytes, field, hex, list};

impl Reading<'_> {
    pub(super) fn certificate(&mut self, side: Side, body: &[u8]) -> Option<Told> {
        let chain = Chain::parse(body, self.facts.tls13())?;
        let glance = chain.glance();
        let mut fields = Vec::new();
        if let Some(leaf) = &glance {
            fields.push(field("subject", leaf.subject.clone(), "whose certificate it is"));
            fields.push(field("issuer", leaf.issuer.clone(), "who vouches for it"));
            fields.push(field("names", list(leaf.names.iter().cloned()), ""));
            fields.push(field("key", leaf.key.clone(), "the public key in it"));
        }
        let sizes = chain.certificates.iter().map(|der| bytes(der.len()));
        fields.push(field(
            "certificates",
            list(sizes),
            "the leaf first, then who vouches for whom",
        ));
        if chain.stapled {
            fields.push(field("status_request", "yes", "an OCSP answer comes along"));
        }
        if chain.transparency {
            fields.push(field("signed_certificate_timestamp", "yes", "proof of public logging"));
        }
        let sentence = match &glance {
            None => format!("The {} has no certificate to show.", side.word()),
            Some(leaf) => format!(
                "The {} shows its certificate: {}, issued by {}; its public key is for {}.",
                side.word(),
                named(&leaf.subject, &leaf.names),
                leaf.issuer,
                self.key_use(side)
            ),
        };
        if !self.facts.done() {
            self.keep_chain(side, chain);
        }
        Some(Told { kind: MessageKind::Certificate, name: "Certificate", fields, sentence })
    }

    /// What the key of a certificate is for on this connection.
    fn key_use(&self, side: Side) -> &'static str {
        let encrypts = !self.facts.tls13()
            && self.facts.shape.is_some_and(|shape| shape.kind == KeyExchangeKind::Rsa);
        if encrypts && side == Side::Server {
            "encrypting a secret that only its owner can open"
        } else {
            "checking signatures"
        }
    }

    fn keep_chain(&mut self, side: Side, chain: Chain) {
        let glance = chain.glance();
        match side {
            Side::Server => {
                self.facts.certificate = true;
                self.facts.server_key = chain.key();
                self.story.server_certificate = glance;
                self.story.server_chain = chain.certificates;
            }
            Side::Client => {
                self.facts.client_key = chain.key();
                self.story.client_certificate = glance
                    .map_or(ClientCertificate::None, |certificate| ClientCertificate::Sent {
                        certificate,
                    });
                self.story.client_chain = chain.certificates;
            }
        }
    }

    /// RFC 8879; what is inside stays closed here.
    pub(super) fn compressed_certificate(&mut self, side: Side, body: &[u8]) -> Option<Told> {
        let mut cursor = Cursor::new(body);
        let algorithm = match cursor.u16()? {
            1 => "zlib".to_string(),
            2 => "brotli".to_string(),
            3 => "zstd".to_string(),
            other => other.to_string(),
        };
        let whole = cursor.u24()?;
        let packed = cursor.vec24()?.len();
        if side == Side::Server {
            self.facts.certificate = true;
            self.facts.compressed_certificate = true;
        }
        Some(Told {
            kind: MessageKind::CompressedCertificate,
            name: "CompressedCertificate",
            fields: alloc::vec![
                field("algorithm", algorithm, ""),
                field("uncompressed_length", bytes(whole), ""),
                field("compressed", bytes(packed), ""),
            ],
            sentence: format!("The {} shows its certificate, compressed.", side.word()),
        })
    }

    pub(super) fn certificate_request(&mut self, body: &[u8]) -> Option<Told> {
        let mut cursor = Cursor::new(body);
        let mut fields = Vec::new();
        if self.facts.tls13() {
            cursor.vec8()?;
            let all = extensions(&mut cursor)?;
            fields.extend(all.into_iter().map(|extension| explain(extension, Place::Later)));
        } else {
            let kinds = cursor.vec8()?.iter().map(|kind| match kind {
                1 => "rsa_sign".to_string(),
                2 => "dss_sign".to_string(),
                64 => "ecdsa_sign".to_string(),
                other => other.to_string(),
            });
            fields.push(field("certificate_types", list(kinds), ""));
            if self.facts.version == Some(0x0303) {
                let schemes = numbers(cursor.vec16()?).map(|code| registry::scheme(code).name);
                fields.push(field("signature_algorithms", list(schemes), ""));
            }
            let mut authorities = Cursor::new(cursor.vec16()?);
            let mut count = 0;
            while authorities.vec16().is_some() {
                count += 1;
            }
            fields.push(field("certificate_authorities", format!("{count}"), "0 means any"));
        }
        if !self.facts.done() {
            self.facts.client_asked = true;
            self.story.client_certificate = ClientCertificate::Asked;
        }
        Some(Told {
            kind: MessageKind::CertificateRequest,
            name: "CertificateRequest",
            fields,
            sentence: "The server wants to know who the client is: it asks for a certificate."
                .to_string(),
        })
    }

    pub(super) fn server_key_exchange(&mut self, body: &[u8]) -> Option<Told> {
        let mut cursor = Cursor::new(body);
        let kind = self.facts.shape.map_or(KeyExchangeKind::Other, |shape| shape.kind);
        let mut fields = Vec::new();
        let what = match kind {
            KeyExchangeKind::Dhe => {
                let prime = cursor.vec16()?;
                cursor.vec16()?;
                let public = cursor.vec16()?;
                let bits = bit_length(prime);
                let weak = if bits < 2048 { "too short today: at least 2048 bits" } else { "" };
                fields.push(field("dh_p", format!("{bits} bits"), weak));
                fields.push(field("dh_Ys", bytes(public.len()), "the server's half"));
                format!("Diffie-Hellman with {bits} bits")
            }
            KeyExchangeKind::Ecdhe => {
                // 3: a named curve; explicit ones died out.
                if cursor.u8()? != 3 {
                    return None;
                }
                let group = registry::group(cursor.u16()?);
                let point = cursor.vec8()?;
                let what = group.name.clone();
                fields.push(field("named_curve", group.name.clone(), ""));
                fields.push(field("public", bytes(point.len()), "the server's half"));
                if let Some(exchange) = &mut self.story.key_exchange {
                    exchange.group = Some(group);
                }
                what
            }
            _ => {
                fields.push(field("parameters", bytes(body.len()), ""));
                "a key agreement that is hardly used any more".to_string()
            }
        };
        let read = body.len() - cursor.rest().len();
        let params = body.get(..read).unwrap_or(&[]);
        if !cursor.is_empty() && matches!(kind, KeyExchangeKind::Dhe | KeyExchangeKind::Ecdhe) {
            let (scheme, value) = self.signature_of(&mut cursor)?;
            let name = scheme_name(scheme);
            fields.push(field("signature", format!("{name}, {}", bytes(value.len())), ""));
            let signed = [&self.facts.client_random, &self.facts.server_random, params].concat();
            self.check_signature(Side::Server, scheme, &signed, value);
        }
        Some(Told {
            kind: MessageKind::ServerKeyExchange,
            name: "ServerKeyExchange",
            fields,
            sentence: format!(
                "The server sends its half of the key agreement ({what}), signed with the \
                 certificate's key: that proves who sent it."
            ),
        })
    }

    pub(super) fn server_hello_done(&mut self) -> Told {
        self.facts.server_hello_done = true;
        Told {
            kind: MessageKind::ServerHelloDone,
            name: "ServerHelloDone",
            fields: Vec::new(),
            sentence: "The server has said all it had to say; now it is the client's turn."
                .to_string(),
        }
    }

    pub(super) fn client_key_exchange(&self, body: &[u8]) -> Option<Told> {
        let kind = self.facts.shape.map_or(KeyExchangeKind::Other, |shape| shape.kind);
        let mut cursor = Cursor::new(body);
        let (name, count, sentence) = match kind {
            KeyExchangeKind::Rsa => {
                // SSL 3.0 has no length here.
                let plain = self.facts.version == Some(0x0300);
                let sealed = if plain { body } else { cursor.vec16()? };
                (
                    "EncryptedPreMasterSecret",
                    sealed.len(),
                    "The client makes up a secret of 48 bytes and sends it, encrypted with the \
                     public key of the certificate: only its owner can open it.",
                )
            }
            KeyExchangeKind::Dhe => (
                "dh_Yc",
                cursor.vec16()?.len(),
                "The client sends its half of the key agreement; now both can compute the same \
                 secret.",
            ),
            KeyExchangeKind::Ecdhe => (
                "ecdh_Yc",
                cursor.vec8()?.len(),
                "The client sends its half of the key agreement; now both can compute the same \
                 secret.",
            ),
            _ => ("exchange_keys", body.len(), "The client's part of the key agreement."),
        };
        Some(Told {
            kind: MessageKind::ClientKeyExchange,
            name: "ClientKeyExchange",
            fields: alloc::vec![field(name, bytes(count), "")],
            sentence: sentence.to_string(),
        })
    }

    pub(super) fn certificate_verify(&mut self, side: Side, body: &[u8]) -> Option<Told> {
        let mut cursor = Cursor::new(body);
        let (scheme, value) = if self.facts.tls13() {
            (Some(cursor.u16()?), cursor.vec16()?)
        } else {
            self.signature_of(&mut cursor)?
        };
        let name = scheme_name(scheme);
        if !self.facts.done() {
            let signed = if self.facts.tls13() {
                proof::signed13(side, self.facts.hash(), &self.transcript)
            } else {
                self.transcript.clone()
            };
            self.check_signature(side, scheme, &signed, value);
        }
        Some(Told {
            kind: MessageKind::CertificateVerify,
            name: "CertificateVerify",
            fields: alloc::vec![
                field("algorithm", name, ""),
                field("signature", bytes(value.len()), "")
            ],
            sentence: format!(
                "The {} signs the whole talk so far with its private key: proof that the \
                 certificate is really its own.",
                side.word()
            ),
        })
    }

    pub(super) fn finished(&mut self, side: Side, body: &[u8]) -> Option<Told> {
        if body.is_empty() || body.len() > 64 {
            return None;
        }
        if !self.facts.done() {
            let result = self.check_finished(side, body);
            let (code, owner) = match side {
                Side::Client => ("client-finished", "the client's"),
                Side::Server => ("server-finished", "the server's"),
            };
            let what = format!("{owner} Finished: both saw the same messages");
            let message = Some(self.next_number());
            self.story.checks.push(Check { code, what, message, result });
        }
        Some(Told {
            kind: MessageKind::Finished,
            name: "Finished",
            fields: alloc::vec![field("verify_data", hex(body), "a checksum under the new keys")],
            sentence: format!(
                "The {} confirms with a checksum over the whole talk that nobody changed anything \
                 on the way.",
                side.word()
            ),
        })
    }

    fn check_finished(&self, side: Side, body: &[u8]) -> CheckResult {
        if !self.facts.tls13() {
            let master = self.secrets.get(Label::Master, &self.facts.client_random);
            return proof::finished12(self.facts.prf(), side, master, &self.transcript, body);
        }
        let label = match side {
            Side::Client => Label::ClientHandshake,
            Side::Server => Label::ServerHandshake,
        };
        let secret = self.secrets.get(label, &self.facts.client_random);
        proof::finished13(self.facts.hash(), secret, &self.transcript, body)
    }

    /// Scheme and value of a signature; before TLS 1.2 the scheme follows from the key.
    fn signature_of<'b>(&self, cursor: &mut Cursor<'b>) -> Option<(Option<u16>, &'b [u8])> {
        let scheme = if self.facts.version == Some(0x0303) { Some(cursor.u16()?) } else { None };
        Some((scheme, cursor.vec16()?))
    }

    fn check_signature(&mut self, side: Side, scheme: Option<u16>, signed: &[u8], value: &[u8]) {
        let (code, key, owner) = match side {
            Side::Client => ("client-signature", &self.facts.client_key, "the client's"),
            Side::Server => ("server-signature", &self.facts.server_key, "the server's"),
        };
        let result = match scheme {
            None => proof::old_signature(key.as_ref(), signed, value),
            Some(_) if side == Side::Server && self.facts.compressed_certificate => {
                proof::not_possible("the certificate was sent compressed")
            }
            Some(scheme) => proof::signature(key.as_ref(), scheme, signed, value),
        };
        if side == Side::Server {
            self.story.server_signature = scheme.map(registry::scheme);
        }
        let what = format!("{owner} signature, with the key of its certificate");
        let message = Some(self.next_number());
        self.story.checks.push(Check { code, what, message, result });
    }
}

/// The first name, or the subject when there is none.
fn named(subject: &str, names: &[String]) -> String {
    names.first().cloned().unwrap_or_else(|| subject.to_string())
}

/// The scheme's name; older versions have none, the kind of key decides.
fn scheme_name(scheme: Option<u16>) -> String {
    scheme.map_or_else(|| "MD5 and SHA-1, or SHA-1".to_string(), |code| registry::scheme(code).name)
}

/// The bits of a number without its leading zeros.
fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros).copied().unwrap_or(0);
    let spare = usize::try_from(first.leading_zeros()).unwrap_or(8);
    (number.len().saturating_sub(zeros) * 8).saturating_sub(spare)
}
