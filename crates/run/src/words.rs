//! Signals, spans of time and foreign text in our messages.

use std::time::Duration;

/// `SIGSEGV (11)`; signals without a name by their number alone.
pub(crate) fn signal(number: i32) -> String {
    let index = usize::try_from(number - 1).ok();
    match index.and_then(|index| SIGNALS.get(index)) {
        Some(name) => format!("SIG{name} ({number})"),
        None => format!("signal {number}"),
    }
}

/// `120 ms`, `3.4 s`, `75 s`, `12 min`, `5 h 10 min`.
pub(crate) fn span(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        millis @ 1000..10_000 if millis % 1000 >= 100 => {
            format!("{}.{} s", millis / 1000, millis % 1000 / 100)
        }
        millis @ 0..120_000 => format!("{} s", millis / 1000),
        millis @ 0..7_200_000 => format!("{} min", millis / 60_000),
        millis => format!("{} h {} min", millis / 3_600_000, millis / 60_000 % 60),
    }
}

/// `64 MiB`, `1.5 GiB`, `1000 bytes`.
pub(crate) fn bytes(count: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let Some((shift, unit)) = units.into_iter().find(|(shift, _)| count >> shift > 0) else {
        return format!("{count} bytes");
    };
    let tenths = (u128::from(count) * 10) >> shift;
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        rest => format!("{}.{rest} {unit}", tenths / 10),
    }
}

/// The beginning of foreign text in quotes, escaped.
pub(crate) fn quoted(text: &[u8]) -> String {
    let shown = text.get(..QUOTED_BYTES_MAX).unwrap_or(text);
    let mut out = String::from("'");
    for chunk in shown.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\'' => out.push_str("\\'"),
                c if c.is_control() || is_directional(c) => {
                    out.push_str(&c.escape_unicode().to_string());
                }
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out.push_str(if shown.len() < text.len() { "…'" } else { "'" });
    out
}

fn is_directional(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}')
}

const QUOTED_BYTES_MAX: usize = 80;

/// Names of signals 1 to 31 on x86, arm and most others (signal(7)).
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

#[cfg(test)]
mod tests {
    //! Words for people, and nothing in them that steers a terminal.
    use super::*;

    #[test]
    fn signals_spans_and_quotes_are_told_in_words() {
        assert_eq!(
            [signal(9), signal(31), signal(34)],
            ["SIGKILL (9)", "SIGSYS (31)", "signal 34"]
        );
        let table = [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1 s"),
            (3480, "3.4 s"),
            (75_000, "75 s"),
            (3_600_000, "60 min"),
            (18_660_000, "5 h 11 min"),
        ];
        for (millis, text) in table {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
        let sizes = [bytes(1000), bytes(64 << 20), bytes(3 << 29)];
        assert_eq!(sizes, ["1000 bytes", "64 MiB", "1.5 GiB"]);
        assert_eq!(quoted(b"it's\n\x1b[2J\xff"), "'it\\'s\\n\\u{1b}[2J\\xff'");
        assert_eq!(quoted(&[b'x'; 81]), format!("'{}…'", "x".repeat(80)));
    }
}
