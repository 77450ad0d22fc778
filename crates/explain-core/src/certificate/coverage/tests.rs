//! Names covered or not, with the reason.

use alloc::borrow::ToOwned;

use proptest::prelude::*;

use super::*;

fn leaf(common_name: Option<&str>, names: &[&str]) -> Certificate {
    let mut parameters = rcgen::CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = common_name {
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    }
    parameters.subject_alt_names = names
        .iter()
        .map(|name| match name.parse() {
            Ok(address) => rcgen::SanType::IpAddress(address),
            Err(_) => rcgen::SanType::DnsName((*name).try_into().unwrap()),
        })
        .collect();
    let key = rcgen::KeyPair::generate().unwrap();
    Certificate::from_der(parameters.self_signed(&key).unwrap().der()).unwrap()
}

#[test]
fn what_matches_and_what_nearly_does() {
    let rows: &[(&[&str], &str, Option<Why>)] = &[
        (&["example.com"], "example.com", None),
        (&["EXAMPLE.com"], "Example.COM.", None),
        (&["example.com"], "www.example.com", Some(Why::OnlyBare)),
        (&["www.example.com"], "example.com", Some(Why::OnlyWww)),
        (&["*.example.com"], "a.example.com", None),
        (&["*.example.com"], "example.com", Some(Why::WildcardApex)),
        (&["*.example.com"], "a.b.example.com", Some(Why::WildcardTooDeep)),
        (&["*.example.com"], "notexample.com", Some(Why::OtherNames)),
        (&["*.co.uk"], "example.co.uk", Some(Why::WildcardPublicSuffix)),
        (&["*.github.io"], "menshen.github.io", None),
        (&["f*.example.com"], "foo.example.com", Some(Why::WildcardMalformed)),
        (&["*.*.example.com"], "a.b.example.com", Some(Why::WildcardMalformed)),
        (&["example.com."], "example.com", Some(Why::EntryMalformed)),
        (&["xn--bcher-kva.example"], "bücher.example", None),
        (&["example.org"], "example.com", Some(Why::OtherNames)),
        (&["192.0.2.1"], "192.0.2.1", None),
        (&["2001:db8::1"], "[2001:DB8:0::1]", None),
        (&["192.0.2.1"], "192.0.2.2", Some(Why::OtherNames)),
        (&["example.com"], "a b", Some(Why::NotAName)),
        (&[], "example.com", Some(Why::NoNames)),
    ];
    for (names, asked, why) in rows {
        let verdict = verdict(&leaf(None, names), asked);
        assert_eq!(verdict.why_not, *why, "{names:?} for {asked}: {}", verdict.text);
        assert_eq!(verdict.covered, why.is_none());
        assert_eq!(verdict.matched.is_some(), verdict.covered);
    }
}

#[test]
fn the_common_name_never_counts() {
    let only = leaf(Some("example.com"), &[]);
    assert_eq!(verdict(&only, "example.com").why_not, Some(Why::CommonNameOnly));
    let address = leaf(Some("192.0.2.1"), &["example.com"]);
    assert_eq!(verdict(&address, "192.0.2.1").why_not, Some(Why::AddressAsName));
}

#[test]
fn www_and_bare_are_those_of_the_registered_name() {
    let leaf = leaf(None, &["example.co.uk", "mail.example.co.uk"]);
    let found = coverage(&leaf, Some("mail.example.co.uk"));
    assert_eq!(found.www.unwrap().name, "www.example.co.uk");
    assert!(found.bare.unwrap().covered);
    assert_eq!(found.bought, Bought::Multi);
}

#[test]
fn what_one_would_have_bought() {
    let rows: &[(&[&str], Bought)] = &[
        (&["example.com", "www.example.com"], Bought::Single),
        (&["example.com", "example.org"], Bought::Multi),
        (&["*.example.com", "example.com"], Bought::Wildcard),
        (&["*.example.com", "example.org"], Bought::MultiWildcard),
        (&["192.0.2.1"], Bought::Ip),
        (&["192.0.2.1", "example.com"], Bought::Multi),
        (&[], Bought::None),
    ];
    for (names, bought) in rows {
        assert_eq!(coverage(&leaf(None, names), None).bought, *bought, "{names:?}");
    }
}

#[test]
fn internal_names_and_reserved_addresses() {
    let names =
        ["server", "db.lan", "*.corp", "example.com", "10.0.0.1", "8.8.8.8", "fd00::1", "a.onion"];
    let found = coverage(&leaf(None, &names), None);
    assert_eq!(found.internal, ["server", "db.lan", "*.corp", "10.0.0.1", "fd00::1"]);
    assert_eq!(found.wildcards_at_public_suffix, ["*.corp"]);
}

#[test]
fn punycode_of_rfc_3492_samples() {
    assert_eq!(idn::ascii("münchen.de").as_deref(), Some("xn--mnchen-3ya.de"));
    assert_eq!(idn::ascii("他们为什么不说中文").as_deref(), Some("xn--ihqwcrb4cv8a8dqg056pqjye"));
    assert_eq!(idn::ascii("-a.com"), None);
    assert_eq!(idn::ascii("a..com"), None);
}

proptest! {
    #[test]
    fn any_name_asked(asked in "\\PC{0,80}") {
        let leaf = leaf(Some("x"), &["*.example.com", "example.com"]);
        let _ = verdict(&leaf, &asked);
    }

    #[test]
    fn a_name_of_the_certificate_is_always_covered(label in "[a-z0-9]{1,20}") {
        let name = alloc::format!("{label}.example.com");
        prop_assert!(verdict(&leaf(None, &[&name]), &name).covered);
        prop_assert!(verdict(&leaf(None, &["*.example.com"]), &name.to_owned()).covered);
    }
}
