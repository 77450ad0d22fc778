//! Dialogues with servers of six protocols, well and badly behaved.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A server that says its pieces in order, whatever it is told.
struct Server {
    pieces: VecDeque<Vec<u8>>,
    told: Vec<u8>,
}

impl Server {
    fn new<T: AsRef<[u8]>>(pieces: &[T]) -> Self {
        let pieces = pieces.iter().map(|piece| piece.as_ref().to_vec()).collect();
        Self { pieces, told: Vec::new() }
    }

    fn told(&self) -> String {
        String::from_utf8_lossy(&self.told).into_owned()
    }
}

impl Read for Server {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.pieces.pop_front() else { return Ok(0) };
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        let rest = piece.split_off(count);
        if !rest.is_empty() {
            self.pieces.push_front(rest);
        }
        Ok(count)
    }
}

impl Write for Server {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.told.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn greeting(flags: u16) -> Vec<u8> {
    let mut payload = b"\x0a10.11.6-MariaDB\0\x01\0\0\0abcdefgh\0".to_vec();
    payload.extend(flags.to_le_bytes());
    payload.extend([33, 2, 0, 0, 0, 0]);
    let mut packet = vec![u8::try_from(payload.len()).unwrap(), 0, 0, 0];
    packet.append(&mut payload);
    packet
}

#[test]
fn each_protocol_is_spoken_to_the_begin_of_tls() {
    let smtp = [
        "220-mx.example.com\r\n220 ESMTP\r\n",
        "250-mx\r\n250-STARTTLS\r\n250 X\r\n",
        "220 go\r\n",
    ];
    let mut server = Server::new(&smtp);
    let preface = start(Protocol::Smtp, &mut server).unwrap();
    assert_eq!(server.told(), "EHLO [127.0.0.1]\r\nSTARTTLS\r\n");
    assert_eq!(preface.dialogue.len(), 8);
    assert_eq!(preface.dialogue[7], (Speaker::Server, "220 go".into()));

    let imap = [
        "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n",
        "* CAPABILITY IMAP4rev1 StartTLS\r\nm1 OK done\r\n",
        "m2 OK go\r\n",
    ];
    let mut server = Server::new(&imap);
    start(Protocol::Imap, &mut server).unwrap();
    assert_eq!(server.told(), "m1 CAPABILITY\r\nm2 STARTTLS\r\n");

    let mut server = Server::new(&["+OK hi\r\n", "+OK go\r\n"]);
    start(Protocol::Pop3, &mut server).unwrap();
    assert_eq!(server.told(), "STLS\r\n");

    let mut server = Server::new(&["220-a\r\n free text\r\n220 b\r\n", "234 go\r\n"]);
    start(Protocol::Ftp, &mut server).unwrap();
    assert_eq!(server.told(), "AUTH TLS\r\n");

    let mut server = Server::new(&[greeting(0xffff)]);
    start(Protocol::Mysql, &mut server).unwrap();
    assert_eq!(server.told.len(), 36);
    assert_eq!(&server.told[..6], [32, 0, 0, 1, 0x01, 0x8a]);

    let mut server = Server::new(&["S"]);
    start(Protocol::Postgres, &mut server).unwrap();
    assert_eq!(server.told, [0, 0, 0, 8, 4, 210, 22, 47]);
}

#[test]
fn no_offer_is_told_from_a_refusal_and_from_another_protocol() {
    let cases: &[(Protocol, &[&str], &str)] = &[
        (Protocol::Smtp, &["220 a\r\n", "250-a\r\n250 SIZE\r\n"], "NotOffered"),
        (Protocol::Smtp, &["220 a\r\n", "250 STARTTLS is my name\r\n"], "NotOffered"),
        (Protocol::Smtp, &["554 no\r\n"], "Refused"),
        (Protocol::Smtp, &["220 a\r\n", "250-a\r\n250 STARTTLS\r\n", "454 later\r\n"], "Refused"),
        (Protocol::Smtp, &["SSH-2.0-OpenSSH\r\n"], "Foreign"),
        (Protocol::Smtp, &["220 a\r\n"], "Broken"),
        (Protocol::Imap, &["* OK a\r\n", "* CAPABILITY IMAP4\r\nm1 OK\r\n"], "NotOffered"),
        (Protocol::Imap, &["* PREAUTH a\r\n"], "NotOffered"),
        (Protocol::Imap, &["* BYE a\r\n"], "Refused"),
        (Protocol::Imap, &["+OK\r\n"], "Foreign"),
        (Protocol::Pop3, &["+OK\r\n", "-ERR unknown\r\n"], "NotOffered"),
        (Protocol::Pop3, &["-ERR busy\r\n"], "Refused"),
        (Protocol::Ftp, &["220 a\r\n", "502 what\r\n"], "NotOffered"),
        (Protocol::Ftp, &["220 a\r\n", "421 bye\r\n"], "Refused"),
        (Protocol::Mysql, &["\x03\0\0\0\u{7f}ab"], "Foreign"),
        (Protocol::Postgres, &["N"], "NotOffered"),
        (Protocol::Postgres, &["E\0\0"], "Refused"),
        (Protocol::Postgres, &["H"], "Foreign"),
    ];
    for (protocol, pieces, expected) in cases {
        let error = start(*protocol, &mut Server::new(pieces)).unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{pieces:?}: {error:?}");
    }
    let error = start(Protocol::Mysql, &mut Server::new(&[greeting(!MYSQL_SSL)])).unwrap_err();
    assert!(matches!(error, StarttlsError::NotOffered { .. }), "{error:?}");
    let blocked = [&[9, 0, 0, 0, 0xff, 0x69, 4][..], b"blocke"].concat();
    let error = start(Protocol::Mysql, &mut Server::new(&[blocked])).unwrap_err();
    assert!(matches!(&error, StarttlsError::Refused { said } if said == "blocke"), "{error:?}");
}

#[test]
fn bytes_in_clear_behind_the_agreement_are_refused() {
    for (protocol, pieces) in [
        (Protocol::Pop3, vec!["+OK\r\n", "+OK go\r\n+OK injected\r\n"]),
        (Protocol::Postgres, vec!["SE"]),
    ] {
        let error = start(protocol, &mut Server::new(&pieces)).unwrap_err();
        assert!(matches!(error, StarttlsError::Injected), "{error:?}");
    }
}

#[test]
fn endless_answers_end() {
    let line = format!("220-{}\r\n", "x".repeat(70));
    for piece in [line.repeat(5000), "2".repeat(1 << 20)] {
        for protocol in Protocol::ALL {
            assert!(start(protocol, &mut Server::new(&[&piece])).is_err());
        }
    }
    let error = start(Protocol::Smtp, &mut Server::new(&[line.repeat(5000)])).unwrap_err();
    assert!(matches!(error, StarttlsError::TooLong), "{error:?}");
}

#[test]
fn what_a_server_says_cannot_steer_a_terminal() {
    let error =
        start(Protocol::Smtp, &mut Server::new(&["554 \x1b[2J\x07\u{9b}\r\n"])).unwrap_err();
    assert!(error.to_string().bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{error}");
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12),
    ) {
        for protocol in Protocol::ALL {
            if let Ok(preface) = start(protocol, &mut Server::new(&pieces)) {
                prop_assert!(!preface.dialogue.is_empty());
            }
        }
    }

    #[test]
    fn cutting_changes_nothing(cut in 1usize..20) {
        let all = b"220-a\r\n220 b\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n";
        let pieces: Vec<&[u8]> = all.chunks(cut).collect();
        prop_assert!(start(Protocol::Smtp, &mut Server::new(&pieces)).is_ok());
    }
}
