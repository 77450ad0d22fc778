//! What is worth saying about a forecast.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};
use menshen_guard_core::forecast::{Census, Domain, Ranking, protects_itself};

use super::words::clean;
use super::{Action, Next, Outlook, Protected, Why};
use crate::oom::{percent, size};

/// About one domain.
pub(super) fn of_domain(
    census: &Census,
    domain: Domain,
    ranking: &Ranking,
    outlook: &Outlook,
    findings: &mut Vec<Finding>,
) {
    let subject = subject(outlook);
    findings.extend(action(outlook, &subject));
    if ranking.victims.is_empty() {
        findings.push(nobody(domain, outlook, &subject));
        return;
    }
    if outlook.action != Action::Kill {
        return;
    }
    findings.extend(important_first(census, ranking, &subject));
    findings.extend(shared_first(outlook, &subject));
    findings.extend(near(domain, outlook, &subject));
}

/// About protections.
pub(super) fn of_protected(census: &Census, protected: &[Protected], findings: &mut Vec<Finding>) {
    for process in protected {
        let (Some(from), Some(from_name)) = (process.inherited_from, &process.inherited_from_name)
        else {
            continue;
        };
        if findings.iter().filter(|found| found.code == INHERITED).count() >= INHERITED_MAX {
            return;
        }
        let known = protects_itself(from_name.as_bytes());
        let word = if process.why == Why::Adj { "is never killed" } else { "is hardly killed" };
        let claim = format!(
            "{} {word}, holds {}, and seems to have that from {from_name} (pid {from})",
            process.name,
            size(process.memory_kib),
        );
        let subject = format!("pid {}", process.pid);
        let mut finding = Finding::new(INHERITED, Severity::Warning, subject, claim)
            .evidence(
                "oom_score_adj",
                format!("/proc/{}/oom_score_adj", process.pid),
                process.oom_score_adj.to_string(),
            )
            .evidence(
                "oom_score_adj",
                format!("/proc/{from}/oom_score_adj"),
                process.oom_score_adj.to_string(),
            )
            .hint(format!(
                "The value is inherited by fork and kept by exec. If it is not meant: \
                 `echo 0 > /proc/{}/oom_score_adj`, and OOMScoreAdjust=0 in its unit, or have \
                 {} put the value back for what it starts.",
                process.pid,
                if known { from_name } else { "its parent" },
            ));
        finding.confidence = Confidence::Likely;
        findings.push(finding);
    }
    let immune = protected.iter().filter(|process| process.why == Why::Adj);
    let held = immune.clone().fold(0_u64, |sum, process| sum.saturating_add(process.memory_kib));
    let total = super::kib(census, census.machine.ram_pages);
    if held > total / 2 && total > 0 {
        let claim =
            format!("processes that are never killed hold {} of {} RAM", size(held), size(total));
        let names: Vec<String> =
            immune.take(3).map(|process| format!("{} ({})", process.name, process.pid)).collect();
        findings.push(
            Finding::new("oom-immune-large", Severity::Warning, "the machine", claim)
                .evidence("oom_score_adj -1000", "/proc", names.join(", "))
                .hint("Take -900 instead of -1000: then they are the last, but can be killed."),
        );
    }
}

/// About what is not seen.
pub(super) fn of_view(next: &Next, findings: &mut Vec<Finding>) {
    if next.container {
        let claim = "only the processes of this container are seen; others of the machine may be \
                     killed before them";
        findings.push(
            Finding::new("oom-view-container", Severity::Note, "the machine", claim)
                .evidence("pid namespace", "/proc/self/ns/pid", "not the machine's own")
                .hint("Run it on the host for the machine's order."),
        );
    }
    if next.unread > 0 {
        let claim = format!("{} processes could not be read", next.unread);
        findings.push(
            Finding::new("oom-view-partial", Severity::Note, "the machine", claim)
                .evidence("unread", "/proc", next.unread.to_string())
                .hint("Run it as root: with hidepid others are not shown."),
        );
    }
}

fn action(outlook: &Outlook, subject: &str) -> Option<Finding> {
    match outlook.action {
        Action::Kill => None,
        Action::KillAsker => Some(
            Finding::new(
                "oom-asker-killed",
                Severity::Note,
                subject,
                "whoever asks for memory at the wrong moment is killed, whatever its points",
            )
            .evidence("vm.oom_kill_allocating_task", "/proc/sys/vm", "1")
            .hint("The order below holds only where the asker cannot be killed."),
        ),
        Action::Panic => Some(
            Finding::new(
                "oom-panics",
                Severity::Warning,
                subject,
                "the kernel kills nobody but stops the machine",
            )
            .evidence("vm.panic_on_oom", "/proc/sys/vm", "not 0")
            .hint("`sysctl vm.panic_on_oom=0`, unless this is wanted, as in a cluster."),
        ),
        Action::Wait => Some(
            Finding::new(
                "oom-waits-at-limit",
                Severity::Warning,
                subject,
                "nobody is killed at this limit: who asks for memory waits for good",
            )
            .evidence("oom_kill_disable", "memory.oom_control", "1")
            .hint("Write 0 to memory.oom_control, unless a program watches this group."),
        ),
    }
}

fn nobody(domain: Domain, outlook: &Outlook, subject: &str) -> Finding {
    let (severity, claim) = match domain {
        Domain::Machine => (
            Severity::Error,
            "nobody can be killed: when memory runs out, the kernel panics".to_string(),
        ),
        Domain::Group(_) => (
            Severity::Warning,
            "nobody in it can be killed: at its limit its processes stall or fail, and the kernel \
             writes a report each time"
                .to_string(),
        ),
    };
    Finding::new("oom-nobody-killable", severity, subject, claim)
        .evidence("killable processes", "/proc/*/oom_score_adj", outlook.killable.to_string())
        .hint("Give at least the programs that use the memory an oom_score_adj above -1000.")
}

/// Something that should be the last is the first.
fn important_first(census: &Census, ranking: &Ranking, subject: &str) -> Option<Finding> {
    let first = ranking.victims.first()?;
    let places = core::iter::once(first.candidate).chain(first.with.iter().copied());
    let (candidate, kind) = places
        .filter_map(|place| census.candidates.get(place))
        .find_map(|candidate| Some((candidate, important(&candidate.name)?)))?;
    // The only one of a group of its own is what its limit is about.
    if ranking.victims.len() == 1 && first.with.is_empty() {
        return None;
    }
    let name = clean(&candidate.name);
    let claim = format!("{name} (pid {}), {kind}, would be killed first", candidate.pid);
    let hint = match kind {
        "menshen's guard" => {
            "Start menshen as a service of root with OOMScoreAdjust=-900 and OOMPolicy=continue."
                .to_string()
        }
        _ => format!(
            "Give its unit OOMScoreAdjust=-500 and OOMPolicy=continue, or name it in [guard] of \
             menshen.toml; and raise what may go first, such as with `menshen run`. {name} still \
             has to fit: less for its buffers protects it better than any score."
        ),
    };
    Some(
        Finding::new("oom-important-first", Severity::Warning, subject, claim)
            .evidence("points", "the kernel's formula", first.points.to_string())
            .evidence(
                "oom_score_adj",
                format!("/proc/{}/oom_score_adj", candidate.pid),
                candidate.adj.to_string(),
            )
            .hint(hint),
    )
}

/// What a program is that should not be the first; `None`: nothing special.
fn important(name: &[u8]) -> Option<&'static str> {
    IMPORTANT.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, kind)| *kind)
}

fn shared_first(outlook: &Outlook, subject: &str) -> Option<Finding> {
    let first = outlook.victims.first()?;
    if first.shmem_kib < SHARED_KIB_MIN || first.shmem_kib < first.memory_kib / 2 {
        return None;
    }
    let claim = format!(
        "most of what {} (pid {}) holds is shared memory: killing it may free only {}",
        first.name,
        first.pid,
        size(first.memory_kib.saturating_sub(first.shmem_kib)),
    );
    Some(
        Finding::new("oom-shared-first", Severity::Note, subject, claim)
            .evidence("RssShmem", format!("/proc/{}/status", first.pid), size(first.shmem_kib))
            .hint("Shared memory goes with its last user, files of a tmpfs when removed."),
    )
}

fn near(domain: Domain, outlook: &Outlook, subject: &str) -> Option<Finding> {
    if domain == Domain::Machine || outlook.held_permille < NEAR_PERMILLE {
        return None;
    }
    let claim = format!(
        "{} of the limit of {} are held and cannot be taken back without a kill or swap",
        percent(outlook.held_permille),
        size(outlook.limit_kib),
    );
    Some(
        Finding::new("oom-limit-near", Severity::Warning, subject, claim)
            .evidence("held", "the group's memory files", size(outlook.held_kib))
            .hint("Raise the limit, or have its programs use less."),
    )
}

fn subject(outlook: &Outlook) -> String {
    match &outlook.cgroup {
        Some(path) => format!("control group {path}"),
        None => "the machine".to_string(),
    }
}

const INHERITED: &str = "oom-immunity-inherited";
/// Findings of one kind; the list of protected processes has the rest.
const INHERITED_MAX: usize = 10;
const SHARED_KIB_MIN: u64 = 16 * 1024;
const NEAR_PERMILLE: u32 = 900;

/// Programs (names of 15 bytes) that others depend on.
const IMPORTANT: &[(&str, &str)] = &[
    ("mysqld", "a database"),
    ("mariadbd", "a database"),
    ("postgres", "a database"),
    ("mongod", "a database"),
    ("redis-server", "a database"),
    ("valkey-server", "a database"),
    ("sqlservr", "a database"),
    ("ora_pmon", "a database"),
    ("slapd", "a directory of users"),
    ("sshd", "the ssh daemon"),
    ("menshen", "menshen's guard"),
];
