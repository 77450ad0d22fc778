//! Packets of a call over a path that loses, repeats and reorders.

use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const MS: fn(u64) -> Moment = |milliseconds| Moment(Duration::from_millis(milliseconds));

fn carrier(limits: Limits) -> Carrier {
    let settings = Settings {
        local: CallId(5),
        peer: CallId(9),
        window: 64,
        peer_window: 4,
        decoy: Decoy::KeyZero,
        limits,
    };
    Carrier::new(settings, MS(0))
}

/// A packet to us with this number, whose frame is the number.
fn packet(number: u32) -> Vec<u8> {
    let mut buffer = [0; 20];
    buffer[16..].copy_from_slice(&number.to_be_bytes());
    let range = prepend(&mut buffer, 16..20, CallId(5), number, None).unwrap();
    buffer[range].to_vec()
}

/// The frames that come of a packet at this moment.
fn take(carrier: &mut Carrier, now: Moment, number: u32) -> Vec<u32> {
    let octets = packet(number);
    let mut frames = Vec::new();
    if let Ok(Received::Frame(range)) = carrier.receive(now, &octets) {
        frames.push(u32::from_be_bytes(octets[range].try_into().unwrap()));
    }
    frames.extend(ready(carrier, now));
    frames
}

fn ready(carrier: &mut Carrier, now: Moment) -> Vec<u32> {
    let mut frames = Vec::new();
    while let Some(frame) = carrier.next_held(now) {
        frames.push(u32::from_be_bytes((&*frame).try_into().unwrap()));
    }
    frames
}

/// pptpd begins with 0, pptp-linux with 1.
#[test]
fn whatever_number_comes_first_is_the_first() {
    for first in [0, 1, 77, u32::MAX] {
        let mut carrier = carrier(Limits::default());
        assert_eq!(take(&mut carrier, MS(0), first), [first]);
        assert_eq!(take(&mut carrier, MS(1), first.wrapping_add(1)), [first.wrapping_add(1)]);
        assert_eq!(carrier.counters().missing, 0);
    }
}

#[test]
fn frames_are_put_in_order() {
    let mut carrier = carrier(Limits::default());
    assert_eq!(take(&mut carrier, MS(0), 0), [0]);
    assert_eq!(take(&mut carrier, MS(1), 3), []);
    assert_eq!(take(&mut carrier, MS(2), 2), []);
    assert_eq!(take(&mut carrier, MS(3), 1), [1, 2, 3]);
    let counters = carrier.counters();
    assert_eq!((counters.received, counters.held, counters.rescued), (4, 2, 2));
    assert_eq!(counters.missing, 0);
}

#[test]
fn what_does_not_come_is_given_up_in_time() {
    let mut carrier = carrier(Limits::default());
    take(&mut carrier, MS(0), 0);
    assert_eq!(take(&mut carrier, MS(10), 2), []);
    // Nothing was measured yet.
    assert_eq!(carrier.patience(), Duration::from_millis(20));
    assert_eq!(carrier.deadline(), Some(MS(30)));
    assert_eq!(ready(&mut carrier, MS(29)), []);
    assert_eq!(ready(&mut carrier, MS(30)), [2]);
    assert_eq!(carrier.counters().missing, 1);
    assert!(carrier.patience() < Duration::from_millis(20), "it did not learn");
    // It comes all the same: late, and known as that; a second time too, but others are not.
    let late = packet(1);
    assert_eq!(carrier.receive(MS(50), &late), Err(Dropped::Late));
    assert_eq!(carrier.patience(), Duration::from_millis(80), "40 ms late were measured");
    assert_eq!(carrier.receive(MS(61), &packet(2)), Err(Dropped::Duplicate));
    assert_eq!(carrier.counters().late, 1);
}

#[test]
fn patience_shrinks_where_frames_are_only_lost_and_has_an_end() {
    let mut carrier = carrier(Limits::default());
    let mut at = 0;
    take(&mut carrier, MS(at), 0);
    for round in 1..200_u32 {
        at += 200;
        take(&mut carrier, MS(at), round * 2);
        ready(&mut carrier, MS(at + 150));
    }
    assert_eq!(carrier.patience(), Duration::from_millis(2));
    assert_eq!(carrier.counters().missing, 199);
    // Later than a second is no reordering; later than the limit is not waited for.
    assert_eq!(carrier.receive(MS(at + 5000), &packet(397)), Err(Dropped::Late));
    assert_eq!(carrier.patience(), Duration::from_millis(2));
    assert_eq!(carrier.receive(MS(at + 900), &packet(397)), Err(Dropped::Late));
    assert_eq!(carrier.patience(), Duration::from_millis(100));
}

#[test]
fn two_gaps_are_waited_for_one_by_one() {
    let mut carrier = carrier(Limits::default());
    take(&mut carrier, MS(0), 0);
    take(&mut carrier, MS(10), 2);
    take(&mut carrier, MS(20), 4);
    assert_eq!(carrier.deadline(), Some(MS(30)));
    assert_eq!(ready(&mut carrier, MS(30)), [2]);
    // The second gap was noticed at 20; patience is a little less now.
    assert_eq!(carrier.deadline(), Some(MS(20) + carrier.patience()));
    assert_eq!(take(&mut carrier, MS(31), 3), [3, 4]);
    assert_eq!(carrier.deadline(), Some(MS(100)), "the acknowledgement");
}

#[test]
fn bounds_in_packets_and_octets_hold() {
    let limits = Limits { packets_max: 4, octets_max: 10_000, ..Limits::default() };
    let mut few = carrier(limits);
    take(&mut few, MS(0), 0);
    for number in 2..6 {
        assert_eq!(take(&mut few, MS(1), number), []);
    }
    assert_eq!(take(&mut few, MS(1), 6), [2, 3, 4, 5, 6], "the fifth breaks the bound");
    assert_eq!(few.counters().missing, 1);

    let limits = Limits { packets_max: 1000, octets_max: 15, ..limits };
    let mut small = carrier(limits);
    take(&mut small, MS(0), 0);
    for number in 2..5 {
        assert_eq!(take(&mut small, MS(1), number), [], "12 octets");
    }
    assert_eq!(take(&mut small, MS(1), 5), [2, 3, 4, 5], "16 octets");

    // Whoever does not take what is ready loses the next, and nothing grows.
    let mut ignored = carrier(Limits { packets_max: 2, ..limits });
    ignored.receive(MS(0), &packet(0)).unwrap();
    for number in 2..5 {
        ignored.receive(MS(0), &packet(number)).unwrap();
    }
    assert!(ignored.has_ready());
    assert_eq!(ignored.receive(MS(0), &packet(5)), Err(Dropped::Full));

    let mut none = carrier(Limits { packets_max: 0, ..limits });
    take(&mut none, MS(0), 0);
    assert_eq!(take(&mut none, MS(0), 2), [2], "nothing is waited for");
}

#[test]
fn a_wild_number_moves_nothing_and_two_in_a_row_do() {
    let mut carrier = carrier(Limits::default());
    take(&mut carrier, MS(0), 0);
    let wild = 1 << 30;
    assert_eq!(carrier.receive(MS(1), &packet(wild)), Err(Dropped::Wild));
    assert_eq!(carrier.receive(MS(1), &packet(wild)), Err(Dropped::Wild), "the same again");
    assert_eq!(take(&mut carrier, MS(2), 1), [1], "the call goes on");
    assert_eq!(carrier.receive(MS(3), &packet(wild + 1)), Err(Dropped::Wild), "too late");
    assert_eq!(take(&mut carrier, MS(3), wild + 2), [wild + 2], "the peer was away for long");
    assert_eq!(take(&mut carrier, MS(3), wild + 3), [wild + 3]);
    assert_eq!((carrier.counters().wild, carrier.counters().resyncs), (3, 1));
}

#[test]
fn strangers_and_repetitions_are_dropped() {
    let mut carrier = carrier(Limits::default());
    take(&mut carrier, MS(0), 0);
    let mut stranger = packet(1);
    stranger[7] = 6;
    assert_eq!(carrier.receive(MS(0), &stranger), Err(Dropped::Stranger(CallId(6))));
    assert!(matches!(carrier.receive(MS(0), b"GET /"), Err(Dropped::NotGre(_))));
    assert_eq!(carrier.receive(MS(0), &packet(0)), Err(Dropped::Duplicate));
    take(&mut carrier, MS(0), 2);
    assert_eq!(carrier.receive(MS(0), &packet(2)), Err(Dropped::Duplicate), "one that is held");
    assert_eq!((carrier.counters().strangers, carrier.counters().duplicates), (2, 2));
}

#[test]
fn acknowledgements_ride_on_frames_or_come_within_a_tenth_of_a_second() {
    let mut carrier = carrier(Limits::default());
    assert_eq!(carrier.next_bare(MS(0)), None, "no decoy: our number is not 0");
    take(&mut carrier, MS(0), 7);
    assert_eq!(carrier.next_bare(MS(99)), None);
    assert_eq!(carrier.next_bare(MS(100)), Some(acknowledge(CallId(9), 7)));
    assert_eq!(carrier.next_bare(MS(100)), None);
    take(&mut carrier, MS(200), 8);
    let mut buffer = [0; 20];
    let range = carrier.send(&mut buffer, 16..20).unwrap();
    let sent = gre::decode(&buffer[range]).unwrap();
    assert_eq!((sent.sequence, sent.acknowledgement, sent.call), (Some(0), Some(8), CallId(9)));
    assert_eq!(carrier.next_bare(MS(400)), None, "it rode on the frame");
    let range = carrier.send(&mut buffer, 16..20).unwrap();
    assert_eq!(gre::decode(&buffer[range]).unwrap().acknowledgement, None, "nothing is due");
    // Half a window at once.
    for number in 9..9 + 31 {
        take(&mut carrier, MS(500), number);
    }
    assert_eq!(carrier.next_bare(MS(500)), None);
    take(&mut carrier, MS(500), 40);
    assert_eq!(carrier.next_bare(MS(500)), Some(acknowledge(CallId(9), 40)));
}

#[test]
fn sending_goes_on_without_acknowledgements_and_is_counted() {
    let mut carrier = carrier(Limits::default());
    let mut buffer = vec![0; 1500];
    for _ in 0..10 {
        carrier.send(&mut buffer, 16..1500).unwrap();
    }
    assert_eq!(carrier.counters().beyond_window, 6, "a window of 4");
    // What was never sent cannot be acknowledged.
    carrier.receive(MS(0), &acknowledge(CallId(5), 10)).unwrap();
    carrier.send(&mut buffer, 16..1500).unwrap();
    assert_eq!(carrier.counters().beyond_window, 7, "the next one was believed to be there");
    for number in [u32::MAX, 1 << 31] {
        carrier.receive(MS(0), &acknowledge(CallId(5), number)).unwrap();
    }
    carrier.receive(MS(0), &acknowledge(CallId(5), 10)).unwrap();
    carrier.send(&mut buffer, 16..1500).unwrap();
    assert_eq!(carrier.counters().beyond_window, 7);
    assert_eq!(carrier.send(&mut buffer, 8..1500), None, "no room");
    assert_eq!(carrier.counters().sent, 12);
}

/// A masquerading Linux without the PPTP helper passes answers with key 0 only after something with
/// key 0 went out.
#[test]
fn the_decoy_goes_out_first_and_again_after_silence() {
    let settings = Settings {
        local: CallId(0),
        peer: CallId(9),
        window: 64,
        peer_window: 64,
        decoy: Decoy::KeyZero,
        limits: Limits::default(),
    };
    let mut carrier = Carrier::new(settings, MS(0));
    let decoy = [0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(carrier.deadline(), Some(MS(0)));
    assert_eq!(carrier.next_bare(MS(0)), Some(decoy));
    assert_eq!(carrier.next_bare(MS(0)), None);
    assert_eq!(carrier.deadline(), Some(MS(20_000)), "before an unanswered flow is forgotten");
    let mut answer = packet(0);
    answer[7] = 0;
    carrier.receive(MS(1000), &answer).unwrap();
    carrier.next_bare(MS(1100)).unwrap();
    assert_eq!(carrier.deadline(), Some(MS(121_000)), "before an answered one is");
    for quiet in
        [Settings { peer: CallId(0), ..settings }, Settings { local: CallId(1), ..settings }]
    {
        assert_eq!(Carrier::new(quiet, MS(0)).deadline(), None);
    }
    assert_eq!(Carrier::new(Settings { decoy: Decoy::Never, ..settings }, MS(0)).deadline(), None);
}

/// A path that loses, repeats and delays, the same every time.
fn path(seed: u64, count: u32, lost: u64, late: u64) -> Vec<(u64, u32)> {
    let mut state = seed | 1;
    let mut dice = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    };
    let mut arrivals = Vec::new();
    for number in 0..count {
        let sent = u64::from(number) * 100;
        if number > 0 && dice(100) < lost {
            continue;
        }
        let delay = if dice(100) < late { dice(3000) } else { 0 };
        arrivals.push((sent + delay, number));
        if dice(100) < 3 {
            arrivals.push((sent + delay + 50, number));
        }
    }
    arrivals.sort_by_key(|(at, _)| *at);
    arrivals
}

/// Frames given on by the rule of the Linux kernel: whatever is not after the last is dropped.
fn drop_late(arrivals: &[(u64, u32)]) -> usize {
    let mut last = None;
    arrivals
        .iter()
        .filter(|(_, number)| {
            let news = last.is_none_or(|last| *number > last);
            last = if news { Some(*number) } else { last };
            news
        })
        .count()
}

fn run(arrivals: &[(u64, u32)]) -> (Vec<u32>, Counters) {
    let mut carrier = carrier(Limits::default());
    let mut frames = Vec::new();
    for (at, number) in arrivals {
        let now = Moment(Duration::from_micros(*at));
        frames.extend(ready(&mut carrier, now));
        frames.extend(take(&mut carrier, now, *number));
    }
    frames.extend(ready(&mut carrier, MS(1_000_000)));
    (frames, carrier.counters())
}

#[test]
fn next_to_nothing_is_lost_by_reordering_where_the_kernel_loses_much() {
    let arrivals = path(42, 20_000, 0, 20);
    let (frames, counters) = run(&arrivals);
    assert!(frames.len() >= 19_998, "{counters:?}");
    assert!(frames.is_sorted());
    assert!(counters.duplicates > 300, "{counters:?}");
    let kernel = drop_late(&arrivals);
    assert!(kernel < 17_500, "the path is too kind: {kernel}");
}

#[test]
fn loss_costs_what_was_lost_and_no_more() {
    let arrivals = path(7, 20_000, 2, 10);
    let came: alloc::collections::BTreeSet<u32> = arrivals.iter().map(|(_, n)| *n).collect();
    let (frames, counters) = run(&arrivals);
    // A frame that was given up comes late now and then, after patience shrank by losses.
    assert!(frames.len() + 4 >= came.len(), "{counters:?}");
    let inner = 20_000 - 1 - came.last().map_or(0, |last| 19_999 - *last);
    assert_eq!(counters.missing, u64::from(inner + 1) - frames.len() as u64);
}

proptest! {
    #[test]
    fn frames_come_in_order_and_once_on_any_path(
        seed: u64, lost in 0_u64..30, late in 0_u64..60,
    ) {
        let arrivals = path(seed, 300, lost, late);
        let (frames, counters) = run(&arrivals);
        prop_assert!(frames.windows(2).all(|two| two[0] < two[1]), "{:?}", frames);
        let kernel = drop_late(&arrivals);
        prop_assert!(frames.len() >= kernel, "{} of {}: {:?}", frames.len(), kernel, counters);
    }

    #[test]
    fn any_numbers_at_any_times_do_no_harm(data in prop::collection::vec(any::<u8>(), 0..600)) {
        crate::fuzz::gre(&data);
    }
}
