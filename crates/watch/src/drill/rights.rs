//! What this host permits: each right tried once, in the way the watch uses it.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use menshen_base::with_causes;
use menshen_guard_core::ladder::Bytes;
use menshen_guard_core::recorder::{FileHead, HEAD_BYTES};
use menshen_sys::cgroup::Version;
use menshen_sys::kmsg::{KernelLog, Start};
use menshen_sys::lock::lock_memory;
use menshen_sys::psi::{self, Armed, Line as PressureLine};

use super::DrillError;
use super::ground::{Ground, Refusal, shown};
use super::report::{Line, Report, Verdict};
use super::watcher::RECORDER_BYTES;
use crate::file::RecorderFile;

/// All but the scores, which are tried on a process of the drill: [`scores`].
pub(super) fn look(ground: &Ground, report: &mut Report) -> Result<(), DrillError> {
    report.lines.push(kernel_log());
    report.lines.push(group(ground));
    report.lines.push(pressure());
    report.lines.push(locked());
    report.lines.push(recorder(ground)?);
    Ok(())
}

/// Without a group only rights can be shown; the rest is not possible.
pub(super) fn without_ground(report: &mut Report, refusal: &Refusal) {
    report.lines.push(kernel_log());
    let no_group = Line::new("memory group", Verdict::NotPermitted, refusal.claim.clone());
    report.lines.push(no_group.finding("drill-no-memory-group", refusal.hint));
    report.lines.push(pressure());
    report.lines.push(locked());
    for name in ["protection", "forecast", "recorder", "ladder"] {
        let line = Line::new(name, Verdict::NotPermitted, "cannot be tried without a memory group");
        report.lines.push(line.finding("drill-no-memory-group", refusal.hint));
    }
}

/// Whether scores below 0 may be given; `lowered`: what became of the try.
pub(super) fn scores(lowered: &io::Result<()>) -> Line {
    match lowered {
        Ok(()) => Line::proved("scores", "oom_score_adj below 0 is permitted"),
        Err(error) => {
            let claim = "oom_score_adj below 0 is refused: protection is only relative, by making \
                         others more expendable";
            Line::new("scores", Verdict::NotPermitted, claim)
                .evidence(format!("writing -900 to a process of the drill: {error}"))
                .finding(
                    "drill-scores-refused",
                    "CAP_SYS_RESOURCE gives the right: start it from a root login, or set \
                     OOMScoreAdjust=-900 in menshen's unit and in those of what it protects \
                     (containers: --oom-score-adj).",
                )
        }
    }
}

fn kernel_log() -> Line {
    match KernelLog::open(Start::Now) {
        Ok(_) => Line::proved("kernel log", "/dev/kmsg is readable"),
        Err(error) => Line::new("kernel log", Verdict::NotPermitted, "/dev/kmsg cannot be read")
            .evidence(error.to_string())
            .finding(
                "drill-kernel-log-refused",
                "Run it as root or with CAP_SYSLOG (AmbientCapabilities=CAP_SYSLOG in the \
                     unit); a container needs the device too.",
            ),
    }
}

fn group(ground: &Ground) -> Line {
    let version = match ground.top.version() {
        Version::V1 => "v1: hold and choose",
        Version::V2 => "v2: brake",
    };
    let limit = ground.top.memory_limit().ok().flatten().unwrap_or(0);
    Line::proved("memory group", format!("limits can be set with cgroup {version}"))
        .evidence(format!("{} made with a limit of {}", shown(ground.top.path()), Bytes(limit)))
}

fn pressure() -> Line {
    match psi::Trigger::arm(Path::new(psi::MEMORY), PressureLine::Some, 100, &psi::WINDOWS) {
        Ok(Armed::Yes(trigger)) => {
            let window = trigger.window();
            let slow = window >= Duration::from_secs(2);
            let why = if slow { "; a shorter one wants CAP_SYS_RESOURCE" } else { "" };
            let text = format!("pressure wakes the watch, window {} ms{why}", window.as_millis());
            Line::proved("pressure", text)
        }
        Ok(Armed::Absent) => {
            let claim = "this kernel tells no pressure; memory is looked at more often instead";
            Line::new("pressure", Verdict::DoneWithout, claim).finding(
                "drill-no-pressure",
                "A kernel with CONFIG_PSI has it; some want psi=1 on their command line.",
            )
        }
        Err(error) => {
            let claim = "pressure wakes nobody; memory is looked at more often instead";
            Line::new("pressure", Verdict::NotPermitted, claim).evidence(error.to_string()).finding(
                "drill-pressure-refused",
                "Kernels before 6.4 want CAP_SYS_RESOURCE for every trigger.",
            )
        }
    }
}

/// The lock is for this whole process, so it is taken back at once.
fn locked() -> Line {
    let locked = lock_memory();
    // Nothing of the drill depends on it.
    let _ = rustix::mm::munlockall();
    match locked {
        Ok(()) => Line::proved("locked memory", "memory of the watch can be locked (mlockall)"),
        Err(error) => {
            let claim = "memory of the watch may be swapped out when it is needed";
            Line::new("locked memory", Verdict::NotPermitted, claim)
                .evidence(format!("mlockall: {error}"))
                .finding(
                    "drill-memory-not-locked",
                    "CAP_IPC_LOCK or LimitMEMLOCK=infinity in the unit gives the right.",
                )
        }
    }
}

/// Makes a recorder beside the one of the drill's watch, and times writes that come back only when
/// the disk has them.
fn recorder(ground: &Ground) -> Result<Line, DrillError> {
    let path = ground.folder.join("trial");
    let head = FileHead { salt: 1, boot_id: [0; 16], started_micros: 0, host: Vec::new() };
    let timed = RecorderFile::open(&path, RECORDER_BYTES, head)
        .map_err(|error| io::Error::other(with_causes(&error)))
        .and_then(|file| {
            let record = [0; WRITE_BYTES];
            let began = Instant::now();
            for number in 0..WRITES {
                let offset = HEAD_BYTES as u64 + u64::from(number) * WRITE_BYTES as u64;
                file.durable.write_all_at(&record, offset)?;
            }
            Ok(began.elapsed() / WRITES)
        });
    let kept = std::fs::remove_file(&path);
    match timed {
        Ok(each) => {
            kept.map_err(|source| DrillError::Local { action: "remove a file", source })?;
            let micros = each.as_micros();
            let claim = format!(
                "{} preallocated; each record is on the disk after {}.{:02} ms",
                Bytes(RECORDER_BYTES),
                micros / 1000,
                micros % 1000 / 10
            );
            let line = Line::proved("recorder file", claim);
            Ok(if is_in_memory(&ground.folder) {
                line.evidence("the folder is in memory (tmpfs): a disk takes longer")
            } else {
                line
            })
        }
        Err(error) => Ok(Line::new("recorder file", Verdict::Failed, "no recorder can be made")
            .evidence(error.to_string())
            .finding(
                "drill-recorder-file",
                "Room for it is needed, on a disk that can be written.",
            )),
    }
}

fn is_in_memory(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|found| u64::try_from(found.f_type) == Ok(TMPFS_MAGIC))
}

const WRITES: u32 = 20;
const WRITE_BYTES: usize = 4096;
/// `TMPFS_MAGIC` of `include/uapi/linux/magic.h`.
const TMPFS_MAGIC: u64 = 0x0102_1994;
