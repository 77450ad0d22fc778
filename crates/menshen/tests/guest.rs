//! What needs rights the host does not give: in a guest with a kernel of its own.

use crate::support::{live, uml};

use uml::Guest;

#[test]
fn a_permitted_guard_lowers_itself_and_raises_nobody() {
    let guest = Guest { mebibytes: 256, cgroup: 2 };
    let script = r#"
mkdir files
printf 'workers = 1\nuser = "nobody"\n[web]\nlisten = ["127.0.0.1:8443"]\nroot = "files"\n' \
  > menshen.toml
menshen serve > serve.out 2> serve.err &
guard=$!
until_true grep -q out-of-memory serve.out
grep out-of-memory serve.out
echo "guard $(cat /proc/$guard/oom_score_adj)"
for p in $(pgrep -P $guard); do
  echo "$(tr '\0' ' ' < /proc/$p/cmdline | cut -d' ' -f1,2): $(cat /proc/$p/oom_score_adj)"
done
first=$(pgrep -P $guard -f 'web/0')
kill -KILL $first
next() {
  n=$(pgrep -P $guard -f 'web/0') && [ "$n" != "$first" ] && \
    [ "$(cat /proc/$n/oom_score_adj)" = 0 ]
}
until_true next && echo "again 0"
kill $guard
wait $guard
"#;
    let Some(left) = guest.run(script) else { return };
    let text = left.stdout();
    assert!(text.contains("out-of-memory protection: permitted (guard -900, workers 0)"), "{text}");
    assert!(text.contains("guard -900\n"), "{text}");
    assert!(text.contains("menshen: web/0: 0\n"), "{text}");
    assert!(text.contains("again 0\n"), "{text}");
}

#[test]
fn run_protects_where_that_is_permitted_and_says_where_it_is_not() {
    let words =
        ["run", "--protect=-500", "--no-timestamps", "--", "cat", "/proc/self/oom_score_adj"];
    let folder = tempfile::tempdir().unwrap();
    let here = live::command(folder.path(), &words).output().unwrap();
    let said = String::from_utf8_lossy(&here.stderr);
    let permitted = here.stdout.starts_with(b"-500");
    assert!(permitted || said.contains("cat cannot be protected: oom_score_adj stays"), "{said}");
    let guest = Guest { mebibytes: 160, cgroup: 2 };
    let script = format!("menshen {}\n", words.join(" "));
    let Some(left) = guest.run(&script) else { return };
    assert_eq!(left.stdout(), "-500\n", "{}", left.told());
}

#[test]
fn a_night_is_told_though_syslog_died_first_and_the_power_went() {
    let guest = Guest { mebibytes: 160, cgroup: 2 };
    let Some(mut guest) = guest.start(NIGHT) else { return };
    guest.wait_for("all was said");
    // Not a word to the guest: what is not on the disk now is gone.
    let left = guest.reset();
    let said = left.read("stdout");
    let value = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name:?}: {}", left.told())).trim().to_owned()
    };
    for name in ["mysqld", "VBoxHeadless"] {
        assert!(said.contains(&format!("alive: {name}\n")), "{}", left.told());
    }
    assert!(said.contains("the guard lives\n"), "{}", left.told());

    let recorder = left.path("recorder");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_menshen"))
        .args(["explain", "oom", "--json", "--recorder"])
        .arg(&recorder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let night: serde_json::Value = serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{e}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let kills = night["kills"].as_array().unwrap();
    let names: Vec<&str> = kills.iter().map(|kill| kill["name"].as_str().unwrap()).collect();

    // Syslog first, then the leak, then the group with both of its processes, then the last one.
    assert_eq!(names.first(), Some(&"rsyslogd"), "{names:?}");
    let count = |wanted: &str| names.iter().filter(|name| **name == wanted).count();
    assert_eq!(count("leaky"), 1, "{names:?}");
    assert_eq!(count("php-fpm: master") + count("php-fpm: pool w"), 2, "{names:?}");
    assert_eq!(count("importer"), 1, "{names:?}");
    assert_eq!(count("mysqld"), 0, "{names:?}");

    // The kernel's own counter counts lines: a group's victim is named twice.
    let counted = value("kernel counted").parse::<u64>().unwrap();
    assert_eq!(night["completeness"]["kills"], counted, "{text}");
    let lives = night["recorder"]["lives"].as_array().unwrap();
    let of = |key: &str| lives.iter().map(|life| life[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!((of("kills_counted"), of("kill_lines")), (counted, counted), "{text}");
    assert_eq!(night["complete"], serde_json::json!(true), "{text}");

    // Who would be first was known before it happened.
    let forecast: serde_json::Value = serde_json::from_str(&left.read("next.json")).unwrap();
    assert_eq!(forecast["domains"][0]["victims"][0]["pid"], kills[0]["pid"], "{forecast:#}");
}

/// A machine that runs out of memory, a group that dies as one, a group with a process too many.
const NIGHT: &str = r#"
cat > menshen.toml <<'CONF'
[guard]
recorder = "recorder"
[[guard.protect]]
name = "database"
command = "mysqld*"
score = -800
CONF
menshen guard --config menshen.toml --recorder recorder > guard.out 2> guard.err &
guard=$!
until_true test -s recorder
hog mysqld 25 300 & db=$!
hog rsyslogd 8 300 & syslog=$!
hog VBoxHeadless 12 300 & vm=$!
upto $db 25; upto $syslog 8; upto $vm 12
echo 1000 > /proc/$syslog/oom_score_adj
protected() { [ "$(cat /proc/$db/oom_score_adj)" = -800 ]; }
until_true protected
menshen explain oom --next --json > next.json

(hog leaky 400 1) & leak=$!
wait $leak

site=/sys/fs/cgroup/site
mkdir $site $site/php $site/import 2>/dev/null
echo +memory > $site/cgroup.subtree_control
mkdir -p $site/php $site/import
echo 1 > $site/php/memory.oom.group
echo 24M > $site/php/memory.max
echo 16M > $site/import/memory.max
(echo $BASHPID > $site/php/cgroup.procs; hog 'php-fpm: master' 2 100) & a=$!
(echo $BASHPID > $site/php/cgroup.procs; hog 'php-fpm: pool www' 60 100) & b=$!
wait $a $b
(echo $BASHPID > $site/import/cgroup.procs; hog importer 40 1) & c=$!
wait $c

alive $db $vm
kill -0 $guard && echo "the guard lives"
sleep 1
echo "kernel counted $(kills)"
echo "all was said"
sleep 100
"#;
