//! Credentials in both forms, and what is said of what.
use super::*;

fn read(text: &str) -> bool {
    login(text).is_some()
}

#[test]
fn credentials_are_two_lines_or_a_file_of_aws() {
    assert!(read("AKID\nse/cr+et=\n"));
    assert!(read("\n  AKID  \n\n secret \n"));
    assert!(read("[default]\naws_access_key_id = a\naws_secret_access_key = b\n"));
    assert!(!read("AKID\n"));
    assert!(!read(""));
    assert!(!read("[default]\naws_access_key_id = a\n"));
    assert!(!read("# a comment\nAKID\n"));
}

#[test]
fn what_cannot_work_is_refused_and_said() {
    let board = menshen_sys::Scoreboard::private().unwrap();
    let mut config = model::S3 {
        endpoint: Some("http://127.0.0.1:1".into()),
        bucket: "b".into(),
        ..model::S3::default()
    };
    let spec =
        |text: &str| S3Spec { credentials: menshen_config::Secret(text.into()), roots_pem: None };
    let good = Bucket::new(&config, &spec("a\nb\n"), board.slot(0));
    assert_eq!(good.state.borrow().mode, BucketMode::Asking);
    let bad = Bucket::new(&config, &spec("a\n"), board.slot(0));
    assert_eq!(bad.state.borrow().why, Some(BucketWhy::Credentials));
    assert!(matches!(bad.store_now(), Err(Fault::Unavailable { retry_after_s: 5 })));
    config.endpoint = Some("https://127.0.0.1:1".into());
    config.path_style = false;
    let bad = Bucket::new(&config, &spec("a\nb\n"), board.slot(0));
    assert_eq!(bad.state.borrow().why, Some(BucketWhy::Setup));
    assert_eq!(board.slot(0).get(Counter::S3Mode), BucketMode::Refused as u64);
    assert_eq!(board.slot(0).get(Counter::S3Why), BucketWhy::Setup as u64);
}
