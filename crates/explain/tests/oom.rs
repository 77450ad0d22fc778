//! Whole stories of real logs: text and JSON as agreed, and what must hold for each of them.
//!
//! Logs that are ours lie in `tests/oom` and with the tests of the reader; those of others, with free licences, are read from
//! `MENSHEN_OOM_SAMPLES` or from `shared/samples/oom` beside the checkout, and are left out loudly
//! where they are not there. `UPDATE_EXPECT=1` writes the stories; read them before committing.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::path::{Path, PathBuf};

use menshen_explain::certificate::Paint;
use menshen_explain::oom::{Input, Story, json, open, read, text};
use serde_json::Value;

/// File and the processes killed in it, by hand from the log.
const SAMPLES: [(&str, &[(u64, &str)]); 17] = [
    (
        "night-of-thirty-guests.syslog",
        &[
            (400, "rsyslogd"),
            (3000, "mysqld"),
            (3001, "mysqld"),
            (3002, "mysqld"),
            (3003, "mysqld"),
        ],
    ),
    (
        "ours-6.18-hostile-comm-shmem.kmsg",
        &[
            (25992, r"a,uid=0\x0ax],pid="),
            (25993, "门神 wörk"),
            (25995, r"back\x5csl\x1bsh"),
            (26116, "dd"),
        ],
    ),
    (
        "ours-6.18-memcgv1-nested-3kills.kmsg",
        &[(22242, "php-fpm: pool w"), (22241, "mysqld"), (22256, "nginx")],
    ),
    ("ours-6.18-memcgv1-single.kmsg", &[(6927, "python3")]),
    ("ours-6.18-storm-ratelimited.kmsg", STORM),
    (
        "ours-uml6.1-global-oomgroup-sysrq.kmsg",
        &[(688, "leaky"), (693, "php-fpm: pool w"), (692, "php-fpm: master"), (682, "mysqld")],
    ),
    ("pub-cadvisor-0-memorymonster.txt", &[(13536, "memorymonster")]),
    ("pub-cadvisor-1-badsysprogram.txt", &[(1532, "badsysprogram")]),
    ("pub-ivelum-message1.txt", &[]),
    ("pub-ivelum-message2.txt", &[(13550, "java")]),
    ("pub-ivelum-message3.txt", &[]),
    ("pub-ivelum-message4.txt", &[(18938, "java")]),
    ("pub-npd-4.x-twoline.txt", &[(1012, "heapster")]),
    ("pub-oomanalyser-arch-6.1.1.txt", &[(473_206, "doxygen")]),
    ("pub-oomanalyser-proxmox-memcg.txt", &[(3_902_942, "php-fpm")]),
    ("pub-oomanalyser-rhel7-3.10.txt", &[(6576, "mysqld")]),
    ("pub-oomanalyser-ubuntu-5.13-sysrq.txt", &[(651, "unattended-upgr")]),
];
const STORM: &[(u64, &str)] = &[
    (25081, "python3"),
    (25082, "python3"),
    (25083, "python3"),
    (25084, "python3"),
    (25085, "python3"),
    (25089, "python3"),
    (25090, "python3"),
    (25091, "python3"),
    (25113, "python3"),
    (25134, "python3"),
    (25135, "python3"),
    (25136, "python3"),
    (25137, "python3"),
    (25138, "python3"),
    (25139, "python3"),
    (25140, "python3"),
    (25141, "python3"),
];

/// Where a sample is; `None` after saying so.
#[expect(clippy::print_stderr, reason = "a test that is left out must say so")]
fn sample(name: &str) -> Option<PathBuf> {
    if let Some(own) = own(name) {
        return Some(own);
    }
    let given = std::env::var_os("MENSHEN_OOM_SAMPLES").map(PathBuf::from);
    let beside = || {
        // From the crate to the checkout, and beside it.
        let parent = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).unwrap();
        parent.join("shared/samples/oom")
    };
    let found = given.unwrap_or_else(beside).join(name);
    if found.is_file() {
        return Some(found);
    }
    eprintln!("SKIPPED: {name} is not there; MENSHEN_OOM_SAMPLES names the folder of the samples");
    None
}

/// A log of ours: of this test, or of the reader's.
fn own(name: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [here.join("tests/oom"), here.join("../guard-core/tests/data")];
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn story(path: &Path) -> Story {
    read(open(&[Input::Path(path.to_owned())]).unwrap(), &mut |_| {}).unwrap()
}

/// As agreed, with the name in the place of the path.
fn agreed(story: &Story, name: &str, ending: &str, now: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oom/stories");
    let path = folder.join(format!("{name}.{ending}"));
    let shown = story.night.sources.first().map_or("", |source| &source.name);
    let now = now.replace(shown, name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let agreed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(now, agreed, "{name}: run with UPDATE_EXPECT=1 if this is meant");
}

#[test]
fn stories_are_as_agreed() {
    for (name, _) in SAMPLES {
        let Some(path) = sample(name) else { continue };
        let story = story(&path);
        agreed(&story, name, "text", &text(&story, Paint::Plain, 100));
        agreed(&story, name, "json", &json(&story));
    }
}

#[test]
fn every_killed_process_is_there_once() {
    for (name, kills) in SAMPLES {
        let Some(path) = sample(name) else { continue };
        let story: Value = serde_json::from_str(&json(&story(&path))).unwrap();
        let told: Vec<(u64, &str)> = story["kills"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kill| (kill["pid"].as_u64().unwrap(), kill["name"].as_str().unwrap()))
            .collect();
        assert_eq!(told, kills, "{name}");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_steers_it() {
    for (name, _) in SAMPLES {
        let Some(path) = sample(name) else { continue };
        let story = story(&path);
        for columns in [60, 80, 100] {
            let text = text(&story, Paint::Plain, columns);
            for line in text.lines() {
                assert!(!line.contains(|c: char| c.is_control()), "{name}: {line:?}");
                // Only a path that cannot be broken is longer.
                let long = line.chars().count() > columns;
                let unbroken = line.split(' ').any(|word| word.chars().count() > columns / 3);
                assert!(!long || unbroken, "{name}, {columns} columns: {line}");
            }
        }
        let coloured = text(&story, Paint::Ansi, 100);
        let plain = coloured.replace("\x1b[0m", "");
        let plain = ["\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"]
            .iter()
            .fold(plain, |text, code| text.replace(code, ""));
        assert_eq!(plain, text_of(&story), "{name}: colours change no word");
    }
}

fn text_of(story: &Story) -> String {
    text(story, Paint::Plain, 100)
}

/// The first line of each story, which has to say what happened.
#[test]
fn headlines_say_what_happened() {
    let headline = |name: &str| story(&own(name).unwrap()).report.headline;
    assert_eq!(
        headline("ours-6.18-storm-ratelimited.kmsg"),
        "17 python3 processes were killed in 2.4 s because each held all of the limit of \
         /menshen_lab (64 MiB) in its turn"
    );
    assert_eq!(
        headline("ours-6.18-hostile-comm-shmem.kmsg"),
        "4 processes were killed in 50 ms (a,uid=0\\x0ax],pid=, back\\x5csl\\x1bsh, dd and 门神 \
         wörk) because 63 MiB in tmpfs or shared memory are 98 % of the limit of /menshen_lab (64 \
         MiB), which no kill frees"
    );
    assert_eq!(
        headline("night-of-thirty-guests.syslog"),
        "mysqld was killed 4 times in 12 minutes, and rsyslogd once, because 30 VBoxHeadless \
         processes held 92 % of memory; mysqld_safe restarted it each time; rsyslogd died first"
    );
}

/// All our logs, line by line.
fn lines() -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for (name, _) in SAMPLES.iter().filter(|(name, _)| !name.starts_with("pub-")) {
        let bytes = std::fs::read(own(name).unwrap()).unwrap();
        lines.extend(bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    lines
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]

    /// Any lines of real logs in any order, cut and changed: a story comes out, of every process
    /// at most once at a time, and nothing in it steers a terminal.
    #[test]
    fn any_mixture_of_lines_gives_a_story(
        picks in proptest::collection::vec((0_usize..2000, 0_usize..200, 0_u8..=255), 1..300),
    ) {
        let all = lines();
        let mut log = Vec::new();
        for (line, at, byte) in picks {
            let mut line = all[line % all.len()].clone();
            if let Some(place) = line.get_mut(at).filter(|_| byte < 40) {
                *place = byte;
            }
            log.extend(line);
            log.push(b'\n');
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, &log).unwrap();
        let story = story(&path);
        let text = text(&story, Paint::Plain, 60);
        let steers = |c: char| c != '\n' && c.is_control();
        proptest::prop_assert!(!text.contains(steers));
        let json: Value = serde_json::from_str(&json(&story)).unwrap();
        let kills = json["kills"].as_array().unwrap();
        let mut known = std::collections::BTreeSet::new();
        for kill in kills {
            let key = (kill["pid"].as_u64(), kill["source"].as_u64(), kill["line"].as_u64());
            proptest::prop_assert!(known.insert(key), "{:?} twice", key);
        }
        let quiet = kills.is_empty() && story.report.findings.is_empty();
        proptest::prop_assert_eq!(story.is_quiet(), quiet);
    }
}
