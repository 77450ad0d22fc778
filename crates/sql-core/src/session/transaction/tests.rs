//! Tests of session transactions.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn slots(numbers: &[u16]) -> Vec<Slot> {
    numbers.iter().map(|number| Slot::from_number(*number)).collect()
}

fn targets(numbers: &[u16], undo: Undo) -> Vec<Target> {
    slots(numbers).into_iter().map(|slot| Target { slot, undo }).collect()
}

const OK_OPEN: Outcome = Outcome::Done { open: true };
const OK_SHUT: Outcome = Outcome::Done { open: false };

#[test]
fn an_autocommitted_write_happens_at_its_reply_even_if_it_failed() {
    for outcome in [OK_SHUT, Outcome::Failed] {
        let mut transaction = Transaction::default();
        assert_eq!(transaction.begin(&targets(&[7, 5, 7], Undo::Transactional)), slots(&[5, 7]));
        let settled = transaction.settle(Turn::Goes, outcome, false);
        assert_eq!(settled, Settled { happened: slots(&[5, 7]), ..Settled::default() });
        assert!(!transaction.has_pending());
    }
}

#[test]
fn a_transaction_holds_its_tables_until_it_ends() {
    let ends = [
        (Turn::Commits, OK_SHUT, true),
        (Turn::Commits, OK_OPEN, true),
        (Turn::Commits, Outcome::Failed, true),
        (Turn::RollsBack, OK_SHUT, false),
        (Turn::RollsBack, OK_OPEN, false),
        (Turn::RollsBack, Outcome::Failed, true),
        (Turn::Begins { snapshot: false }, OK_OPEN, true),
        (Turn::Implicit, OK_SHUT, true),
        (Turn::Implicit, Outcome::Failed, true),
        // SET autocommit = 1, or the OK after a deadlock.
        (Turn::Goes, OK_SHUT, true),
    ];
    for (turn, outcome, happened) in ends {
        let mut transaction = Transaction::default();
        assert_eq!(transaction.begin(&targets(&[1], Undo::Transactional)), slots(&[1]));
        assert_eq!(transaction.settle(Turn::Goes, OK_OPEN, true), Settled::default());
        // The second write to a table it holds begins nothing.
        assert_eq!(transaction.begin(&targets(&[1, 2], Undo::Transactional)), slots(&[2]));
        assert_eq!(transaction.settle(Turn::Goes, OK_OPEN, true), Settled::default());
        assert_eq!(transaction.begin(&[]), slots(&[]));
        let settled = transaction.settle(turn, outcome, true);
        let both = slots(&[1, 2]);
        let expected = if happened {
            Settled { happened: both, ..Settled::default() }
        } else {
            Settled { undone: both, ..Settled::default() }
        };
        assert_eq!(settled, expected, "{turn:?} {outcome:?}");
        assert!(!transaction.has_pending());
    }
}

#[test]
fn rows_that_no_rollback_takes_back_happen_at_once() {
    let mut transaction = Transaction::default();
    transaction.begin(&targets(&[1], Undo::Immediate));
    let settled = transaction.settle(Turn::Goes, OK_OPEN, true);
    assert_eq!(settled, Settled { happened: slots(&[1]), ..Settled::default() });
    // Of an unknown engine: others may see it, and it may yet be taken back.
    transaction.begin(&targets(&[2], Undo::Unknown));
    let settled = transaction.settle(Turn::Goes, OK_OPEN, true);
    assert_eq!(settled, Settled { bumped: slots(&[2]), ..Settled::default() });
    transaction.begin(&[]);
    let settled = transaction.settle(Turn::RollsBack, OK_SHUT, true);
    assert_eq!(settled, Settled { undone: slots(&[2]), ..Settled::default() });
}

#[test]
fn two_tables_of_one_word_end_it_once() {
    let mut transaction = Transaction::default();
    let mut both = targets(&[3], Undo::Immediate);
    both.extend(targets(&[3], Undo::Transactional));
    assert_eq!(transaction.begin(&both), slots(&[3]));
    let settled = transaction.settle(Turn::Goes, OK_OPEN, true);
    assert_eq!(settled, Settled { bumped: slots(&[3]), ..Settled::default() });
    assert_eq!(transaction.held(), slots(&[3]));
    // An immediate write to a word the transaction holds must not let it go.
    transaction.begin(&targets(&[3], Undo::Immediate));
    let settled = transaction.settle(Turn::Goes, OK_OPEN, true);
    assert_eq!(settled, Settled { bumped: slots(&[3]), ..Settled::default() });
    assert_eq!(transaction.abandon(), slots(&[3]));
}

#[test]
fn a_call_may_have_committed_and_may_have_not() {
    let mut transaction = Transaction::default();
    transaction.begin(&targets(&[1], Undo::Transactional));
    let _ = transaction.settle(Turn::Goes, OK_OPEN, true);
    transaction.begin(&targets(&[0], Undo::Unknown));
    let settled = transaction.settle(Turn::Anything, OK_OPEN, true);
    assert_eq!(settled, Settled { bumped: slots(&[0, 1]), ..Settled::default() });
    assert_eq!(transaction.held(), slots(&[0, 1]));
}

#[test]
fn an_error_keeps_the_transaction_until_the_next_status() {
    let mut transaction = Transaction::default();
    transaction.begin(&targets(&[1], Undo::Transactional));
    assert_eq!(transaction.settle(Turn::Goes, Outcome::Failed, true), Settled::default());
    transaction.begin(&[]);
    let settled = transaction.settle(Turn::Goes, OK_SHUT, true);
    assert_eq!(settled, Settled { happened: slots(&[1]), ..Settled::default() });
}

#[test]
fn xa_prepare_parks_what_was_written() {
    let mut transaction = Transaction::default();
    transaction.begin(&targets(&[1], Undo::Transactional));
    let _ = transaction.settle(Turn::Goes, OK_OPEN, true);
    transaction.begin(&[]);
    assert_eq!(transaction.settle(Turn::Parks, Outcome::Failed, true), Settled::default());
    transaction.begin(&[]);
    let settled = transaction.settle(Turn::Parks, OK_OPEN, true);
    assert_eq!(settled, Settled { parked: slots(&[1]), ..Settled::default() });
    assert!(!transaction.has_pending());
}

#[test]
fn a_snapshot_is_of_the_moment_before_its_first_read_and_ends_with_its_transaction() {
    let mut transaction = Transaction::default();
    let run = |transaction: &mut Transaction, turn, outcome, sent, proved| {
        transaction.sends(sent);
        if let Some(now) = proved {
            transaction.proves_snapshot(now);
        }
        let _ = transaction.settle(turn, outcome, true);
    };
    let taken = |since, until| Some(Snapshot { since, until });
    let begin = Turn::Begins { snapshot: false };
    run(&mut transaction, begin, OK_OPEN, 8, None);
    assert_eq!((transaction.since(), transaction.snapshot()), (None, None));
    run(&mut transaction, Turn::Goes, OK_OPEN, 10, Some(12));
    assert_eq!(transaction.snapshot(), taken(10, 12));
    // A later read takes no other one.
    run(&mut transaction, Turn::Goes, OK_OPEN, 20, Some(22));
    assert_eq!(transaction.snapshot(), taken(10, 12));
    run(&mut transaction, Turn::Commits, OK_OPEN, 25, None);
    assert_eq!((transaction.since(), transaction.snapshot()), (None, None));
    run(&mut transaction, Turn::Begins { snapshot: true }, OK_OPEN, 30, Some(31));
    assert_eq!(transaction.snapshot(), taken(30, 31));
    // After an error it may be another transaction, whose snapshot is not older than this one's.
    run(&mut transaction, Turn::Goes, Outcome::Failed, 35, Some(36));
    assert_eq!((transaction.since(), transaction.snapshot()), (Some(30), None));
    run(&mut transaction, Turn::Goes, OK_OPEN, 40, Some(41));
    assert_eq!(transaction.snapshot(), taken(30, 41));
    // And so after a call.
    run(&mut transaction, Turn::Anything, OK_OPEN, 50, None);
    assert_eq!((transaction.since(), transaction.snapshot()), (Some(30), None));
    run(&mut transaction, Turn::Goes, OK_SHUT, 60, Some(61));
    assert_eq!((transaction.since(), transaction.snapshot()), (None, None));
}

#[test]
fn a_snapshot_that_nobody_noticed_may_be_as_old_as_the_first_statement() {
    let mut transaction = Transaction::default();
    transaction.sends(3);
    let _ = transaction.settle(Turn::Goes, OK_OPEN, false);
    transaction.sends(7);
    let _ = transaction.settle(Turn::Goes, OK_OPEN, true);
    assert_eq!((transaction.since(), transaction.snapshot()), (Some(3), None));
    transaction.sends(9);
    transaction.proves_snapshot(11);
    let _ = transaction.settle(Turn::Goes, OK_OPEN, true);
    assert_eq!(transaction.snapshot(), Some(Snapshot { since: 3, until: 11 }));
    // What was sent unnoted may be from the beginning of time.
    let mut unnoted = Transaction::default();
    let _ = unnoted.settle(Turn::Goes, OK_OPEN, true);
    assert_eq!(unnoted.since(), Some(0));
}

#[test]
fn locks_are_counted_apart_from_writes() {
    let mut transaction = Transaction::default();
    assert_eq!(transaction.lock(&slots(&[2, 1, 2])), slots(&[1, 2]));
    assert_eq!(transaction.begin(&targets(&[1], Undo::Immediate)), slots(&[1]));
    let settled = transaction.settle(Turn::Goes, OK_SHUT, false);
    assert_eq!(settled.happened, slots(&[1]));
    assert_eq!(transaction.unlock(), slots(&[1, 2]));
    assert!(!transaction.has_pending());
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        4 => Just(Turn::Goes),
        1 => Just(Turn::Begins { snapshot: false }),
        1 => Just(Turn::Commits),
        1 => Just(Turn::RollsBack),
        1 => Just(Turn::Implicit),
        1 => Just(Turn::Anything),
        1 => Just(Turn::Parks),
    ]
}

fn undo() -> impl Strategy<Value = Undo> {
    prop_oneof![Just(Undo::Transactional), Just(Undo::Immediate), Just(Undo::Unknown)]
}

proptest! {
    /// Whatever happens, each begin is ended once: by a reply, or by abandoning.
    #[test]
    fn every_begin_has_one_end(
        steps in prop::collection::vec(
            (turn(), prop::collection::vec((0..6_u16, undo()), 0..4), 0..3_u8, any::<bool>()),
            0..24,
        ),
    ) {
        let mut transaction = Transaction::default();
        let mut pending = [0_i32; 6];
        let mut count = |list: &[Slot], by: i32| -> Result<(), TestCaseError> {
            for slot in list {
                let place = &mut pending[usize::from(slot.number())];
                *place += by;
                prop_assert!((0..=1).contains(place));
            }
            Ok(())
        };
        for (turn, written, outcome, was_open) in steps {
            let written: Vec<Target> = written
                .into_iter()
                .map(|(slot, undo)| Target { slot: Slot::from_number(slot), undo })
                .collect();
            count(&transaction.begin(&written), 1)?;
            let outcome = [OK_OPEN, OK_SHUT, Outcome::Failed][usize::from(outcome)];
            let settled = transaction.settle(turn, outcome, was_open);
            // What a statement wrote is never called undone by its own reply.
            for target in &written {
                if turn != Turn::RollsBack && turn != Turn::Parks {
                    prop_assert!(!settled.undone.contains(&target.slot));
                }
            }
            count(&settled.happened, -1)?;
            count(&settled.undone, -1)?;
            count(&settled.parked, -1)?;
        }
        count(&transaction.abandon(), -1)?;
        prop_assert_eq!(pending, [0; 6]);
    }
}
