//! Answers of old servers, whole, cut and wrong.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

struct Peer {
    says: Cursor<Vec<u8>>,
    heard: Vec<u8>,
}

impl Read for Peer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let some = buffer.len().min(7);
        self.says.read(&mut buffer[..some])
    }
}

impl Write for Peer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.heard.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn peer(says: Vec<u8>) -> Peer {
    Peer { says: Cursor::new(says), heard: Vec::new() }
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[kind][..], &length[1..], body].concat()
}

fn records(bytes: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| {
        [&[22, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat()
    };
    bytes.chunks(size).flat_map(record).collect()
}

fn flight() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend([9; 32]);
    hello.extend([2, 7, 7, 0, 0x2f, 0]);
    let list = [0, 0, 9, 0, 0, 2, b'a', b'b', 0, 0, 1, b'c'];
    [message(2, &hello), message(11, &list)].concat()
}

#[test]
fn the_certificates_are_read_however_records_are_cut() {
    for size in [1, 5, 40, 1000] {
        let mut peer = peer(records(&flight(), size));
        let answer = ask(&mut peer, Some("example.com")).unwrap();
        assert_eq!((answer.version, answer.suite), (0x0301, 0x002f));
        assert_eq!(answer.chain, [b"ab".to_vec(), b"c".to_vec()]);
        assert!(peer.heard.windows(11).any(|part| part == b"example.com"));
        assert_eq!(
            usize::from(u16::from_be_bytes([peer.heard[3], peer.heard[4]])),
            peer.heard.len() - 5
        );
    }
    assert_eq!(version_name(0x0301), "TLS 1.0");
    assert_eq!(suite_name(0x002f), "TLS_RSA_WITH_AES_128_CBC_SHA");
}

#[test]
fn alerts_and_other_bytes_end_it() {
    for says in
        [&b"\x15\x03\x01\x00\x02\x02\x28"[..], b"HTTP/1.1 400 Bad", b"", b"\x16\x03\x01\xff\xff"]
    {
        assert!(ask(&mut peer(says.to_vec()), None).is_err());
    }
    let endless = records(&message(22, &[0; 200]).repeat(2000), 16_384);
    assert!(ask(&mut peer(endless), None).is_err());
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = ask(&mut peer(bytes.clone()), None);
        let _ = ask(&mut peer(records(&bytes, 64)), None);
        let _ = server_hello(&bytes);
        let _ = certificates(&bytes);
    }
}
