//! The gate of a stream that lags, by a clock of the test's own.

use super::*;

const SILENCE: Duration = Duration::from_millis(1200);

fn at(at: u64) -> Position {
    Position { file: 1, at }
}

/// Looks an eighth of a silence apart while the server goes on by 10 a look; `stream` is where the
/// stream is at each. Returns what the gate did at which look.
fn turns(stream: &[u64]) -> Vec<(usize, Turn)> {
    let (start, mut behind) = (Instant::now(), Behind::default());
    let looks = stream.iter().zip(1_u32..);
    let turn = |(stream, look): (&u64, u32)| {
        let now = start + SILENCE / PARTS * look;
        behind.look(at(*stream), at(u64::from(look) * 10), (now, now), SILENCE)
    };
    let turns: Vec<Option<Turn>> = looks.map(turn).collect();
    turns.into_iter().enumerate().filter_map(|(look, turn)| Some((look + 1, turn?))).collect()
}

#[test]
fn the_gate_closes_within_a_silence_of_the_first_unseen_change() {
    assert_eq!(turns(&[10, 20, 30, 40, 50, 60]), []);
    assert_eq!(turns(&[10, 10, 20, 30, 40, 50]), [], "one look late is not late");
    // What the server wrote between looks 2 and 3 does not come.
    assert_eq!(turns(&[10, 20, 20, 20, 20, 20, 20]), [(6, Turn::Close)]);
    assert!(SILENCE / PARTS * (6 - 2) <= SILENCE);
}

#[test]
fn a_stream_that_is_always_late_does_not_open_the_gate_by_an_old_place() {
    let late = turns(&[0, 0, 0, 0, 10, 20, 30, 40, 50, 60, 70]);
    assert_eq!(late, [(4, Turn::Close)]);
    // And open again when it has caught up.
    let caught_up = turns(&[0, 0, 0, 0, 10, 20, 70, 80]);
    assert_eq!(caught_up, [(4, Turn::Close), (7, Turn::Open)]);
}

#[test]
fn a_late_answer_opens_nothing() {
    let (start, mut behind) = (Instant::now(), Behind { target: None, closed: true });
    let late = start + SILENCE;
    assert_eq!(behind.look(at(10), at(10), (start, late), SILENCE), None);
    assert_eq!(behind.look(at(10), at(10), (late, late), SILENCE), Some(Turn::Open));
}
