//! What well-known programs are, by the names the kernel prints (15 bytes at most), and how each is
//! made to need less. Unknown ones get the advice that holds for any.

use alloc::format;
use alloc::string::String;

use super::amount::{percent, permille, size};
use super::night::Consumer;

/// Keeps data that it repairs after a sudden end.
pub(super) fn is_database(name: &str) -> bool {
    matches!(Family::of(name), Family::Mysql | Family::Postgres | Family::Redis)
}

/// Starts other programs again when they end.
pub(super) fn is_supervisor(name: &str) -> bool {
    SUPERVISORS.contains(&name)
}

/// Whether `supervisor` is there for this program and no other.
pub(super) fn is_wrapper_of(supervisor: &str, program: &str) -> bool {
    matches!(
        (supervisor, program),
        ("mysqld_safe" | "mariadbd-safe" | "mariadb-safe", "mysqld" | "mariadbd")
            | ("safe_asterisk", "asterisk")
    )
}

/// Writes the system's logs.
pub(super) fn is_logger(name: &str) -> bool {
    LOGGERS.contains(&name)
}

/// Makes itself immune for good reasons.
pub(super) fn protects_itself(name: &str) -> bool {
    PROTECTED.contains(&name)
}

/// A shell, or what runs programs for people: when it is immune, so is all it starts.
pub(super) fn passes_immunity_on(name: &str) -> bool {
    STARTERS.contains(&name)
}

/// Whether something keeps the program from taking others along already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Machine,
    Group,
}

/// The room in which a program has to fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// RAM, or the limit of the group.
    pub(super) all_kib: u64,
    /// What all other programs hold of it.
    pub(super) others_kib: u64,
}

/// What to change so that `one` fits into the room.
pub(super) fn remedy(one: &Consumer, room: Option<Room>, bound: Bound) -> String {
    let name = one.name.text.as_str();
    let fits = room.and_then(|room| fits(one, room));
    let budget = room.map(Room::budget).filter(|kib| *kib >= BUDGET_MIN_KIB);
    match Family::of(name) {
        Family::PhpFpm => match fits {
            Some(Fits { each, number, room }) => format!(
                "Set pm.max_children of its pools to {number} together: a child holds {} on \
                 average, and {room}. pm.max_requests ends children that grow.",
                size(each)
            ),
            None => "Lower pm.max_children of its pools: children times the size of one must fit \
                     beside everything else. pm.max_requests ends children that grow."
                .into(),
        },
        Family::Mysql => match budget {
            Some(budget) => format!(
                "Set innodb_buffer_pool_size to at most {}: about 70 % of the {} that are left \
                 for it; connections and temporary tables need the rest. \
                 OOMScoreAdjust=-600 in its unit makes it the last to be killed.",
                size(budget / 10 * 7),
                size(budget)
            ),
            None => "Lower innodb_buffer_pool_size (and max_connections): with all buffers it \
                     must fit beside everything else. OOMScoreAdjust=-600 in its unit makes it \
                     the last to be killed."
                .into(),
        },
        Family::Guest => match fits {
            Some(Fits { each, number, room }) => format!(
                "Run {number} guests at most, or give each less memory: one holds {} on average, \
                 and {room}.",
                size(each)
            ),
            None => "Run fewer guests, or give each less memory: their sizes add up.".into(),
        },
        Family::Java => format!(
            "Set -Xmx so that the heap and a quarter more fit{}; without it a JVM takes what the \
             machine seems to have.",
            budget.map(|budget| format!(" into {}", size(budget))).unwrap_or_default()
        ),
        Family::Apache => match fits {
            Some(Fits { each, number, room }) => format!(
                "Set MaxRequestWorkers to {number}: a process holds {} on average, and {room}.",
                size(each)
            ),
            None => "Lower MaxRequestWorkers: processes times the size of one must fit.".into(),
        },
        Family::Postgres => "Lower work_mem, max_connections or shared_buffers: each connection \
             may take work_mem several times. OOMScoreAdjust=-900 in its unit keeps the \
             postmaster alive."
            .into(),
        Family::Redis => format!(
            "Set maxmemory{}, with an eviction policy; saving to disk needs room for a copy.",
            budget.map(|budget| format!(" to {} or less", size(budget / 2))).unwrap_or_default()
        ),
        Family::Node => format!(
            "Set --max-old-space-size{}; if it grows for days, it leaks.",
            budget.map(|budget| format!("={}", budget / 1024 * 3 / 4)).unwrap_or_default()
        ),
        Family::Other => any(one, fits, budget, bound),
    }
}

/// What helps with any program.
fn any(one: &Consumer, fits: Option<Fits>, budget: Option<u64>, bound: Bound) -> String {
    match fits {
        _ if bound == Bound::Group && one.count <= 2 => "Find out why it needs so much.".into(),
        Some(Fits { each, number, room }) if one.count > 2 => format!(
            "Run at most {number} of them: one holds {} on average, and {room}. MemoryMax= in \
             their unit keeps them from taking others along.",
            size(each)
        ),
        _ if one.count > 2 => "Run fewer of them; MemoryMax= in their unit keeps them from taking \
             others along."
            .into(),
        _ => format!(
            "Find out why it needs so much; until then MemoryMax={} in its unit ends it before it \
             takes others along.",
            budget.map_or_else(|| "…".into(), unit_size)
        ),
    }
}

/// A size as systemd takes it.
pub(super) fn unit_size(kib: u64) -> String {
    if kib >= 4 << 20 { format!("{}G", kib >> 20) } else { format!("{}M", kib >> 10) }
}

impl Room {
    /// Four fifths of the room less the others: the kernel and caches need the rest.
    fn budget(self) -> u64 {
        (self.all_kib / 5 * 4).saturating_sub(self.others_kib)
    }
}

/// How many of a kind fit.
struct Fits {
    each: u64,
    number: u64,
    room: String,
}

fn fits(one: &Consumer, room: Room) -> Option<Fits> {
    let each = one.held_kib.checked_div(one.count)?;
    let number = room.budget().checked_div(each)?;
    (1..one.count).contains(&number).then(|| Fits {
        each,
        number,
        room: format!(
            "of {} others hold {} and a fifth should stay free ({})",
            size(room.all_kib),
            size(room.others_kib),
            percent(permille(number * each, room.all_kib).unwrap_or(0)),
        ),
    })
}

/// Programs with an own way to need less.
enum Family {
    PhpFpm,
    Mysql,
    Guest,
    Java,
    Apache,
    Postgres,
    Redis,
    Node,
    Other,
}

impl Family {
    fn of(name: &str) -> Self {
        let starts = |list: &[&str]| list.iter().any(|start| name.starts_with(start));
        match name {
            _ if starts(&["php-fpm", "php-cgi"]) => Self::PhpFpm,
            _ if starts(&["mysqld", "mariadbd"]) => Self::Mysql,
            _ if starts(&["VBoxHeadless", "VirtualBox", "qemu-", "kvm", "firecracker"]) => {
                Self::Guest
            }
            "java" => Self::Java,
            "apache2" | "httpd" => Self::Apache,
            _ if starts(&["postgres", "postmaster"]) => Self::Postgres,
            _ if starts(&["redis-server", "valkey-server"]) => Self::Redis,
            "node" | "nodejs" => Self::Node,
            _ => Self::Other,
        }
    }
}

/// Less is no room for anything.
const BUDGET_MIN_KIB: u64 = 16 << 10;
const SUPERVISORS: &[&str] = &[
    "mysqld_safe",
    "mariadbd-safe",
    "mariadb-safe",
    "safe_asterisk",
    "supervisord",
    "runsv",
    "supervise",
    "s6-supervise",
    "monit",
    "god",
    "circusd",
    "containerd-shim",
    "docker-containe",
    "conmon",
];
const LOGGERS: &[&str] =
    &["rsyslogd", "syslogd", "syslog-ng", "metalog", "systemd-journal", "journald", "klogd"];
/// `sshd` and udev lower their own value; the others have it from their units.
const PROTECTED: &[&str] = &[
    "sshd",
    "udevd",
    "systemd-udevd",
    "auditd",
    "dmeventd",
    "multipathd",
    "lvmetad",
    "iscsid",
    "iscsiuio",
    "wdmd",
    "sanlock",
    "watchdog",
    "watchdogd",
    "corosync",
    "postmaster",
    "postgres",
    "dbus-daemon",
    "dockerd",
    "containerd",
    "kubelet",
    "menshen",
    "systemd-oomd",
    "earlyoom",
    "VGAuthService",
    "vmtoolsd",
    "ndctl",
    "udev",
];
const STARTERS: &[&str] = &[
    "sh", "bash", "dash", "zsh", "ksh", "fish", "tcsh", "cron", "crond", "anacron", "atd", "su",
    "sudo", "screen", "tmux", "login", "inetd", "xinetd",
];

#[cfg(test)]
mod tests;
