//! Addresses, values and files of tunnels, and any text in their place.
use proptest::prelude::*;

use super::*;
use crate::{Colour, render};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

#[test]
fn addresses_as_people_write_them() {
    let one = address("sstp://anna@vpn.example.com");
    assert_eq!((one.scheme, &*one.user, &*one.host), (Scheme::Sstp, "anna", "vpn.example.com"));
    assert_eq!(one.port, None);
    assert_eq!(
        address("PPTP://anna@VPN.Example.com:1724/").to_string(),
        "pptp://anna@vpn.example.com:1724"
    );
    let domain = address("pptp://CORP\\anna@10.0.0.1");
    assert_eq!((&*domain.user, &*domain.host), ("CORP\\anna", "10.0.0.1"));
    let mail = address("auto://anna@corp.test@vpn.test");
    assert_eq!((&*mail.user, &*mail.host), ("anna@corp.test", "vpn.test"));
    assert_eq!(address("sstp://a%20b%25@h.test").user, "a b%");
    let six = address("sstp://a@[2001:DB8::1]:8443");
    assert_eq!((&*six.host, six.port), ("2001:db8::1", Some(8443)));
    assert_eq!(six.to_string(), "sstp://a@[2001:db8::1]:8443");
    assert_eq!(address("auto://a@h.test").by_sstp().to_string(), "sstp://a@h.test");
}

#[test]
fn addresses_that_cannot_be_are_refused_with_a_hint() {
    let table = [
        ("vpn.example.com", "is no address of a tunnel; write such as sstp://"),
        ("https://a@h.test", "SSTP goes over HTTPS: write sstp://"),
        ("pttp://a@h.test", "did you mean pptp://?"),
        ("l2tp://a@h.test", "is no protocol of a tunnel"),
        ("sstp://h.test", "names no user; write sstp://USER@h.test"),
        ("sstp://@h.test", "is empty"),
        ("sstp://a@", "names no host"),
        ("sstp://a@h.test/x", "goes on behind the host"),
        ("sstp://a@h.test?x", "goes on behind the host"),
        ("sstp://a@h.test:0", "is no port"),
        ("sstp://a@h.test:70000", "is no port"),
        ("sstp://a@h.test:", "is no port"),
        ("sstp://a@2001:db8::1", "write [2001:db8::1]"),
        ("pptp://a@[2001:db8::1]", "PPTP goes over IPv4 only"),
        ("auto://a@h.test:443", "takes none"),
        ("sstp://a%zz@h.test", "write a percent sign as %25"),
        ("sstp://a%0a@h.test", "has a control character"),
        ("sstp://a@*.h.test", "is not a host name"),
        ("sstp://a@0.0.0.0", "is no address of a host"),
        ("sstp://a@h_ü.test", "ASCII form"),
    ];
    for (text, expected) in table {
        let refused = Address::parse(text).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}

#[test]
fn a_password_is_refused_and_not_repeated() {
    let table = [
        "sstp://anna:hunter2@vpn.test",
        "pptp://anna:hunter2@",
        "sttp://anna:hunter2@vpn.test",
        "anna:hunter2@vpn.test",
        "sstp://anna:hun@ter2/x?y#z@vpn.test",
        "sstp://anna:hunter2@vpn.test:bad",
    ];
    for text in table {
        let refused = Address::parse(text).unwrap_err().to_string();
        assert!(refused.contains("holds a password"), "{text}: {refused}");
        assert!(!refused.contains("ter2"), "{refused}");
    }
}

#[test]
fn values_of_options() {
    assert_eq!(Routes::parse("none"), Ok(Routes::Peer));
    assert_eq!(Routes::parse("all"), Ok(Routes::All));
    let halves: Vec<String> =
        Routes::All.networks().iter().map(|n| format!("{}/{}", n.address, n.prefix)).collect();
    assert_eq!(halves, ["0.0.0.0/1", "128.0.0.0/1"]);
    let two = Routes::parse("10.0.0.0/8, 192.0.2.7,10.0.0.0/8").unwrap().networks();
    assert_eq!(two.iter().map(|network| network.prefix).collect::<Vec<_>>(), [8, 32]);
    for (text, expected) in [
        ("10.1.0.0/8", "did you mean 10.0.0.0/8?"),
        ("0.0.0.0/0", "write all"),
        ("al", "did you mean all?"),
        ("10.0.0.0/33", "is no network"),
        ("", "is no network"),
        ("10.0.0.0/8,", "is no network"),
    ] {
        let refused = Routes::parse(text).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
    assert_eq!(Mppe::parse("require"), Ok(Mppe::Require));
    assert!(Mppe::parse("required").unwrap_err().hint.contains("did you mean require?"));
    assert_eq!(Resolver::parse("resolved"), Ok(Resolver::Resolved));
    assert_eq!(Proof::parse("pap"), Ok(Proof::Pap));
    assert_eq!(interface("menshen%d"), Ok("menshen%d".to_owned()));
    for bad in ["", "a b", "a/b", "sixteen_octets_x", "%d%d", "%s", ".."] {
        assert!(interface(bad).is_err(), "{bad}");
    }
    let colons = "sha256:".to_owned() + &["aB"; 32].join(":");
    assert_eq!(fingerprint(&colons), Ok([0xab; 32]));
    assert_eq!(fingerprint(&"ab".repeat(32)), Ok([0xab; 32]));
    assert!(fingerprint(&"ab".repeat(31)).is_err() && fingerprint(&"gg".repeat(32)).is_err());
}

const FILE: &str = "\
[home]
url = \"pptp://anna@192.0.2.1\"
mppe = \"allow\"
route = \"all\"
dns = \"resolved\"
interface = \"home%d\"

[office]
url = \"sstp://CORP%5Canna@vpn.test:8443\"
password_file = \"office.password\"
ca = \"/etc/office.pem\"
route = [\"10.0.0.0/8\", \"192.0.2.0/24\"]
domains = [\"corp.test\"]
auth = [\"mschapv2\", \"pap\"]
";

#[test]
fn a_file_with_two_tunnels() {
    let read = profiles(FILE);
    assert_eq!(read.problems, []);
    let [home, office] = &*read.all else { panic!("{read:?}") };
    assert_eq!((&*home.name, &*office.name), ("home", "office"));
    assert_eq!(home.options.routes, Some(Routes::All));
    assert_eq!(home.options.mppe, Some(Mppe::Allow));
    assert_eq!(home.options.resolver, Some(Resolver::Resolved));
    assert_eq!(office.address.user, "CORP\\anna");
    assert_eq!(office.options.password_file, Some("office.password".into()));
    assert_eq!(office.options.proofs, Some(vec![Proof::MsChapV2, Proof::Pap]));
    assert_eq!(office.options.domains, ["corp.test"]);
    assert!(matches!(&office.options.routes, Some(Routes::Networks(two)) if two.len() == 2));
}

#[test]
fn what_is_wrong_with_a_file_is_told_at_once() {
    let text = "url = 1\n[a]\nmppe = \"on\"\nrout = \"all\"\n[\"b c\"]\nurl = \"sstp://x@y.test\"\n\
                [c]\nurl = \"sstp://x@y.test\"\nca = \"c\"\nfingerprint = \"00\"\n[d]\nauth = []\n[e]\n";
    let read = profiles(text);
    let told: Vec<String> = read
        .problems
        .iter()
        .map(|one| format!("{}: {} / {}", one.line, one.message, one.hint))
        .collect();
    let expected = [
        "1: \"url\" stands outside of a tunnel",
        "3: mppe: \"on\" is not known here",
        "4: unknown key \"rout\" / did you mean \"route\"?",
        "5: \"b c\" is no name of a tunnel",
        "10: fingerprint: \"00\" is no SHA-256",
        "12: auth: the list is empty",
        "13: the tunnel \"e\" has no url",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}");
    }
    assert_eq!(read.all, []);
}

#[test]
fn no_problem_shows_a_password() {
    let table = [
        "[a]\nurl = \"sstp://anna:hunter2@vpn.test\"\n",
        "[a]\nurl = \"sstp://anna@vpn.test\"\npassword = \"hunter2\"\n",
        "[a]\npassword = hunter2\n",
        "[a]\nurl = sstp://anna:hunter2@vpn.test\n",
    ];
    for text in table {
        let read = profiles(text);
        assert!(!read.problems.is_empty() && read.all.is_empty(), "{text}: {read:?}");
        for problem in &read.problems {
            let shown = render(problem, "tunnels.toml", text, Colour::Plain);
            assert!(!shown.contains("hunter2") && shown.contains("line "), "{shown}");
        }
    }
}

#[test]
fn what_the_command_line_says_goes_first() {
    let file = Options {
        ca: Some("ca".into()),
        mppe: Some(Mppe::Off),
        domains: vec!["a.test".into()],
        ..Options::default()
    };
    let line =
        Options { fingerprint: Some([1; 32]), mppe: Some(Mppe::Allow), ..Options::default() };
    let both = line.or(file.clone());
    assert_eq!((both.ca, both.mppe), (None, Some(Mppe::Allow)));
    assert_eq!((both.fingerprint, both.domains), (Some([1; 32]), vec!["a.test".to_owned()]));
    assert_eq!(Options::default().or(file.clone()), file);
}

proptest! {
    #[test]
    fn an_address_that_is_read_is_written_and_read_the_same(
        scheme in "pptp|sstp|auto",
        user in "[^:\\p{Cc}]{1,20}",
        host in "[a-z][a-z0-9-]{0,10}[a-z]\\.test|10\\.1\\.2\\.3",
        port in proptest::option::of(1u16..),
    ) {
        let port = port.filter(|_| scheme != "auto");
        let user = user.replace('%', "%25");
        let text = format!("{scheme}://{user}@{host}") + &port.map(|p| format!(":{p}")).unwrap_or_default();
        let read = Address::parse(&text).unwrap();
        prop_assert_eq!(&read.user, &user.replace("%25", "%"));
        prop_assert_eq!((&read.host, read.port), (&host, port));
        prop_assert_eq!(&Address::parse(&read.to_string()).unwrap(), &read);
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,60}", tail in "[:/@%a-z0-9.\\[\\]-]{0,40}") {
        let _ = (Address::parse(&text), Address::parse(&format!("sstp://{tail}")));
        let _ = (Routes::parse(&text), fingerprint(&text), interface(&text), Mppe::parse(&text));
        let _ = profiles(&text);
        let read = profiles(&format!("[a]\nurl = \"sstp://{tail}\"\nroute = \"{text}\"\n"));
        prop_assert!(read.all.len() <= 1);
    }

    #[test]
    fn a_password_is_never_repeated(user in "[a-z]{1,5}", scheme in "[a-z]{0,6}", rest in "[a-z.:/@]{0,10}") {
        let text = format!("{scheme}://{user}:HUNTER2@{rest}");
        let refused = Address::parse(&text).unwrap_err();
        prop_assert!(!refused.to_string().contains("HUNTER2"));
    }
}
