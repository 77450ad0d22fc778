//! Rotated logs: which files are one log, and in which order (logrotate(8): `syslog.2.gz`,
//! `syslog.1`, `syslog`; with `dateext` `messages-20260315`, `messages`).

use std::cmp::Reverse;

/// The name of the log without what rotation added, and the file's turn in it.
pub(super) fn rotation(file_name: &str) -> (&str, Turn) {
    let name = PACKED.iter().find_map(|end| file_name.strip_suffix(end)).unwrap_or(file_name);
    if let Some(stem) = name.strip_suffix(".old") {
        return (stem, Turn::Number(Reverse(1)));
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((stem, number)) = name.rsplit_once('.')
        && digits(number)
        && number.len() <= 4
        && let Ok(number) = number.parse()
    {
        return (stem, Turn::Number(Reverse(number)));
    }
    let dated = name.char_indices().filter(|(_, c)| matches!(c, '-' | '.')).find(|(at, _)| {
        let rest = name.get(at + 1..).unwrap_or_default();
        let count = rest.bytes().filter(u8::is_ascii_digit).count();
        count >= 8 && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    });
    match dated {
        Some((at, _)) => {
            let (stem, date) = name.split_at(at);
            (stem, Turn::Date(date.to_owned()))
        }
        None => (name, Turn::Current),
    }
}

/// Whether a log of this name holds words of the kernel, or of what starts programs again.
pub(super) fn is_known(stem: &str) -> bool {
    KNOWN
        .iter()
        .any(|known| stem == *known || stem.strip_suffix(".log").is_some_and(|stem| stem == *known))
}

/// The oldest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// By its date.
    Date(String),
    /// By its number: the highest is the oldest.
    Number(Reverse<u32>),
    /// The one that is written.
    Current,
}

const PACKED: &[&str] = &[".gz", ".xz", ".zst", ".bz2", ".lz4"];
const KNOWN: &[&str] =
    &["syslog", "kern", "kernel", "messages", "dmesg", "daemon", "debug", "warn", "everything"];

#[cfg(test)]
mod tests {
    //! Names as they are found in /var/log.
    use super::*;

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut names: Vec<&str> = names.to_vec();
        names.sort_by_key(|name| rotation(name).1);
        names.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn the_oldest_comes_first() {
        let names = ["syslog", "syslog.10.gz", "syslog.1", "syslog.2.gz"];
        assert_eq!(sorted(&names), ["syslog.10.gz", "syslog.2.gz", "syslog.1", "syslog"]);
        let names = ["messages", "messages-20260315.xz", "messages-20260308"];
        assert_eq!(sorted(&names), ["messages-20260308", "messages-20260315.xz", "messages"]);
        assert_eq!(sorted(&["dmesg", "dmesg.old"]), ["dmesg.old", "dmesg"]);
    }

    #[test]
    fn families_have_one_name() {
        for name in ["kern.log", "kern.log.1", "kern.log.2.gz", "kern.log-20260315.gz"] {
            assert_eq!(rotation(name).0, "kern.log");
        }
        assert_eq!(rotation("syslog-2026-03-15").0, "syslog");
        assert_eq!(rotation("dmesg.0").0, "dmesg");
        for name in ["ours-6.18-x.kmsg", "a", "", "x.12345", "log.gz.txt"] {
            assert_eq!(rotation(name), (name, Turn::Current));
        }
        assert!(is_known("kern.log") && is_known("syslog") && !is_known("auth.log"));
    }
}
