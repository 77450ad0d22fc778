//! Two lives of a machine in one file.
use alloc::vec;
use alloc::vec::Vec;

use menshen_guard_core::recorder::{
    Count, FileHead, HEAD_BYTES, Lane, LaneWriter, Outcome, SEGMENT_BYTES, Snapshot, Stamp, Start,
    Step, Stop, VictimRow, encode_processes_into, encode_record, read,
};

use super::*;

const FILE: usize = HEAD_BYTES + 16 * SEGMENT_BYTES;

/// Writes `bodies` as one watch of the life `boot`, one second apart, from `second` on.
fn life(file: &mut [u8], boot: u8, second: u64, bodies: &[(u16, Vec<u8>)]) {
    let head = FileHead { salt: 3, boot_id: [boot; 16], started_micros: 0, host: Vec::new() };
    let copy = file.to_vec();
    let before = read(&copy).ok();
    let last = before.as_ref().and_then(|found| found.last_segment(Lane::Words, &head.boot_id));
    let mut lane = LaneWriter::new(Lane::Words, FILE as u64, &head, last);
    let mut put = |offset: u64, bytes: &[u8]| {
        let at = usize::try_from(offset).unwrap();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        Ok::<_, ()>(())
    };
    put(0, &head.encode()).unwrap();
    for (sequence, (kind, body)) in (second..).zip(bodies) {
        let micros = sequence * 1_000_000;
        // The kernel's clock began at second 500 of each life.
        let mono_micros = micros - second * 1_000_000 + 7_000_000;
        let stamp = Stamp { sequence, wall_micros: micros, mono_micros };
        let mut record = Vec::new();
        encode_record(&mut record, 3, stamp, *kind, body);
        lane.add(&record, &mut put).unwrap();
    }
    lane.flush(&mut put).unwrap();
}

fn body(body: &Body<'_>) -> (u16, Vec<u8>) {
    let mut bytes = Vec::new();
    let kind = body.encode_into(&mut bytes);
    (kind, bytes)
}

fn process(pid: u32, line: &'static [u8]) -> Process<'static> {
    let cgroup = b"/system.slice/db.service";
    Process { pid, adj: 5, name: b"mysqld", command_line: line, cgroup, ..Process::default() }
}

fn table(rows: &[Process<'_>]) -> (u16, Vec<u8>) {
    let mut bytes = Vec::new();
    encode_processes_into(&mut bytes, 1, rows.iter().copied());
    (5, bytes)
}

#[test]
fn victims_are_joined_with_what_was_seen_before_and_counts_are_compared() {
    let mut file = vec![0; FILE];
    let start = |kills| Body::Start(Start { oom_kills: kills, host: b"db1", ..Start::default() });
    let line = |pid: u32| format!("3,{pid},9000000,-;Out of memory: Killed process {pid} (x)\n");
    let count = |kills| Body::Count(Count { oom_kills: kills, ..Count::default() });
    let step =
        Step { edge: StepEdge::Entered, freed_bytes: Some(7), name: b"brake", detail: b"a\x1bb" };
    life(
        &mut file,
        1,
        500,
        &[
            body(&start(Some(40))),
            body(&Body::Snapshot(Snapshot { number: 1, ..Snapshot::default() })),
            table(&[process(10, b"mysqld\0--port=1\0"), process(11, b"old\0")]),
            body(&Body::Kernel(line(10).as_bytes())),
            body(&Body::Kernel(line(10).as_bytes())),
            body(&Body::Outcome(Outcome { pid: 10, place: 1, ..Outcome::default() })),
            body(&Body::Kernel(line(11).as_bytes())),
            body(&Body::VictimRow(VictimRow {
                seen_mono_micros: 8_500_000,
                process: process(11, b"new\0\xff\n\0"),
            })),
            body(&Body::Outcome(Outcome { pid: 11, place: 2, ..Outcome::default() })),
            body(&Body::Kernel(line(12).as_bytes())),
            body(&Body::Outcome(Outcome { pid: 12, place: 0, ..Outcome::default() })),
            body(&count(Some(45))),
            body(&Body::Kernel(line(13).as_bytes())),
            body(&Body::Step(step)),
        ],
    );
    life(
        &mut file,
        2,
        900,
        &[
            body(&start(None)),
            body(&Body::Kernel(line(10).as_bytes())),
            body(&Body::Stop(Stop { reason: b"asked" })),
        ],
    );
    let recording = read(&file).unwrap();
    let (facts, words) = recorded(&recording);
    assert_eq!((facts.lives.len(), words.len(), facts.records), (2, 2, 17));
    let (first, second) = (&facts.lives[0], &facts.lives[1]);
    assert_eq!((first.kills_counted, first.kill_lines_compared), (Some(5), 4), "one is missing");
    assert_eq!((first.kill_lines, first.tables, first.ended), (5, 1, false));
    assert_eq!((first.host.as_str(), first.clock_micros), ("db1", 493_000_000));
    assert_eq!((second.kills_counted, second.ended, second.kill_lines), (None, true, 1));
    let seen = |number: usize| facts.victims[number].seen.as_ref();
    assert_eq!(seen(0).unwrap().command_line, "mysqld --port=1");
    assert_eq!(seen(0).unwrap().before_micros, 1_000_000);
    assert_eq!(seen(1).unwrap().command_line, "new \\xff\\x0a");
    assert_eq!(seen(1).unwrap().before_micros, 500_000);
    assert_eq!((seen(2), seen(4)), (None, None), "rows of an earlier life are somebody else's");
    assert_eq!(facts.victims[0].wall_micros, 502_000_000);
    let places: Vec<_> = facts.victims.iter().map(|victim| victim.place).collect();
    assert_eq!(places, [Some(1), Some(2), None, None, None]);
    assert_eq!((facts.foreseen, facts.forecasts, facts.newcomers), (1, 2, 1));
    assert_eq!((facts.steps[0].detail.as_str(), facts.steps[0].edge), ("a\\x1bb", Edge::Begins));
    assert_eq!(words[1], line(10).as_bytes());
}
