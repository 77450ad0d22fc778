//! The forecast against the kernel: three programs of known size and adj in a control group with a
//! limit, a fourth that eats. Who dies, and in which order, is what the census said before.
//!
//! Needs the right to make memory control groups and Python; says `SKIPPED` without.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]
#![expect(clippy::print_stderr, reason = "a test that is skipped must say so")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use menshen_guard_core::forecast::{Census, Domain};
use menshen_process::candidates::census;
use menshen_sys::cgroup::{Group, Tree};
use menshen_sys::proc::set_oom_score_adj;

#[test]
fn the_kernel_kills_in_the_order_of_the_forecast() {
    let Some(group) = Room::make() else { return };
    // MiB, adj; of 128 MiB each 100 of adj count 12.8.
    let hogs = [(40, 0), (12, 400), (30, 200)];
    let mut hogs: Vec<Hog> = hogs.map(|(mib, adj)| Hog::start(&group.0, mib, adj)).into();
    let mut eater = Hog::start(&group.0, 1, 0);

    let census = census().unwrap();
    let domain = domain(&census, &group.0);
    let ranking = census.rank(domain);
    let forecast: Vec<u32> =
        ranking.victims.iter().map(|victim| census.candidates[victim.candidate].pid).collect();
    let pids: Vec<u32> = hogs.iter().map(|hog| hog.child.id()).collect();
    assert_eq!(forecast, [pids[1], pids[2], pids[0], eater.child.id()], "{ranking:?}");
    assert_eq!(ranking.total_pages, LIMIT_BYTES / census.page_bytes);

    let mut died = Vec::new();
    for _ in 0..LIMIT_BYTES >> 20 {
        if eater.grow().is_err() {
            break;
        }
        for hog in &mut hogs {
            if !died.contains(&hog.child.id()) && hog.child.try_wait().unwrap().is_some() {
                died.push(hog.child.id());
            }
        }
    }
    let kills = group.0.memory_events().unwrap().oom_kill;
    drop((hogs, eater));
    // Then the eater is the largest itself.
    assert_eq!(died, forecast[..2], "{kills} kills");
    assert_eq!(kills, 3);
}

fn domain(census: &Census, group: &Group) -> Domain {
    let place = census.groups.iter().position(|other| other.path == group.path());
    let domain = Domain::Group(place.expect("the group is in the census"));
    assert!(census.domains().contains(&domain));
    domain
}

/// A control group with a limit, removed at the end.
struct Room(Group);

impl Room {
    fn make() -> Option<Self> {
        let skipped = |why: String| eprintln!("SKIPPED: no forecast against the kernel: {why}");
        if !std::path::Path::new(PYTHON).exists() {
            skipped(format!("no {PYTHON}"));
            return None;
        }
        let Some(tree) = Tree::memory().unwrap() else {
            skipped("no memory controller".into());
            return None;
        };
        let name = format!("menshen-test-{}-forecast", std::process::id());
        let room = Self(tree.root().child(name.as_bytes()).unwrap());
        let made = room.0.create().and_then(|()| room.0.set_memory_limit(Some(LIMIT_BYTES)));
        if let Err(error) = made {
            skipped(error.to_string());
            return None;
        }
        // Where swap is counted.
        let _ = room.0.set_swap_limit(Some(0));
        Some(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Ended processes leave a group a moment later than they are waited for.
        for _ in 0..200 {
            if self.0.remove().is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

/// A program that holds memory, and more of it at each word.
struct Hog {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Hog {
    fn start(group: &Group, mib: u32, adj: i32) -> Self {
        let mut child = Command::new(PYTHON)
            .args(["-S", "-c", HOG])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        group.add(child.id()).unwrap();
        set_oom_score_adj(child.id(), adj).unwrap();
        let mut hog = Self { child, answers };
        for _ in 0..mib {
            hog.grow().unwrap();
        }
        hog
    }

    /// One MiB more; an error when it is dead.
    fn grow(&mut self) -> std::io::Result<()> {
        self.child.stdin.as_mut().unwrap().write_all(b"\n")?;
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(std::io::ErrorKind::BrokenPipe.into()),
            _ => Ok(()),
        }
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PYTHON: &str = "/usr/bin/python3";
const HOG: &str = "import sys\nheld = []\nfor line in sys.stdin:\n  \
    held.append(bytearray(b'x' * 4096 * 256))\n  print(flush=True)\n";
const LIMIT_BYTES: u64 = 128 << 20;
