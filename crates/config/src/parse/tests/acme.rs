//! Certificates that keep themselves: what is taken, what contradicts itself.

use super::messages;
use crate::model::AcmeChallenge;
use crate::parse;

#[test]
fn names_may_stand_in_an_inline_table() {
    let text = "tls = { acme = [\"Example.com\", \"www.example.com\"] }\n";
    let parsed = parse(text);
    assert_eq!(parsed.problems, []);
    let config = parsed.config.unwrap();
    assert_eq!(config.tls.acme, ["example.com", "www.example.com"]);
    assert_eq!(
        parse("[tls]\nacme = [\"example.com\", \"www.example.com\"]\n").config,
        Some(config)
    );
}

#[test]
fn a_whole_section() {
    let text = "tls.acme = [\"*.example.com\"]\n[acme]\nchallenges = [\"dns-01\"]\n\
        dns_hook = \"/etc/hook\"\nemail = \"a@example.com\"\n\
        [[acme.directory]]\nurl = \"https://one.example/dir\"\nprofile = \"shortlived\"\n\
        [[acme.directory]]\nurl = \"https://two.example/dir\"\neab_kid = \"k\"\n\
        eab_key = \"/etc/eab\"\n";
    let parsed = parse(text);
    assert_eq!(parsed.problems, []);
    let acme = parsed.config.unwrap().acme;
    assert_eq!(acme.challenges, [AcmeChallenge::Dns01]);
    assert_eq!(acme.directories.len(), 2);
    assert_eq!(acme.directories[1].eab_kid.as_deref(), Some("k"));
}

#[test]
fn contradictions() {
    for (text, expected) in [
        (
            "[[acme.directory]]\nurl = \"https://a/\"\neab_kid = \"k\"\n",
            "eab_kid is set without eab_key",
        ),
        (
            "[[acme.directory]]\nurl = \"https://a/\"\neab_key = \"k\"\n",
            "eab_key is set without eab_kid",
        ),
        (
            "tls.acme = [\"*.example.com\"]\n",
            "\"*.example.com\" can be proved by dns-01 only, and there is no dns_hook",
        ),
        (
            "tls.acme = [\"*.a.test\"]\nacme.challenges = [\"http-01\"]\nacme.dns_hook = \"/h\"\n\
             web.plain_listen = [\":80\"]\n",
            "\"*.a.test\" can be proved by dns-01 only, which is not allowed",
        ),
        (
            "tls.acme = [\"a.test\"]\nacme.challenges = [\"dns-01\", \"http-01\"]\n",
            "dns-01 comes first in acme.challenges, and there is no acme.dns_hook",
        ),
        (
            "tls.acme = [\"192.0.2.1\"]\nacme.challenges = [\"dns-01\"]\nacme.dns_hook = \"/h\"\n",
            "\"192.0.2.1\" is an address, which dns-01 cannot prove",
        ),
        (
            "tls.acme = [\"a.test\"]\nacme.challenges = [\"tls-alpn-01\"]\n\
             [web]\nlisten = []\nplain_listen = [\"127.0.0.1:80\"]\nplain = \"serve\"\n",
            "none of acme.challenges can prove the names of tls.acme",
        ),
        (
            "tls.acme = [\"a.test\"]\nacme.challenges = [\"http-01\"]\n",
            "http-01 is the only way left, and there is no web.plain_listen",
        ),
        ("tls.acme = [\"a.test\", \"A.test\"]\n", "\"a.test\" is written twice"),
        ("acme.challenges = []\n", "acme.challenges needs at least one way to prove a name"),
        (
            "[[acme.directory]]\nurl = \"https://a/\"\n[[acme.directory]]\nurl = \"https://a/\"\n",
            "\"https://a/\" is written twice in acme.directory",
        ),
        ("tls.from = [\"files/tls\"]\n", "a place of certificates and keys lies inside web.root"),
        ("acme.dns_secret = \"files/s\"\n", "the secret of the hook lies inside web.root"),
        ("acme.dns_hook = \"files/h\"\n", "the hook of dns-01 lies inside web.root"),
    ] {
        assert_eq!(messages(text), [expected], "{text}");
    }
}

/// With names, `http-01` alone and no plain address it works all the same when another server
/// redirects: a warning, not an error.
#[test]
fn a_way_that_may_lead_here_is_no_error() {
    let text = "tls.acme = [\"a.test\"]\nacme.challenges = [\"http-01\"]\n";
    assert!(parse(text).config.is_some());
    for fine in [
        "tls.acme = [\"a.test\", \"192.0.2.1\"]\n",
        "tls.acme = [\"a.test\"]\nacme.challenges = [\"http-01\"]\nweb.plain_listen = [\":80\"]\n",
    ] {
        assert_eq!(messages(fine), Vec::<String>::new(), "{fine}");
    }
}
