//! Every body comes back; damage anywhere costs only what it touched; any bytes are taken.
use alloc::vec;

use proptest::prelude::*;

use super::super::*;
use super::*;

const FILE: u64 = (HEAD_BYTES + 4 * SEGMENT_BYTES) as u64;
const SALT: u64 = 0x1234_5678_9abc_def0;

fn process(pid: u32) -> Process<'static> {
    Process {
        pid,
        parent: 1,
        uid: 33,
        adj: -17,
        start_ticks: 99,
        anon_kib: 1,
        file_kib: 2,
        shmem_kib: 3,
        swap_kib: 4,
        page_table_kib: 5,
        name: b"a) b\n",
        command_line: b"mysqld\0--datadir=/x\0\xff\0",
        cgroup: b"/system.slice/db",
    }
}

fn bodies() -> Vec<Body<'static>> {
    let victims = vec![Victim { pid: 7, start_ticks: 8, points: -9, name: b"hog" }];
    let pressure = Pressure { total_kib: 1, some_avg10_centi: Some(3), level: 2, ..<_>::default() };
    let start = Start { pid: 4, oom_kills: Some(0), host: b"door", ..Start::default() };
    let snapshot =
        Snapshot { number: 6, trigger: Trigger::Group, level: 3, processes: 70, group: b"/web" };
    vec![
        Body::Start(start),
        Body::Stop(Stop { reason: b"asked" }),
        Body::Kernel(b"3,1,2,-;Out of memory: Killed process 1 (x)"),
        Body::Snapshot(snapshot),
        Body::VictimRow(VictimRow { seen_mono_micros: 5, process: process(1) }),
        Body::Pressure(pressure),
        Body::Step(Step {
            edge: StepEdge::Left,
            freed_bytes: Some(0),
            name: b"uploads",
            detail: b"",
        }),
        Body::Note(b"a note"),
        Body::Loss(Loss { cause: LossCause::QueueFull, count: None }),
        Body::Forecast(Forecast { snapshot: 6, group: b"", victims }),
        Body::Outcome(Outcome { snapshot: 6, pid: 7, place: 1, name: b"hog" }),
        Body::Count(Count { oom_kills: Some(69), oom_kills_at_start: None, kill_lines: 69 }),
    ]
}

#[test]
fn every_body_comes_back_and_none_is_read_from_less() {
    let mut bytes = Vec::new();
    for body in bodies() {
        let kind = body.encode_into(&mut bytes);
        let back = Body::decode(kind, &bytes);
        assert_eq!(alloc::format!("{back:?}"), alloc::format!("{body:?}"));
        if matches!(body, Body::Kernel(_) | Body::Forecast(_)) {
            continue;
        }
        for cut in 0..bytes.len() {
            let cut = Body::decode(kind, &bytes[..cut]);
            assert!(matches!(cut, Body::Unknown(_)), "{kind}: {cut:?}");
        }
    }
    assert!(matches!(Body::decode(999, b"later"), Body::Unknown(999)));
}

#[test]
fn long_tables_are_split_into_whole_rows() {
    let rows: Vec<_> = (1..=500).map(process).collect();
    let (mut body, mut back) = (Vec::new(), Vec::new());
    let mut rest = rows.as_slice();
    while !rest.is_empty() {
        let count = encode_processes_into(&mut body, 8, rest.iter().copied());
        assert!(count > 0 && body.len() <= BODY_BYTES_MAX);
        let copy: &'static [u8] = body.clone().leak();
        let Body::Processes(found) = Body::decode(5, copy) else { panic!() };
        assert_eq!(found.snapshot, 8);
        back.extend(found);
        rest = &rest[count..];
    }
    assert_eq!(back, rows);
    // Even the largest row fits.
    let long = [b'x'; 60_000];
    let largest = Process { name: &long, command_line: &long, cgroup: &long, ..process(1) };
    assert_eq!(encode_processes_into(&mut body, 8, [largest].into_iter()), 1);
}

/// A file with `count` notes in its words, and where each of them is.
fn file(count: u64) -> (Vec<u8>, Vec<(u64, core::ops::Range<usize>)>) {
    let head = FileHead { salt: SALT, boot_id: [1; 16], started_micros: 0, host: b"h".to_vec() };
    let mut bytes = vec![0; usize::try_from(FILE).unwrap()];
    bytes[..head.encode().len()].copy_from_slice(&head.encode());
    let mut writer = LaneWriter::new(Lane::Words, FILE, &head, None);
    let mut tables = LaneWriter::new(Lane::Tables, FILE, &head, None);
    tables.flush(&mut |offset, part: &[u8]| write(&mut bytes, offset, part, &mut None)).unwrap();
    let (mut places, mut body) = (Vec::new(), Vec::new());
    for sequence in 1..=count {
        let text = vec![b'a' + u8::try_from(sequence % 26).unwrap(); 300];
        let kind = Body::Note(&text).encode_into(&mut body);
        let mut record = Vec::new();
        let stamp = Stamp { sequence, ..Stamp::default() };
        encode_record(&mut record, SALT, stamp, kind, &body);
        writer
            .add(&record, |offset, part| write(&mut bytes, offset, part, &mut None))
            .and_then(|()| {
                let mut at = None;
                writer
                    .flush(&mut |offset, part: &[u8]| write(&mut bytes, offset, part, &mut at))?;
                let at = at.unwrap();
                // A segment just entered is written whole.
                let start = if at % SEGMENT_BYTES == HEAD_BYTES { at + 64 } else { at };
                places.push((sequence, start..start + record.len()));
                Ok(())
            })
            .unwrap();
    }
    (bytes, places)
}

fn write(file: &mut [u8], offset: u64, part: &[u8], at: &mut Option<usize>) -> Result<(), ()> {
    let from = usize::try_from(offset).unwrap();
    file[from..from + part.len()].copy_from_slice(part);
    *at = Some(from);
    Ok(())
}

fn sequences(bytes: &[u8]) -> Vec<u64> {
    read(bytes).map_or_else(
        |NotARecording| Vec::new(),
        |found| found.records.iter().map(|record| record.stamp.sequence).collect(),
    )
}

#[test]
fn a_file_cut_at_any_byte_keeps_what_is_before_the_cut() {
    let (bytes, places) = file(40);
    for cut in HEAD_BYTES..places.last().unwrap().1.end + 8 {
        let whole = places.iter().filter(|(_, place)| place.end <= cut).count();
        // The padding of the last one may be missing.
        let found = sequences(&bytes[..cut]).len();
        assert!(found == whole || found == whole + 1, "{cut}: {found} of {whole}");
    }
    assert_eq!(sequences(&bytes).len(), 40);
}

#[test]
fn bytes_of_a_command_line_do_not_pass_for_a_record() {
    // A whole record with another salt, inside a record whose own head is then damaged.
    let mut forged = Vec::new();
    encode_record(
        &mut forged,
        SALT ^ 1,
        Stamp { sequence: 666, ..Stamp::default() },
        9,
        b"\x01\0x",
    );
    let (mut bytes, places) = file(3);
    let inside = places[1].1.start + 104;
    bytes[inside..inside + forged.len()].copy_from_slice(&forged);
    assert_eq!(sequences(&bytes), [1, 3]);
    assert!(read(&bytes).unwrap().damaged_bytes > 0);
    assert!(sequences(&vec![0; 1 << 20]).is_empty());
}

#[test]
fn hostile_heads_cost_bounded_work() {
    let (mut bytes, _) = file(1);
    let mut hostile = Vec::new();
    encode_record(&mut hostile, SALT, Stamp::default(), 9, &[]);
    hostile[4..8].copy_from_slice(&u32::try_from(BODY_BYTES_MAX).unwrap().to_le_bytes());
    for at in (HEAD_BYTES + 64..bytes.len() - 40).step_by(40) {
        bytes[at..at + 40].copy_from_slice(&hostile);
    }
    let mut work = WORK_BYTES_MAX;
    for at in (HEAD_BYTES + 64..bytes.len()).step_by(8) {
        record(&bytes[at..], &[SALT], &mut work);
    }
    assert!(work < BODY_BYTES_MAX, "it was spent and not passed: {work}");
    assert!(sequences(&bytes).is_empty());
}

proptest! {
    #[test]
    fn damage_costs_only_what_it_touches(
        from in 0..HEAD_BYTES + 4 * SEGMENT_BYTES,
        length in 1..100_000_usize,
        filler in prop::collection::vec(any::<u8>(), 1..64),
    ) {
        let (mut bytes, places) = file(370);
        let to = (from + length).min(bytes.len());
        for (at, byte) in bytes[from..to].iter_mut().enumerate() {
            *byte = filler[at % filler.len()];
        }
        let found = sequences(&bytes);
        for (sequence, place) in &places {
            let touched = place.start < to && from < place.end;
            prop_assert!(touched || found.contains(sequence), "{sequence} {place:?}");
        }
    }

    #[test]
    fn any_bytes_are_taken(
        bytes in prop::collection::vec(any::<u8>(), 0..9000),
        kind in 0..20_u16,
    ) {
        let _ = read(&bytes);
        let _ = status(&bytes);
        if let Body::Processes(rows) = Body::decode(kind, &bytes) {
            let _ = rows.count();
        }
        // In a place where records are.
        let (mut whole, _) = file(1);
        whole[HEAD_BYTES + 64..HEAD_BYTES + 64 + bytes.len()].copy_from_slice(&bytes);
        let _ = read(&whole);
    }
}
