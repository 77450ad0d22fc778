//! Random operations against a naive database: no stale hit ever, bytes always bounded, the number
//! of queries always exact. Writes beside the door are seen when they are told; what a snapshot is
//! shown is the snapshot's all the same.

use std::collections::VecDeque;

use proptest::prelude::*;

use menshen_sql_core::versions::Change;

use super::*;

const TABLES: usize = 3;
const KEYS: u8 = 40;
const SIZE_MAX: u64 = 60_000;

#[derive(Debug, Clone)]
enum Op {
    Lookup {
        key: u8,
        account: u32,
        in_snapshot: bool,
    },
    /// Stamp, and the server's answer at this moment.
    Begin {
        key: u8,
        length: u16,
        in_snapshot: bool,
    },
    Push,
    Finish,
    Abandon,
    WriteBegins(usize),
    /// The server does it.
    WriteApplies,
    WriteEnds,
    WriteRollsBack,
    /// Beside the door, visible at once.
    Foreign(usize),
    /// The oldest of those is marked.
    Tell,
    /// The server is asked how many of those there are.
    Question,
    Snapshot,
    Grant,
    Resize(u64),
    Reset,
    Sweep,
    Shrink,
}

/// What is true.
#[derive(Default)]
struct Database {
    rows: [u32; TABLES],
    /// Table, and whether it was applied.
    write: Option<(usize, bool)>,
    snapshot: Option<(u64, [u32; TABLES])>,
    /// Tables written beside the door that nobody was told of.
    untold: VecDeque<usize>,
    /// The moment of a question, and how many were untold then and are still.
    asked: Option<(u64, usize)>,
    told: u64,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let key = || 0..KEYS;
    let op = prop_oneof![
        30 => (key(), 1..4_u32, any::<bool>()).prop_map(|(key, account, in_snapshot)| {
            Op::Lookup { key, account, in_snapshot }
        }),
        25 => (key(), 0..9000_u16, any::<bool>()).prop_map(|(key, length, in_snapshot)| {
            Op::Begin { key, length, in_snapshot }
        }),
        15 => Just(Op::Push),
        15 => Just(Op::Finish),
        1 => Just(Op::Abandon),
        4 => (0..TABLES).prop_map(Op::WriteBegins),
        6 => Just(Op::WriteApplies),
        6 => Just(Op::WriteEnds),
        2 => Just(Op::WriteRollsBack),
        4 => (0..TABLES).prop_map(Op::Foreign),
        6 => Just(Op::Tell),
        4 => Just(Op::Question),
        3 => Just(Op::Snapshot),
        1 => Just(Op::Grant),
        1 => (0..SIZE_MAX).prop_map(Op::Resize),
        1 => Just(Op::Reset),
        2 => Just(Op::Sweep),
        1 => Just(Op::Shrink),
    ];
    proptest::collection::vec(op, 0..300)
}

/// Which tables a key's statement reads.
fn reads(key: u8) -> Vec<usize> {
    (0..TABLES).filter(|table| (key % 8) & (1 << table) != 0).collect()
}

fn slots(key: u8) -> Vec<Slot> {
    reads(key).into_iter().map(|table| slot(u16::try_from(table).unwrap())).collect()
}

/// What the server answers, padded.
fn answer(key: u8, rows: &[u32; TABLES], length: u16) -> Vec<u8> {
    let mut bytes = vec![key];
    for table in reads(key) {
        bytes.extend(rows[table].to_le_bytes());
    }
    bytes.resize(bytes.len() + usize::from(length), 0xee);
    bytes
}

fn text(key: u8) -> String {
    format!("select {key}")
}

struct Open {
    fill: Fill,
    reply: Vec<u8>,
}

impl Database {
    fn view(&self, in_snapshot: bool) -> (Option<Sight>, [u32; TABLES]) {
        match self.snapshot.filter(|_| in_snapshot) {
            Some((at, rows)) => (Some(Sight { since: at, until: at, told: self.told }), rows),
            None => (None, self.rows),
        }
    }

    fn tell(&mut self, cache: &Cache) {
        if let Some(table) = self.untold.pop_front() {
            cache.versions().bump(&[slot(u16::try_from(table).unwrap())]);
            self.asked = self.asked.map(|(moment, left)| (moment, left.saturating_sub(1)));
        }
        if let Some((moment, 0)) = self.asked {
            (self.told, self.asked) = (moment, None);
        }
    }

    fn end(&mut self, cache: &Cache, happened: bool) {
        let Some((table, applied)) = self.write.take() else { return };
        let slot = [slot(u16::try_from(table).unwrap())];
        if happened {
            self.rows[table] += u32::from(!applied);
            cache.versions().end(&slot, Change::Happened);
        } else {
            // Only uncommitted rows roll back; nobody read them.
            let change = if applied { Change::Happened } else { Change::Nothing };
            cache.versions().end(&slot, change);
        }
    }
}

fn look(cache: &Cache, database: &Database, key: u8, account: u32, in_snapshot: bool) -> bool {
    let (snapshot, rows) = database.view(in_snapshot);
    let text = text(key);
    let ask = Ask { account, snapshot, ..ask(&text) };
    match cache.lookup(&ask) {
        Lookup::Hit(reply) => {
            let expected = answer(key, &rows, 0);
            let is_told = !reads(key).iter().any(|table| database.untold.contains(table));
            if snapshot.is_some() || is_told {
                assert_eq!(&reply[..expected.len()], expected, "stale: key {key}");
            }
            let writing = database.write.is_some_and(|(table, _)| reads(key).contains(&table));
            assert!(!writing, "a hit while a write is in flight");
        }
        Lookup::Verify { epoch } => cache.verified(&ask.key, account, epoch),
        Lookup::Miss(_) => return false,
    }
    true
}

fn step(cache: &Arc<Cache>, database: &mut Database, open: &mut Vec<Open>, op: Op) {
    match op {
        Op::Lookup { key, account, in_snapshot } => {
            look(cache, database, key, account, in_snapshot);
        }
        Op::Begin { key, length, in_snapshot } => {
            let (snapshot, rows) = database.view(in_snapshot);
            let text = text(key);
            let fill = begin(cache, &Ask { snapshot, ..ask(&text) }, &slots(key));
            let reply = answer(key, &rows, length);
            open.extend(fill.map(|fill| Open { fill, reply }));
        }
        Op::Push => {
            if let Some(open) = open.first_mut() {
                let half = open.reply.len().div_ceil(2);
                let piece: Vec<u8> = open.reply.drain(..half).collect();
                open.fill.push(&piece);
            }
        }
        Op::Finish if !open.is_empty() => {
            let mut open = open.remove(0);
            open.fill.push(&open.reply);
            let _ = open.fill.finish([0, 0], 1);
        }
        Op::Abandon if !open.is_empty() => drop(open.remove(0)),
        Op::WriteBegins(table) if database.write.is_none() => {
            cache.versions().begin(&[slot(u16::try_from(table).unwrap())]);
            database.write = Some((table, false));
        }
        Op::WriteApplies => {
            if let Some((table, applied @ false)) = &mut database.write {
                database.rows[*table] += 1;
                *applied = true;
            }
        }
        Op::WriteEnds => database.end(cache, true),
        Op::WriteRollsBack => database.end(cache, false),
        Op::Foreign(table) => {
            database.rows[table] += 1;
            database.untold.push_back(table);
        }
        Op::Tell => database.tell(cache),
        Op::Question => {
            database.asked = Some((cache.versions().moment(), database.untold.len()));
        }
        Op::Snapshot => database.snapshot = Some((cache.versions().now(), database.rows)),
        Op::Grant => cache.versions().bump_epoch(),
        Op::Resize(bytes) => cache.resize(0, bytes),
        Op::Reset => cache.reset(0),
        Op::Sweep => {
            let counted = cache.qcache(0);
            // A write in flight makes nothing stale yet: the server too keeps entries until then.
            let living = (0..KEYS)
                .filter(|key| {
                    let view = cache.explain(&ask(&text(*key)));
                    view.is_some_and(|view| !matches!(view.absence, Some(Absence::Stale(_))))
                })
                .count();
            assert_eq!(counted.queries_in_cache, living as u64);
        }
        Op::Shrink => {
            cache.shrink(0);
        }
        Op::Finish | Op::Abandon | Op::WriteBegins(_) => {}
    }
}

/// What the entries and fills hold in truth.
fn held(cache: &Cache) -> u64 {
    (0..SHARDS)
        .map(|number| {
            let part = cache.part_number(number);
            let fills: u64 = part.filling.iter().map(|fill| fill.charged()).sum();
            part.entries.bytes() + fills
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_hit_is_stale_and_no_byte_too_many(ops in ops()) {
        let cache = cache(SIZE_MAX);
        let mut database = Database::default();
        let mut open = Vec::new();
        for op in ops {
            step(&cache, &mut database, &mut open, op);
            prop_assert!(cache.used() <= cache.size());
            prop_assert_eq!(cache.used(), held(&cache));
        }
        drop(open);
        cache.reset(0);
        prop_assert_eq!((cache.used(), cache.totals().tables), (0, 0));
    }
}

#[test]
fn the_model_does_see_hits() {
    let cache = cache(SIZE_MAX);
    let mut database = Database::default();
    let mut open = Vec::new();
    let begin = Op::Begin { key: 1, length: 10, in_snapshot: false };
    for op in [begin, Op::Finish] {
        step(&cache, &mut database, &mut open, op);
    }
    assert!(look(&cache, &database, 1, 1, false));
    for op in [Op::Snapshot, Op::Question, Op::Tell] {
        step(&cache, &mut database, &mut open, op);
    }
    assert!(look(&cache, &database, 1, 1, true));
    for op in [Op::WriteBegins(0), Op::WriteEnds] {
        step(&cache, &mut database, &mut open, op);
    }
    assert!(!look(&cache, &database, 1, 1, false));
}
