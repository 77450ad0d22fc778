//! Hosts as they are met, and what is said of them.

use alloc::vec;

use super::*;

fn feature(name: &str, standard: bool, works: Option<bool>) -> Feature {
    Feature {
        name: name.into(),
        about: "what it does".into(),
        standard,
        works,
        seen: if works == Some(false) { "'x' is not a git command".into() } else { "".into() },
        packages: if name == "svn" { vec!["git-svn".into()] } else { vec![] },
    }
}

/// CentOS 7 with the git it came with.
fn centos_7() -> Facts {
    Facts {
        name: "git".into(),
        about: "the version control system".into(),
        distribution: "CentOS Linux 7 (Core)".into(),
        manager: Some("yum"),
        here: Some(Here {
            program: "/usr/bin/git".into(),
            version: "1.8.3.1".into(),
            built_into: None,
        }),
        minimum: Some(Minimum { version: "2.18".into(), why: "protocol version 2".into() }),
        features: vec![feature("https", true, Some(true)), feature("svn", false, Some(false))],
        package: Package { names: vec!["git".into()], offered: Some("1.8.3.1".into()) },
        source: Some(Source { version: "2.47.3".into(), missing: vec![] }),
    }
}

fn debian_12() -> Facts {
    Facts {
        distribution: "Debian GNU/Linux 12 (bookworm)".into(),
        manager: Some("apt"),
        here: None,
        features: vec![feature("https", true, None)],
        package: Package { names: vec!["git".into()], offered: Some("1:2.39.5-0+deb12u3".into()) },
        ..centos_7()
    }
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_distribution_whose_git_is_too_old_leads_to_the_source() {
    let report = Report::new(centos_7());
    assert_eq!(report.way, Way::Source);
    assert_eq!(report.reason, "yum offers 1.8.3.1, older than 2.18; the source is of 2.47.3");
    let expected = ["install-too-old", "install-feature-missing", "install-package-too-old"];
    assert_eq!(codes(&report), expected);
    assert!(!report.is_good());
    let text = text(&report);
    for part in [
        "git (the version control system): 1.8.3.1 at /usr/bin/git",
        "host      CentOS Linux 7 (Core), yum",
        "svn        missing",
        "way       source: yum offers 1.8.3.1",
        "protocol version 2 [install-too-old]",
        "hint: `menshen install git --from source`",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn where_the_distribution_has_it_the_package_is_the_way() {
    let report = Report::new(debian_12());
    assert_eq!(report.way, Way::Package);
    assert_eq!(codes(&report), ["install-missing"]);
    assert!(report.findings[0].hint.contains("--from package"));
    assert!(text(&report).starts_with("git (the version control system): not here\n"));
    let unknown =
        Facts { package: Package { names: vec!["git".into()], offered: None }, ..debian_12() };
    assert_eq!(Report::new(unknown).way, Way::Package);
}

#[test]
fn what_is_here_and_works_needs_no_way() {
    let here = Here { program: "/usr/bin/git".into(), version: "2.39.5".into(), built_into: None };
    let good = Facts {
        here: Some(here.clone()),
        features: vec![feature("https", true, Some(true)), feature("svn", false, Some(false))],
        ..debian_12()
    };
    let report = Report::new(good);
    assert_eq!((report.way, report.is_good()), (Way::Here, true));
    assert_eq!(codes(&report), ["install-feature-missing"]);
    assert!(report.findings[0].hint.contains("adds git-svn"));
    // One of somebody else's gets nothing from packages.
    let mut own = report.facts.clone();
    own.here.as_mut().unwrap().program = "/usr/local/bin/git".into();
    assert!(Report::new(own).findings[0].hint.contains("--from source --with svn"));
    // Without https it does not do what is usually wanted.
    let deaf = Facts {
        here: Some(here),
        features: vec![feature("https", true, Some(false))],
        ..debian_12()
    };
    let report = Report::new(deaf);
    assert_eq!((report.way, report.is_good()), (Way::Package, false));
    assert_eq!(report.findings[0].severity, Severity::Warning);
}

#[test]
fn what_was_built_is_built_anew() {
    let built = Facts {
        here: Some(Here {
            program: "/opt/git/bin/git".into(),
            version: "2.47.3".into(),
            built_into: Some("/opt/git".into()),
        }),
        features: vec![feature("svn", false, Some(false))],
        ..debian_12()
    };
    let report = Report::new(built);
    assert!(report.findings[0].hint.contains("--prefix /opt/git --with svn"));
}

#[test]
fn hosts_without_a_way_are_told() {
    let bare = Facts { manager: None, package: Package::default(), ..debian_12() };
    let mut report = Report::new(bare.clone());
    assert_eq!((report.way, &*report.reason), (Way::Source, "no package manager is known here"));
    let no_tools = Facts {
        source: Some(Source { version: "2.47.3".into(), missing: vec!["cc".into()] }),
        ..bare.clone()
    };
    assert_eq!(codes(&Report::new(no_tools)), ["install-missing", "install-tools-missing"]);
    report = Report::new(Facts { source: None, ..bare });
    assert_eq!(report.way, Way::None);
    let old = Facts { source: None, ..centos_7() };
    assert_eq!(Report::new(old).way, Way::None);
    let apk = Facts { manager: Some("apk"), package: Package::default(), ..debian_12() };
    assert_eq!(Report::new(apk).reason, "the recipe names no package for apk");
}

#[test]
fn what_programs_said_steers_no_terminal() {
    let mut facts = centos_7();
    facts.distribution = "evil\u{1b}[2J".into();
    facts.features[1].seen = "\u{7}bell".into();
    let text = text(&Report::new(facts));
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
}
