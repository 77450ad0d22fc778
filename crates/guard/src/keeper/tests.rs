//! Tests of the keeper's place: a process that sends anything, and what becomes of it.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Signal, WaitId, WaitIdOptions, kill_process, waitid, waitpid};
use tempfile::TempDir;

use super::*;

/// A keeper that is no more than a sleeping process with a pipe.
struct Stage {
    folder: TempDir,
    keeper: Keeper,
    store: Store,
    write: OwnedFd,
    child: Child,
    now: Instant,
}

fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    let (pipe, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
    let child = Command::new("/bin/sleep").arg("60").process_group(0).spawn().unwrap();
    let now = Instant::now();
    let config = menshen_config::parse("tls.acme = [\"a.test\", \"b.test\"]\n").config.unwrap();
    let plan = Plan::of(&config, None, &[], &mut Vec::new()).unwrap().unwrap();
    let mut keeper = Keeper::create(None).unwrap();
    let (names, urls) = (plan.names.clone(), plan.urls());
    keeper.plan = Some(plan);
    let process = Companion::of(Pid::from_child(&child), now);
    keeper.running = Some(Running::new(process, pipe, now, names, urls));
    Stage { folder, keeper, store, write, child, now }
}

impl Stage {
    fn send(&mut self, bytes: &[u8]) -> bool {
        rustix::io::write(&self.write, bytes).unwrap();
        self.keeper.hear(self.now, &mut self.store)
    }

    fn lives(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), look).unwrap().is_none()
    }

    /// Waits for its end, as the guard does.
    fn collect(&mut self) -> WaitStatus {
        let pid = Pid::from_child(&self.child);
        let (_, status) =
            waitpid(Some(pid), rustix::process::WaitOptions::empty()).unwrap().unwrap();
        assert!(self.keeper.ended(pid, status, self.now));
        status
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.keeper.running.is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn certificate(order: u32) -> Vec<u8> {
    let (chain_pem, key_pem) = (b"-----BEGIN C\n".to_vec(), b"-----BEGIN K\n".to_vec());
    Message::Certificate { order, chain_pem, key_pem }.encode().unwrap()
}

fn note(order: u32) -> Vec<u8> {
    Message::Note { order, json: b"{}".to_vec() }.encode().unwrap()
}

#[test]
fn what_it_sends_is_stored_in_any_pieces() {
    let mut stage = stage();
    let mut bytes = certificate(1);
    bytes.extend(note(0));
    bytes.extend(Message::Account { directory: 0, credentials: b"x".to_vec() }.encode().unwrap());
    let served: Vec<bool> = bytes.chunks(7).map(|piece| stage.send(piece)).collect();
    assert_eq!(served.iter().filter(|served| **served).count(), 1, "only the certificate");
    assert_eq!(stage.store.pair("a.test"), None);
    let pair = stage.store.pair("b.test").unwrap();
    assert_eq!(
        (pair.certificate_pem.as_str(), pair.key_pem.as_str()),
        ("-----BEGIN C\n", "-----BEGIN K\n")
    );
    assert_eq!(stage.store.note("a.test").as_deref(), Some("{}"));
    let url = stage.keeper.plan.as_ref().unwrap().urls().remove(0);
    assert!(stage.store.account(&url).is_some());
    assert!(stage.lives());
}

#[test]
fn garbage_ends_the_keeper_and_nothing_else() {
    let mut no_text = certificate(0);
    *no_text.last_mut().unwrap() = 0xff;
    let cases: [(&str, Vec<u8>); 5] = [
        ("no message", b"hello".to_vec()),
        ("an order nobody gave it", certificate(2)),
        ("a note on nothing", note(u32::MAX)),
        (
            "an authority nobody gave it",
            Message::Account { directory: 1, credentials: b"x".to_vec() }.encode().unwrap(),
        ),
        ("a certificate that is no text", no_text),
    ];
    for (what, bytes) in cases {
        let mut stage = stage();
        assert!(!stage.send(&bytes), "{what}");
        assert_eq!(stage.keeper.pipe().map(|_| ()), None, "nothing more is read: {what}");
        assert_eq!(stage.collect().terminating_signal(), Some(9), "{what}");
        // It is started again, not at once, and ever later.
        let first = stage.keeper.deadline().unwrap() - stage.now;
        assert!(first >= Duration::from_secs(1), "{what}: {first:?}");
        assert!(!stage.folder.path().join("certificates").exists(), "{what}");
    }
}

#[test]
fn more_than_any_keeper_would_send_ends_it() {
    let mut stage = stage();
    for _ in 0..NOTES_PER_MINUTE {
        stage.send(&note(0));
    }
    assert!(stage.keeper.pipe().is_some());
    // Another minute, another budget.
    stage.now += MINUTE;
    stage.send(&note(0));
    assert!(stage.keeper.pipe().is_some());
    for _ in 0..=CERTIFICATES_PER_MINUTE {
        stage.send(&Message::Account { directory: 0, credentials: vec![1] }.encode().unwrap());
    }
    assert!(stage.keeper.pipe().is_none());
    stage.collect();
}

#[test]
fn a_turn_reads_a_bounded_amount() {
    let mut stage = stage();
    rustix::pipe::fcntl_setpipe_size(&stage.write, 1 << 20).unwrap();
    let message = Message::Note { order: 0, json: vec![b'x'; 16 * 1024] }.encode().unwrap();
    for _ in 0..20 {
        rustix::io::write(&stage.write, &message).unwrap();
    }
    stage.keeper.hear(stage.now, &mut stage.store);
    let left = rustix::io::ioctl_fionread(&stage.keeper.running.as_ref().unwrap().pipe).unwrap();
    let sent = 20 * message.len() as u64;
    assert_eq!(sent - left, TURN_BYTES as u64);
}

#[test]
fn a_keeper_that_keeps_ending_is_started_ever_later() {
    let mut stage = stage();
    stage.child.kill().unwrap();
    stage.collect();
    let mut waits = Vec::new();
    for _ in 0..8 {
        waits.push(stage.keeper.wait(Duration::ZERO).as_secs_f32());
    }
    assert!(waits.is_sorted() && waits.last() == Some(&60.0), "{waits:?}");
    assert!(stage.keeper.wait(Duration::from_secs(90)) < Duration::from_secs(2));
}

#[test]
fn another_plan_replaces_it_and_a_stop_ends_it() {
    let mut stage = stage();
    let plan = stage.keeper.plan.clone().unwrap();
    stage.keeper.want(Some(plan.clone()), stage.now);
    assert!(stage.keeper.deadline().is_none(), "the same plan changes nothing");
    let mut other = plan;
    other.names.truncate(1);
    stage.keeper.want(Some(other), stage.now);
    assert_eq!(stage.collect().terminating_signal(), Some(15));
    assert_eq!(stage.keeper.deadline(), Some(stage.now), "its successor starts at once");
    stage.keeper.quit(stage.now);
    assert!(stage.keeper.is_gone() && stage.keeper.deadline().is_none());
}

#[test]
fn one_that_does_not_end_is_killed() {
    let mut stage = stage();
    kill_process(Pid::from_child(&stage.child), Signal::STOP).unwrap();
    stage.keeper.quit(stage.now);
    let until = stage.keeper.deadline().unwrap();
    stage.keeper.keep_times(until, &mut stage.store);
    assert_eq!(stage.collect().terminating_signal(), Some(9));
    assert!(stage.keeper.is_gone());
}

#[test]
fn an_end_without_a_word_is_noticed() {
    let mut stage = stage();
    let (_, unused) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    drop(std::mem::replace(&mut stage.write, unused));
    // Until it executes, a process that another test forks just now holds the pipe too.
    while stage.keeper.pipe().is_some() {
        assert!(!stage.keeper.hear(stage.now, &mut stage.store));
    }
    assert_eq!(stage.collect().terminating_signal(), Some(9));
    assert!(stage.keeper.deadline().is_some());
}
