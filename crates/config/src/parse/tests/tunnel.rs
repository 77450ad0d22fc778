//! `[tunnel]`: a whole section, and what contradicts itself in it.

use menshen_base::Severity;

use super::parse;
use crate::model::{Mppe, Tunnel};
use crate::problem::code;

/// A section that says nothing doubtful.
const SOUND: &str = "[tunnel]\nusers = \"users\"\n";

fn problems(text: &str) -> Vec<(&'static str, Severity, String)> {
    let found = parse(text).problems.into_iter();
    found.map(|problem| (problem.code, problem.severity, problem.message)).collect()
}

#[test]
fn a_whole_section() {
    let text = r#"
[tunnel]
users = "/etc/menshen/tunnel-users"
addresses = "192.168.88.0/28"
dns = ["192.168.88.1", "9.9.9.9"]
routes = ["192.168.1.0/24"]
sessions_per_user_max = 1
rate_bytes_per_second_max = "1MiB"
accounting = "tunnel.jsonl"

[tunnel.pptp]
listen = ["192.0.2.1:1723"]
mppe = "allow"
"#;
    let parsed = parse(text);
    assert_eq!(parsed.problems, []);
    let tunnel = parsed.config.unwrap().tunnel;
    assert!(tunnel.is_on() && tunnel.sstp);
    assert_eq!((tunnel.clients(), tunnel.sessions()), (13, 13));
    assert_eq!(tunnel.own_address().to_string(), "192.168.88.1");
    assert_eq!((tunnel.dns.len(), tunnel.routes.len()), (2, 1));
    assert_eq!((tunnel.rate_bytes_per_second_max, tunnel.pptp.mppe), (1 << 20, Mppe::Allow));
    let few = Tunnel { sessions_max: 4, ..tunnel };
    assert_eq!(few.sessions(), 4);
}

#[test]
fn no_section_is_no_door() {
    let config = parse("").config.unwrap();
    assert!(!config.tunnel.is_on());
    assert_eq!(config.tunnel, Tunnel::default());
    assert_eq!(problems(SOUND), []);
    assert_eq!(Tunnel::default().clients(), 253);
}

#[test]
fn contradictions_are_refused() {
    for (more, part) in [
        ("sstp = false", "no way into the tunnel door"),
        ("[web]\nlisten = []\nplain_listen = [\":80\"]\nplain = \"serve\"", "SSTP needs HTTPS"),
        ("addresses = \"10.0.0.0/31\"", "is no network for tunnels"),
        ("addresses = \"2001:db8::/64\"", "is no network for tunnels"),
        ("dns = [\"1.1.1.1\", \"1.0.0.1\", \"9.9.9.9\"]", "two name servers"),
        ("users = \"files/users\"", "lies inside web.root"),
        ("accounting = \"files/accounting\"", "lies inside web.root"),
        ("[tunnel.pptp]\nlisten = [\":8443\"]", "share a port"),
        (
            "[tunnel.pptp]\nlisten = [\"127.0.0.1:8444\"]\n[admin]\nlisten = \"127.0.0.1:8444\"",
            "share a port",
        ),
        ("[tunnel.pptp]\nlisten = [\"[::]:1723\"]", "is an IPv6 address"),
        ("[tunnel.pptp]\nmppe = true", "mppe"),
        ("[tunnel.l2tp]\nlisten = []", "unknown key \"l2tp\""),
        ("pptp = true", "tunnel.pptp must be a table"),
    ] {
        // A later value replaces an earlier one of the same key.
        let sound = if more.starts_with("users") { "[tunnel]\n" } else { SOUND };
        let found = problems(&format!("{sound}{more}\n"));
        let error = found.iter().find(|(_, severity, _)| *severity == Severity::Error);
        let Some((_, _, message)) = error else { panic!("{more}: {found:?}") };
        assert!(message.contains(part), "{more}: {message}");
    }
    let alone = "[tunnel.pptp]\nlisten = [\":1723\"]\n";
    let found = problems(alone);
    assert!(
        matches!(&found[..], [(code::CONTRADICTION, _, m)] if m.contains("tunnel.users")),
        "{found:?}"
    );
}

#[test]
fn doubtful_sections_are_told() {
    for (more, part) in [
        ("routes = [\"10.77.0.128/25\"]", "overlap"),
        ("routes = [\"10.0.0.0/8\"]", "overlap"),
        ("sessions_max = 254", "has 253 clients"),
        ("idle_seconds_max = 600\nsession_seconds_max = 600", "has no effect"),
        ("[tunnel.pptp]\nmppe = \"off\"", "has no effect"),
        ("[tunnel.pptp]\nlisten = [\":1724\"]", "no other"),
        (
            "[web]\nlisten = []\nplain_listen = [\"127.0.0.1:80\"]\nplain = \"serve\"\n\
          [tunnel.pptp]\nlisten = [\":1723\"]",
            "there is no SSTP",
        ),
    ] {
        let found = problems(&format!("{SOUND}{more}\n"));
        let [(code::DOUBTFUL, _, message)] = &found[..] else { panic!("{more}: {found:?}") };
        assert!(message.contains(part), "{more}: {message}");
    }
    // Everything is no network of its own.
    assert_eq!(problems(&format!("{SOUND}routes = [\"0.0.0.0/0\", \"10.78.0.0/16\"]\n")), []);
    let unused = problems("[tunnel]\nidle_seconds_max = 60\n");
    assert!(
        matches!(&unused[..], [(code::DOUBTFUL, _, m)] if m.contains("no tunnel door")),
        "{unused:?}"
    );
}
