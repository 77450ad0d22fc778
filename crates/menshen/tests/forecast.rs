//! `menshen explain oom --next` against a kernel that runs out of memory: in a guest of its own,
//! since the host must not.
//!
//! Without user-mode-linux it says `SKIPPED`.

use crate::support::uml;

use serde_json::Value;
use uml::Guest;

/// Sizes and scores such that neither alone gives the order; an eater that cannot be killed fills
/// the rest, so that nobody else grows. It is stopped after four kills, while there still is
/// somebody to kill before this script.
const MACHINE: &str = r#"
echo -900 > /proc/self/oom_score_adj
start() { (echo $3 > /proc/self/oom_score_adj; hog $1 $2 100) & upto $! $2; }
start mysqld 40 0; start rsyslogd 6 300; start vm-a 24 100; start vm-b 30 0; start cron 5 150
start spare 50 -200
sleep 0.2
menshen explain oom --next --json --top 100 > forecast
code=$?
menshen explain oom --next --top 3 > text
echo code $code
(echo -1000 > /proc/self/oom_score_adj; hog eater 400 100) &
for n in {1..600}; do [ $(kills) -ge 4 ] && break; sleep 0.05; done
kill -KILL $!
dmesg > kmsg
true
"#;

#[test]
fn a_machine_out_of_memory_kills_in_the_order_of_the_forecast() {
    let guest = Guest { mebibytes: 256, cgroup: 2 };
    let Some(left) = guest.run(MACHINE) else { return };
    assert!(left.stdout().contains("code 0"), "{}", left.told());
    let forecast: Value = serde_json::from_str(&left.read("forecast")).unwrap();
    let victims = forecast["domains"][0]["victims"].as_array().unwrap();
    let named = |victim: &Value| (victim["pid"].as_u64().unwrap(), name(victim));
    let expected: Vec<(u64, String)> = victims.iter().take(4).map(named).collect();
    let names: Vec<&str> = expected.iter().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["rsyslogd", "vm-a", "mysqld", "cron"], "{victims:#?}");

    let killed: Vec<(u64, String)> = left.read("kmsg").lines().filter_map(killed).collect();
    assert!(killed.len() >= 4, "{}", left.told());
    assert_eq!(killed[..4], expected, "{}", left.told());

    let codes: Vec<&str> = forecast["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    assert!(!codes.contains(&"oom-nobody-killable"), "{codes:?}");
    assert!(left.read("text").contains("1. next: rsyslogd (pid "), "{}", left.read("text"));
}

/// Two groups: one dies as a whole, in the other an inherited immunity holds most.
const GROUPS: &str = r#"
cd /sys/fs/cgroup; mkdir pool solo; cd $OLDPWD
echo 40M > /sys/fs/cgroup/pool/memory.max; echo 1 > /sys/fs/cgroup/pool/memory.oom.group
echo 64M > /sys/fs/cgroup/solo/memory.max
within() { (echo $BASHPID > /sys/fs/cgroup/$1/cgroup.procs; echo $4 > /proc/self/oom_score_adj
  hog $2 $3 100) & upto $! $3; }
within pool master 4 0; within pool child 14 0
within solo redis-server 20 0; within solo small 5 500
(echo $BASHPID > /sys/fs/cgroup/solo/cgroup.procs; echo -1000 > /proc/self/oom_score_adj
  echo -n agent > /proc/self/comm; perl -e '$0 = "job"; $x = "a" x 4000000; sleep 100'; :) &
sleep 1
menshen explain oom --next --json > forecast
within2() { (echo $BASHPID > /sys/fs/cgroup/$1/cgroup.procs; hog eater 90 1) & wait $!; }
within2 solo; within2 pool
dmesg > kmsg
true
"#;

#[test]
fn groups_die_as_forecast_and_inherited_immunity_is_found() {
    let guest = Guest { mebibytes: 256, cgroup: 2 };
    let Some(left) = guest.run(GROUPS) else { return };
    left.stdout();
    let forecast: Value = serde_json::from_str(&left.read("forecast")).unwrap();
    let domain = |path: &str| {
        let domains = forecast["domains"].as_array().unwrap().iter();
        { domains }
            .find(|domain| domain["cgroup"] == path)
            .unwrap_or_else(|| panic!("{forecast:#}"))
    };
    let pool = &domain("/pool")["victims"][0];
    assert_eq!((name(pool), &pool["with"]), ("child".into(), &Value::from(1)), "{pool:#}");
    let solo = &domain("/solo")["victims"];
    assert_eq!((name(&solo[0]), name(&solo[1])), ("small".into(), "redis-server".into()));
    let inherited = forecast["protected"].as_array().unwrap().iter();
    let inherited: Vec<String> =
        inherited.filter(|process| !process["inherited_from"].is_null()).map(name).collect();
    assert_eq!(inherited, ["job"], "{:#}", forecast["protected"]);
    let findings = forecast["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["code"] == "oom-immunity-inherited"));

    let kmsg = left.read("kmsg");
    let killed: Vec<String> = kmsg.lines().filter_map(killed).map(|(_, name)| name).collect();
    assert_eq!(killed[0], "small", "{killed:?}");
    let mut of_pool: Vec<&str> = Vec::new();
    for name in &killed {
        if ["master", "child"].contains(&&**name) && !of_pool.contains(&&**name) {
            of_pool.push(name);
        }
    }
    assert_eq!(of_pool.len(), 2, "both died: {killed:?}");
    assert!(!killed.iter().any(|name| name == "job" || name == "agent"), "{killed:?}");
}

/// `… Killed process 25 (rsyslogd) total-vm:…`
fn killed(line: &str) -> Option<(u64, String)> {
    let rest = line.split_once("Killed process ")?.1;
    let (pid, rest) = rest.split_once(" (")?;
    Some((pid.parse().ok()?, rest.split_once(") ")?.0.to_owned()))
}

fn name(victim: &Value) -> String {
    victim["name"].as_str().unwrap().to_owned()
}
