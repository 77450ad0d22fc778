//! What one question answers.

use super::Told;

#[test]
fn one_question_answers_all_that_was_wanted_before_it() {
    let told = Told::default();
    assert!(!told.is_wanted());
    told.want(0);
    assert!(told.is_wanted(), "the first moment is one too");
    told.want(4);
    told.want(2);
    told.asks(5);
    assert!(!told.is_wanted());
    told.want(3);
    assert!(!told.is_wanted(), "the question under way will do");
    told.want(5);
    assert!(told.is_wanted(), "it was drawn before that moment");
    assert_eq!(told.get(), 0, "nothing has arrived");
    told.arrives(5, true);
    assert_eq!(told.get(), 5);
    told.asks(9);
    told.arrives(9, false);
    assert_eq!(told.get(), 5, "a place that proves nothing");
    told.arrives(3, true);
    assert_eq!(told.get(), 5, "it never goes back");
}

#[test]
fn who_is_alone_is_told_everything_until_it_is_not() {
    let told = Told::default();
    told.arrives(7, true);
    told.is_alone(false);
    assert_eq!(told.get(), 7);
    told.is_alone(true);
    assert_eq!(told.get(), u64::MAX);
    told.arrives(8, true);
    assert_eq!(told.get(), u64::MAX);
    told.is_alone(false);
    assert_eq!(told.get(), 0);
}
