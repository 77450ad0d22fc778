//! Tests of `tries`.

use super::read;
use crate::model::{QueryPiece, Try};

#[test]
fn entries() {
    let other = |path: &str, query| Try::Other { path: path.into(), query };
    let text = |text: &str| QueryPiece::Text(text.into());
    for (written, expected) in [
        ("$path", Try::Path),
        ("=404", Try::Status(404)),
        ("/index.php", other("/index.php", None)),
        ("/index.php?", other("/index.php", Some(Vec::new()))),
        (
            "/i.php?q=$path&$query",
            other("/i.php", Some(vec![text("q="), QueryPiece::Path, text("&"), QueryPiece::Query])),
        ),
        ("/i.php?$query", other("/i.php", Some(vec![QueryPiece::Query]))),
    ] {
        assert_eq!(read(written), Ok(expected), "{written}");
    }
}

#[test]
fn what_other_servers_write_is_translated() {
    for (written, hint) in [
        ("$uri", "\"$path\""),
        ("$uri/", "leave it out"),
        ("404", "\"=404\""),
        ("=200", "from 400"),
        ("=4040", "from 400"),
        ("@php", "name the script"),
        ("$path.html", "alone"),
        ("/pages$path", "alone"),
        ("index.php", "\"/\""),
        ("/index.php?$args", "\"$query\""),
        ("/index.php?q=$uri", "\"$path\""),
        ("/index.php?q=$", "%24"),
        ("/index.php?q=$pathx", "\"$path\""),
        ("/index.php?q=a b", "percent"),
        ("/index.php?q=ü", "percent"),
        ("/a/", "name a file"),
        ("/../x.php", "as it is"),
        ("", "\"$path\""),
    ] {
        let refusal = read(written).unwrap_err();
        assert!(refusal.hint.contains(hint), "{written}: {refusal:?}");
    }
}
