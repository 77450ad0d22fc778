//! Tests of `sql`.

use super::*;

fn listened(texts: &[&str]) -> Result<Vec<String>, Refusal> {
    let mut all = Vec::new();
    texts.iter().try_for_each(|text| listen(&mut all, text))?;
    Ok(all.iter().map(ToString::to_string).collect())
}

#[test]
fn addresses_to_listen_on() {
    assert_eq!(listened(&["127.0.0.1:3307"]).unwrap(), ["127.0.0.1:3307"]);
    assert_eq!(listened(&[":3307"]).unwrap(), ["0.0.0.0:3307", "[::]:3307"]);
    assert_eq!(listened(&["unix:/run/a.sock"]).unwrap(), ["unix:/run/a.sock"]);
    assert_eq!(listened(&["127.0.0.1:0", "127.0.0.1:0"]).unwrap().len(), 2);
    for (texts, hint) in [
        (&["unix:a.sock"][..], "unix:/run/menshen/sql.sock"),
        (&["/run/a.sock"], "unix:/run/a.sock"),
        (&["localhost:3307"], "127.0.0.1:3307"),
        (&["3307"], ":3307"),
        (&["127.0.0.1"], "127.0.0.1:"),
    ] {
        let refusal = listened(texts).unwrap_err();
        assert!(refusal.hint.contains(hint), "{texts:?}: {refusal:?}");
    }
    let twice = listened(&["0.0.0.0:1", ":1"]).unwrap_err();
    assert!(twice.message.contains("twice"), "{twice:?}");
}

#[test]
fn the_server() {
    assert_eq!(upstream("[::1]:3306").unwrap().to_string(), "[::1]:3306");
    assert_eq!(upstream("unix:/a").unwrap(), SqlAddress::Unix("/a".into()));
    for (text, hint) in [
        ("127.0.0.1:0", "port 0"),
        ("0.0.0.0:3306", "127.0.0.1:3306"),
        ("db:3306", "not looked up"),
        ("mysql://127.0.0.1:3306", "without scheme"),
        ("/run/mysqld/mysqld.sock", "unix:/run/mysqld/mysqld.sock"),
        ("3306", "127.0.0.1:3306"),
    ] {
        let refusal = upstream(text).unwrap_err();
        assert!(refusal.hint.contains(hint), "{text}: {refusal:?}");
    }
}

#[test]
fn permission_bits_are_octal() {
    assert_eq!(mode("0660"), Ok(0o660));
    assert_eq!(mode("777"), Ok(0o777));
    assert_eq!(mode("0o600"), Ok(0o600));
    for wrong in ["", "66", "0668", "1777", "rw-rw----", "+660", "00666", "-777"] {
        assert!(mode(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn accounts_have_no_host() {
    assert_eq!(account(""), Ok(None));
    assert_eq!(account("menshen"), Ok(Some("menshen".to_owned())));
    assert!(account("menshen@localhost").is_err());
    assert!(account(&"a".repeat(129)).is_err());
    assert!(account("a\nb").is_err());
}
