//! What a failed build most likely lacks, from the last lines of its log.
//!
//! The lines are foreign and only searched. A hint is a guess, and written as one.

use crate::manager::Manager;

/// What to try.
#[must_use]
pub fn hint(log: &str, manager: Option<Manager>, jobs: u32) -> Option<String> {
    let lines: Vec<&str> = log.lines().rev().take(LINES_MAX).collect();
    let has =
        |texts: &[&str]| lines.iter().any(|line| texts.iter().any(|text| line.contains(text)));
    if has(&["No space left on device", "Disk quota exceeded"]) {
        return Some("The disk is full: free some space, or name another folder by --work.".into());
    }
    let killed =
        ["Killed signal terminated program", "fatal error: Killed", "cannot allocate memory"];
    if has(&killed) || has(&["virtual memory exhausted", "Cannot allocate memory"]) {
        let fewer = (jobs / 2).max(1);
        return Some(match jobs {
            0 | 1 => "Memory ran out: one compiler at a time needs more than there is.".into(),
            _ => format!("Memory ran out: fewer compilers at a time, --jobs {fewer}."),
        });
    }
    let row = lines.iter().find_map(|line| missing(line))?;
    let packages = manager.and_then(|manager| row.packages(manager));
    Some(match (packages, manager) {
        (Some(package), Some(manager)) => {
            let command = manager.install(&[package.to_owned()]);
            format!("{} is missing: {}", row.what, crate::child::shown(&command))
        }
        _ => format!("{} is missing; install the package that has it.", row.what),
    })
}

fn missing(line: &str) -> Option<&'static Row> {
    let complains = COMPLAINTS.iter().any(|text| line.contains(text));
    let names = |row: &&Row| row.seen.iter().any(|text| line.contains(text));
    if complains { ROWS.iter().find(names) } else { None }
}

/// Something builds need, and who has it.
struct Row {
    what: &'static str,
    /// How complaints name it.
    seen: &'static [&'static str],
    /// apt, dnf and yum, apk, zypper, pacman.
    packages: [&'static str; 5],
}

impl Row {
    fn packages(&self, manager: Manager) -> Option<&'static str> {
        let [apt, dnf, apk, zypper, pacman] = self.packages;
        let name = match manager {
            Manager::Apt => apt,
            Manager::Dnf | Manager::Yum => dnf,
            Manager::Apk => apk,
            Manager::Zypper => zypper,
            Manager::Pacman => pacman,
        };
        (!name.is_empty()).then_some(name)
    }
}

/// What makes a line a complaint about something that is not there.
const COMPLAINTS: &[&str] = &[
    "No such file or directory",
    "not found",
    "cannot find -l",
    "were not met",
    "no acceptable C compiler",
    "could not find",
    "Could NOT find",
    "No package '",
];

const ROWS: &[Row] = &[
    Row {
        what: "the header of libcurl",
        seen: &["curl/curl.h", "-lcurl", "libcurl"],
        packages: ["libcurl4-openssl-dev", "libcurl-devel", "curl-dev", "libcurl-devel", "curl"],
    },
    Row {
        what: "the header of zlib",
        seen: &["zlib.h", "-lz", "zlib"],
        packages: ["zlib1g-dev", "zlib-devel", "zlib-dev", "zlib-devel", "zlib"],
    },
    Row {
        what: "the header of OpenSSL",
        seen: &["openssl/", "-lssl", "-lcrypto", "openssl"],
        packages: ["libssl-dev", "openssl-devel", "openssl-dev", "libopenssl-devel", "openssl"],
    },
    Row {
        what: "the header of expat",
        seen: &["expat.h", "-lexpat"],
        packages: ["libexpat1-dev", "expat-devel", "expat-dev", "libexpat-devel", "expat"],
    },
    Row {
        what: "msgfmt of gettext",
        seen: &["msgfmt", "libintl.h"],
        packages: ["gettext", "gettext", "gettext-dev", "gettext-tools", "gettext"],
    },
    Row {
        what: "the header of libxml2",
        seen: &["libxml/", "libxml-2.0"],
        packages: ["libxml2-dev", "libxml2-devel", "libxml2-dev", "libxml2-devel", "libxml2"],
    },
    Row {
        what: "the header of SQLite",
        seen: &["sqlite3"],
        packages: ["libsqlite3-dev", "sqlite-devel", "sqlite-dev", "sqlite3-devel", "sqlite"],
    },
    Row {
        what: "the header of PCRE2",
        seen: &["pcre2.h", "-lpcre2"],
        packages: ["libpcre2-dev", "pcre2-devel", "pcre2-dev", "pcre2-devel", "pcre2"],
    },
    Row {
        what: "a C compiler",
        seen: &["no acceptable C compiler", "cc: ", "cc: not found", "gcc: "],
        packages: ["gcc", "gcc", "gcc", "gcc", "gcc"],
    },
    Row {
        what: "the header of the C library",
        seen: &["stdio.h", "stdlib.h", "crti.o", "limits.h"],
        packages: ["libc6-dev", "glibc-devel", "musl-dev", "glibc-devel", "glibc"],
    },
];
const LINES_MAX: usize = 200;

#[cfg(test)]
mod tests {
    //! Complaints as compilers, shells and configure scripts write them.
    use super::*;

    #[test]
    fn complaints_lead_to_packages() {
        let cases = [
            (
                "http.h:6:10: fatal error: curl/curl.h: No such file or directory",
                "libcurl4-openssl",
            ),
            (
                "git-compat-util.h:1:10: fatal error: zlib.h: No such file or directory",
                "zlib1g-dev",
            ),
            (
                "/bin/sh: 1: msgfmt: not found\nmake: *** [po/x.mo] Error 127",
                "--yes --no-install-recommends gettext",
            ),
            ("/usr/bin/ld: cannot find -lexpat: No such file or directory", "libexpat1-dev"),
            (
                "configure: error: Package requirements (libxml-2.0 >= 2.9.4) were not met",
                "libxml2-dev",
            ),
            ("configure: error: no acceptable C compiler found in $PATH", " gcc"),
            ("/bin/sh: 1: cc: not found", " gcc"),
            ("x.c:1:10: fatal error: stdio.h: No such file or directory", "libc6-dev"),
        ];
        for (log, package) in cases {
            let hint = hint(log, Some(Manager::Apt), 2).unwrap_or_default();
            assert!(hint.contains(package), "{log}: {hint}");
        }
        let curl = cases[0].0;
        assert!(
            hint(curl, Some(Manager::Yum), 2).unwrap().contains("yum install --assumeyes libcurl")
        );
        assert!(hint(curl, None, 2).unwrap().contains("libcurl is missing; install"));
    }

    #[test]
    fn a_full_disk_and_lost_memory_come_first() {
        let full = "zlib.h: No such file or directory\nerror: No space left on device\n";
        assert!(hint(full, None, 8).unwrap().contains("--work"));
        let killed = "cc: fatal error: Killed signal terminated program cc1\n";
        assert!(hint(killed, None, 8).unwrap().contains("--jobs 4"));
        assert!(!hint(killed, None, 1).unwrap().contains("--jobs"));
    }

    #[test]
    fn without_a_complaint_nothing_is_guessed() {
        assert_eq!(hint("CC zlib.o\nerror: expected ';'\n", Some(Manager::Apt), 2), None);
        assert_eq!(hint("", None, 0), None);
    }
}
