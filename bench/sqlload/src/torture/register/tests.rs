//! What the checker lets pass and what not.

use super::*;

#[test]
fn a_value_older_than_acknowledged_is_stale() {
    let register = Register::new(Side::Door);
    for value in [1, 2] {
        register.sending(value);
        register.acknowledged(value);
    }
    assert_eq!(register.judge(register.floor(), Some(1)), Err(Violation::Stale(1, 2)));
    assert_eq!(register.judge(register.floor(), Some(2)), Ok(Duration::ZERO));
}

#[test]
fn a_value_in_flight_may_be_seen_or_not_but_not_unseen() {
    let register = Register::new(Side::Door);
    register.sending(1);
    assert!(register.judge(register.floor(), Some(0)).is_ok());
    assert!(register.judge(register.floor(), Some(1)).is_ok());
    assert_eq!(register.judge(register.floor(), Some(0)), Err(Violation::Stale(0, 1)));
}

#[test]
fn what_nobody_wrote_is_invented() {
    let register = Register::new(Side::Door);
    assert_eq!(register.judge(register.floor(), Some(1)), Err(Violation::Invented(Some(1))));
    assert_eq!(register.judge(register.floor(), None), Err(Violation::Invented(None)));
}

#[test]
fn a_write_beside_the_door_may_be_missed_for_its_bound() {
    let bound = Duration::from_millis(30);
    let register = Register::new(Side::Direct(bound));
    register.sending(1);
    register.acknowledged(1);
    let floor = register.floor();
    std::thread::sleep(Duration::from_millis(5));
    assert!(register.judge(floor, Some(0)).is_ok());
    let age = register.judge(register.floor(), Some(0)).unwrap();
    assert!(age >= Duration::from_millis(5), "{age:?}");
    std::thread::sleep(bound);
    assert_eq!(register.judge(register.floor(), Some(0)), Err(Violation::Stale(0, 1)));
}
