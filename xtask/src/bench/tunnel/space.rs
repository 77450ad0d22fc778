//! Two network namespaces joined by a line, for one measurement; gone when dropped.
//!
//! Their names hold this process's number, so that no other's are touched.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::shell;

/// Two namespaces: `.1` of each line is the first one's, `.2` the second one's.
#[derive(Debug)]
pub(super) struct Spaces {
    names: [String; 2],
}

impl Spaces {
    /// Joined by a line with 10.8.0.1 and 10.8.0.2.
    pub(super) fn new() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = |end: &str| format!("mb{}-{number}{end}", std::process::id());
        let spaces = Self { names: [name("a"), name("b")] };
        for space in &spaces.names {
            ip(&["netns", "add", space])?;
            ip(&["-n", space, "link", "set", "lo", "up"])?;
        }
        let [one, two] = &spaces.names;
        ip(&["-n", one, "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns", two])?;
        for (space, address) in spaces.names.iter().zip(["10.8.0.1/24", "10.8.0.2/24"]) {
            ip(&["-n", space, "addr", "add", address, "dev", "v0"])?;
            ip(&["-n", space, "link", "set", "v0", "up"])?;
        }
        Ok(spaces)
    }

    /// A program in the first one.
    pub(super) fn first(&self, program: &Path) -> Command {
        inside(&self.names[0], program)
    }

    /// A program in the second one.
    pub(super) fn second(&self, program: &Path) -> Command {
        inside(&self.names[1], program)
    }

    /// Runs `ip` in the first one.
    pub(super) fn ip_first(&self, words: &str) -> Result<(), String> {
        let mut all = vec!["-n", &self.names[0]];
        all.extend(words.split(' '));
        ip(&all)
    }

    /// Whether an interface of the second one has an IPv4 address.
    pub(super) fn has_address(&self, interface: &str) -> bool {
        let words = ["-n", &self.names[1], "-o", "-4", "addr", "show", "dev", interface];
        let shown = shell::output(Command::new("ip").args(words));
        shown.is_ok_and(|text| text.contains("inet "))
    }
}

impl Spaces {
    /// Whether something in the first one listens on this TCP port.
    pub(super) fn listens(&self, port: u16) -> bool {
        let shown = shell::output(self.first("ss".as_ref()).args(["-Hltn"]));
        shown.is_ok_and(|text| text.contains(&format!(":{port} ")))
    }
}

impl Drop for Spaces {
    fn drop(&mut self) {
        for space in &self.names {
            let _ = ip(&["netns", "del", space]);
        }
    }
}

fn inside(space: &str, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space]).arg(program);
    command
}

fn ip(words: &[&str]) -> Result<(), String> {
    shell::output(Command::new("ip").args(words)).map(drop)
}
