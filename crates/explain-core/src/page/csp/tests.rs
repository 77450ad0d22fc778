//! Directives, sources, several policies, any text.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn allows(policy: &str, to: &str) -> bool {
    let mut policies = Policies::default();
    policies.add(policy);
    let page = Url::parse("https://page.test/").unwrap();
    policies.allow(&["img-src", "default-src"], &Url::parse(to).unwrap(), &page)
}

#[test]
fn sources() {
    for (policy, to, expected) in [
        ("", "http://a.test/", true),
        ("img-src *", "http://a.test/", true),
        ("img-src 'none'", "https://page.test/", false),
        ("IMG-SRC 'SELF'", "https://page.test/x", true),
        ("img-src 'self'", "http://page.test/x", false),
        ("img-src https:", "http://a.test/", false),
        ("img-src http:", "https://a.test/", true),
        ("img-src a.test", "https://a.test/", true),
        ("img-src a.test", "http://a.test/", false),
        ("img-src *.a.test", "https://b.a.test/", true),
        ("img-src *.a.test", "https://a.test/", false),
        ("img-src http://a.test/x/", "http://a.test/x/y", true),
        ("img-src http://a.test/x/", "http://a.test/y", false),
        ("img-src http://a.test/x", "http://a.test/x", true),
        ("img-src http://a.test:8080", "http://a.test:8080/", true),
        ("img-src http://a.test:8080", "http://a.test/", false),
        ("img-src http://a.test:*", "http://a.test:99/", true),
        ("img-src http://a.test:80", "https://a.test/", true),
        ("img-src 'nonce-x'", "http://a.test/", true),
        ("default-src 'none'; img-src *", "http://a.test/", true),
        ("default-src 'none'", "http://a.test/", false),
        ("img-src *; img-src 'none'", "http://a.test/", true),
        ("img-src *, default-src 'none'", "http://a.test/", false),
        ("img-src", "http://a.test/", false),
    ] {
        assert_eq!(allows(policy, to), expected, "{policy} {to}");
    }
}

#[test]
fn upgrades_and_the_obsolete_one() {
    let mut policies = Policies::default();
    assert!(policies.is_empty() && !policies.upgrades() && !policies.blocks_all());
    policies.add(" ; Upgrade-Insecure-Requests ");
    policies.add("block-all-mixed-content;");
    assert!(policies.upgrades() && policies.blocks_all());
}

proptest! {
    #[test]
    fn any_text_is_a_policy(
        text in "[a-z'*:/;,. \\[\\]0-9\u{e9}-]{0,100}",
        raw in any::<Vec<u8>>(),
    ) {
        allows(&text, "http://a.test:81/x");
        allows(&alloc::format!("img-src {text}"), "http://[::1]:81/x");
        allows(&String::from_utf8_lossy(&raw), "http://a.test/");
    }
}
