//! Uploads through doors that share a bucket, while whoever started it kills doors and store.
//!
//!     nodes_torture key=value...
//!
//! `doors=HOST:PORT,...` `endpoints=URL,...` `bucket=` `prefix=` `region=` `key=` `uploads=`
//! `size=BYTES` `piece=BYTES` `clients=` `seed=` `rest=BYTES` (more than that does not rest: the
//! oldest file that was compared is removed) `bound=SECONDS`; the doors' token is in the variable
//! `NODES_TOKEN`, the bucket's secret in `NODES_SECRET`.
//!
//! Prints a line of JSON for each upload, then one when all are through. Then it waits for a line
//! on standard input, since now doors and store have to be well; compares everything, collects
//! orphans, plants faults, and prints the result as its last line. Exit 1 if anything was wrong.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command: output is its result")]

use std::collections::{HashMap, VecDeque};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nodeload::bucket::{Address, Bucket};
use nodeload::check::{self, Kept};
use nodeload::content::Content;
use nodeload::counts::{Count, Counts};
use nodeload::fleet::{Fleet, name};
use nodeload::plant;
use nodeload::upload::Upload;
use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Plan::read(&arguments).and_then(|plan| run(&plan)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("nodes_torture: {problem}");
            ExitCode::from(2)
        }
    }
}

struct Plan {
    doors: Vec<std::net::SocketAddr>,
    token: String,
    address: Address,
    uploads: usize,
    size: u64,
    piece: u64,
    clients: usize,
    seed: u64,
    rest: u64,
}

impl Plan {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let pairs: HashMap<&str, &str> =
            arguments.iter().filter_map(|argument| argument.split_once('=')).collect();
        let text = |key: &str| {
            let value = pairs.get(key).copied();
            value.map(str::to_owned).ok_or_else(|| format!("{key}= is missing"))
        };
        let number =
            |key: &str| text(key)?.parse::<u64>().map_err(|e| format!("{key} is no number: {e}"));
        let count =
            |key: &str| text(key)?.parse::<usize>().map_err(|e| format!("{key} is no number: {e}"));
        let variable = |key: &str| std::env::var(key).map_err(|_| format!("{key} is not set"));
        let doors = text("doors")?;
        let doors: Result<Vec<_>, _> = doors.split(',').map(str::parse).collect();
        Ok(Self {
            doors: doors.map_err(|e| format!("doors: {e}"))?,
            token: variable("NODES_TOKEN")?,
            address: Address {
                endpoints: text("endpoints")?.split(',').map(str::to_owned).collect(),
                bucket: text("bucket")?,
                prefix: text("prefix")?,
                region: text("region")?,
                key: text("key")?,
                secret: variable("NODES_SECRET")?,
                bound: Duration::from_secs(number("bound")?),
            },
            uploads: count("uploads")?,
            size: number("size")?,
            piece: number("piece")?,
            clients: count("clients")?,
            seed: number("seed")?,
            rest: number("rest")?,
        })
    }

    fn fleet(&self) -> Fleet {
        Fleet {
            doors: self.doors.clone(),
            token: self.token.clone(),
            patience: PATIENCE,
            bound: self.address.bound,
            piece: self.piece,
            content: Content::new(self.seed),
            counts: Counts::default(),
        }
    }
}

fn run(plan: &Plan) -> Result<u64, String> {
    let fleet = plan.fleet();
    let bucket = Bucket::new(&plan.address)?;
    let shelf = Mutex::new(VecDeque::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let clients =
            (0..plan.clients).map(|_| scope.spawn(|| client(plan, &fleet, &next, &shelf)));
        let clients: Vec<_> = clients.collect();
        clients
            .into_iter()
            .try_for_each(|client| client.join().map_err(|_| "a client panicked".to_owned())?)
    })?;
    println!("{}", json!({ "through": fleet.counts.get(Count::Uploads) }));
    std::io::stdin().read_line(&mut String::new()).map_err(|e| e.to_string())?;
    let kept: Vec<Kept> =
        shelf.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).into();
    let mut told = compare(&fleet, &bucket, &kept)?;
    told["counts"] = fleet.counts.told();
    let wrong = fleet.counts.violations();
    if wrong == 0 {
        let planted = plant::run(plan.fleet(), &bucket, &kept, plan.piece)?;
        let planted = planted.iter().map(|(what, found)| json!({"fault": what, "found": found}));
        told["planted"] = Value::Array(planted.collect());
    }
    println!("{told}");
    Ok(wrong)
}

/// Uploads one file after the other, and looks at each as soon as it was acknowledged.
fn client(
    plan: &Plan,
    fleet: &Fleet,
    next: &AtomicUsize,
    shelf: &Mutex<VecDeque<Kept>>,
) -> Result<(), String> {
    let bucket = Bucket::new(&plan.address)?;
    loop {
        let index = next.fetch_add(1, SeqCst);
        if index >= plan.uploads {
            return Ok(());
        }
        // Not all of a length: the last part of some is short.
        let size = plan.size - if index.is_multiple_of(3) { 12_345 } else { 0 };
        let whole = Upload::new(fleet, index, size, plan.seed).run();
        if whole && let Some(kept) = check::file(fleet, &bucket, index, size) {
            let old = {
                let mut shelf = shelf.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                shelf.push_back(kept);
                let rests: u64 = shelf.iter().map(|kept: &Kept| kept.sent.size).sum();
                if rests > plan.rest { shelf.pop_front() } else { None }
            };
            if let Some(old) = old {
                bucket.remove(&name(old.index)).map_err(|e| e.to_string())?;
                fleet.counts.add(Count::Removed);
            }
        }
        println!("{}", json!({ "done": index }));
    }
}

/// Everything that rests, once more; and that there is nothing else.
fn compare(fleet: &Fleet, bucket: &Bucket, kept: &[Kept]) -> Result<Value, String> {
    for kept in kept {
        check::is_intact(fleet, bucket, kept);
    }
    let before = check::left(bucket, kept).map_err(|e| e.to_string())?;
    // As doors do later, by a clock that is ahead: first what nobody owns, while every state is
    // still there, then what has expired, kept answers with it. What a node of the store that died
    // had alone may show only after a while.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|e| e.to_string())?.as_secs();
    let mut collected = 0;
    for _ in 0..COLLECTIONS {
        collected += bucket.collect(now + ALL_OLD_S)?;
        if bucket.pending().map_err(|e| e.to_string())?.is_empty() {
            break;
        }
        thread::sleep(Duration::from_millis(500));
    }
    collected += bucket.collect(now + ALL_EXPIRED_S)?;
    check::whole(fleet, bucket, kept);
    Ok(json!({
        "rest": kept.len(),
        "objects_before_collecting": before.objects,
        "uploads_before_collecting": before.uploads,
        "collected": collected,
    }))
}

/// How long a client waits for a door that does not move.
const PATIENCE: Duration = Duration::from_secs(20);
const COLLECTIONS: u32 = 60;
/// After so long every orphan is old, and no upload of a door has expired.
const ALL_OLD_S: u64 = 50 * 3600;
/// After so long everything has expired.
const ALL_EXPIRED_S: u64 = 1000 * 3600;
