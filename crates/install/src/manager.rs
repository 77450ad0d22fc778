//! Package managers: one table of their command lines, and what is read from their answers.
//!
//! Commands are lists of arguments; no shell is between. Package names come from recipes, which
//! check them when they are read: none begins with a dash.

use serde::{Deserialize, Serialize};

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora, and RHEL from 8 on.
    Dnf,
    /// RHEL and CentOS up to 7.
    Yum,
    /// Alpine.
    Apk,
    /// openSUSE, SLES.
    Zypper,
    /// Arch.
    Pacman,
}

/// How one is used.
struct Row {
    manager: Manager,
    word: &'static str,
    program: &'static str,
    refresh: &'static [&'static str],
    install: &'static [&'static str],
    ask: &'static [&'static str],
    /// What stands before the version in the answer to `ask`.
    before_version: &'static str,
    /// What stands between name and version to ask for one; none: it cannot be asked for.
    exactly: Option<&'static str>,
}

impl Manager {
    /// All, in the order they are tried on a host that is not known.
    pub const ALL: [Self; 6] =
        [Self::Apt, Self::Dnf, Self::Yum, Self::Apk, Self::Zypper, Self::Pacman];

    /// `apt`, `dnf`.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// The program that is started.
    #[must_use]
    pub fn program(self) -> &'static str {
        self.row().program
    }

    /// Makes the lists of packages new; none where that belongs to the installation, or where it
    /// alone would leave a mixed system (Arch).
    #[must_use]
    pub fn refresh(self) -> Option<Vec<String>> {
        let words = self.row().refresh;
        (!words.is_empty()).then(|| owned(words))
    }

    /// Installs packages without asking.
    #[must_use]
    pub fn install(self, packages: &[String]) -> Vec<String> {
        let mut words = owned(self.row().install);
        words.extend(packages.iter().cloned());
        words
    }

    /// Asks which version of a package would be installed.
    #[must_use]
    pub fn ask(self, package: &str) -> Vec<String> {
        let mut words = owned(self.row().ask);
        words.push(package.to_owned());
        words
    }

    /// The version in the answer to [`Self::ask`], as the distribution writes it.
    #[must_use]
    pub fn offered(self, answer: &str) -> Option<String> {
        let row = self.row();
        if self == Self::Apk {
            // `git-2.45.2-r0 - description`: of several the last is the newest.
            let line = answer.lines().rfind(|line| line.contains("-r"))?;
            let word = line.split_ascii_whitespace().next()?;
            let digit = |pair: &[u8]| pair[0] == b'-' && pair[1].is_ascii_digit();
            let at = word.as_bytes().windows(2).position(digit)?;
            return word.get(at + 1..).map(str::to_owned);
        }
        let value = answer.lines().find_map(|line| {
            let rest = line.trim_start().strip_prefix(row.before_version)?;
            Some(rest.trim_start_matches([' ', ':']).trim())
        })?;
        Some(value).filter(|value| !value.is_empty() && *value != "(none)").map(str::to_owned)
    }

    /// A package in one version; none where that cannot be asked for.
    #[must_use]
    pub fn exactly(self, package: &str, version: &str) -> Option<String> {
        self.row().exactly.map(|between| format!("{package}{between}{version}"))
    }

    /// Set for its commands.
    #[must_use]
    pub const fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Apt => &[("DEBIAN_FRONTEND", "noninteractive"), ("LC_ALL", "C")],
            _ => &[("LC_ALL", "C")],
        }
    }

    fn row(self) -> &'static Row {
        // Every manager has its row; a test looks.
        ROWS.iter().find(|row| row.manager == self).unwrap_or(&ROWS[0])
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

const ROWS: [Row; 6] = [
    Row {
        manager: Manager::Apt,
        word: "apt",
        program: "apt-get",
        refresh: &["apt-get", "update"],
        install: &["apt-get", "install", "--yes", "--no-install-recommends"],
        ask: &["apt-cache", "policy"],
        before_version: "Candidate",
        exactly: Some("="),
    },
    Row {
        manager: Manager::Dnf,
        word: "dnf",
        program: "dnf",
        refresh: &[],
        install: &["dnf", "install", "--assumeyes"],
        ask: &["dnf", "--quiet", "info", "--available"],
        before_version: "Version",
        exactly: Some("-"),
    },
    Row {
        manager: Manager::Yum,
        word: "yum",
        program: "yum",
        refresh: &[],
        install: &["yum", "install", "--assumeyes"],
        ask: &["yum", "--quiet", "info", "available"],
        before_version: "Version",
        exactly: Some("-"),
    },
    Row {
        manager: Manager::Apk,
        word: "apk",
        program: "apk",
        refresh: &["apk", "update"],
        install: &["apk", "add"],
        ask: &["apk", "search", "--exact", "--verbose"],
        before_version: "",
        exactly: Some("="),
    },
    Row {
        manager: Manager::Zypper,
        word: "zypper",
        program: "zypper",
        refresh: &["zypper", "--non-interactive", "refresh"],
        install: &["zypper", "--non-interactive", "install", "--no-recommends"],
        ask: &["zypper", "--non-interactive", "--quiet", "info"],
        before_version: "Version",
        exactly: Some("="),
    },
    Row {
        manager: Manager::Pacman,
        word: "pacman",
        program: "pacman",
        refresh: &[],
        install: &["pacman", "--sync", "--noconfirm", "--needed"],
        ask: &["pacman", "--sync", "--info"],
        before_version: "Version",
        exactly: None,
    },
];

#[cfg(test)]
mod tests {
    //! Command lines as they will be run, and answers as managers give them.
    use super::*;

    fn line(words: &[String]) -> String {
        words.join(" ")
    }

    #[test]
    fn each_has_its_own_row() {
        for manager in Manager::ALL {
            assert_eq!(manager.row().manager, manager);
            assert_eq!(serde_json::to_value(manager).unwrap(), manager.word());
        }
    }

    #[test]
    fn commands_are_as_administrators_would_type_them() {
        let packages = ["git".to_owned(), "git-svn".to_owned()];
        let commands = [
            (Manager::Apt, "apt-get install --yes --no-install-recommends git git-svn"),
            (Manager::Dnf, "dnf install --assumeyes git git-svn"),
            (Manager::Yum, "yum install --assumeyes git git-svn"),
            (Manager::Apk, "apk add git git-svn"),
            (Manager::Zypper, "zypper --non-interactive install --no-recommends git git-svn"),
            (Manager::Pacman, "pacman --sync --noconfirm --needed git git-svn"),
        ];
        for (manager, command) in commands {
            assert_eq!(line(&manager.install(&packages)), command);
        }
        let refreshed: Vec<_> =
            Manager::ALL.into_iter().filter(|one| one.refresh().is_some()).collect();
        assert_eq!(refreshed, [Manager::Apt, Manager::Apk, Manager::Zypper]);
        assert_eq!(line(&Manager::Apt.ask("git")), "apt-cache policy git");
    }

    #[test]
    fn one_version_is_asked_for_where_that_is_possible() {
        let asked = Manager::ALL.map(|one| one.exactly("git", "2.0"));
        let expected = ["git=2.0", "git-2.0", "git-2.0", "git=2.0", "git=2.0"];
        assert_eq!(asked[..5], expected.map(|text| Some(text.to_owned())));
        assert_eq!(asked[5], None);
    }

    #[test]
    fn offered_versions_are_read() {
        let apt = "git:\n  Installed: (none)\n  Candidate: 1:2.39.5-0+deb12u3\n  Version table:\n";
        assert_eq!(Manager::Apt.offered(apt).as_deref(), Some("1:2.39.5-0+deb12u3"));
        assert_eq!(Manager::Apt.offered("x:\n  Candidate: (none)\n"), None);
        assert_eq!(Manager::Apt.offered(""), None);
        let yum = "Available Packages\nName        : git\nArch        : x86_64\n\
                   Version     : 1.8.3.1\nRelease     : 25.el7_9\n";
        assert_eq!(Manager::Yum.offered(yum).as_deref(), Some("1.8.3.1"));
        assert_eq!(Manager::Dnf.offered(yum).as_deref(), Some("1.8.3.1"));
        let zypper = "Information for package git:\nName           : git\n\
                      Version        : 2.43.0-150600.3.3.1\n";
        assert_eq!(Manager::Zypper.offered(zypper).as_deref(), Some("2.43.0-150600.3.3.1"));
        let apk = "git-2.45.2-r0 - Distributed version control system\n";
        assert_eq!(Manager::Apk.offered(apk).as_deref(), Some("2.45.2-r0"));
        assert_eq!(Manager::Apk.offered("git-svn-2.45.2-r0").as_deref(), Some("2.45.2-r0"));
        let pacman = "Repository      : extra\nName            : git\nVersion         : 2.47.1-1\n";
        assert_eq!(Manager::Pacman.offered(pacman).as_deref(), Some("2.47.1-1"));
    }
}
