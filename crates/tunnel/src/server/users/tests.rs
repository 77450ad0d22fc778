//! Lines as people write them, and any octets.

use proptest::prelude::*;

use super::*;

const HASH: &str = "8846f7eaee8fb117ad06bdd830b7586c";

#[test]
fn lines_as_people_write_them() {
    let text = format!(
        "# users of the tunnel\n\nanna:{HASH}\r\n bob:{HASH}:10.77.0.9 \n# x:y\nürsula:{}\n",
        HASH.to_uppercase()
    );
    let users = parse(text.as_bytes()).unwrap();
    assert_eq!(users.len(), 3);
    let password = NtHash::of_password(&Secret::new(b"password"));
    for name in ["anna", "bob", "ürsula"] {
        assert_eq!(users.get(name).unwrap().hash.expose(), password.expose(), "{name}");
    }
    assert_eq!(users.get("bob").unwrap().address, Some([10, 77, 0, 9].into()));
    assert_eq!(users.addresses().collect::<Vec<_>>(), [Ipv4Addr::new(10, 77, 0, 9)]);
    assert!(users.get("Anna").is_none());
    assert!(parse(b"").unwrap().is_empty());
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_without_its_content() {
    let (short, long) = (&HASH[1..], "n".repeat(129));
    let cases = [
        (format!("anna:{short}"), 1, Wrong::Hash),
        (format!("anna:{short}g"), 1, Wrong::Hash),
        ("anna".to_owned(), 1, Wrong::Hash),
        (format!("ok:{HASH}\n:{HASH}"), 2, Wrong::Name),
        (format!("a b:{HASH}"), 1, Wrong::Name),
        (format!("DOM\\anna:{HASH}"), 1, Wrong::Name),
        (format!("{long}:{HASH}"), 1, Wrong::Name),
        (format!("anna:{HASH}:10.0.0"), 1, Wrong::Address),
        (format!("anna:{HASH}:10.0.0.1:x"), 1, Wrong::Address),
        (format!("anna:{HASH}:"), 1, Wrong::Address),
        (format!("anna:{HASH}\n\nanna:{HASH}"), 3, Wrong::SameName),
        (format!("a:{HASH}:10.0.0.1\nb:{HASH}:10.0.0.1"), 2, Wrong::SameAddress),
    ];
    for (text, line, what) in cases {
        let problem = parse(text.as_bytes()).unwrap_err();
        assert_eq!(problem, Problem { line, what }, "{text}");
        assert!(!problem.to_string().contains(short), "{problem}");
    }
    assert_eq!(parse(b"a\xff:").unwrap_err().what, Wrong::NotText);
    let long = vec![b'#'; FILE_OCTETS_MAX + 1];
    assert_eq!(parse(&long).unwrap_err().what, Wrong::FileTooLong);
    let many: String = (0..=USERS_MAX).map(|at| format!("u{at}:{HASH}\n")).collect();
    assert_eq!(parse(many.as_bytes()).unwrap_err().what, Wrong::TooManyUsers);
}

#[test]
fn no_hash_is_shown() {
    let users = parse(format!("anna:{HASH}").as_bytes()).unwrap();
    let shown = format!("{users:?}");
    assert!(shown.contains("anna") && !shown.contains("8846") && !shown.contains("136, 70"));
}

proptest! {
    #[test]
    fn any_octets(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&octets);
    }

    #[test]
    fn any_lines(text in "([a-c#:\\\\ \n]|[0-9a-f]{32}|10\\.0\\.0\\.[0-9]){0,12}") {
        if let Ok(users) = parse(text.as_bytes()) {
            prop_assert!(users.len() <= text.len());
        }
    }

    #[test]
    fn what_is_written_is_read(
        name in "\\PC{1,20}",
        password in "\\PC{0,20}",
        address in any::<Option<[u8; 4]>>(),
    ) {
        let (password, address) = (Secret::new(password.as_bytes()), address.map(Ipv4Addr::from));
        let parsed = parse(format(&name, &password, address).as_bytes());
        if is_name(&name) {
            let users = parsed.unwrap();
            let user = users.get(&name).unwrap();
            prop_assert_eq!(user.address, address);
            let hash = NtHash::of_password(&password);
            prop_assert_eq!(user.hash.expose(), hash.expose());
        } else if let Ok(users) = parsed {
            prop_assert!(users.get(&name).is_none());
        }
    }
}
