//! The shape on the wire, which receivers rely on.

use super::*;

#[test]
fn the_shape_is_stable() {
    let mut event = Event::new(Kind::Finished, "/a/ü.bin".as_bytes());
    event.id = "00".repeat(16);
    event.time = 1_700_000_000_123;
    event.size = Some(5);
    let bare = r#"{"id":"00000000000000000000000000000000","event":"finished","#.to_owned()
        + r#""time":1700000000123,"path":"/a/ü.bin","size":5}"#;
    assert_eq!(event.json(), bare);
    event.sha256 = Some("ab".into());
    event.owner = Some("token".into());
    event.site = Some("a.test".into());
    let event = Event { upload: Some("u".into()), ..event };
    assert!(
        event.json().ends_with(r#""sha256":"ab","upload":"u","owner":"token","site":"a.test"}"#),
        "{}",
        event.json()
    );
}

#[test]
fn the_id_of_an_upload_follows_from_it() {
    let made = |kind, id| Event::new(kind, b"/x").of_upload(id, 7).id;
    // Ids of segments come again.
    assert_ne!(
        made(Kind::Finished, "one"),
        Event::new(Kind::Finished, b"/x").of_upload("one", 8).id
    );
    assert_eq!(made(Kind::Finished, "one"), made(Kind::Finished, "one"));
    assert_ne!(made(Kind::Finished, "one"), made(Kind::Finished, "two"));
    assert_ne!(made(Kind::Finished, "one"), made(Kind::Created, "one"));
    assert_ne!(Event::new(Kind::Created, b"/x").id, Event::new(Kind::Created, b"/x").id);
}
