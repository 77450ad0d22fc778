//! `menshen explain port` behind packet filters, in network namespaces of the test's own: which
//! rule refuses or drops a connection, for this machine and for others.

use crate::support::{peers, space};

use peers::find;
use serde_json::Value;
use space::Space;

fn finding<'a>(answer: &'a Value, code: &str) -> &'a Value {
    let mut findings = answer["findings"].as_array().unwrap().iter();
    findings.find(|finding| finding["code"] == code).unwrap_or_else(|| panic!("{code}: {answer:#}"))
}

fn count(answer: &Value, address: &str, outcome: &str) -> u64 {
    let mut targets = answer["targets"].as_array().unwrap().iter();
    let target = targets.find(|target| target["address"] == address).unwrap();
    target[outcome].as_u64().unwrap()
}

const CHAIN: &str = "table inet t {\n chain i {\n type filter hook input priority 0;\n";

#[test]
fn rules_of_nft_are_named() {
    let Some(_) = find("nft") else { return };
    let Some(space) = Space::new() else { return };
    let server = space.listen("accept 6 :: 8080 only=0");
    let (rejected, dropped) = ("port-rejected-by-rule", "port-dropped-by-rule");
    // What connect(2) says of IPv4 and of IPv6: for a forbidden one they differ.
    for (rule, v4, v6, code) in [
        ("tcp dport 8080 reject", "refused", "refused", rejected),
        ("tcp dport 8080 reject with tcp reset", "refused", "refused", rejected),
        ("tcp dport 8080 reject with icmpx admin-prohibited", "unreachable", "forbidden", rejected),
        ("tcp dport { 80, 8000-8090 } drop", "timed_out", "timed_out", dropped),
    ] {
        space.nft(&format!("flush ruleset\n{CHAIN}{rule}\n}}\n}}\n"));
        let (code_of_exit, answer) = space.explain(&[]);
        assert_eq!(code_of_exit, 1);
        assert_eq!(count(&answer, "127.0.0.1", v4), 1, "{rule}: {answer:#}");
        assert_eq!(count(&answer, "::1", v6), 1, "{rule}: {answer:#}");
        let mut subjects = Vec::new();
        for told in answer["findings"].as_array().unwrap() {
            assert_eq!(told["code"], code, "{rule}");
            assert_eq!(told["evidence"][0]["value"], rule);
            assert_eq!(told["evidence"][0]["place"], "nft, table inet t, chain i");
            assert_eq!(told["severity"], "error");
            assert_eq!(told["confidence"], "certain");
            subjects.push(told["subject"].as_str().unwrap());
        }
        assert_eq!(subjects.join(", "), "127.0.0.1:8080, [::1]:8080", "{rule}");
    }
    // One family only; and a rule for another port or protocol is none for this one.
    space.nft(&format!(
        "flush ruleset\n{CHAIN}udp dport 8080 drop\ntcp dport 8081 drop\nmeta nfproto ipv6 tcp \
         dport 8080 drop\n}}\n}}\n"
    ));
    let (_, answer) = space.explain(&[]);
    assert_eq!(finding(&answer, "port-dropped-by-rule")["subject"], "[::1]:8080");
    assert_eq!(count(&answer, "127.0.0.1", "connected"), 4);
    space.nft("flush ruleset");
    assert_eq!(space.explain(&[]).0, 0);
    drop(server);
}

#[test]
fn rules_for_other_machines_are_told_though_this_one_gets_through() {
    let Some(_) = find("nft") else { return };
    let Some(space) = Space::new() else { return };
    space.run("ip", &["address", "add", "192.0.2.9/32", "dev", "lo"]);
    let server = space.listen("accept 6 :: 8080 only=0");
    space.nft(&format!(
        "{CHAIN}policy drop;\niifname \"lo\" accept\nct state established,related accept\n\
         tcp dport 22 accept\n}}\n}}\n"
    ));
    let (code, answer) = space.explain(&[]);
    assert_eq!(code, 1);
    assert_eq!(count(&answer, "192.0.2.9", "connected"), 4);
    let told = finding(&answer, "port-dropped-by-rule");
    assert_eq!(told["subject"], "192.0.2.9:8080, from other machines");
    assert_eq!(told["evidence"][0]["value"], "policy drop");
    space.nft("insert rule inet t i tcp dport 8080 accept");
    assert_eq!(space.explain(&[]).0, 0, "as the hint says");
    drop(server);
}

#[test]
fn rules_of_iptables_are_named() {
    for (program, family, address, prohibited) in [
        ("iptables", "icmp", "127.0.0.1", "unreachable"),
        ("ip6tables", "icmp6", "::1", "forbidden"),
    ] {
        let Some(_) = find(program) else { return };
        let Some(space) = Space::new() else { return };
        let server = space.listen("accept 6 :: 8080 only=0");
        for (words, outcome, code) in [
            (
                format!("REJECT --reject-with {family}-port-unreachable"),
                "refused",
                "port-rejected-by-rule",
            ),
            ("REJECT --reject-with tcp-reset".to_owned(), "refused", "port-rejected-by-rule"),
            (
                format!("REJECT --reject-with {family}-adm-prohibited"),
                prohibited,
                "port-rejected-by-rule",
            ),
            ("DROP".to_owned(), "timed_out", "port-dropped-by-rule"),
        ] {
            let words = words.replace("icmp-adm-prohibited", "icmp-admin-prohibited");
            space.run(program, &["-F", "INPUT"]);
            let rule = format!("-A INPUT -p tcp -m multiport --dports 80,8080 -j {words}");
            space.run(program, &rule.split(' ').collect::<Vec<_>>());
            let (_, answer) = space.explain(&[]);
            assert_eq!(count(&answer, address, outcome), 1, "{rule}: {answer:#}");
            let told = finding(&answer, code);
            assert_eq!(told["confidence"], "certain", "{rule}: {answer:#}");
            assert_eq!(
                told["subject"],
                if family == "icmp" { "127.0.0.1:8080" } else { "[::1]:8080" }
            );
            assert!(told["evidence"][0]["value"].as_str().unwrap().contains("8080"), "{told:#}");
        }
        drop(server);
    }
}

#[test]
fn legacy_tables_and_rules_for_what_leaves_are_read_too() {
    let Some(_) = find("iptables-legacy") else { return };
    let Some(space) = Space::new() else { return };
    let server = space.listen("accept 4 127.0.0.1 8080");
    let legacy = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        space.command("iptables-legacy", &words).output().unwrap().status.success()
    };
    if !legacy("-A INPUT -p tcp --dport 8080 -j DROP") {
        skipped("this kernel has no legacy tables");
        return;
    }
    let (_, answer) = space.explain(&[]);
    let place = finding(&answer, "port-dropped-by-rule")["evidence"][0]["place"].clone();
    assert_eq!(place, "iptables-legacy-save, table filter, chain INPUT");
    assert!(legacy("-F INPUT") && legacy("-A OUTPUT -o lo -p tcp --dport 8080 -j DROP"));
    let (_, answer) = space.explain(&[]);
    let told = finding(&answer, "port-dropped-by-rule");
    assert!(told["evidence"][0]["place"].as_str().unwrap().ends_with("chain OUTPUT"), "{told:#}");
    drop(server);
}

#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}
