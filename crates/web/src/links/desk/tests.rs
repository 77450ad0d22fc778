//! Tests of `desk`: many at once, and what lasts.

use std::path::Path;

use menshen_web_core::link::tally::{Limits, Part};
use rustix::fs::open;

use super::*;

fn desk(folder: &Path) -> Arc<Desk> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Arc::new(Desk::new(open(folder, flags, Mode::empty()).unwrap(), 3))
}

fn fetch(id: u8, count: Option<u32>, bytes: Option<u64>) -> Take {
    Take {
        id: LinkId([id; 12]),
        limits: Limits { count, bytes, expires: 1000 },
        want: Want::Fetch { mark: [1; 8], part: Part::Whole, bytes: 100, size: 100 },
    }
}

#[test]
fn no_use_is_taken_twice_by_however_many() {
    let folder = tempfile::tempdir().unwrap();
    let take = fetch(1, Some(40), None);
    let begin = std::sync::Barrier::new(8);
    let taken: usize = std::thread::scope(|scope| {
        let one = |_| {
            // As two workers do: each has the folder open by itself.
            let (desk, begin) = (desk(folder.path()), &begin);
            scope.spawn(move || {
                begin.wait();
                (0..40).filter(|_| desk.take(&take, 5).is_ok()).count()
            })
        };
        let all: Vec<_> = (0..8).map(one).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 40);
    let again = desk(folder.path()).take(&take, 6);
    assert_eq!(again, Err(Refused::Spent(Spent::Count)), "and stays taken");
}

#[test]
fn what_was_not_sent_is_given_back_but_for_a_step() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    let size = STEP_BYTES * 4;
    let mut take = fetch(1, None, Some(size));
    take.want = Want::Fetch { mark: [1; 8], part: Part::Whole, bytes: size, size };
    let used = || desk.look(take.id).unwrap().unwrap().bytes;
    for (sent, end, counted) in [
        (0, EndReason::new(menshen_base::Who::Client, menshen_base::Phase::Send), STEP_BYTES),
        (10, EndReason::DONE, STEP_BYTES + 10),
    ] {
        let limits = Limits { bytes: Some(size * 3), ..take.limits };
        let take = Take { limits, ..take };
        let taken = desk.take(&take, 5).unwrap();
        assert!(used() >= size, "all of it is held meanwhile");
        Charge::new(Arc::clone(&desk), take, taken).sent(sent, end);
        assert_eq!(used(), counted);
    }
    // Nobody told how it ended: all of it counts.
    let limits = Limits { bytes: Some(size * 3), ..take.limits };
    let whole = Take { limits, ..take };
    drop(Charge::new(Arc::clone(&desk), whole, desk.take(&whole, 5).unwrap()));
    assert_eq!(used(), STEP_BYTES + 10 + size);
}

#[test]
fn an_upload_that_came_to_nothing_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    let mut take = fetch(1, Some(2), Some(100));
    take.want = Want::Store { files: Some(1), bytes: Some(60) };
    drop(Charge::new(Arc::clone(&desk), take, desk.take(&take, 5).unwrap()));
    let tally = desk.look(take.id).unwrap().unwrap();
    assert_eq!((tally.count, tally.bytes), (0, 0));
    let charge = Charge::new(Arc::clone(&desk), take, desk.take(&take, 5).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(charge.stored(1, 50));
    let tally = desk.look(take.id).unwrap().unwrap();
    assert_eq!((tally.count, tally.bytes), (1, 50));
    assert_eq!(desk.take(&take, 5), Err(Refused::Spent(Spent::TooLarge { left: 50 })));
}

#[test]
fn a_torn_record_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    desk.take(&fetch(1, Some(9), None), 5).unwrap();
    let path = folder.path().join(LinkId([1; 12]).to_string());
    let mut record = std::fs::read(&path).unwrap();
    record[20] ^= 1;
    std::fs::write(&path, &record).unwrap();
    assert_eq!(desk.take(&fetch(1, Some(9), None), 5), Err(Refused::Storage));
    std::fs::write(&path, &record[..100]).unwrap();
    assert_eq!(desk.take(&fetch(1, Some(9), None), 5), Err(Refused::Storage));
}

#[test]
fn records_are_few_and_go_a_day_after_their_link() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(folder.path());
    for id in 1..=3 {
        desk.take(&fetch(id, Some(1), None), 5).unwrap();
    }
    assert_eq!(desk.take(&fetch(4, Some(1), None), 5), Err(Refused::Full));
    std::fs::write(folder.path().join("something else"), "").unwrap();
    assert_eq!(desk.collect(1000 + KEPT_SECONDS - 1), 0);
    assert_eq!(desk.collect(1000 + KEPT_SECONDS), 3);
    assert!(desk.take(&fetch(4, Some(1), None), 5).is_ok());
    assert!(folder.path().join("something else").exists());
    assert_eq!(desk.look(LinkId([1; 12])), Ok(None));
}
