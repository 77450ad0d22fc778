//! A recording of our own connection as a pcapng file that Wireshark opens decrypted.
//!
//! What was recorded is the stream, not packets: the Ethernet, IP and TCP headers are made here,
//! and the file says so in its comment. Its Decryption Secrets Block has the keys of this one
//! connection and nothing else. (draft-ietf-opsawg-pcapng, RFC 791, 8200, 9293)

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};

use menshen_explain_core::handshake::Side;

use super::live::Taped;

/// Writes the whole file.
///
/// # Errors
/// Those of `out`.
pub(super) fn write(out: &mut impl Write, taped: &Taped, key_log: &str) -> io::Result<()> {
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend(1_u16.to_le_bytes());
    section.extend(0_u16.to_le_bytes());
    section.extend([0xff; 8]);
    put_option(&mut section, OPTION_COMMENT, COMMENT.as_bytes());
    put_option(&mut section, OPTION_APPLICATION, b"menshen explain https");
    section.extend([0; 4]);
    block(out, SECTION_HEADER, &section)?;
    let mut interface = LINK_ETHERNET.to_le_bytes().to_vec();
    interface.extend(0_u16.to_le_bytes());
    interface.extend(0_u32.to_le_bytes());
    put_option(&mut interface, OPTION_RESOLUTION, &[9]);
    interface.extend([0; 4]);
    block(out, INTERFACE, &interface)?;
    let mut secrets = SECRETS_TLS.to_le_bytes().to_vec();
    secrets.extend(length_of(key_log.as_bytes()).to_le_bytes());
    secrets.extend_from_slice(key_log.as_bytes());
    block(out, SECRETS, &secrets)?;
    packets(out, taped)
}

fn packets(out: &mut impl Write, taped: &Taped) -> io::Result<()> {
    let mut talk = Talk { taped, client: 1000, server: 2000 };
    let connect_us = taped.connect_us;
    talk.packet(out, Side::Client, 0, SYN, b"")?;
    talk.packet(out, Side::Server, connect_us, SYN | ACK, b"")?;
    talk.packet(out, Side::Client, connect_us, ACK, b"")?;
    for piece in &taped.pieces {
        for part in piece.bytes.chunks(SEGMENT_BYTES) {
            talk.packet(out, piece.from, piece.at_us, ACK | PSH, part)?;
        }
    }
    let end_us = taped.pieces.last().map_or(connect_us, |piece| piece.at_us);
    let (first, at_us) = taped.closed.unwrap_or((Side::Client, end_us));
    let at_us = at_us.max(end_us);
    talk.packet(out, first, at_us, FIN | ACK, b"")?;
    talk.packet(out, first.other(), at_us, FIN | ACK, b"")
}

/// The state of the made-up TCP connection.
struct Talk<'a> {
    taped: &'a Taped,
    /// Sequence number of the client's next byte.
    client: u32,
    server: u32,
}

impl Talk<'_> {
    fn packet(
        &mut self,
        out: &mut impl Write,
        from: Side,
        at_us: u64,
        flags: u8,
        content: &[u8],
    ) -> io::Result<()> {
        let (source, destination) = match from {
            Side::Client => (self.taped.client, self.taped.server),
            Side::Server => (self.taped.server, self.taped.client),
        };
        let (own, other) = match from {
            Side::Client => (&mut self.client, self.server),
            Side::Server => (&mut self.server, self.client),
        };
        let acknowledged = if flags & ACK == 0 { 0 } else { other };
        let mut tcp = source.port().to_be_bytes().to_vec();
        tcp.extend(destination.port().to_be_bytes());
        tcp.extend(own.to_be_bytes());
        tcp.extend(acknowledged.to_be_bytes());
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend_from_slice(content);
        *own =
            own.wrapping_add(length_of(content)).wrapping_add(u32::from(flags & (SYN | FIN) != 0));
        let frame = frame(source, destination, tcp);
        let ns = self.taped.began_unix_ns.saturating_add(at_us.saturating_mul(1000));
        let (high, low) = (ns >> 32, ns & 0xffff_ffff);
        let mut body = Vec::with_capacity(frame.len() + 24);
        for word in [0, high, low, u64::from(length_of(&frame)), u64::from(length_of(&frame))] {
            body.extend(u32::try_from(word).unwrap_or(0).to_le_bytes());
        }
        body.extend(frame);
        block(out, PACKET, &body)
    }
}

/// IP and Ethernet around a segment whose checksum is not set yet.
fn frame(source: SocketAddr, destination: SocketAddr, mut tcp: Vec<u8>) -> Vec<u8> {
    let tcp_length = u16::try_from(tcp.len()).unwrap_or(0);
    let (kind, header, mut pseudo) = match (source.ip(), destination.ip()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = vec![0x45, 0];
            header.extend((tcp_length + 20).to_be_bytes());
            header.extend([0, 0, 0x40, 0, 64, TCP, 0, 0]);
            header.extend(source.octets());
            header.extend(destination.octets());
            let sum = checksum(&header);
            header.splice(10..12, sum.to_be_bytes());
            (0x0800_u16, header, [source.octets(), destination.octets()].concat())
        }
        (source, destination) => {
            let octets = |address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
                IpAddr::V6(address) => address.octets(),
            };
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(tcp_length.to_be_bytes());
            header.extend([TCP, 64]);
            let both = [octets(source), octets(destination)].concat();
            header.extend(&both);
            (0x86dd, header, both)
        }
    };
    pseudo.extend([0, TCP]);
    pseudo.extend(tcp_length.to_be_bytes());
    pseudo.extend(&tcp);
    tcp.splice(16..18, checksum(&pseudo).to_be_bytes());
    // Addresses of nobody: locally administered.
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(kind.to_be_bytes());
    frame.extend(header);
    frame.extend(tcp);
    frame
}

/// The sum of RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let word = [pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0)];
        sum += u32::from(u16::from_be_bytes(word));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = length_of(body) + u32::try_from(padding).unwrap_or(0) + 12;
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(body)?;
    out.write_all([0; 3].get(..padding).unwrap_or_default())?;
    out.write_all(&length.to_le_bytes())
}

fn put_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend(u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// All of them are far below 4 GiB: a recording is bounded.
fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(0)
}

const COMMENT: &str = "The bytes of the TLS connection are real; the Ethernet, IP and TCP headers \
    were made up around them. This file holds the keys of this one connection.";
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;
/// "TLSK".
const SECRETS_TLS: u32 = 0x544c_534b;
const OPTION_COMMENT: u16 = 1;
const OPTION_APPLICATION: u16 = 4;
const OPTION_RESOLUTION: u16 = 9;
const LINK_ETHERNET: u16 = 1;
const TCP: u8 = 6;
const SYN: u8 = 2;
const ACK: u8 = 16;
const PSH: u8 = 8;
const FIN: u8 = 1;
/// Content of one segment on an ordinary line.
const SEGMENT_BYTES: usize = 1440;
