//! The same for an upload in segments: spans that were acknowledged are there after any death, with
//! the bytes that were sent for their places.

use proptest::prelude::*;

use super::sim::{Arrives, Machine};
use super::*;
use crate::{Order, Spans};

#[derive(Debug, Clone)]
enum Act {
    /// Writes the segment of this number up to so many bytes, and flushes.
    Segment(u64, u64),
    FailFlush(u64),
    DieIn(u64),
    Restart,
    Reboot(Arrives),
}

const SEGMENTS: u64 = 8;
const SEGMENT: u64 = 3000;

struct Life {
    machine: Machine,
    inner: Arc<Inner>,
    acknowledged: Spans,
}

impl Life {
    fn new(seed: u64) -> Self {
        let machine = Machine::new(seed);
        let inner = Arc::new(Inner::new(machine.folder(), limits()));
        let mut record = upload(1, Some(SEGMENTS * SEGMENT));
        record.order = Order::Segments;
        drop(inner.create(record).unwrap());
        Self { machine, inner, acknowledged: Spans::new() }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Segment(number, count) => self.write(*number, *count),
            Act::FailFlush(after) => self.machine.fail_flush(*after),
            Act::DieIn(calls) => self.machine.die_in(*calls),
            Act::Restart => self.next_process(None),
            Act::Reboot(arrives) => self.next_process(Some(*arrives)),
        }
    }

    fn write(&mut self, number: u64, count: u64) {
        let (start, end) = (number * SEGMENT, (number + 1) * SEGMENT);
        // What is there of it stays; the client sends the rest.
        let Ok(record) = self.inner.look(id(1)) else { return };
        let spans = record.spans.as_slice();
        let from = spans.iter().find(|span| (span.0..span.1).contains(&start));
        let start = from.map_or(start, |span| span.1.min(end));
        let desk = self.inner.claim(id(1), Claim::Segment { start, end });
        let Ok(mut desk) = desk else { return };
        let until = end.min(start + count);
        if desk.push(&bytes(1, start..until)) == Ok(Push::Taken) && desk.flush().is_ok() {
            assert!(self.acknowledged.insert(start, until));
        }
    }

    fn next_process(&mut self, power: Option<Arrives>) {
        self.machine.restart();
        if let Some(arrives) = power {
            self.machine.reboot(arrives);
        }
        self.inner = Arc::new(Inner::new(self.machine.folder(), limits()));
        let record = self.inner.look(id(1)).unwrap();
        for &(start, end) in self.acknowledged.as_slice() {
            assert!(record.spans.covers(start, end), "{start} to {end} lost");
        }
        assert_eq!(record.offset, record.spans.prefix());
        let pair = Pair::open(&self.inner.folder, id(1)).unwrap();
        for &(start, end) in record.spans.as_slice() {
            let mut there = vec![0; usize::try_from(end - start).unwrap()];
            pair::read_all(&**pair.data().unwrap(), &mut there, start).unwrap();
            assert!(there == bytes(1, start..end), "{start} to {end} are other bytes");
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        12 => (0..SEGMENTS, 1..=SEGMENT).prop_map(|(number, count)| Act::Segment(number, count)),
        2 => (0_u64..3).prop_map(Act::FailFlush),
        3 => (0_u64..20).prop_map(Act::DieIn),
        1 => Just(Act::Restart),
        4 => Just(Act::Reboot(Arrives::Anything)),
        1 => Just(Act::Reboot(Arrives::Nothing)),
    ];
    proptest::collection::vec(act, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn segments_that_were_acknowledged_survive_any_death(seed: u64, acts in acts()) {
        let mut life = Life::new(seed);
        for act in &acts {
            life.act(act);
        }
        life.next_process(Some(Arrives::Anything));
    }
}
