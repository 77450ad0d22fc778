//! Who is asked to leave, and when.

use super::*;

fn leave(seat: &Seat) -> Poll<Leave> {
    seat.poll_leave(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_slow_login_and_a_silent_client_are_asked_to_leave_and_a_command_never() {
    let room = Room::new(1, 3);
    let (slow, silent, busy) = (room.enter(), room.enter(), room.enter());
    silent.does(Doing::Rest);
    busy.does(Doing::Command);
    let now = coarse_ms();
    room.sweep_at(now + 900);
    assert_eq!(leave(&slow), Poll::Pending);
    room.sweep_at(now + 1100);
    assert_eq!(leave(&slow), Poll::Ready(Leave::Slow));
    assert_eq!(leave(&silent), Poll::Pending);
    room.sweep_at(now + 3100);
    assert_eq!(leave(&silent), Poll::Ready(Leave::Idle));
    assert_eq!(leave(&busy), Poll::Pending);
}

#[test]
fn without_limits_nobody_is_asked() {
    let room = Room::new(0, 0);
    let seat = room.enter();
    room.sweep_at(u64::MAX / 2);
    assert_eq!(leave(&seat), Poll::Pending);
}

#[test]
fn at_the_end_transactions_and_commands_are_waited_for() {
    let room = Room::new(0, 0);
    let (rest, open) = (room.enter(), room.enter());
    rest.does(Doing::Rest);
    open.does(Doing::Transaction);
    room.stop();
    assert_eq!(leave(&rest), Poll::Ready(Leave::Stop));
    assert_eq!(leave(&open), Poll::Pending);
    open.does(Doing::Rest);
    assert_eq!(leave(&open), Poll::Ready(Leave::Stop));
    let late = room.enter();
    assert_eq!(leave(&late), Poll::Ready(Leave::Stop));
    assert_eq!(room.len(), 3);
    drop((rest, open, late));
    assert!(room.is_empty());
}
