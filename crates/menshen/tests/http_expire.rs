//! Files whose time is over, by a running door: they go, hooks and quotas aside, and nothing else.

use crate::support::{counts, live, wire};

use std::time::{Duration, Instant};

use counts::count;
use live::wait_for;
use menshen_base::Counter;
use wire::{get, lay, lay_folder, put, start_with, stored};

#[test]
fn files_go_when_their_time_is_over_and_nothing_else_does() {
    let live = start_with(
        "workers = 2\n[web]\nlisten = [\"127.0.0.1:0\"]\nplain_listen = [\"127.0.0.1:0\"]\n\
         plain = \"serve\"\n[[web.public]]\npath = \"/\"\naccess = \"write\"\n\
         [[web.expire]]\npath = \"/tmp/\"\nage_seconds_max = 10\n\
         [[web.quota]]\npath = \"/tmp/\"\nbytes_max = \"1MiB\"\nfiles_max = 3\n\
         [admin]\nlisten = \"off\"\n",
    );
    for folder in ["tmp", "tmp/deep", "kept"] {
        lay_folder(&live, folder);
    }
    lay(&live, "kept/old", b"kept");
    std::os::unix::fs::symlink("../kept", stored(&live, "tmp/folder")).unwrap();
    std::os::unix::fs::symlink("../kept/old", stored(&live, "tmp/link")).unwrap();
    let begun = Instant::now();
    wait_for("the first count", || put(live.plain, "/tmp/a", b"a").status < 300);
    // Its date is an hour old; it came just now.
    lay(&live, "tmp/deep/old-date", b"b");
    assert_eq!(put(live.plain, "/tmp/b", b"b").status, 201);
    assert_eq!(put(live.plain, "/tmp/c", b"c").status, 201);
    assert_eq!(put(live.plain, "/tmp/d", b"d").status, 507);
    assert_eq!(get(live.plain, "/tmp/deep/old-date").text(), "b");
    while begun.elapsed() < Duration::from_secs(60) && count(&live, Counter::FilesExpired) < 4 {
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(begun.elapsed() >= Duration::from_secs(10), "not before its time");
    assert_eq!(count(&live, Counter::FilesExpired), 4);
    for gone in ["a", "b", "c", "deep/old-date"] {
        assert_eq!(get(live.plain, &format!("/tmp/{gone}")).status, 404, "{gone}");
    }
    assert!(stored(&live, "tmp/deep").exists(), "folders stay");
    assert_eq!(get(live.plain, "/kept/old").text(), "kept");
    assert!(stored(&live, "tmp/link").symlink_metadata().is_ok(), "a link is no file");
    assert_eq!(put(live.plain, "/tmp/d", b"d").status, 201, "the quota has its room back");
    wait_for("the log", || live.log().contains("files expired below"));
}
