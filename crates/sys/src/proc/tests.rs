//! Names with brackets, own process, a process that is gone.
use super::*;

#[test]
fn a_name_may_hold_brackets_blanks_and_line_breaks() {
    let text = b"7 (a) S (1\n2) T 1 7 5 34816 9 4194560 93 0 0 0 1 2 0 0 20 0 3 0 8451 7 55 0\n";
    let stat = Stat::parse(text).unwrap();
    assert_eq!(stat.name, b"a) S (1\n2");
    assert_eq!((stat.pid, stat.state, stat.parent, stat.group), (7, b'T', 1, 7));
    assert_eq!((stat.session, stat.terminal, stat.foreground_group), (5, 34816, 9));
    assert_eq!((stat.threads, stat.start_ticks, stat.rss_pages), (3, 8451, 55));
    for cut in 0..text.len() - 4 {
        let _ = Stat::parse(&text[..cut]);
    }
    assert_eq!(Stat::parse(b") ("), None);
}

#[test]
fn this_process_is_as_it_is() {
    let own = std::process::id();
    let (stat, status) = (Stat::read(own).unwrap(), Status::read(own).unwrap());
    assert_eq!((stat.pid, status.tgid), (own, own));
    assert!(status.has_memory && status.rss_kib > 0 && status.anon_kib > 0);
    assert_eq!(status.uid, rustix::process::geteuid().as_raw());
    assert!(!stat.is_kernel_thread());
    assert!(pids().unwrap().contains(&own));
    assert!(threads(own).unwrap().contains(&own));
    assert!(oom_score_adj(own).unwrap() >= -1000);
    let line = command_line(own, 4096).unwrap();
    assert!(line.starts_with(std::env::args().next().unwrap().as_bytes()));
    assert_eq!(command_line(own, 3).unwrap().len(), 3);
    let fds = descriptors(own).unwrap();
    assert!(fds.iter().any(|(fd, _)| *fd == 1));
}

#[test]
fn a_process_that_is_gone_is_an_error() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    assert!(Stat::read(child.id()).is_err());
    assert!(Status::read(child.id()).is_err());
}

#[test]
fn kernel_threads_have_no_memory() {
    // In a container none may be seen.
    let Ok(stat) = Stat::read(2) else { return };
    if stat.is_kernel_thread() {
        assert!(!Status::read(2).unwrap().has_memory);
    }
}
