//! What acknowledged pieces cost: 64 MiB in pieces of 8 MiB through the store, each flushed,
//! against the same bytes written plainly, flushed once and renamed, turn and turn about.
//!
//! `cargo run --profile quick -p menshen-store --example flush -- FOLDER [MICROSECONDS]`: so long
//! each 64 KiB take to come in; 0 is nothing a network does.
#![expect(clippy::print_stdout, reason = "a program that tells")]
#![expect(clippy::unwrap_used, reason = "a measurement that fails is none")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use menshen_store::{Aim, Begun, Dir, Id, Limits, Record, Replace, Store, Stored};

fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let folder = Path::new(&folder);
    let pace = std::env::args().nth(2).map_or(0, |text| text.parse().unwrap());
    let pace = Duration::from_micros(pace);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let part: Vec<u8> = (0..PUSH).map(|at| u8::try_from(at * at % 251).unwrap()).collect();
    let (mut plains, mut pieces, mut flushes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        plains.push(plain(folder, &part, pace));
        pieces.push(runtime.block_on(in_pieces(folder, &part, pace, &mut flushes)));
    }
    for (name, times) in [("plain", &mut plains), ("pieces", &mut pieces), ("flush", &mut flushes)]
    {
        times.sort();
        let (least, most) = (times[0], times[times.len() - 1]);
        println!("{name}: median {:?}, {least:?} to {most:?}", times[times.len() / 2]);
    }
}

fn plain(folder: &Path, part: &[u8], pace: Duration) -> Duration {
    let begun = Instant::now();
    let spool = folder.join("plain.spool");
    let file = File::options().create_new(true).write(true).open(&spool).unwrap();
    let all = rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&file, all, 0, (PIECES * PIECE * PUSH) as u64).unwrap();
    for number in 0..PIECES * PIECE {
        come(pace);
        file.write_all_at(part, (number * PUSH) as u64).unwrap();
    }
    rustix::fs::fdatasync(&file).unwrap();
    std::fs::rename(&spool, folder.join("plain")).unwrap();
    File::open(folder).unwrap().sync_all().unwrap();
    let took = begun.elapsed();
    std::fs::remove_file(folder.join("plain")).unwrap();
    took
}

async fn in_pieces(
    folder: &Path,
    part: &[u8],
    pace: Duration,
    flushes: &mut Vec<Duration>,
) -> Duration {
    let place = folder.join("store");
    std::fs::create_dir_all(&place).unwrap();
    let open = |path: &Path| OwnedFd::from(File::open(path).unwrap());
    let store = Store::Dir(Dir::open(open(&place), Limits::default()).unwrap());
    let begun = Instant::now();
    let id = Id::random().unwrap();
    let mut record = Record::new(id, 0, u64::MAX);
    record.length = Some((PIECES * PIECE * PUSH) as u64);
    drop(store.create(record).await.unwrap());
    for piece in 0..PIECES {
        let (_, mut writer) = store.claim(&id).await.unwrap();
        for _ in 0..PIECE {
            come(pace);
            assert_eq!(writer.push(part), Ok(menshen_store::Push::Taken));
        }
        let before = Instant::now();
        if piece + 1 < PIECES {
            writer.flush().await.unwrap();
        } else {
            drop(writer.complete().await.unwrap());
        }
        flushes.push(before.elapsed());
    }
    let begun_delivery = store.begin_delivery(&id, "measure", Aim::Move, 0).await.unwrap();
    let Begun::Go { whole, attempt } = begun_delivery else { panic!("not whole") };
    whole.publish_to(open(folder), b"pieces", Replace::Allowed).unwrap();
    // What is told to the client is known here; the kept answer may follow.
    let took = begun.elapsed();
    store.answer(&id, attempt, Stored { status: 201, ..Stored::default() }).await.unwrap();
    store.remove(&id).await.unwrap();
    std::fs::remove_file(folder.join("pieces")).unwrap();
    took
}

/// Waits as for a network, without the sleep's coarseness.
fn come(pace: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < pace {
        std::thread::yield_now();
    }
}

const PUSH: usize = 64 << 10;
/// Pushes in a piece: 8 MiB.
const PIECE: usize = 128;
const PIECES: usize = 8;
const ROUNDS: usize = 15;
