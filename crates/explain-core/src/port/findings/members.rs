//! Who holds the sockets: members that never accept, two servers at one port, full queues.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use menshen_base::{Confidence, Finding, Severity};

use super::super::groups::{self, Group, Instances};
use super::super::{Facts, Listener, Process, Target, Transport, Waits, reach};
use super::{named, place, unit};

pub(super) fn findings(
    facts: &Facts,
    groups: &[Group],
    instances: &Instances,
    found: &mut Vec<Finding>,
) {
    for group in groups {
        shared(facts, group, instances, found);
        for listener in group.members.iter().filter_map(|inode| facts.listener(*inode)) {
            if groups::starts_service(listener) {
                found.push(socket_unit(facts, listener));
                continue;
            }
            queue(facts, listener, found);
            if facts.transport == Transport::Tcp {
                accepts(facts, group, listener, found);
                bystanders(facts, listener, found);
            }
            stopped(facts, listener, found);
        }
    }
}

/// Two servers at one address.
fn shared(facts: &Facts, group: &Group, instances: &Instances, found: &mut Vec<Finding>) {
    if group.instances.len() < 2 {
        return;
    }
    let all: Vec<_> =
        group.instances.iter().filter_map(|number| instances.all.get(*number)).collect();
    let first = |pids: &[u32]| pids.first().and_then(|pid| facts.process(*pid));
    let description = |process: &Process| groups::command(process);
    let programs_differ = all.windows(2).any(|pair| match pair {
        [one, other] => one.program != other.program,
        _ => false,
    });
    let (code, claim) = if programs_differ {
        ("port-shared-by-two-programs", "different programs")
    } else {
        ("port-shared-by-two-instances", "instances of one program")
    };
    let mut finding = Finding::new(
        code,
        Severity::Warning,
        place(group.address, facts.port),
        format!(
            "{} {claim} share this address: the kernel gives each connection to one of them, at \
             random",
            all.len()
        ),
    );
    for instance in all {
        let pids: Vec<String> = instance.pids.iter().take(8).map(ToString::to_string).collect();
        let what = first(&instance.pids).map(description).unwrap_or_default();
        finding = finding.evidence(
            format!("pid {}", pids.join(", ")),
            "/proc/PID/cmdline",
            cut(&what, COMMAND_CHARS_MAX),
        );
    }
    found.push(finding.hint(
        "SO_REUSEPORT lets processes of one user do so without a word. Is one of them left over \
         from before a restart? End it. If both are meant, they must give the same answers.",
    ));
}

/// Whether a member's connections are accepted.
fn accepts(facts: &Facts, group: &Group, listener: &Listener, found: &mut Vec<Finding>) {
    let (taken, left) = facts.share(listener.inode);
    let seen_idle = !listener.holders.is_empty()
        && listener.holders.iter().all(|holder| holder.waits == Waits::No);
    let others_wait = group
        .members
        .iter()
        .filter(|inode| **inode != listener.inode)
        .filter_map(|inode| facts.listener(*inode))
        .any(Listener::is_waited_for);
    let probed = taken + left != 0;
    if left != 0 && taken != 0 {
        let claim = format!("{left} of {} probes were not accepted in time", taken + left);
        let about = format!("{}, {}", place(listener.address, facts.port), named(facts, listener));
        found.push(
            Finding::new("port-accepts-slowly", Severity::Warning, about, claim)
                .evidence("connections waiting", QUEUE_PLACE, listener.queue.to_string())
                .hint("Its processes are busy or too few."),
        );
        return;
    }
    if left != 0 || (!probed && seen_idle && (listener.queue != 0 || others_wait)) {
        found.push(never_accepts(facts, group, listener, left, seen_idle));
    } else if !probed
        && group.members.len() > 1
        && facts.unattributed() == 0
        && probes_of(facts, group) >= enough(group)
    {
        let about = format!("{}, {}", place(listener.address, facts.port), named(facts, listener));
        found.push(
            Finding::new(
                "port-member-gets-nothing",
                Severity::Note,
                about,
                format!(
                    "none of {} probes came to this member: a program in the kernel steers \
                     connections to others",
                    probes_of(facts, group)
                ),
            )
            .hint(
                "So does menshen with a worker that is being retired or is not ready yet; with \
                 SO_INCOMING_CPU or a BPF program, other servers too.",
            ),
        );
    }
}

fn never_accepts(
    facts: &Facts,
    group: &Group,
    listener: &Listener,
    left: u32,
    seen_idle: bool,
) -> Finding {
    let total = probes_of(facts, group);
    let members = group.members.len();
    let effect = if members == 1 {
        "clients connect, and then wait for ever".to_string()
    } else {
        format!("about one connection of {members} comes to it, and waits for ever")
    };
    let about = format!("{}, {}", place(listener.address, facts.port), named(facts, listener));
    let severity =
        if left != 0 || listener.is_full() { Severity::Error } else { Severity::Warning };
    let code = if members == 1 { "port-nobody-accepts" } else { "port-member-never-accepts" };
    let claim = format!("connections to this socket are never accepted: {effect}");
    let mut finding = Finding::new(code, severity, about, claim);
    if left != 0 {
        let value = format!("{left} of {total}, none was accepted");
        finding = finding.evidence("probes left in its queue", "connect(2)", value);
    }
    let mut queue = format!("{}", listener.queue);
    if let Some(backlog) = listener.backlog {
        queue += &format!(" of {backlog}");
    }
    finding = finding.evidence("connections waiting before the probes", QUEUE_PLACE, queue);
    if seen_idle {
        finding = finding.evidence(
            "who waits for its connections",
            "/proc/PID/task/*/syscall, epoll in /proc/PID/fdinfo",
            "nobody",
        );
    }
    if !(left != 0 && seen_idle) {
        finding.confidence = Confidence::Likely;
    }
    let holder = listener.holders.first().and_then(|holder| facts.process(holder.pid));
    finding.hint(match holder {
        Some(process) if members == 1 => format!(
            "Look at what pid {} ({}) is doing, or waits for.",
            process.pid,
            cut(&groups::command(process), COMMAND_CHARS_MAX)
        ),
        Some(process) => format!(
            "A descriptor that a process inherited and does not know of holds such a socket open: \
             look at pid {} ({}) and end it, or close descriptors when it is started \
             (SOCK_CLOEXEC).",
            process.pid,
            cut(&groups::command(process), COMMAND_CHARS_MAX)
        ),
        None => "Its process could not be seen; run it as root.".to_string(),
    })
}

/// A process that only holds the socket while others accept.
fn bystanders(facts: &Facts, listener: &Listener, found: &mut Vec<Finding>) {
    let waiting: Vec<&Process> = listener
        .holders
        .iter()
        .filter(|holder| matches!(holder.waits, Waits::Accepts | Waits::Watches))
        .filter_map(|holder| facts.process(holder.pid))
        .collect();
    if waiting.is_empty() {
        return;
    }
    for holder in listener.holders.iter().filter(|one| one.waits == Waits::No && one.pid != 1) {
        let Some(process) = facts.process(holder.pid) else { continue };
        let program = groups::program(process);
        let alike = waiting.iter().any(|other| groups::program(other) == program);
        // One that started those who accept keeps the socket for them.
        let started = waiting.iter().any(|other| is_ancestor(facts, process.pid, other.pid));
        if alike || started {
            continue;
        }
        found.push(
            Finding::new(
                "port-held-by-another-program",
                Severity::Note,
                format!("{}, socket {}", place(listener.address, facts.port), listener.inode),
                format!(
                    "{program} (pid {}) has the socket open too, and does not accept: when the \
                     server ends, the port stays taken",
                    process.pid
                ),
            )
            .evidence("command", "/proc/PID/cmdline", cut(&groups::command(process), 200))
            .hint("It inherited the descriptor; the server should open it with SOCK_CLOEXEC."),
        );
    }
}

fn is_ancestor(facts: &Facts, ancestor: u32, pid: u32) -> bool {
    let mut at = pid;
    for _ in 0..groups::ANCESTORS_MAX {
        match facts.process(at).map(|process| process.parent) {
            Some(parent) if parent == ancestor => return true,
            Some(parent) if parent > 1 => at = parent,
            _ => return false,
        }
    }
    false
}

fn queue(facts: &Facts, listener: &Listener, found: &mut Vec<Finding>) {
    let about = || format!("{}, {}", place(listener.address, facts.port), named(facts, listener));
    let kernel = &facts.kernel;
    if facts.transport == Transport::Udp {
        if let Some(drops) = listener.drops.filter(|drops| *drops != 0) {
            let claim = format!("{drops} datagrams were dropped here since the socket was made");
            found.push(
                Finding::new("port-datagrams-dropped", Severity::Note, about(), claim)
                    .evidence("bytes waiting", QUEUE_PLACE, listener.queue.to_string())
                    .hint(
                        "Its buffer was full: the process reads too slowly, or SO_RCVBUF is small.",
                    ),
            );
        }
        return;
    }
    let Some(backlog) = listener.backlog.filter(|_| listener.is_full()) else { return };
    let effect = if kernel.abort_on_overflow == Some(true) {
        "who connects now is reset (tcp_abort_on_overflow)"
    } else {
        "who connects now gets no answer, and times out"
    };
    let mut finding = Finding::new(
        "port-accept-queue-full",
        Severity::Error,
        about(),
        format!("the accept queue is full: {effect}"),
    )
    .evidence(
        format!("{} waiting > backlog", unit(facts.transport)),
        QUEUE_PLACE,
        format!("{} > {backlog}", listener.queue),
    );
    if let Some(overflows) = kernel.listen_overflows {
        let while_probed = kernel.overflows_while_probed.unwrap_or(0);
        finding = finding.evidence(
            "ListenOverflows",
            "/proc/net/netstat",
            format!("{overflows}, {while_probed} of them while it was probed"),
        );
    }
    if let Some(somaxconn) = kernel.somaxconn {
        finding =
            finding.evidence("somaxconn", "/proc/sys/net/core/somaxconn", somaxconn.to_string());
    }
    found.push(finding.hint(
        "The server accepts too slowly or not at all: look at what it is doing. A longer backlog, \
         the number it gives to listen(2), only helps against short bursts.",
    ));
}

/// All who could accept are stopped.
fn stopped(facts: &Facts, listener: &Listener, found: &mut Vec<Finding>) {
    let holders: Vec<&Process> =
        listener.holders.iter().filter_map(|holder| facts.process(holder.pid)).collect();
    let is_stopped = |process: &&Process| matches!(process.state, 'T' | 't');
    let Some(first) = holders.first().filter(|_| holders.iter().all(is_stopped)) else { return };
    found.push(
        Finding::new(
            "port-process-stopped",
            Severity::Error,
            format!("{}, socket {}", place(listener.address, facts.port), listener.inode),
            "every process that has this socket is stopped",
        )
        .evidence("state", format!("/proc/{}/stat", first.pid), first.state.to_string())
        .hint(format!("`menshen explain stopped {}` says by what.", first.pid)),
    );
}

fn socket_unit(facts: &Facts, listener: &Listener) -> Finding {
    Finding::new(
        "port-socket-activated",
        Severity::Note,
        place(listener.address, facts.port),
        "process 1 listens, and starts the service on the first connection; it was not probed, \
         since that would start it",
    )
    .hint("`systemctl list-sockets` names the units.")
}

/// Connections of probes that came to some member of the group.
fn probes_of(facts: &Facts, group: &Group) -> u32 {
    let of_group = |target: &&Target| {
        let mut listeners = reach::listeners(facts, target).into_iter();
        listeners.any(|listener| group.members.contains(&listener.inode))
    };
    facts.targets.iter().filter(of_group).map(|target| target.connected).sum()
}

/// So many probes that one without any has none by more than chance.
fn enough(group: &Group) -> u32 {
    u32::try_from(group.members.len()).unwrap_or(u32::MAX).saturating_mul(8)
}

/// At most so many characters.
fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.into(),
    }
}

const QUEUE_PLACE: &str = "the kernel's socket list";
const COMMAND_CHARS_MAX: usize = 120;
