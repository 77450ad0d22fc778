//! A file that is read while it is written.

use std::fs::FileTimes;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, UNIX_EPOCH};

use menshen_tunnel_core::auth::Secret;

use super::*;

#[test]
fn half_of_what_is_written_is_not_taken() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let password = Secret::new(b"testpass");
    let names: Vec<String> = (0..4000).map(|number| format!("user{number}")).collect();
    let lines: String =
        names.iter().map(|name| users::format(name, &password, None) + "\n").collect();
    let all = [lines.clone(), format!("# {}\n{lines}", "shifted ".repeat(1000))];
    // As the guard posts it, but slowly: whole, then its length, then a time that never was.
    let post = move |version: u64| {
        let text = &all[usize::from(version % 2 == 1)];
        for (at, piece) in (0..).step_by(16 * 1024).zip(text.as_bytes().chunks(16 * 1024)) {
            file.as_file().write_all_at(piece, at).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        file.as_file().set_len(text.len() as u64).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(version);
        file.as_file().set_times(FileTimes::new().set_modified(time)).unwrap();
    };
    post(1);
    let mut accounts = Accounts::open(path).unwrap();
    let ends = Arc::new(AtomicBool::new(false));
    let ended = ends.clone();
    let writer = std::thread::spawn(move || {
        for version in 2.. {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            post(version);
            std::thread::sleep(Duration::from_millis(version % 4 * 10));
        }
    });
    let mut taken = 0;
    let until = Instant::now() + Duration::from_secs(60);
    for look in 1.. {
        let now = Moment(Duration::from_secs(2 * look));
        if let Some(changed) = accounts.refresh(now, &names) {
            assert_eq!(changed, [""; 0], "{look}");
            taken += 1;
        }
        assert_eq!(accounts.problem(), None);
        if taken == 20 {
            break;
        }
        assert!(Instant::now() < until, "only {taken} were read whole");
        std::thread::sleep(Duration::from_millis(1));
    }
    ends.store(true, Ordering::Relaxed);
    writer.join().unwrap();
}
