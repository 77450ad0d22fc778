//! Random lives of one upload on a machine that dies at any call and loses what was not flushed:
//! what was acknowledged is there afterwards, and nothing that nobody sent.

use proptest::prelude::*;

use super::sim::{Arrives, Machine};
use super::*;
use crate::{Outcome, Stage};

#[derive(Debug, Clone)]
enum Act {
    Push(u64),
    Flush,
    Cut,
    Claim,
    Complete,
    Begin,
    Answer,
    Release,
    Remove,
    Collect,
    FailFlush(u64),
    /// Dies in so many calls; the next act that fails so is followed by a new process.
    DieIn(u64),
    Restart,
    Reboot(Arrives),
}

/// What was acknowledged, and what may be there beyond it.
struct Life {
    machine: Machine,
    inner: Arc<Inner>,
    desk: Option<Desk>,
    tag: u8,
    acknowledged: Option<Vec<u8>>,
    /// What was there at each flush that was begun since.
    begun: Vec<Vec<u8>>,
    line: Vec<u8>,
    complete: bool,
    removing: bool,
    removed: bool,
    answered: Option<Stored>,
    answering: Option<Stored>,
    /// An attempt that was begun and neither released nor answered.
    going: Option<(u32, Pair)>,
    went: Option<u32>,
    releasing: bool,
}

impl Life {
    fn new(seed: u64) -> Self {
        let machine = Machine::new(seed);
        let inner = Arc::new(Inner::new(machine.folder(), limits()));
        Self {
            machine,
            inner,
            desk: None,
            tag: 0,
            acknowledged: None,
            begun: vec![Vec::new()],
            line: Vec::new(),
            complete: false,
            removing: false,
            removed: false,
            answered: None,
            answering: None,
            going: None,
            went: None,
            releasing: false,
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Push(count) => {
                let Some(desk) = &mut self.desk else { return };
                let at = desk.position();
                let part = bytes(self.tag, at..at + count);
                if desk.push(&part) == Ok(Push::Taken) {
                    self.line.truncate(usize::try_from(at).unwrap());
                    self.line.extend_from_slice(&part);
                }
            }
            Act::Flush => {
                let Some(desk) = &mut self.desk else { return };
                self.begun.push(self.line.clone());
                if let Ok(offset) = desk.flush() {
                    assert_eq!(offset, self.line.len() as u64);
                    self.acknowledge();
                } else if let Some(desk) = &self.desk {
                    self.line.truncate(usize::try_from(desk.position()).unwrap());
                }
            }
            Act::Cut => {
                let Some(desk) = &mut self.desk else { return };
                let to = desk.record().offset.midpoint(desk.position());
                if desk.cut(to).is_ok() {
                    self.line.truncate(usize::try_from(to).unwrap());
                }
            }
            Act::Claim => self.claim(),
            Act::Complete => {
                let Some(desk) = &mut self.desk else { return };
                self.begun.push(self.line.clone());
                if desk.complete().is_ok() {
                    self.acknowledge();
                    self.complete = true;
                    self.desk = None;
                } else {
                    self.line.truncate(usize::try_from(desk.position()).unwrap());
                }
            }
            Act::Begin => self.begin(),
            Act::Answer => {
                let Some((attempt, _)) = self.going.take() else { return };
                let answer = Stored { status: 204, body: vec![9; 700], ..Stored::default() };
                self.answering = Some(answer.clone());
                if self.inner.answer(id(1), attempt, &answer).is_ok() {
                    self.answered = Some(answer);
                }
            }
            Act::Release => {
                let Some((attempt, pair)) = self.going.take() else { return };
                drop(pair);
                self.releasing = true;
                let _ = self.inner.release(id(1), attempt);
            }
            Act::Remove => {
                self.removing = true;
                if self.inner.remove(id(1)).is_ok() {
                    self.removed = true;
                }
            }
            // Before it expires.
            Act::Collect => assert!(self.removing || self.inner.collect(500).unwrap_or(0) == 0),
            Act::FailFlush(after) => self.machine.fail_flush(*after),
            Act::DieIn(calls) => self.machine.die_in(*calls),
            Act::Restart => self.next_process(None),
            Act::Reboot(arrives) => self.next_process(Some(*arrives)),
        }
    }

    fn acknowledge(&mut self) {
        self.acknowledged = Some(self.line.clone());
        self.begun = vec![self.line.clone()];
    }

    fn claim(&mut self) {
        self.tag = self.tag.wrapping_add(1);
        if self.acknowledged.is_none() {
            if let Ok(desk) = self.inner.create(upload(1, None)) {
                self.desk = Some(desk);
                self.acknowledge();
            }
            return;
        }
        let Ok(desk) = self.inner.claim(id(1), Claim::Stream) else { return };
        self.check_record(desk.record());
        // What was pushed and not flushed may be there still, or a part of it.
        let position = usize::try_from(desk.position()).unwrap();
        let Some(there) = all_of(&*desk.pair.data.clone().unwrap(), desk.position()) else {
            return;
        };
        let known = self.begun.iter().chain([&self.line]).any(|line| line.starts_with(&there));
        assert!(known, "bytes nobody sent: {position}");
        self.line = there;
        self.begun.push(self.line.clone());
        self.desk = Some(desk);
    }

    fn begin(&mut self) {
        if self.going.is_some() {
            return;
        }
        match self.inner.begin_delivery(id(1), "me", Aim::Request, 200) {
            Ok(Beginning::Go { pair, attempt, .. }) => {
                assert!(self.went.is_none() || self.releasing, "delivered twice");
                assert!(self.answered.is_none());
                self.releasing = false;
                self.went = Some(attempt);
                self.going = Some((attempt, pair));
            }
            Ok(Beginning::Answered(answer)) => assert_eq!(Some(answer), self.answering),
            Ok(Beginning::Interrupted { outcome, .. }) => assert_eq!(outcome, Outcome::Unknown),
            Err(_) => {}
        }
    }

    fn next_process(&mut self, power: Option<Arrives>) {
        self.machine.restart();
        self.desk = None;
        self.going = None;
        if let Some(arrives) = power {
            self.machine.reboot(arrives);
        }
        self.inner = Arc::new(Inner::new(self.machine.folder(), limits()));
        self.check();
    }

    fn check(&self) {
        let Some(acknowledged) = &self.acknowledged else { return };
        let record = match self.inner.look(id(1)) {
            Ok(record) => record,
            Err(error) => {
                assert!(self.removing, "{} bytes lost: {error}", acknowledged.len());
                return;
            }
        };
        assert!(!self.removed, "removed and there again");
        self.check_record(&record);
        if let Some(answer) = &self.answered {
            assert_eq!(record.stage, Stage::Answered(answer.clone()));
        }
        if self.complete {
            assert!(record.is_complete());
        }
        if let Some(data) = Pair::open(&self.inner.folder, id(1)).unwrap().data {
            let there = all_of(&*data, record.offset).unwrap();
            assert!(there.starts_with(acknowledged), "acknowledged bytes are others now");
            assert!(self.begun.contains(&there), "bytes nobody flushed");
        }
    }

    fn check_record(&self, record: &Record) {
        let acknowledged = self.acknowledged.as_ref().map_or(0, Vec::len) as u64;
        assert!(record.offset >= acknowledged, "{} < {acknowledged}", record.offset);
    }
}

/// `None` when the process died meanwhile.
fn all_of(file: &dyn File, bytes: u64) -> Option<Vec<u8>> {
    let mut all = vec![0; usize::try_from(bytes).unwrap()];
    let there = pair::read_all(file, &mut all, 0).ok()?;
    assert_eq!(there, all.len(), "the file is too short");
    Some(all)
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let arrives = prop_oneof![
        1 => Just(Arrives::Nothing),
        1 => Just(Arrives::All),
        4 => Just(Arrives::Anything),
    ];
    let act = prop_oneof![
        8 => (1_u64..9000).prop_map(Act::Push),
        6 => Just(Act::Flush),
        1 => Just(Act::Cut),
        4 => Just(Act::Claim),
        1 => Just(Act::Complete),
        2 => Just(Act::Begin),
        1 => Just(Act::Answer),
        1 => Just(Act::Release),
        1 => prop_oneof![9 => Just(Act::Collect), 1 => Just(Act::Remove)],
        2 => (0_u64..4).prop_map(Act::FailFlush),
        4 => (0_u64..30).prop_map(Act::DieIn),
        1 => Just(Act::Restart),
        4 => arrives.prop_map(Act::Reboot),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn what_was_acknowledged_survives_any_death(seed: u64, acts in acts()) {
        let mut life = Life::new(seed);
        life.act(&Act::Claim);
        for act in &acts {
            life.act(act);
        }
        life.next_process(Some(Arrives::Anything));
    }
}

/// More by `MENSHEN_STORE_CASES`.
fn cases() -> u32 {
    std::env::var("MENSHEN_STORE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(1500)
}
