//! Keys, replies, queues, and the sums that must be right.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;

use super::*;
use crate::versions::{Slot, Versions};

fn entry(versions: &Versions, key: &Key<'_>, slots: &[Slot], reply: Vec<u8>) -> Entry {
    let contents = Contents {
        stamp: versions.stamp(slots).unwrap(),
        reply,
        marks: [1, 2],
        account: 7,
        epoch: 0,
        asked_ms: 5,
        micros: 10,
        figures: Arc::default(),
    };
    Entry::new(key, contents)
}

fn slot(number: u16) -> Slot {
    Slot::from_number(100 + number)
}

#[test]
fn a_key_is_all_its_bytes_in_their_places() {
    let versions = Versions::private();
    let key = Key::execute(1, b"select ?", b"12");
    let entry = entry(&versions, &key, &[slot(0)], b"rows".to_vec());
    assert!(entry.is(&key));
    for other in [
        Key::execute(2, b"select ?", b"12"),
        Key::execute(1, b"select ?1", b"2"),
        Key::text(1, b"select ?12"),
        Key::execute(1, b"select ?", b"13"),
        Key::execute(1, b"select ?", b"1"),
        Key::execute(1, b"select ?", b"12rows"),
        Key::execute(1, b"select ", b"?12"),
    ] {
        assert!(!entry.is(&other), "{other:?}");
    }
    assert_eq!(&*entry.reply(), b"rows");
    assert_eq!(entry.reply().marks(), [1, 2]);
}

#[test]
fn replies_of_any_length_come_back_and_cost_what_was_said() {
    let versions = Versions::private();
    let key = Key::execute(1, b"select ?", b"12");
    for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 100_000, 1 << 20] {
        for slots in [0, 1, 4, 5, 40] {
            let slots: Vec<Slot> = (0..slots).map(slot).collect();
            let reply: Vec<u8> = (0..=255).cycle().take(length).collect();
            let entry = entry(&versions, &key, &slots, reply.clone());
            assert_eq!(*entry.reply(), *reply);
            assert_eq!(entry.slots().collect::<Vec<_>>(), slots);
            assert_eq!(entry.charge(), Entry::charge_of(&key, length, slots.len()));
            assert!(entry.charge() >= (length + 10 + slots.len() * 2) as u64);
        }
    }
}

#[test]
fn a_point_select_costs_less_than_600_bytes_beyond_itself() {
    let key = Key::text(1, &[b'k'; 60]);
    let overhead = Entry::charge_of(&key, 220, 1) - 280;
    assert!(overhead <= 300, "{overhead}");
}

#[test]
fn accounts_are_remembered_for_one_epoch_and_the_oldest_is_forgotten() {
    let versions = Versions::private();
    let mut entry = entry(&versions, &Key::text(1, b"q"), &[], Vec::new());
    assert!(entry.may_read(7, 0) && !entry.may_read(8, 0) && !entry.may_read(7, 1));
    assert!(!entry.may_read(0, 0), "unused places are nobody's");
    for account in [8, 9, 10, 8] {
        entry.let_read(account, 0);
    }
    assert!([7, 8, 9, 10].iter().all(|account| entry.may_read(*account, 0)));
    entry.let_read(11, 0);
    assert!(entry.may_read(11, 0) && !entry.may_read(7, 0));
    entry.let_read(8, 1);
    assert!(entry.may_read(8, 1) && !entry.may_read(9, 1) && !entry.may_read(8, 0));
}

#[test]
fn hits_are_folded_into_the_digest_once() {
    let versions = Versions::private();
    let mut entry = entry(&versions, &Key::text(1, b"q"), &[], Vec::new());
    assert!(!entry.was_hit());
    let _ = (entry.hit(), entry.hit());
    assert_eq!((entry.fold(), entry.fold()), (2, 0));
    let figures = entry.figures();
    assert_eq!((figures.hits.load(Relaxed), figures.saved_micros.load(Relaxed)), (2, 20));
    assert!(entry.was_hit());
}

#[test]
fn what_was_asked_for_outlives_what_was_not() {
    let versions = Versions::private();
    let mut shard = Shard::new();
    let mut queued = 0;
    for number in 0..100_u64 {
        let text = format!("q{number}");
        let key = Key::text(1, text.as_bytes());
        let place = shard.insert(number, entry(&versions, &key, &[], vec![0; 100]), number);
        if number % 10 == 0 {
            let _ = shard.get_mut(place).unwrap().hit();
        }
        queued = number;
    }
    let mut evicted = 0;
    while shard.tails().small != u64::MAX {
        queued += 1;
        evicted += usize::from(shard.evict(Line::Small, || queued).is_some());
    }
    assert_eq!((evicted, shard.len()), (90, 10));
    // Who was evicted and comes back goes where the useful ones are.
    let key = Key::text(1, b"q99");
    shard.insert(99, entry(&versions, &key, &[], Vec::new()), 1000);
    assert_eq!((shard.tails().small, shard.small_bytes()), (u64::MAX, 0));
    let fresh = Key::text(1, b"q1000");
    shard.insert(1000, entry(&versions, &fresh, &[], Vec::new()), 1001);
    assert_eq!(shard.tails().small, 1001);
}

#[test]
fn a_sweep_in_steps_finds_all_that_is_stale_and_then_rests() {
    let versions = Versions::private();
    let mut shard = Shard::new();
    for number in 0..50_u64 {
        let text = format!("q{number}");
        let key = Key::text(1, text.as_bytes());
        let slots = [slot(u16::from(number % 2 == 0))];
        shard.insert(number, entry(&versions, &key, &slots, Vec::new()), number);
    }
    versions.bump(&[slot(0)]);
    let mut stale = 0;
    for _ in 0..20 {
        stale += shard.sweep(&versions, 7).stale.len();
    }
    assert_eq!((stale, shard.len()), (25, 25));
    assert_eq!(shard.sweep(&versions, 100).seen, 0, "nothing changed since");
    // A write in flight has perhaps its number already: no rest while one is met.
    versions.begin(&[slot(1)]);
    versions.bump(&[slot(9)]);
    let seen = |shard: &mut Shard| shard.sweep(&versions, usize::MAX).seen;
    assert_eq!((seen(&mut shard), seen(&mut shard)), (25, 25));
}

#[derive(Debug, Clone)]
enum Op {
    Insert(u8, u16),
    Remove(u8),
    Hit(u8),
    Evict(bool),
    Bump(u16),
    Sweep(usize),
    Clear,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        8 => (any::<u8>(), 0..9000_u16).prop_map(|(key, length)| Op::Insert(key, length)),
        3 => any::<u8>().prop_map(Op::Remove),
        3 => any::<u8>().prop_map(Op::Hit),
        2 => any::<bool>().prop_map(Op::Evict),
        1 => (0..4_u16).prop_map(Op::Bump),
        1 => (0..200_usize).prop_map(Op::Sweep),
        1 => Just(Op::Clear),
    ];
    proptest::collection::vec(op, 0..400)
}

proptest! {
    /// Whatever happens, a shard finds exactly the entries it has, and its sums are theirs. Only
    /// 32 hashes, so that different keys meet.
    #[test]
    fn a_shard_is_a_map_with_right_sums(ops in ops()) {
        let versions = Versions::private();
        let mut shard = Shard::new();
        let mut model: BTreeMap<u8, u16> = BTreeMap::new();
        let mut queued = 0;
        let name = |entry: &Entry| entry.reply().marks()[0];
        for op in ops {
            queued += 1;
            let mut gone = Vec::new();
            match op {
                Op::Insert(key, length) => {
                    let bytes = [key];
                    let text = Key::text(1, &bytes);
                    let hash = u64::from(key % 32);
                    gone.extend(shard.find(hash, &text).and_then(|at| shard.remove(at)));
                    for entry in gone.drain(..) {
                        prop_assert_eq!(name(&entry), u32::from(key));
                    }
                    let contents = Contents {
                        stamp: versions.stamp(&[slot(u16::from(key % 4))]).unwrap(),
                        reply: vec![key; usize::from(length)],
                        marks: [u32::from(key), 0],
                        account: 0,
                        epoch: 0,
                        asked_ms: 0,
                        micros: 0,
                        figures: Arc::default(),
                    };
                    shard.insert(hash, Entry::new(&text, contents), queued);
                    model.insert(key, length);
                }
                Op::Remove(key) => {
                    let bytes = [key];
                    let at = shard.find(u64::from(key % 32), &Key::text(1, &bytes));
                    prop_assert_eq!(at.is_some(), model.contains_key(&key));
                    gone.extend(at.and_then(|at| shard.remove(at)));
                }
                Op::Hit(key) => {
                    let bytes = [key];
                    let at = shard.find(u64::from(key % 32), &Key::text(1, &bytes));
                    let reply = at.and_then(|at| shard.get_mut(at)).map(Entry::hit);
                    prop_assert_eq!(
                        reply.map(|reply| reply.to_vec()),
                        model.get(&key).map(|length| vec![key; usize::from(*length)])
                    );
                }
                Op::Evict(small) => {
                    let line = if small { Line::Small } else { Line::Main };
                    gone.extend(shard.evict(line, || queued));
                }
                Op::Bump(number) => versions.bump(&[slot(number)]),
                Op::Sweep(count) => gone = shard.sweep(&versions, count).stale,
                Op::Clear => gone = shard.clear(),
            }
            for entry in gone {
                let key = u8::try_from(name(&entry)).unwrap();
                prop_assert!(model.remove(&key).is_some());
            }
            let mut sum = 0;
            let mut count = 0;
            shard.each(|entry| {
                sum += entry.charge();
                count += 1;
            });
            prop_assert_eq!((sum, count), (shard.bytes(), model.len()));
            prop_assert_eq!(shard.len(), model.len());
        }
    }
}
