//! Segments split and joined against a packet builder and a checksum of their own, and any octets.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// RFC 1071's own way: word by word, carry by carry.
fn plain_sum(octets: &[u8]) -> u16 {
    octets.chunks(2).fold(0u16, |all, pair| {
        let word = u16::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u16::from);
        let (sum, carry) = all.overflowing_add(word);
        sum + u16::from(carry)
    })
}

/// Whether IPv4's and TCP's checksums of a packet are right.
fn is_right(packet: &[u8]) -> bool {
    let (addresses, transport) = if packet[0] >> 4 == 4 { (12..20, 20) } else { (8..40, 40) };
    let segment = &packet[transport..];
    let mut all = packet[addresses].to_vec();
    all.extend(u32::try_from(segment.len()).unwrap().to_be_bytes());
    all.extend([0, 0, 0, TCP]);
    all.extend(segment);
    plain_sum(&all) == 0xFFFF && (transport == 40 || plain_sum(&packet[..20]) == 0xFFFF)
}

#[derive(Debug, Clone)]
struct Builder {
    is_ipv6: bool,
    port: u16,
    sequence: u32,
    identification: u16,
    flags: u8,
    options: Vec<u8>,
    payload: Vec<u8>,
}

impl Builder {
    fn build(&self) -> Vec<u8> {
        let mut tcp = Vec::new();
        tcp.extend(self.port.to_be_bytes());
        tcp.extend(443u16.to_be_bytes());
        tcp.extend(self.sequence.to_be_bytes());
        tcp.extend([0, 0, 7, 7]);
        tcp.push(u8::try_from((20 + self.options.len()) / 4).unwrap() << 4);
        tcp.push(self.flags);
        tcp.extend([1, 0, 0, 0, 0, 0]);
        tcp.extend(&self.options);
        tcp.extend(&self.payload);
        let length = u16::try_from(tcp.len()).unwrap();
        let mut packet = if self.is_ipv6 {
            let mut ip = vec![0x60, 0, 0, 1];
            ip.extend(length.to_be_bytes());
            ip.extend([TCP, 64]);
            ip.extend([0xfd; 32]);
            ip
        } else {
            let mut ip = vec![0x45, 0];
            ip.extend((length + 20).to_be_bytes());
            ip.extend(self.identification.to_be_bytes());
            ip.extend([0x40, 0, 64, TCP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            let sum = !plain_sum(&ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            ip
        };
        let transport = packet.len();
        packet.extend(tcp);
        let addresses = if self.is_ipv6 { 8..40 } else { 12..20 };
        let mut all = packet[addresses].to_vec();
        all.extend(u32::from(length).to_be_bytes());
        all.extend([0, 0, 0, TCP]);
        all.extend(&packet[transport..]);
        let sum = !plain_sum(&all);
        packet[transport + CHECKSUM..][..2].copy_from_slice(&sum.to_be_bytes());
        assert!(is_right(&packet));
        packet
    }
}

/// What a `Gather` writes for these packets, all flushed at the end.
fn gathered(packets: &[Vec<u8>]) -> Vec<(Vec<u8>, u64)> {
    let (mut gather, mut spare, mut written) = (Gather::default(), Spare::default(), Vec::new());
    let mut write = |head: &[u8; HEAD_OCTETS], packet: &[u8]| {
        written.push(([&head[..], packet].concat(), super::packets(head, packet)));
    };
    for packet in packets {
        gather.push(packet, &mut spare, &mut write);
    }
    gather.flush(&mut spare, &mut write);
    assert!(gather.is_empty());
    written
}

/// What comes out of what was read.
fn taken_out(mut octets: Vec<u8>) -> Vec<Vec<u8>> {
    match came(&mut octets) {
        None => Vec::new(),
        Some(Came::Packet(range)) => vec![octets[range].to_vec()],
        Some(Came::Segments(mut split)) => {
            let mut out = vec![0; 65_536];
            let mut all = Vec::new();
            while let Some(length) = split.next(&octets, &mut out) {
                all.push(out[..length].to_vec());
            }
            all
        }
    }
}

fn run(is_ipv6: bool, port: u16, size: usize, lengths: &[usize]) -> Vec<Vec<u8>> {
    let mut builder = Builder {
        is_ipv6,
        port,
        sequence: u32::MAX - 5000,
        identification: u16::MAX - 2,
        flags: ACK,
        options: vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        payload: Vec::new(),
    };
    let mut packets = Vec::new();
    for length in lengths {
        builder.payload =
            (0..(*length).min(size)).map(|at| u8::try_from(at % 251).unwrap()).collect();
        packets.push(builder.build());
        builder.sequence =
            builder.sequence.wrapping_add(u32::try_from(builder.payload.len()).unwrap());
        builder.identification = builder.identification.wrapping_add(1);
    }
    packets
}

#[test]
fn a_run_becomes_one_and_the_same_packets_again() {
    for is_ipv6 in [false, true] {
        let packets = run(is_ipv6, 5, 1000, &[1000, 1000, 1000, 999]);
        let written = gathered(&packets);
        assert_eq!(written.len(), 1, "{is_ipv6}");
        assert_eq!(written[0].1, 4);
        assert_eq!(taken_out(written[0].0.clone()), packets, "{is_ipv6}");
    }
}

#[test]
fn what_does_not_follow_is_not_joined() {
    let good = run(false, 5, 100, &[100, 100, 100]);
    let changed = |at: usize, to: u8| {
        let mut packets = good.clone();
        packets[1][at] = to;
        packets
    };
    // A payload's octet (so a checksum is wrong), and headers that differ with wrong checksums.
    for packets in [changed(90, 9), changed(8, 63), changed(1, 1), changed(35, 9)] {
        let written = gathered(&packets);
        let all: Vec<_> =
            written.iter().flat_map(|(octets, _)| taken_out(octets.clone())).collect();
        assert_eq!(all, packets);
        assert_eq!(written.len(), 3);
    }
    let gap = [good[0].clone(), good[2].clone()];
    assert_eq!(gathered(&gap).len(), 2);
    let again = [good[0].clone(), good[0].clone()];
    assert_eq!(gathered(&again).len(), 2);
    // The first one's checksum is wrong: it must not be made right by being joined.
    let mut first = good.clone();
    first[0][80] ^= 1;
    let written = gathered(&first);
    assert_eq!((written.len(), &written[0].0[HEAD_OCTETS..]), (2, &first[0][..]));
    assert_eq!(written[1].1, 2);
}

#[test]
fn connections_side_by_side_keep_their_own_order() {
    let (one, two) = (run(false, 5, 100, &[100; 3]), run(true, 6, 100, &[100; 3]));
    let mut end = Builder {
        is_ipv6: false,
        port: 5,
        sequence: 7,
        identification: 1,
        flags: ACK | FIN,
        options: Vec::new(),
        payload: Vec::new(),
    }
    .build();
    let mixed: Vec<_> = one.iter().zip(&two).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    let mut with_end = mixed.clone();
    with_end.push(end.clone());
    let written = gathered(&with_end);
    // The end of the first connection comes behind all of its own.
    assert_eq!(written.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [3, 1, 3]);
    assert_eq!(&written[1].0[HEAD_OCTETS..], &end[..]);
    // Of more connections than there is room for the oldest goes first.
    let many: Vec<_> = (0..20).map(|port| run(false, port, 9, &[9]).remove(0)).collect();
    assert_eq!(
        gathered(&many).iter().map(|(all, _)| all[HEAD_OCTETS..].to_vec()).collect::<Vec<_>>(),
        many
    );
    end[0] = 0x46;
    assert_eq!(gathered(&[end]).len(), 1);
}

#[test]
fn no_run_is_longer_than_a_packet_can_be() {
    let packets = run(false, 5, 1400, &[1400; 60]);
    let written = gathered(&packets);
    assert_eq!(written.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [46, 14]);
    assert!(written.iter().all(|(octets, _)| octets.len() <= HEAD_OCTETS + 65_535));
}

#[test]
fn checksums_left_to_us_are_completed() {
    let packet = run(false, 5, 33, &[33]).remove(0);
    let mut octets = vec![NEEDS_CHECKSUM, 0, 0, 0, 0, 0];
    octets.extend(20u16.to_ne_bytes());
    octets.extend(16u16.to_ne_bytes());
    octets.extend(&packet);
    // The kernel leaves the sum of the pseudo header there.
    let sum = checksum::folded(checksum::pseudo(&packet, false, packet.len() - 20));
    octets[HEAD_OCTETS + 36..][..2].copy_from_slice(&sum);
    assert_eq!(taken_out(octets), [packet]);
}

#[test]
fn flags_of_a_large_segment_go_where_they_belong() {
    let mut whole = Builder {
        is_ipv6: false,
        port: 5,
        sequence: 1,
        identification: 1,
        flags: ACK | FIN | PSH | CWR,
        options: Vec::new(),
        payload: vec![3; 250],
    }
    .build();
    let head = Head {
        flags: NEEDS_CHECKSUM,
        kind: KIND_TCP4 | KIND_ECN,
        header: 40,
        size: 100,
        checksum_from: 20,
        checksum_at: 16,
    };
    let octets = [&head.write()[..], &whole].concat();
    let packets = taken_out(octets);
    assert!(packets.iter().all(|packet| is_right(packet)));
    let flags: Vec<_> = packets.iter().map(|packet| packet[33]).collect();
    assert_eq!(flags, [ACK | CWR, ACK, ACK | FIN | PSH]);
    assert_eq!(packets.iter().map(Vec::len).collect::<Vec<_>>(), [140, 140, 90]);
    // A head that does not fit the packet.
    for (at, to) in [(0, 0x46), (0, 0x55), (9, 17), (7, 1), (32, 0xF0), (32, 0x40)] {
        let kept = core::mem::replace(&mut whole[at], to);
        let octets = [&head.write()[..], &whole[..70]].concat();
        assert!(taken_out(octets).is_empty(), "{at}");
        whole[at] = kept;
    }
    let mut none = Head { size: 0, ..head };
    assert!(taken_out([&none.write()[..], &whole].concat()).is_empty());
    none = Head { kind: 3, ..head };
    assert!(taken_out([&none.write()[..], &whole].concat()).is_empty());
}

#[test]
fn rooms_go_round_and_are_few() {
    let (mut gather, mut spare) = (Gather::default(), Spare::default());
    for packet in (0..40).flat_map(|port| run(false, port, 9, &[9, 9])) {
        gather.push(&packet, &mut spare, &mut |_, _| {});
    }
    gather.flush(&mut spare, &mut |_, _| {});
    let rooms: Vec<_> = (0..40).map(|_| spare.take()).filter(|room| room.capacity() > 0).collect();
    assert!(rooms.len() <= RUNS_MAX && rooms.iter().all(Vec::is_empty));
}

proptest! {
    #[test]
    fn sums_are_those_of_words(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let plain = plain_sum(&octets).to_be_bytes();
        prop_assert_eq!(checksum::folded(checksum::sum(&octets, 0)), plain);
        prop_assert_eq!(checksum::completed(checksum::sum(&octets, 0)), plain.map(|octet| !octet));
    }

    #[test]
    fn all_come_out_again_each_connection_in_order(
        steps in proptest::collection::vec((0u16..12, 0usize..160, any::<bool>(), any::<u8>()), 1..60),
        size in 1usize..150,
    ) {
        let mut ends: Vec<Builder> = (0..12).map(|port| Builder {
            is_ipv6: port % 3 == 2,
            port,
            sequence: u32::MAX - u32::from(port) * 50,
            identification: u16::MAX - port,
            flags: ACK,
            options: if port % 2 == 0 { vec![1; 12] } else { Vec::new() },
            payload: Vec::new(),
        }).collect();
        let mut packets = Vec::new();
        for (port, length, push, odd) in steps {
            let end = &mut ends[usize::from(port)];
            end.payload = vec![odd; length.min(size)];
            end.flags = if push { ACK | PSH } else { ACK };
            let mut packet = end.build();
            if odd == 7 {
                let last = packet.len() - 1;
                packet[last] ^= 0x10;
            }
            end.sequence = end.sequence.wrapping_add(u32::try_from(end.payload.len()).unwrap());
            end.identification = end.identification.wrapping_add(1);
            packets.push(packet);
        }
        let written = gathered(&packets);
        let counted: u64 = written.iter().map(|(_, count)| count).sum();
        prop_assert_eq!(counted, u64::try_from(packets.len()).unwrap());
        let out: Vec<Vec<u8>> =
            written.into_iter().flat_map(|(octets, _)| taken_out(octets)).collect();
        let of = |all: &[Vec<u8>], port: u16| -> Vec<Vec<u8>> {
            let transport = |packet: &[u8]| if packet[0] >> 4 == 4 { 20 } else { 40 };
            let has = |packet: &&Vec<u8>| packet[transport(packet)..][..2] == port.to_be_bytes();
            all.iter().filter(has).cloned().collect()
        };
        for port in 0..12 {
            prop_assert_eq!(of(&out, port), of(&packets, port));
        }
    }

    #[test]
    fn any_octets_are_split_or_refused(
        mut octets in proptest::collection::vec(any::<u8>(), 0..400),
        kind in prop_oneof![Just(0u8), Just(1), Just(4), Just(0x81), any::<u8>()],
        from in 0u16..60,
        first in prop_oneof![Just(0x45u8), Just(0x60), any::<u8>()],
        room in 0usize..500,
    ) {
        if octets.len() > HEAD_OCTETS {
            octets[1] = kind;
            octets[6..8].copy_from_slice(&from.to_ne_bytes());
            octets[HEAD_OCTETS] = first;
        }
        let whole = octets.len();
        match came(&mut octets) {
            None => {}
            Some(Came::Packet(range)) => prop_assert_eq!(range, HEAD_OCTETS..whole),
            Some(Came::Segments(mut split)) => {
                let (mut out, mut count) = (vec![0; room], 0);
                while let Some(length) = split.next(&octets, &mut out) {
                    prop_assert!(length <= room);
                    count += 1;
                    prop_assert!(count <= whole);
                }
            }
        }
    }

    #[test]
    fn any_packets_are_written_once(
        packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..30),
        first in prop_oneof![Just(0x45u8), Just(0x60)],
    ) {
        let packets: Vec<Vec<u8>> = packets.into_iter().map(|mut packet| {
            if let Some(octet) = packet.first_mut() { *octet = first; }
            for at in [9, 6] {
                if let Some(octet) = packet.get_mut(at) { *octet = TCP; }
            }
            packet
        }).collect();
        let mut written: Vec<_> =
            gathered(&packets).into_iter().map(|(all, _)| all[HEAD_OCTETS..].to_vec()).collect();
        let mut packets = packets;
        written.sort();
        packets.sort();
        prop_assert_eq!(written, packets);
    }
}
