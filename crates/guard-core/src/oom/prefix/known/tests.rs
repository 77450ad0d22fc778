//! Whatever the line before was: the result is that of a line by itself.
use super::*;
use alloc::format;
use alloc::string::String;
use proptest::prelude::*;

fn same(lines: &[&[u8]]) {
    let mut known = Known::default();
    for line in lines {
        let (quick, slow) = (known.strip(line), strip(line));
        let shown = String::from_utf8_lossy(line);
        assert_eq!(format!("{quick:?}"), format!("{slow:?}"), "{shown}");
    }
}

#[test]
fn real_lines_are_read_the_quick_way() {
    let day = b"Jan  2 03:04:05 web01 kernel: [    5.000001] Mem-Info:";
    let iso = b"2024-01-02T03:04:05.678901+01:00 web01 kernel: [    5.000001] Mem-Info:";
    for line in [&day[..], iso] {
        let mut known = Known::default();
        assert!(known.quick(line).is_none());
        known.strip(line);
        let line = known.quick(line).unwrap();
        assert_eq!((line.host, line.text), (Some(&b"web01"[..]), &b"Mem-Info:"[..]));
        assert_eq!(line.stamp.boot_micros, Some(5_000_001));
    }
    assert!(Known::default().quick(b"[    5.000001] [  123]     0   123").is_some());
}

fn part(words: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words)
}

const DATES: &[&str] = &[
    "Jan  2 03:04:05 ",
    "Jan  2 23:59:60 ",
    "Jan  2 24:04:05 ",
    "Jan 12 03:04:05 2024 ",
    "Jan  2 03:04:05.123 ",
    "2024-01-02T03:04:05.678901+01:00 ",
    "2024-01-02 03:04:05,5 ",
    "2024-01-02T03:04:05Z\t",
    "Tue Jan  2 03:04:05 ",
    "[    5.000001] ",
    "[12345.678] ",
    "<4>",
    "",
    "[  7.1234567] ",
    "1704164645.123456 ",
    "Jan  2  3:04:05 ",
    "Jan  2 03:04:05  ",
];
const HOSTS: &[&str] = &["web01 ", "web01  ", "2024 ", "a.b ", "kern.warn ", "Free ", "", "x: "];
const TAGS: &[&str] = &[
    "kernel: ",
    "kernel:",
    "kernel:[1.2] ",
    "app[12]: ",
    "app: ",
    "stdout F ",
    "kern.info kernel: ",
    "app - - - ",
    "host kernel: ",
    "",
    "<4>",
    "[12]x: ",
    "kernel:   ",
    "x[1]:",
];
const TIMES: &[&str] = &[
    "[    5.000001] ",
    "[    5.000001]",
    "[ T12] ",
    "[    5.000001] [ T12] ",
    "",
    " ",
    "[  123] ",
    "[5.000001]  ",
    "[    5.000001] <4>",
    "[99999999999999999999.000001] ",
    "[  12345678]  ",
    "[ pid ] ",
    "[  1.000001] [  123]",
    "[  1.000001] [123]kernel: ",
    "[ 12:30] ",
];
const TEXTS: &[&str] = &[
    "Mem-Info:",
    "web kernel: x",
    "Killed process 1 (a)",
    "kern  :warn  : x",
    "kernel: x",
    "",
    "[ 1] 0 1 2",
    "12 pages RAM",
    "systemd[1]: x",
    "a b: c",
    "> x",
    "/var/log/x:Jan  2 03:04:05 x",
    "kernel:[1.000000] x",
    "a: b: c",
];

proptest! {
    #[test]
    fn a_line_is_read_as_if_it_were_the_first(
        parts in prop::collection::vec(
            (part(DATES), part(HOSTS), part(TAGS), part(TIMES), part(TEXTS)), 1..40)
    ) {
        let lines = parts.iter().map(|(a, b, c, d, e)| format!("{a}{b}{c}{d}{e}").into_bytes());
        let lines: Vec<Vec<u8>> = lines.collect();
        same(&lines.iter().flat_map(|line| [&line[..], &line[..]]).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes(lines in prop::collection::vec("[ -~]{0,40}", 1..8), cut in 0..60_usize) {
        let good = b"Jan  2 03:04:05 web01 kernel: [    5.000001] Mem-Info:";
        let cut = good.get(..cut).unwrap_or(good);
        let lines: Vec<Vec<u8>> =
            lines.iter().map(|line| [cut, line.as_bytes()].concat()).collect();
        let mut all: Vec<&[u8]> = Vec::new();
        for line in &lines {
            all.extend([&good[..], line]);
        }
        same(&all);
    }
}
