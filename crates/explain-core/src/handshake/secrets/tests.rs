//! Lines of key logs, good and bad.

use alloc::format;

use super::*;

#[test]
fn lines_are_read_and_others_passed_over() {
    let random = "ab".repeat(32);
    let secret = "0F".repeat(48);
    let text = format!(
        "# a comment\r\nCLIENT_RANDOM {random} {secret}\r\n\nSERVER_TRAFFIC_SECRET_0 {random} 01\n\
         EXPORTER_SECRET {random} 02\nCLIENT_RANDOM {random} xyz\nCLIENT_RANDOM ab 01\nnonsense\n"
    );
    let secrets = Secrets::parse(text.as_bytes());
    assert_eq!((secrets.len(), secrets.ignored()), (2, 3));
    assert_eq!(secrets.get(Label::Master, &[0xab; 32]), Some(&[0x0f; 48][..]));
    assert_eq!(secrets.get(Label::ServerApplication, &[0xab; 32]), Some(&[1][..]));
    assert_eq!(secrets.get(Label::Master, &[0xac; 32]), None);
    assert!(secrets.knows(&[0xab; 32]) && !secrets.knows(&[0xac; 32]));
}

#[test]
fn debug_shows_no_secret() {
    let mut secrets = Secrets::none();
    secrets.add("CLIENT_RANDOM", &[7; 32], &[0xde; 48]);
    assert_eq!(format!("{secrets:?}"), "Secrets(1 held, 0 ignored)");
}
