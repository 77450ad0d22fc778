//! The hellos and EncryptedExtensions: what is offered, and what is chosen.
//!
//! RFC 8446 §4.1 and §4.3.1, RFC 5246 §7.4.1.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Carrier, Reading, Side, Told};
use crate::handshake::cursor::Cursor;
use crate::handshake::extension::{GREASE, Place, explain};
use crate::handshake::hello::{ClientHello, ServerHello, alpn, extensions, find};
use crate::handshake::ja4::ja4;
use crate::handshake::message::{Field, MessageKind, Protection};
use crate::handshake::record::Record;
use crate::handshake::registry;
use crate::handshake::schedule;
use crate::handshake::story::{
    ClientCertificate, EarlyData, HelloRetry, KeyExchange, KeyExchangeKind, Offer, Resumption,
    Suite,
};
use crate::handshake::text::{bytes, clean, field, hex, list};

impl Reading<'_> {
    pub(super) fn client_hello(&mut self, body: &[u8]) -> Option<Told> {
        let hello = ClientHello::parse(body)?;
        Some(self.told_hello(&hello, "ClientHello"))
    }

    /// A hello in the format of SSL 2.0; its bytes without the two of the header are what Finished
    /// covers.
    pub(super) fn sslv2_hello(&mut self, side: Side, at_us: u64, record: &Record) {
        let Some(hello) = ClientHello::parse_sslv2(&record.body) else { return };
        let told = self.told_hello(&hello, "ClientHello (SSL 2.0 format)");
        let (bytes, records) = (record.body.len(), alloc::vec![record.place]);
        self.transcript.extend_from_slice(&record.body);
        let protection = Protection::Clear;
        self.tell(Carrier { from: side, at_us, bytes, records, protection }, told);
    }

    fn told_hello(&mut self, hello: &ClientHello<'_>, name: &'static str) -> Told {
        self.facts.client_random = hello.random.to_vec();
        self.facts.session_id = hello.session_id.to_vec();
        self.facts.ticket = hello.extension(35).is_some_and(|ticket| !ticket.is_empty());
        self.facts.shares = hello.shares();
        self.story.sni = hello.sni().map(clean);
        self.story.offer = Some(offer(hello));
        self.story.ja4.get_or_insert_with(|| ja4(hello));
        let early = hello.extension(42).is_some();
        if early {
            self.story.early_data = EarlyData::Offered;
        } else if self.story.early_data == EarlyData::Offered {
            self.story.early_data = EarlyData::Refused;
        }
        let sentence = self.hello_sentence(hello);
        let (kind, fields) = (MessageKind::ClientHello, client_fields(hello));
        Told { kind, name, fields, sentence }
    }

    fn hello_sentence(&self, hello: &ClientHello<'_>) -> String {
        if self.facts.hello_retry {
            return "The client says hello again, now with the half of the key agreement that the \
                    server asked for."
                .to_string();
        }
        let highest = hello.versions().into_iter().max().unwrap_or(hello.version);
        let version = registry::version(highest).name;
        let to = match &self.story.sni {
            Some(name) => format!("asks for {name}"),
            None => "names no site".to_string(),
        };
        let share = if hello.shares().is_empty() {
            ""
        } else {
            "; it also sends its half of a key agreement in advance"
        };
        format!(
            "The client opens the talk: it {to}, lists what it can do (up to {version}, {} cipher \
             suites) and adds a random number{share}.",
            offered_suites(hello).len()
        )
    }

    pub(super) fn server_hello(&mut self, _raw: &[u8], body: &[u8]) -> Option<Told> {
        let hello = ServerHello::parse(body)?;
        let version = hello.chosen_version();
        self.facts.version = Some(version);
        self.facts.suite = Some(hello.suite);
        self.facts.shape = registry::shape(hello.suite);
        self.story.version = Some(registry::version(version));
        let suite = registry::suite(hello.suite);
        let parts = registry::parts(hello.suite);
        self.story.cipher_suite = Some(Suite { code: suite.code, name: suite.name, parts });
        if hello.is_retry() {
            return Some(self.told_retry(&hello));
        }
        self.facts.server_random = hello.random.to_vec();
        self.facts.encrypt_then_mac = hello.extension(22).is_some();
        self.facts.psk_selected = hello.extension(41).is_some();
        if let Some(protocol) = hello.extension(16).map(alpn).and_then(|all| all.first().copied()) {
            self.story.alpn = Some(clean(protocol));
        }
        if self.facts.tls13() {
            self.exchange13(&hello);
        } else {
            self.exchange_old(&hello);
        }
        Some(Told {
            kind: MessageKind::ServerHello,
            name: "ServerHello",
            fields: server_fields(&hello, Place::ServerHello),
            sentence: self.server_sentence(),
        })
    }

    fn told_retry(&mut self, hello: &ServerHello<'_>) -> Told {
        self.facts.hello_retry = true;
        let group = hello.group().map(registry::group);
        let cookie = hello.extension(44).is_some();
        let sentence = match &group {
            Some(group) => format!(
                "The server cannot use any of the shares the client sent in advance and asks for \
                 one of {}: one more round trip.",
                group.name
            ),
            None => "The server asks for another hello with its cookie: one more round trip, by \
                     which it needs to remember nothing."
                .to_string(),
        };
        self.story.hello_retry = Some(HelloRetry { group, cookie, sentence: sentence.clone() });
        if self.story.early_data == EarlyData::Offered {
            self.story.early_data = EarlyData::Refused;
        }
        Told {
            kind: MessageKind::HelloRetryRequest,
            name: "HelloRetryRequest",
            fields: server_fields(hello, Place::HelloRetryRequest),
            sentence,
        }
    }

    /// After a HelloRetryRequest the first hello counts as its hash (RFC 8446 §4.4.1).
    pub(super) fn retry_transcript(&mut self) {
        let hash = schedule::hash(self.facts.hash(), &self.transcript);
        let count = u8::try_from(hash.len()).unwrap_or(0);
        self.transcript = alloc::vec![254, 0, 0, count];
        self.transcript.extend(hash);
    }

    fn exchange13(&mut self, hello: &ServerHello<'_>) {
        if self.facts.psk_selected {
            self.story.resumed = Some(Resumption::Psk);
        } else if self.story.early_data == EarlyData::Offered {
            self.story.early_data = EarlyData::Refused;
        }
        // Whether a client certificate is asked for stands in the sealed part.
        self.story.client_certificate = ClientCertificate::Unknown;
        let group = hello.group().map(registry::group);
        let code = group.as_ref().map(|group| group.code);
        let hybrid = code.map(registry::hybrid).unwrap_or_default().to_vec();
        let kind = match code {
            None => KeyExchangeKind::PskOnly,
            Some(_) if !hybrid.is_empty() => KeyExchangeKind::Hybrid,
            Some(code) if registry::is_post_quantum(code) => KeyExchangeKind::PostQuantum,
            Some(0x0100..=0x01ff) => KeyExchangeKind::Dhe,
            Some(_) => KeyExchangeKind::Ecdhe,
        };
        let name = group.as_ref().map_or("", |group| group.name.as_str());
        let sentence = match kind {
            KeyExchangeKind::PskOnly => "Both sides only used a secret they had from before; \
                                         nothing new was exchanged."
                .to_string(),
            KeyExchangeKind::Hybrid => format!(
                "Both sides sent halves for {name}: an elliptic curve and a post-quantum mechanism \
                 at once; the secret is safe as long as one of them is."
            ),
            KeyExchangeKind::PostQuantum => {
                format!("Both sides used {name}, which is made to withstand quantum computers.")
            }
            _ => format!(
                "Both sides sent fresh halves for {name} and computed the same secret from them; \
                 it never went over the line, and no certificate key can bring it back."
            ),
        };
        let forward_secret = kind != KeyExchangeKind::PskOnly;
        self.story.key_exchange =
            Some(KeyExchange { kind, group, hybrid, forward_secret, sentence });
    }

    fn exchange_old(&mut self, hello: &ServerHello<'_>) {
        let resumed = !hello.session_id.is_empty() && hello.session_id == self.facts.session_id;
        if resumed {
            let by = if self.facts.ticket { Resumption::Ticket } else { Resumption::SessionId };
            self.resumed_old(by);
            return;
        }
        let kind = self.facts.shape.map_or(KeyExchangeKind::Other, |shape| shape.kind);
        let (forward_secret, sentence) = match kind {
            KeyExchangeKind::Rsa => (
                false,
                "The client made a random secret and sent it encrypted with the public key of the \
                 certificate; whoever gets the private key later can open this recording.",
            ),
            KeyExchangeKind::Dhe | KeyExchangeKind::Ecdhe => (
                true,
                "Both sides made fresh keys and exchanged the public halves; the secret itself \
                 never went over the line.",
            ),
            KeyExchangeKind::Anonymous => (
                true,
                "Both sides exchanged keys without any proof who they are: anybody could sit in \
                 the middle.",
            ),
            KeyExchangeKind::PskOnly => (false, "Both sides used a secret they had from before."),
            _ => (false, "A key agreement that is hardly used any more."),
        };
        let (group, hybrid, sentence) = (None, Vec::new(), sentence.to_string());
        self.story.key_exchange =
            Some(KeyExchange { kind, group, hybrid, forward_secret, sentence });
    }

    /// TLS 1.2 and older: an earlier session goes on.
    fn resumed_old(&mut self, by: Resumption) {
        self.story.resumed = Some(by);
        self.story.key_exchange = Some(KeyExchange {
            kind: KeyExchangeKind::PskOnly,
            group: None,
            hybrid: Vec::new(),
            forward_secret: false,
            sentence: "An earlier session goes on: its secret is used again, only with new random \
                       numbers."
                .to_string(),
        });
    }

    /// The server switches to encryption without having shown a certificate: the ticket was taken.
    pub(super) fn resumed_without_certificate(&mut self) {
        let unsigned = self.facts.certificate || self.facts.server_hello_done;
        if !unsigned && self.facts.ticket && self.story.resumed.is_none() {
            self.resumed_old(Resumption::Ticket);
        }
    }

    fn server_sentence(&self) -> String {
        let version = self.story.version.as_ref().map_or("", |version| version.name.as_str());
        let suite = self.story.cipher_suite.as_ref();
        let cipher = suite
            .and_then(|suite| suite.parts.iter().find(|part| part.role == "encryption"))
            .map_or_else(
                || suite.map(|suite| suite.name.clone()).unwrap_or_default(),
                |part| part.part.replace('_', "-"),
            );
        if self.story.resumed.is_some() && !self.facts.tls13() {
            return format!(
                "The server picks {version} with {cipher} and takes up an earlier session: no \
                 certificate and no key exchange are needed."
            );
        }
        if !self.facts.tls13() {
            return format!(
                "The server picks {version} with {cipher} and adds its own random number; all is \
                 still readable on the way."
            );
        }
        let psk = if self.facts.psk_selected {
            " It knows the client from an earlier connection, so it needs no certificate."
        } else {
            ""
        };
        format!(
            "The server picks {version} with {cipher} and adds its half of the key exchange; from \
             here on both sides can compute the same keys.{psk}"
        )
    }

    pub(super) fn encrypted_extensions(&mut self, body: &[u8]) -> Option<Told> {
        let all = extensions(&mut Cursor::new(body))?;
        let protocol = find(&all, 16).map(alpn).and_then(|list| list.first().copied());
        self.story.alpn = protocol.map(clean);
        if self.story.early_data == EarlyData::Offered {
            let taken = find(&all, 42).is_some();
            self.story.early_data = if taken { EarlyData::Accepted } else { EarlyData::Refused };
        }
        // It would follow at once: without it, none is asked for.
        self.story.client_certificate = ClientCertificate::NotAsked;
        let sentence = match &self.story.alpn {
            Some(protocol) => format!(
                "The first encrypted message: the server's settings, such as that {protocol} will \
                 be spoken."
            ),
            None => {
                "The first encrypted message: the server's settings for the connection.".to_string()
            }
        };
        Some(Told {
            kind: MessageKind::EncryptedExtensions,
            name: "EncryptedExtensions",
            fields: all.into_iter().map(|extension| explain(extension, Place::Later)).collect(),
            sentence,
        })
    }
}

fn offered_suites(hello: &ClientHello<'_>) -> Vec<u16> {
    let signal = |code: &u16| !registry::is_grease(*code) && !matches!(code, 0x00ff | 0x5600);
    hello.suites.iter().copied().filter(signal).collect()
}

fn offer(hello: &ClientHello<'_>) -> Offer {
    Offer {
        versions: hello.versions().into_iter().map(registry::version).collect(),
        suites: offered_suites(hello).into_iter().map(registry::suite).collect(),
        groups: hello.numbers(10).into_iter().map(registry::group).collect(),
        shares: hello.shares().into_iter().map(|(code, _)| registry::group(code)).collect(),
        signatures: hello.numbers(13).into_iter().map(registry::scheme).collect(),
        alpn: hello.alpn().into_iter().map(clean).collect(),
        ech: hello.extension(0xfe0d).is_some(),
    }
}

fn client_fields(hello: &ClientHello<'_>) -> Vec<Field> {
    let version = registry::version(hello.version).name;
    let fixed = "in TLS 1.3 this field stays at 1.2 and supported_versions counts";
    let note = if hello.extension(43).is_some() { fixed } else { "the highest the client speaks" };
    let grease = hello.suites.iter().any(|code| registry::is_grease(*code));
    let mut fields = alloc::vec![
        field("version", version, note),
        field("random", hex(hello.random), "fresh for every connection"),
        field("session_id", session(hello.session_id), ""),
        field(
            "cipher_suites",
            list(hello.suites.iter().map(|code| registry::suite(*code).name)),
            if grease { GREASE } else { "the favourite first" },
        ),
    ];
    if hello.compressions.iter().any(|method| *method != 0) {
        fields.push(field("compression_methods", hex(hello.compressions), "dangerous (CRIME)"));
    }
    fields.extend(hello.extensions.iter().map(|all| explain(*all, Place::ClientHello)));
    fields
}

fn server_fields(hello: &ServerHello<'_>, place: Place) -> Vec<Field> {
    let version = registry::version(hello.version).name;
    let note = if hello.is_retry() { "the fixed value of a HelloRetryRequest" } else { "" };
    let mut fields = alloc::vec![
        field("version", version, ""),
        field("random", hex(hello.random), note),
        field("session_id", session(hello.session_id), ""),
        field("cipher_suite", registry::suite(hello.suite).name, "the one that is used"),
    ];
    if hello.compression != 0 {
        fields.push(field(
            "compression_method",
            hello.compression.to_string(),
            "dangerous (CRIME)",
        ));
    }
    fields.extend(hello.extensions.iter().map(|all| explain(*all, place)));
    fields
}

fn session(id: &[u8]) -> String {
    if id.is_empty() { "empty".to_string() } else { bytes(id.len()) }
}
