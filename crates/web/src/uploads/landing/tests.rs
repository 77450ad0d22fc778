//! Tests of `landing`.

use proptest::prelude::*;

use super::*;

fn landing(query: &str, disposition: Option<&str>) -> Result<Landing, Fault> {
    Landing::of(&Metadata::default(), query.as_bytes(), disposition.map(str::as_bytes))
}

#[test]
fn names_come_from_query_and_disposition() {
    let plain = |query, disposition| landing(query, disposition).unwrap().path("id");
    assert_eq!(plain("", None), "/id");
    assert_eq!(plain("filename=a%20b.txt&folder=x/y", None), "/x/y/a b.txt");
    assert_eq!(plain("folder=/x/", Some("attachment; filename=\"q\\\"uote.bin\"")), "/x/q\"uote.bin");
    assert_eq!(plain("", Some("attachment; filename=a; filename*=UTF-8''%e4%bd%a0")), "/你");
    assert_eq!(plain("", Some("form-data; name=x; filename=plain.txt")), "/plain.txt");
    assert_eq!(plain("filename=q", Some("attachment; filename=d")), "/q", "the query counts more");
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
        name: Vec<u8>, folder: Vec<u8>, disposition: Vec<u8>,
    ) {
        let mut query = b"folder=".to_vec();
        encode_path(&folder, &mut query);
        if !name.is_empty() {
            query.extend_from_slice(b"&filename=");
            encode_path(&name, &mut query);
        }
        if let Ok(landing) = Landing::of(&Metadata::default(), &query, Some(&disposition)) {
            let mut raw = Vec::new();
            encode_path(landing.path("id").as_bytes(), &mut raw);
            prop_assert!(decode_path(&raw).is_ok());
        }
    }
}
