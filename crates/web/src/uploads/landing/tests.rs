//! Tests of `landing`.

use menshen_upload_core::{Checks, Concat, Content, End, Metadata};
use proptest::prelude::*;

use super::*;

fn create(file_name: Option<&[u8]>) -> Create {
    Create {
        length: None,
        content: Content::None,
        end: End::Later,
        metadata: Metadata::default(),
        file_name: file_name.map(<[u8]>::to_vec),
        checks: Checks::default(),
        concat: Concat::None,
    }
}

fn landing(query: &str, file_name: Option<&str>) -> Result<Landing, Fault> {
    Landing::of(&create(file_name.map(str::as_bytes)), query.as_bytes())
}

#[test]
fn names_come_from_the_head_and_the_query() {
    let plain = |query, file_name| landing(query, file_name).unwrap().path("id");
    assert_eq!(plain("", None), "/id");
    assert_eq!(plain("filename=a%20b.txt&folder=x/y", None), "/x/y/a b.txt");
    assert_eq!(plain("folder=/x/", Some("q\"uote.bin")), "/x/q\"uote.bin");
    assert_eq!(plain("filename=q", Some("d")), "/d", "the head counts more");
}

#[test]
fn what_is_no_name_is_refused() {
    for query in [
        "filename=..",
        "filename=a/b",
        "filename=%00",
        "filename=.menshen-spool",
        "folder=..",
        "folder=/a//b",
        "folder=/.menshen-uploads/",
        "folder=/a/../b",
        "filename=%ff",
    ] {
        assert!(landing(query, None).is_err(), "{query}");
    }
}

proptest! {
    #[test]
    fn any_bytes_come_to_a_path_that_is_safe_or_to_none(
        name: Vec<u8>, folder: Vec<u8>, file_name: Option<Vec<u8>>,
    ) {
        let mut query = b"folder=".to_vec();
        encode_path(&folder, &mut query);
        if !name.is_empty() {
            query.extend_from_slice(b"&filename=");
            encode_path(&name, &mut query);
        }
        if let Ok(landing) = Landing::of(&create(file_name.as_deref()), &query) {
            let mut raw = Vec::new();
            encode_path(landing.path("id").as_bytes(), &mut raw);
            prop_assert!(decode_path(&raw).is_ok());
        }
    }
}
