//! Hosts and outcomes as Chromium 156 showed them; the browser itself is asked again by
//! `crates/menshen/tests/explain_page.rs`.

use super::*;
use crate::page::kind::TABLE;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn policies(text: &str) -> Policies {
    let mut policies = Policies::default();
    policies.add(text);
    policies
}

#[test]
fn hosts() {
    use HostKind::{Address, Local, Loopback, Name};
    for (kind, hosts) in [
        (
            Loopback,
            &["127.0.0.1", "127.9.9.9", "[::1]", "localhost", "a.localhost", "LOCALHOST."][..],
        ),
        (
            Local,
            &["10.0.0.1", "172.16.0.1", "172.31.9.9", "192.168.1.1", "169.254.1.1", "100.64.0.1"],
        ),
        (
            Local,
            &["0.0.0.0", "0.1.2.3", "[fc00::1]", "[fd00::1]", "[fe80::1]", "[fec0::1]", "[::]"],
        ),
        (Local, &["[::ffff:10.0.0.1]", "[::ffff:127.0.0.1]", "[2001:db8::1]", "[3fff::1]"]),
        (Local, &["local", "a.local", "x.local."]),
        (
            Address,
            &["8.8.8.8", "172.32.0.1", "100.128.0.1", "198.18.0.1", "192.0.2.1", "240.0.0.1"],
        ),
        (
            Address,
            &["[2606:4700::1]", "[::ffff:8.8.8.8]", "[64:ff9b::a00:1]", "[ff02::1]", "[100::1]"],
        ),
        (Address, &["3221225991", "0x08.8.8.8"]),
        (
            Name,
            &[
                "a.test",
                "a.test.",
                "intranet",
                "printer.lan",
                "a.home.arpa",
                "localhost.localdomain",
            ],
        ),
    ] {
        for host in hosts {
            assert_eq!(host_kind(&url(&alloc::format!("http://{host}/"))), kind, "{host}");
        }
    }
}

#[test]
fn every_kind_has_one_row() {
    for row in TABLE {
        assert_eq!(TABLE.iter().filter(|other| other.kind == row.kind).count(), 1, "{row:?}");
        assert_eq!(row.kind.row().about, row.about);
    }
}

#[test]
fn outcomes_by_host_and_policy() {
    use Outcome::{Allowed, AllowedLocal, Blocked, InsecureForm, Navigation, Refused, Upgraded};
    let page = url("https://page.test/");
    let none = "";
    let up = "upgrade-insecure-requests";
    for (kind, to, policy, expected) in [
        (Kind::Image, "http://a.test/", none, Upgraded),
        (Kind::Image, "http://192.0.2.1/", none, Blocked),
        (Kind::Image, "http://192.0.2.1/", up, Upgraded),
        (Kind::Image, "http://10.0.0.1/", none, AllowedLocal),
        (Kind::Script, "http://box.local/", none, AllowedLocal),
        (Kind::Script, "http://box.local/", up, Upgraded),
        (Kind::Script, "http://localhost/", none, Allowed),
        (Kind::Script, "http://localhost/", up, Allowed),
        (Kind::ImageSet, "http://a.test/", none, Blocked),
        (Kind::Plugin, "http://a.test/", up, Blocked),
        (Kind::PluginImage, "http://a.test/", up, Upgraded),
        (Kind::Form, "http://a.test/", none, InsecureForm),
        (Kind::Form, "http://a.test/", up, Upgraded),
        (Kind::Form, "http://10.0.0.1/", none, InsecureForm),
        (Kind::Form, "http://localhost/", none, Navigation),
        (Kind::Link, "http://a.test/", up, Navigation),
        (Kind::Link, "http://page.test/x", up, Upgraded),
        (Kind::Socket, "ws://a.test/", none, Blocked),
        (Kind::Socket, "ws://a.test/", up, Upgraded),
        // Mixed content comes first, whatever the list of preloaded hosts says.
        (Kind::Script, "http://foo.dev/", none, Blocked),
        (Kind::Image, "http://a.test/", "img-src https:", Upgraded),
        (Kind::Image, "http://a.test/", "img-src https://a.test", Upgraded),
        (Kind::ImageSet, "http://a.test/", "img-src https:", Refused),
        (Kind::Script, "http://a.test/", "script-src http://a.test", Blocked),
        (Kind::Image, "http://a.test/", "default-src 'self'", Refused),
        (Kind::Script, "http://a.test/", "default-src 'self'; script-src *", Blocked),
        (Kind::Form, "http://a.test/", "default-src 'none'", InsecureForm),
    ] {
        assert_eq!(
            outcome(kind, &url(to), &policies(policy), &page),
            expected,
            "{kind:?} {to} {policy}"
        );
    }
}

#[test]
fn the_specification_looks_at_the_host_too() {
    assert_eq!(Kind::Image.spec_for(&url("http://a.test/")), Spec::Upgradeable);
    assert_eq!(Kind::Image.spec_for(&url("http://192.0.2.1/")), Spec::Blockable);
    assert_eq!(Kind::Image.spec_for(&url("http://127.0.0.1/")), Spec::NotMixed);
    assert_eq!(Kind::Form.spec_for(&url("http://a.test/")), Spec::NotMixed);
}

#[test]
fn twins_keep_their_ports() {
    for (from, to) in [
        ("http://a.test/x?y", "https://a.test/x?y"),
        ("http://a.test:8080/", "https://a.test:8080/"),
        ("ws://a.test/", "wss://a.test/"),
    ] {
        assert_eq!(twin(&url(from)).as_str(), to);
    }
}
