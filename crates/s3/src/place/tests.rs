//! Keys and URLs: one key, one URL, and back.

use proptest::prelude::{any, proptest};

use super::{Place, PlaceProblem, Style};

fn place(prefix: &str) -> Place {
    Place::new("http://127.0.0.1:9000", "b", prefix, "garage", Style::Path).unwrap()
}

#[test]
fn odd_places_are_refused() {
    let made = |endpoint: &str, bucket: &str, prefix: &str| {
        Place::new(endpoint, bucket, prefix, "r", Style::Path).err()
    };
    assert_eq!(made("ftp://x", "b", ""), Some(PlaceProblem::Endpoint));
    assert_eq!(made("http://u:p@x", "b", ""), Some(PlaceProblem::Endpoint));
    assert_eq!(made("http://x/?a", "b", ""), Some(PlaceProblem::Endpoint));
    assert_eq!(made("http://x", "a/b", ""), Some(PlaceProblem::Bucket));
    assert_eq!(made("http://x", "..", ""), Some(PlaceProblem::Bucket));
    assert_eq!(made("http://x", "b", "/a"), Some(PlaceProblem::Prefix));
    assert_eq!(made("http://x", "b", "a/../b"), Some(PlaceProblem::Prefix));
    assert_eq!(made("http://x", "b", "a/b"), None);
}

#[test]
fn keys_that_urls_would_resolve_are_refused() {
    for key in ["", "/a", "a//b", "a/", "..", "a/../b", "./a", "a/.", "a\nb"] {
        assert!(place("p").full(key).is_err(), "{key:?}");
    }
    assert_eq!(place("p/q").full("a").unwrap(), "p/q/a");
    assert_eq!(place("p/q").own("p/q/a/b"), Some("a/b"));
    assert_eq!(place("p").own("pq/a"), None);
}

proptest! {
    #[test]
    fn a_key_is_one_object(key in any::<String>()) {
        let place = place("p");
        if let Ok(full) = place.full(&key) {
            let url = place.url(&full);
            let path = url.path().strip_prefix("/b/").unwrap();
            assert_eq!(path.split('/').count(), full.split('/').count());
            assert!(url.query().is_none() && url.fragment().is_none());
            assert_eq!(place.own(&full), Some(key.as_str()));
        }
    }
}
