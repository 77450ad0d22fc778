//! Files of both formats, made here by hand, read whole and in any cuts.
use alloc::string::String;
use alloc::vec;

use proptest::prelude::*;

use super::*;

/// What was handed out, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    Packet(u64, u16, Vec<u8>, u32),
    KeyLog(Vec<u8>),
}

fn own(item: Item<'_>) -> Got {
    match item {
        Item::Packet(p) => Got::Packet(p.unix_ns, p.link, p.bytes.to_vec(), p.wire_bytes),
        Item::KeyLog(text) => Got::KeyLog(text.to_vec()),
    }
}

fn read(file: &[u8]) -> (Vec<Got>, Result<(), CaptureError>, bool) {
    read_cut(file, file.len().max(1))
}

fn read_cut(file: &[u8], size: usize) -> (Vec<Got>, Result<(), CaptureError>, bool) {
    let (mut reader, mut got) = (Reader::new(), Vec::new());
    for piece in file.chunks(size) {
        if let Err(error) = reader.push(piece, |item| got.push(own(item))) {
            return (got, Err(error), reader.is_complete());
        }
    }
    (got, Ok(()), reader.is_complete())
}

#[derive(Clone, Copy)]
struct Writer(Order);

impl Writer {
    fn u16(self, value: u16) -> Vec<u8> {
        match self.0 {
            Order::Little => value.to_le_bytes().to_vec(),
            Order::Big => value.to_be_bytes().to_vec(),
        }
    }

    fn u32(self, value: u32) -> Vec<u8> {
        match self.0 {
            Order::Little => value.to_le_bytes().to_vec(),
            Order::Big => value.to_be_bytes().to_vec(),
        }
    }

    fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }

    fn pcap(self, magic: u32, link: u32, packets: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut file = self.u32(magic);
        file.extend(self.u16(2));
        file.extend(self.u16(4));
        file.extend(self.words(&[0, 0, 65_535, link]));
        for (seconds, fraction, bytes) in packets {
            let length = u32::try_from(bytes.len()).unwrap();
            file.extend(self.words(&[*seconds, *fraction, length, length + 7]));
            file.extend_from_slice(bytes);
        }
        file
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = u32::try_from(padded + 12).unwrap();
        let mut block = self.words(&[kind, length]);
        block.extend_from_slice(body);
        block.resize(8 + padded, 0);
        block.extend(self.u32(length));
        block
    }

    fn section(self) -> Vec<u8> {
        let mut body = self.u32(0x1a2b_3c4d);
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xff; 8]);
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(self, link: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = self.u16(link);
        body.extend(self.u16(0));
        body.extend(self.u32(0));
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(u16::try_from(value.len()).unwrap()));
            body.extend_from_slice(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    fn packet(self, interface: u32, ticks: u64, bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap();
        let [high, low] =
            [ticks >> 32, ticks & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
        let mut body = self.words(&[interface, high, low, length, length + 7]);
        body.extend_from_slice(bytes);
        // An option behind the packet.
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.u16(1));
        body.extend(self.u16(2));
        body.extend(b"hi\0\0");
        self.block(6, &body)
    }

    fn secrets(self, kind: u32, text: &[u8]) -> Vec<u8> {
        let mut body = self.words(&[kind, u32::try_from(text.len()).unwrap()]);
        body.extend_from_slice(text);
        self.block(10, &body)
    }
}

const BOTH: [Writer; 2] = [Writer(Order::Little), Writer(Order::Big)];

#[test]
fn pcap_in_both_orders_and_both_units() {
    for writer in BOTH {
        let packets: &[(u32, u32, &[u8])] = &[(1_700_000_000, 123_456, b"one"), (5, 0, b"")];
        // The upper half of the link word tells of the frame check sequence.
        let (got, result, complete) = read(&writer.pcap(0xa1b2_c3d4, 0x5400_0065, packets));
        assert_eq!((result, complete), (Ok(()), true));
        let first = Got::Packet(1_700_000_000_123_456_000, 101, b"one".to_vec(), 10);
        assert_eq!(got, [first, Got::Packet(5_000_000_000, 101, vec![], 7)]);
        let (got, ..) = read(&writer.pcap(0xa1b2_3c4d, 1, packets));
        assert_eq!(got[0], Got::Packet(1_700_000_000_000_123_456, 1, b"one".to_vec(), 10));
    }
}

fn pcapng(writer: Writer) -> Vec<u8> {
    let offset = match writer.0 {
        Order::Little => 100_i64.to_le_bytes(),
        Order::Big => 100_i64.to_be_bytes(),
    };
    let old = [writer.u16(0), writer.u16(3), writer.words(&[0, 9, 3, 3]), b"old".to_vec()].concat();
    [
        writer.section(),
        writer.interface(1, &[(2, b"eth0"), (0, b"")]),
        writer.interface(276, &[(9, &[9]), (14, &offset)]),
        writer.interface(101, &[(9, &[0x80 | 10])]),
        writer.secrets(0x544c_534b, b"CLIENT_RANDOM 00 11\n"),
        writer.secrets(0x5747_4b4c, b"of WireGuard"),
        writer.block(5, &[0; 64]),
        writer.packet(0, 7, b"first"),
        writer.packet(1, 7, b"second"),
        writer.packet(2, 1024 + 512, b"third"),
        writer.block(3, &[writer.u32(6), b"simple".to_vec()].concat()),
        writer.block(2, &old),
        writer.section(),
        writer.interface(0, &[]),
        writer.packet(0, 1, b"again"),
    ]
    .concat()
}

fn pcapng_content() -> Vec<Got> {
    vec![
        Got::KeyLog(b"CLIENT_RANDOM 00 11\n".to_vec()),
        Got::Packet(7_000, 1, b"first".to_vec(), 12),
        Got::Packet(100_000_000_007, 276, b"second".to_vec(), 13),
        Got::Packet(1_500_000_000, 101, b"third".to_vec(), 12),
        Got::Packet(0, 1, b"simple".to_vec(), 6),
        Got::Packet(9_000, 1, b"old".to_vec(), 3),
        Got::Packet(1_000, 0, b"again".to_vec(), 12),
    ]
}

#[test]
fn pcapng_in_both_orders() {
    for writer in BOTH {
        let file = pcapng(writer);
        assert_eq!(read(&file), (pcapng_content(), Ok(()), true));
        for size in 1..40 {
            assert_eq!(read_cut(&file, size), (pcapng_content(), Ok(()), true), "cuts of {size}");
        }
    }
    // A file may change its order with a section.
    let both = [pcapng(BOTH[0]), pcapng(BOTH[1])].concat();
    assert_eq!(read(&both).0.len(), 2 * pcapng_content().len());
}

#[test]
fn a_file_that_ends_in_the_middle_gives_what_it_has() {
    let file = pcapng(BOTH[0]);
    let (got, result, complete) = read(&file[..file.len() - 1]);
    assert_eq!((result, complete), (Ok(()), false));
    assert_eq!(got, pcapng_content()[..6]);
    assert!(!read(b"").2);
}

#[test]
fn what_no_writer_writes_is_told_with_its_place() {
    let texts = |file: &[u8]| match read(file) {
        (_, Err(error), _) => alloc::string::ToString::to_string(&error),
        (got, ..) => panic!("{got:?}"),
    };
    assert_eq!(texts(b"GIF89a"), "the file is neither pcap nor pcapng");
    let writer = BOTH[0];
    let long = [writer.pcap(0xa1b2_c3d4, 1, &[]), writer.words(&[0, 0, u32::MAX, 0])].concat();
    assert_eq!(texts(&long), "a packet is longer than any packet at byte 24 of the file");
    let section = writer.section();
    let at = section.len();
    let with = |rest: Vec<u8>| texts(&[section.clone(), rest].concat());
    assert_eq!(
        with(writer.packet(0, 0, b"x")),
        alloc::format!("a packet of an unknown interface at byte {at} of the file")
    );
    assert!(with(writer.words(&[6, 13, 0])).starts_with("a block with a length that cannot be"));
    assert!(with(writer.words(&[6, 0x7fff_fffc, 0])).starts_with("a block that is longer"));
    let mut differs = writer.interface(1, &[]);
    *differs.last_mut().unwrap() ^= 1;
    assert!(with(differs).starts_with("a block whose two lengths differ"));
}

#[test]
fn blocks_of_no_use_are_not_held_whatever_their_size() {
    let writer = BOTH[0];
    let mut reader = Reader::new();
    let mut got = 0;
    let huge = [writer.section(), writer.words(&[0xbad, 3_000_000_000, 0])].concat();
    reader.push(&huge, |_| got += 1).unwrap();
    let filler = vec![0; 1 << 20];
    for _ in 0..100 {
        reader.push(&filler, |_| got += 1).unwrap();
        assert!(reader.carry.capacity() < 1 << 10);
    }
    assert!(!reader.is_complete());
    assert_eq!(got, 0);
}

proptest! {
    #[test]
    fn any_cut_reads_alike(
        size in 1usize..700,
        big in any::<bool>(),
        change in any::<(u16, u8)>(),
    ) {
        let mut file = pcapng(BOTH[usize::from(big)]);
        // One byte is changed, so that damaged files are cut, too.
        let at = usize::from(change.0) % file.len();
        file[at] ^= change.1;
        let (got, result, _) = read(&file);
        let (cut_got, cut_result, _) = read_cut(&file, size);
        prop_assert_eq!((got, result), (cut_got, cut_result));
    }

    #[test]
    fn any_bytes_do_no_harm(
        start in prop::sample::select(vec![
            vec![], BOTH[0].section(), BOTH[1].section(),
            [BOTH[0].section(), BOTH[0].interface(1, &[])].concat(),
            BOTH[0].pcap(0xa1b2_c3d4, 1, &[]), BOTH[1].pcap(0xa1b2_3c4d, 1, &[]),
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..400),
        size in 1usize..100,
    ) {
        let file = [start, rest].concat();
        let (got, result, _) = read(&file);
        let (cut_got, cut_result, _) = read_cut(&file, size);
        prop_assert_eq!((got, result), (cut_got, cut_result));
    }

    #[test]
    fn any_frame_is_taken(link in 0u16..300, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let datagram = ip::unpack(link::network(link, &bytes));
        if let ip::Unpacked::Datagram(datagram) = datagram {
            let _ = tcp::segment(&datagram);
        }
    }
}

#[test]
fn frames_of_every_link_type() {
    let packet =
        [&[0x45, 0, 0, 21, 0, 0, 0x40, 0, 64, 17, 0, 0][..], &[1; 4], &[2; 4], b"!"].concat();
    let frames: &[(u16, &[u8])] = &[
        (link::ETHERNET, &[[0; 12].as_slice(), &[8, 0]].concat()),
        (link::ETHERNET, &[[0; 12].as_slice(), &[0x81, 0, 0, 7, 8, 0]].concat()),
        (link::ETHERNET, &[[0; 12].as_slice(), &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 7, 8, 0]].concat()),
        (link::SLL, &[[0; 14].as_slice(), &[8, 0]].concat()),
        (link::SLL2, &[[8, 0].as_slice(), &[0; 18]].concat()),
        (link::NULL, &[2, 0, 0, 0]),
        (link::NULL, &[0, 0, 0, 2]),
        (link::LOOP, &[0, 0, 0, 2]),
        (link::RAW, &[]),
        (link::RAW_BSD, &[]),
        (link::RAW_OPENBSD, &[]),
        (link::IPV4, &[]),
    ];
    for (link, head) in frames {
        // Ethernet pads short frames; the padding must not become content.
        let frame = [*head, &packet, &[0; 6]].concat();
        let ip::Unpacked::Datagram(datagram) = ip::unpack(link::network(*link, &frame)) else {
            panic!("link type {link}");
        };
        assert_eq!((datagram.protocol, datagram.payload), (17, &b"!"[..]), "link type {link}");
        assert!(link::is_known(*link));
    }
    assert!(!link::is_known(105));
    assert_eq!(ip::unpack(link::network(105, &packet)), ip::Unpacked::Other);
}

#[test]
fn extension_headers_are_passed_and_fragments_told() {
    let packet = |next: u8, rest: &[u8]| {
        let length = u8::try_from(rest.len()).unwrap();
        [&[0x60, 0, 0, 0, 0, length, next, 64][..], &[1; 16], &[2; 16], rest].concat()
    };
    let unpacked = |packet: &[u8]| match ip::unpack(link::Network::Ipv6(packet)) {
        ip::Unpacked::Datagram(datagram) => Some((datagram.protocol, datagram.payload.to_vec())),
        ip::Unpacked::Fragment => None,
        ip::Unpacked::Other => panic!("other"),
    };
    let hops = [43, 0, 0, 0, 0, 0, 0, 0];
    let routing = [51, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let sealed = [44, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let atomic = [6, 0, 0, 0, 0, 0, 0, 9];
    let chain = [&hops[..], &routing, &sealed, &atomic, b"tcp"].concat();
    assert_eq!(unpacked(&packet(0, &chain)), Some((6, b"tcp".to_vec())));
    assert_eq!(unpacked(&packet(44, &[6, 0, 0, 1, 0, 0, 0, 9, 1])), None);
    assert_eq!(unpacked(&packet(44, &[6, 0, 0, 8, 0, 0, 0, 9, 1])), None);
    let mut v4 = [&[0x45, 0, 0, 21, 0, 0, 0x20, 0, 64, 6, 0, 0][..], &[1; 8], b"!"].concat();
    assert_eq!(ip::unpack(link::Network::Ipv4(&v4)), ip::Unpacked::Fragment);
    v4[6] = 0;
    v4[7] = 1;
    assert_eq!(ip::unpack(link::Network::Ipv4(&v4)), ip::Unpacked::Fragment);
}

fn put_together(segments: &[(u32, &[u8])]) -> (String, tcp::Oddities) {
    let (mut assembly, mut text) = (tcp::Assembly::default(), Vec::new());
    assembly.begin(u32::MAX - 1);
    for (offset, bytes) in segments {
        let sequence = (u32::MAX - 1).wrapping_add(*offset);
        assembly.take(sequence, bytes, |bytes| text.extend_from_slice(bytes));
    }
    assembly.finish();
    (String::from_utf8(text).unwrap(), assembly.oddities)
}

#[test]
fn segments_are_put_in_order_across_the_wrap() {
    let none = tcp::Oddities::default();
    assert_eq!(put_together(&[(0, b"abc"), (3, b"def")]), ("abcdef".into(), none));
    let (text, odd) =
        put_together(&[(3, b"def"), (6, b"g"), (0, b"abc"), (2, b"cde"), (5, b"fgh")]);
    assert_eq!((&*text, odd.early, odd.repeated, odd.hole), ("abcdefgh", 2, 1, false));
    // The first bytes that come are taken.
    assert_eq!(put_together(&[(0, b"abc"), (0, b"XYZdef")]).0, "abcdef");
    let (text, odd) = put_together(&[(0, b"abc"), (4, b"e")]);
    assert_eq!((&*text, odd.hole), ("abc", true));
}

#[test]
fn what_is_held_beyond_a_hole_is_bounded() {
    let mut assembly = tcp::Assembly::default();
    assembly.begin(0);
    for number in 0..10_000 {
        assembly.take(1 + number * 1000, &[0; 1000], |_| panic!("nothing is in order"));
        if assembly.oddities.hole {
            assert!(number > 200);
            return;
        }
    }
    panic!("held without end");
}

proptest! {
    #[test]
    fn any_order_gives_the_same_bytes(
        order in Just((0u32..40).collect::<Vec<_>>()).prop_shuffle(),
        begin in any::<u32>(),
        overlap in 0usize..9,
    ) {
        let text: Vec<u8> = (0..200).collect();
        let (mut assembly, mut got) = (tcp::Assembly::default(), Vec::new());
        assembly.begin(begin);
        for number in order {
            let from = usize::try_from(number).unwrap() * 5;
            let bytes = &text[from..(from + 5 + overlap).min(200)];
            let sequence = begin.wrapping_add(number * 5);
            assembly.take(sequence, bytes, |bytes| got.extend_from_slice(bytes));
        }
        assembly.finish();
        prop_assert_eq!(got, text);
        prop_assert!(!assembly.oddities.hole);
    }
}
