//! Writers and readers that check that no answer is older than the rules allow.
//!
//!     sql_torture DOOR SERVER SECONDS BOUND_MS READERS
//!
//! DOOR and SERVER are `unix:PATH` or `HOST:PORT`; half of the scenarios are written through the
//! door, half straight to the server; all are read through the door. As many readers more read in
//! transactions, beside writes of another kind. Whoever started it kills
//! servers and doors meanwhile: a link that breaks is made anew. Prints one JSON text; exit 1 if
//! anything was older than allowed. The account is root without a password, the database `torture`
//! is made anew.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command: output is its result")]

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use sqlload::client::{Failure, Prepared, Session};
use sqlload::torture::pairs::{Pairs, TABLES};
use sqlload::torture::random::Random;
use sqlload::torture::register::{Register, Side, Violation};
use sqlload::torture::scenario::{SCENARIOS, Scenario};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(plan) = Plan::read(&arguments) else {
        eprintln!("usage: sql_torture DOOR SERVER SECONDS BOUND_MS READERS");
        return ExitCode::from(2);
    };
    let torture = Torture::new(&plan);
    if let Err(failure) = torture.prepare() {
        eprintln!("sql_torture: could not prepare: {failure}");
        return ExitCode::from(2);
    }
    println!("{}", torture.run());
    if torture.count(Count::Violations) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Debug)]
struct Plan {
    door: String,
    server: String,
    length: Duration,
    bound: Duration,
    readers: usize,
}

impl Plan {
    fn read(arguments: &[String]) -> Option<Self> {
        let [door, server, seconds, bound, readers] = arguments else { return None };
        Some(Self {
            door: door.clone(),
            server: server.clone(),
            length: Duration::from_secs(seconds.parse().ok()?),
            bound: Duration::from_millis(bound.parse().ok()?),
            readers: readers.parse().ok()?,
        })
    }
}

#[derive(Debug, Clone, Copy)]
#[repr(usize)]
enum Count {
    Writes,
    Reads,
    PreparedReads,
    RepeatedReads,
    Violations,
    /// Statements the server refused, mostly while tables are renamed or deadlocks are broken.
    Refused,
    LinksBroken,
    /// Answers from the cache, as the door counts them.
    Hits,
}

/// How often the tables are begun anew.
const PREPARE_TRIES: u32 = 20;
const COUNTS: [&str; 8] = [
    "writes",
    "reads",
    "prepared_reads",
    "repeated_reads",
    "violations",
    "refused",
    "links_broken",
    "hits",
];

/// One scenario with the way its writes go.
struct Case {
    number: usize,
    scenario: &'static Scenario,
    side: Side,
    register: Register,
}

struct Torture<'p> {
    plan: &'p Plan,
    cases: Vec<Case>,
    counts: [AtomicU64; COUNTS.len()],
    violations: Mutex<Vec<String>>,
    refusals: Mutex<HashMap<String, u64>>,
    /// Ages of values that were out of date, microseconds.
    ages: Mutex<Vec<u64>>,
    stop: AtomicBool,
    pairs: Pairs,
}

impl<'p> Torture<'p> {
    fn new(plan: &'p Plan) -> Self {
        let sides = [Side::Door, Side::Direct(plan.bound)];
        let pairs = sides.iter().flat_map(|side| SCENARIOS.iter().map(move |one| (*side, one)));
        let cases = pairs.enumerate().map(|(number, (side, scenario))| Case {
            number,
            scenario,
            side,
            register: Register::new(side),
        });
        Self {
            plan,
            cases: cases.collect(),
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            violations: Mutex::default(),
            refusals: Mutex::default(),
            ages: Mutex::default(),
            stop: AtomicBool::new(false),
            pairs: Pairs::default(),
        }
    }

    /// Again when the link breaks: on a slow machine the first disaster comes before the tables.
    fn prepare(&self) -> Result<(), Failure> {
        for _ in 1..PREPARE_TRIES {
            match self.make_tables() {
                Err(Failure::Link(_)) => thread::sleep(Duration::from_millis(500)),
                other => return other,
            }
        }
        self.make_tables()
    }

    fn make_tables(&self) -> Result<(), Failure> {
        let mut session = Session::connect(&self.plan.door, "root", "")?;
        session.query("drop database if exists torture")?;
        session.query("create database torture")?;
        session.query("use torture")?;
        for case in &self.cases {
            for statement in case.scenario.setup {
                session.query(&Scenario::text(statement, case.number, 0))?;
            }
        }
        for statement in Pairs::setup() {
            session.query(&statement)?;
        }
        Ok(())
    }

    /// Everything at once until the time is up; the result as JSON.
    fn run(&self) -> String {
        thread::scope(|scope| {
            scope.spawn(|| self.watch_hits());
            for case in &self.cases {
                scope.spawn(move || self.write(case));
            }
            for reader in 0..self.plan.readers {
                scope.spawn(move || self.read(reader));
                scope.spawn(move || self.read_pairs(reader));
            }
            for table in 0..TABLES {
                scope.spawn(move || self.write_pairs(table));
            }
            thread::sleep(self.plan.length);
            self.stop.store(true, SeqCst);
        });
        self.report()
    }

    fn write(&self, case: &Case) {
        let address = if case.side == Side::Door { &self.plan.door } else { &self.plan.server };
        let mut value = 0;
        let mut lost = None;
        while !self.stop.load(SeqCst) {
            if let Some(thread) = lost.take() {
                self.wait_for_end(thread);
            }
            let Some(mut session) = self.connect(address) else { continue };
            lost = Some(session.thread);
            if matches!(self.write_until_lost(case, &mut session, &mut value), Ok(())) {
                return;
            }
            self.add(Count::LinksBroken);
        }
    }

    /// Ends well when the time is up, or with the error of the link.
    fn write_until_lost(
        &self,
        case: &Case,
        session: &mut Session,
        value: &mut i64,
    ) -> Result<(), Failure> {
        self.tidy(case, session)?;
        while !self.stop.load(SeqCst) {
            *value += 1;
            case.register.sending(*value);
            let mut written = true;
            for statement in case.scenario.write {
                let text = Scenario::text(statement, case.number, *value);
                match session.query(&text) {
                    Ok(_) => {}
                    Err(Failure::Server(number, text)) => {
                        self.refused(case, number, &text);
                        written = false;
                        break;
                    }
                    Err(failure) => return Err(failure),
                }
            }
            if !written {
                // What was half done would stand in the way of the next one.
                self.tidy(case, session)?;
                continue;
            }
            case.register.acknowledged(*value);
            self.add(Count::Writes);
            if case.side == Side::Door {
                self.check(case, session, 0)?;
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Ends what a broken write left: transactions, locks, temporary tables.
    fn tidy(&self, case: &Case, session: &mut Session) -> Result<(), Failure> {
        let k = case.number;
        for text in [
            "rollback".to_owned(),
            "unlock tables".to_owned(),
            "set autocommit=1".to_owned(),
            format!("drop temporary table if exists r{k}"),
        ] {
            if let Err(Failure::Link(error)) = session.query(&text) {
                return Err(error.into());
            }
        }
        let own = format!("x{k}-");
        let prepared = match session.query("xa recover") {
            Ok(rows) => rows.rows,
            Err(Failure::Link(error)) => return Err(error.into()),
            Err(Failure::Server(..)) => Vec::new(),
        };
        for row in prepared {
            let name = row.get(3).cloned().flatten().unwrap_or_default();
            if name.starts_with(&own)
                && let Err(Failure::Link(error)) = session.query(&format!("xa rollback '{name}'"))
            {
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn read(&self, reader: usize) {
        let mut random = Random(u64::try_from(reader).unwrap_or(0) * 7919 + 12345);
        while !self.stop.load(SeqCst) {
            let Some(mut session) = self.connect(&self.plan.door) else { continue };
            let mut prepared = HashMap::new();
            while !self.stop.load(SeqCst) {
                let case = &self.cases[random.below(self.cases.len())];
                let which = random.below(case.scenario.reads.len());
                let done = match random.below(10) {
                    0 => self.check_repeated(case, &mut session, which),
                    1 | 2 => self.check_prepared(case, &mut session, which, &mut prepared),
                    _ => self.check(case, &mut session, which),
                };
                if done.is_err() {
                    self.add(Count::LinksBroken);
                    break;
                }
            }
        }
    }

    fn write_pairs(&self, table: usize) {
        let mut value = 0;
        while !self.stop.load(SeqCst) {
            let both = (self.connect(&self.plan.server), self.connect(&self.plan.door));
            let (Some(server), Some(door)) = both else { continue };
            if self.pairs.write(table, &mut [server, door], &mut value, &self.stop).is_err() {
                self.add(Count::LinksBroken);
            }
        }
    }

    fn read_pairs(&self, reader: usize) {
        let mut random = Random(u64::try_from(reader).unwrap_or(0) * 104_729 + 71);
        while !self.stop.load(SeqCst) {
            let Some(mut session) = self.connect(&self.plan.door) else { continue };
            while !self.stop.load(SeqCst) {
                match self.pairs.read(&mut session, &mut random) {
                    Ok(None) => {}
                    Ok(Some(wrong)) => self.violates(format!("two moments: {wrong}")),
                    Err(Failure::Server(number, text)) => {
                        self.refuses("reads in a transaction", number, &text);
                        break;
                    }
                    Err(Failure::Link(_)) => {
                        self.add(Count::LinksBroken);
                        break;
                    }
                }
            }
        }
    }

    fn check(&self, case: &Case, session: &mut Session, which: usize) -> Result<(), Failure> {
        let text = Scenario::text(case.scenario.reads[which], case.number, 0);
        let floor = case.register.floor();
        match session.value(&text) {
            Ok(value) => {
                self.judge(case, &text, case.register.judge(floor, number(value)));
                self.add(Count::Reads);
                Ok(())
            }
            Err(Failure::Server(number, text)) => {
                self.refused(case, number, &text);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// The same, over the binary protocol.
    fn check_prepared(
        &self,
        case: &Case,
        session: &mut Session,
        which: usize,
        prepared: &mut HashMap<(usize, usize), Prepared>,
    ) -> Result<(), Failure> {
        let text = Scenario::text(case.scenario.reads[which], case.number, 0);
        let key = (case.number, which);
        let statement = match prepared.get(&key) {
            Some(statement) => *statement,
            None => match session.prepare(&text) {
                Ok(statement) => *prepared.entry(key).or_insert(statement),
                Err(Failure::Server(number, text)) => {
                    self.refused(case, number, &text);
                    return Ok(());
                }
                Err(failure) => return Err(failure),
            },
        };
        let floor = case.register.floor();
        match session.execute(statement) {
            Ok(value) => {
                self.judge(case, &text, case.register.judge(floor, number(value)));
                self.add(Count::PreparedReads);
            }
            Err(Failure::Server(number, text)) => {
                prepared.remove(&key);
                self.refused(case, number, &text);
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Twice in one transaction: the second must be as the first.
    fn check_repeated(
        &self,
        case: &Case,
        session: &mut Session,
        which: usize,
    ) -> Result<(), Failure> {
        let text = Scenario::text(case.scenario.reads[which], case.number, 0);
        session.query("begin")?;
        let floor = case.register.floor();
        let pair = session.value(&text).and_then(|first| Ok((first, session.value(&text)?)));
        let ended = session.query("commit");
        match pair {
            Ok((first, second)) => {
                // Tables without transactions show what is there.
                if first != second && !case.scenario.name.contains("without transactions") {
                    let what = format!("{first:?} and then {second:?} in one transaction");
                    self.violation(case, &text, &what);
                }
                self.judge(case, &text, case.register.judge(floor, number(first)));
                self.add(Count::RepeatedReads);
            }
            Err(Failure::Server(number, text)) => self.refused(case, number, &text),
            Err(failure) => return Err(failure),
        }
        ended.map(drop)
    }

    fn judge(&self, case: &Case, text: &str, judged: Result<Duration, Violation>) {
        match judged {
            Ok(age) if age.is_zero() => {}
            Ok(age) => {
                lock(&self.ages).push(u64::try_from(age.as_micros()).unwrap_or(u64::MAX));
            }
            Err(violation) => self.violation(case, text, &format!("{violation:?}")),
        }
    }

    fn violation(&self, case: &Case, text: &str, what: &str) {
        self.violates(format!("{} ({:?}): {text}: {what}", case.scenario.name, case.side));
    }

    fn violates(&self, what: String) {
        self.add(Count::Violations);
        let mut shown = lock(&self.violations);
        if shown.len() < SHOWN_MAX {
            shown.push(what);
        }
    }

    fn refused(&self, case: &Case, number: u16, text: &str) {
        self.refuses(case.scenario.name, number, text);
    }

    fn refuses(&self, name: &str, number: u16, text: &str) {
        self.add(Count::Refused);
        let text: String = text.chars().filter(|c| !c.is_ascii_digit()).take(80).collect();
        let key = format!("{name}: {number} {text}");
        *lock(&self.refusals).entry(key).or_default() += 1;
    }

    /// A session, or nothing after a moment's wait.
    fn connect(&self, address: &str) -> Option<Session> {
        let session = Session::connect(address, "root", "torture");
        let session = session.and_then(|session| session.patience(PATIENCE).map(|()| session));
        if session.is_err() {
            thread::sleep(RETRY);
        }
        session.ok()
    }

    /// Waits until the server has let go of a session whose link broke, or was started anew.
    fn wait_for_end(&self, thread: u32) {
        let text = format!("select count(*) from information_schema.processlist where id={thread}");
        while !self.stop.load(SeqCst) {
            if let Some(mut session) = self.connect(&self.plan.server)
                && matches!(session.value(&text), Ok(Some(count)) if count == "0")
            {
                return;
            }
            thread::sleep(RETRY);
        }
    }

    /// Adds up what the door counts, of all its workers one after the other.
    fn watch_hits(&self) {
        let mut last = 0;
        while !self.stop.load(SeqCst) {
            let Some(mut session) = self.connect(&self.plan.door) else { continue };
            while let Ok(rows) = session.query("show global status like 'Qcache_hits'") {
                let value = rows.rows.first().and_then(|row| row.get(1).cloned().flatten());
                let now = value.and_then(|text| text.parse().ok()).unwrap_or(0);
                // A new worker counts from zero.
                let more = if now < last { now } else { now - last };
                self.counts[Count::Hits as usize].fetch_add(more, SeqCst);
                last = now;
                thread::sleep(LOOK);
                if self.stop.load(SeqCst) {
                    return;
                }
            }
        }
    }

    fn report(&self) -> String {
        let mut text = format!("{{\"scenarios\":{},", SCENARIOS.len());
        for (name, count) in COUNTS.iter().zip(&self.counts) {
            text += &format!("\"{name}\":{},", count.load(SeqCst));
        }
        for (name, count) in [
            ("transactions", &self.pairs.transactions),
            ("reads_in_transactions", &self.pairs.reads),
            ("transactions_of_two_moments", &self.pairs.wrong),
        ] {
            text += &format!("\"{name}\":{},", count.load(SeqCst));
        }
        let mut ages = lock(&self.ages).clone();
        ages.sort_unstable();
        let at = |share: usize| ages.get(ages.len() * share / 100).copied().unwrap_or(0);
        text += &format!(
            "\"out_of_date\":{},\"age_p50_us\":{},\
             \"age_p99_us\":{},\"age_max_us\":{},",
            ages.len(),
            at(50),
            at(99),
            ages.last().copied().unwrap_or(0)
        );
        let violations = lock(&self.violations);
        let mut refusals: Vec<_> =
            lock(&self.refusals).iter().map(|(what, count)| (*count, what.clone())).collect();
        refusals.sort_unstable_by(|one, two| two.cmp(one));
        let refusals: Vec<String> =
            refusals.into_iter().take(SHOWN_MAX).map(|(n, what)| format!("{n}: {what}")).collect();
        text + &format!("\"shown\":{:?},\"refusals\":{refusals:?}}}", *violations)
    }

    fn add(&self, count: Count) {
        self.counts[count as usize].fetch_add(1, SeqCst);
    }

    fn count(&self, count: Count) -> u64 {
        self.counts[count as usize].load(SeqCst)
    }
}

fn number(value: Option<String>) -> Option<i64> {
    value?.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Between two writes of one writer: readers must have time to fill and to hit.
const PAUSE: Duration = Duration::from_millis(4);
const LOOK: Duration = Duration::from_millis(300);
const RETRY: Duration = Duration::from_millis(50);
/// A server that was killed and starts again may take this long.
const PATIENCE: Duration = Duration::from_secs(20);
const SHOWN_MAX: usize = 20;
