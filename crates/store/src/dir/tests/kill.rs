//! A process is killed at each named step, as often as it is passed; the next one finds all that
//! was acknowledged, finishes the upload, and nothing happens twice.

use std::fs::{File, read, read_dir, read_to_string};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use super::*;
use crate::fault::{Point, VARIABLE};
use crate::{Algorithm, Outcome, Promise, Stage};

#[test]
fn whoever_is_killed_at_any_step_nothing_acknowledged_is_lost() {
    for &point in Point::ALL {
        for time in 1..=TIMES_MAX {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("store")).unwrap();
            let killed = run_child(folder.path(), point, time);
            assert!(killed || time > 1, "{} is never passed", point.word());
            let what = format!("{} the {time}. time", point.word());
            check(folder.path(), &what, 1 + u8::try_from(time % 2).unwrap());
            if !killed {
                break;
            }
        }
    }
}

/// Whether the child was killed; it may also have come to its end.
fn run_child(folder: &Path, point: Point, time: u32) -> bool {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dir::tests::kill::child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(VARIABLE, format!("{}:{time}", point.word()))
        .output()
        .unwrap();
    let killed = output.status.signal() == Some(9);
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(killed || output.status.success(), "{said}\n{error}");
    killed
}

/// What the child does; nothing when run by itself.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let mut says = File::create(folder.join("said")).unwrap();
    let mut say = |word: &str| says.write_all(format!("{word}\n").as_bytes()).unwrap();
    let path = folder.join("store");

    let store = store_at_boot(&path, 1);
    let mut desk = store.create(promised(1)).unwrap();
    say("1 0");
    push(&mut desk, 9000);
    say(&format!("1 {}", desk.flush().unwrap()));
    push(&mut desk, 5000);
    drop(desk);
    // The power fails, though all had arrived.
    let store = store_at_boot(&path, 2);
    let mut desk = store.claim(id(1), Claim::Stream).unwrap();
    assert_eq!(desk.position(), 9000);
    push(&mut desk, 3000);
    drop(desk);
    // A process is killed before it flushes: the next one takes over what there is.
    let mut desk = store.claim(id(1), Claim::Stream).unwrap();
    assert_eq!(desk.start(12_000), Ok(Start::At(12_000)));
    say(&format!("1 {}", desk.flush().unwrap()));
    push(&mut desk, 4000);
    assert_eq!(desk.cut(14_000), Ok(()));
    announce(&desk.pair);
    drop(desk);
    let mut desk = store.claim(id(1), Claim::Stream).unwrap();
    assert_eq!(desk.position(), 12_000, "a flush that was begun is taken back");
    push(&mut desk, LENGTH - 12_000);
    desk.complete().unwrap();
    drop(desk);
    say(&format!("1 {LENGTH}"));
    deliver(&store, folder, &mut say);

    for part in [3, 4] {
        let mut desk = store.create(upload(part, Some(5000))).unwrap();
        push(&mut desk, 5000);
        desk.complete().unwrap();
        say(&format!("{part} 5000"));
    }
    store.concat(&[id(3), id(4)], upload(5, None)).unwrap();
    say("5 10000");
    say("3 removing");
    store.remove(id(3)).unwrap();
    say("3 removed");
}

fn deliver(store: &Arc<Inner>, folder: &Path, say: &mut impl FnMut(&str)) {
    let attempt = match store.begin_delivery(id(1), "child", Aim::Move, 300).unwrap() {
        Beginning::Go { pair, record, attempt } => {
            let to = File::open(folder).unwrap();
            // Never over another one: twice would be seen.
            whole(&pair, record).unwrap().publish_to(&to, b"out", Replace::Never).unwrap();
            attempt
        }
        Beginning::Interrupted { attempt, outcome: Outcome::Done, .. } => attempt,
        other => panic!("{other:?}"),
    };
    let kept = store.answer(id(1), attempt, &answer()).unwrap();
    assert_eq!(kept, answer());
    say("1 answered");
}

/// As a process leaves it that is killed in the midst of a flush.
fn announce(pair: &Pair) {
    let mut held = pair.hold().unwrap();
    held.cell.in_flight = held.cell.next_number();
    held.cell.in_flight_by = 0;
    held.write_cell().unwrap();
}

fn push(desk: &mut Desk, count: u64) {
    let at = desk.position();
    assert_eq!(desk.push(&bytes(1, at..at + count)), Ok(Push::Taken));
}

fn check(folder: &Path, what: &str, boot: u8) {
    let said = read_to_string(folder.join("said")).unwrap_or_default();
    let last = |number: u64| {
        let mine = |line: &&str| line.split(' ').next() == Some(number.to_string().as_str());
        said.lines().filter(mine).filter_map(|line| line.split(' ').nth(1)).next_back()
    };
    let store = store_at_boot(&folder.join("store"), boot + 1);
    finish_first(&store, folder, last(1), what);
    for (number, bytes) in [(3, 5000), (4, 5000), (5, 10_000)] {
        match (last(number), store.look(id(number))) {
            (Some("removing") | None, _) => {}
            (Some("removed"), found) => assert_eq!(found, Err(Error::Gone), "{what}"),
            (Some(_), found) => {
                let found = found.unwrap_or_else(|error| panic!("{what}: {number}: {error}"));
                assert_eq!((found.stage, found.offset), (Stage::Whole, bytes), "{what}");
            }
        }
    }
    // All that is left over goes, in time.
    store.collect(u64::MAX - 1).unwrap();
    let left: Vec<_> = read_dir(folder.join("store")).unwrap().map(|one| one.unwrap()).collect();
    assert!(left.is_empty(), "{what}: {left:?}");
}

/// Whatever state the first upload is in: as much as was acknowledged is there, and it can be
/// brought to its end.
fn finish_first(store: &Arc<Inner>, folder: &Path, said: Option<&str>, what: &str) {
    let record = match store.look(id(1)) {
        Err(Error::Gone) if said.is_none() => {
            // Half made and in the way: the client begins another.
            return;
        }
        found => found.unwrap_or_else(|error| panic!("{what}: {error}")),
    };
    let told = said.and_then(|word| word.parse().ok()).unwrap_or(0);
    assert!(record.offset >= told, "{what}: {} < {told}", record.offset);
    if said == Some("answered") {
        assert_eq!(record.stage, Stage::Answered(answer()), "{what}");
    }
    if record.stage == Stage::Receiving {
        let mut desk = store.claim(id(1), Claim::Stream).unwrap();
        let offset = record.offset.max(told);
        assert!(matches!(desk.start(offset), Ok(Start::At(_))), "{what}");
        let rest = LENGTH - desk.position();
        push(&mut desk, rest);
        desk.complete().unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    if !matches!(record.stage, Stage::Answered(_)) {
        deliver(store, folder, &mut |_| {});
    }
    assert_eq!(read(folder.join("out")).unwrap(), bytes(1, 0..LENGTH), "{what}");
}

fn promised(number: u64) -> Record {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes(1, 0..LENGTH));
    let value = digest.as_ref().to_vec();
    let mut record = upload(number, Some(LENGTH));
    record.promises = vec![Promise { algorithm: Algorithm::Sha256, value }];
    record
}

fn answer() -> Stored {
    Stored { status: 201, fields: vec![(b"x".to_vec(), b"y\xff".to_vec())], body: vec![0xfe; 99] }
}

const FOLDER: &str = "MENSHEN_STORE_FOLDER";
const LENGTH: u64 = 30_000;
/// More are the same again.
const TIMES_MAX: u32 = 3;
