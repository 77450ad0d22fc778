//! os-release files as distributions ship them, and what they lead to.

use proptest::prelude::*;

use super::*;

const COLLECTED: [(&str, &str, &str, Manager); 8] = [
    (include_str!("../os-release/debian-12"), "debian", "12", Manager::Apt),
    (include_str!("../os-release/ubuntu-22.04"), "ubuntu", "22.04", Manager::Apt),
    (include_str!("../os-release/centos-7"), "centos", "7", Manager::Yum),
    (include_str!("../os-release/rocky-9"), "rocky", "9.7", Manager::Dnf),
    (include_str!("../os-release/fedora-40"), "fedora", "40", Manager::Dnf),
    (include_str!("../os-release/alpine-3.20"), "alpine", "3.20.2", Manager::Apk),
    (include_str!("../os-release/opensuse-15.6"), "opensuse-leap", "15.6", Manager::Zypper),
    (include_str!("../os-release/arch"), "arch", "", Manager::Pacman),
];

#[test]
fn collected_distributions_are_recognised() {
    for (text, id, version, manager) in COLLECTED {
        let release = Release::parse(text);
        assert_eq!((&*release.id, &*release.version), (id, version));
        assert!(text.contains(&release.pretty), "{}", release.pretty);
        // CentOS 7 has no dnf; where dnf is, yum is its other name.
        let there = |one: Manager| match manager {
            Manager::Dnf => matches!(one, Manager::Dnf | Manager::Yum),
            manager => one == manager,
        };
        assert_eq!(recognise(&release, there), Some(manager), "{id}");
        assert_eq!(recognise(&release, |_| false), None, "{id}: none is there");
    }
}

#[test]
fn the_family_decides_where_several_managers_are() {
    // Debian packages dnf, zypper and pacman, too.
    let debian = Release::parse(COLLECTED[0].0);
    assert_eq!(recognise(&debian, |_| true), Some(Manager::Apt));
    let suse = Release::parse(COLLECTED[6].0);
    assert_eq!(recognise(&suse, |one| one != Manager::Dnf), Some(Manager::Zypper));
}

#[test]
fn an_unknown_one_is_what_it_is_like_or_has() {
    let mint = Release::parse("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID='22'\n");
    assert_eq!((&*mint.version, &*mint.pretty), ("22", "linuxmint 22"));
    assert_eq!(recognise(&mint, |_| true), Some(Manager::Apt));
    let unknown = Release::parse("ID=own\n");
    assert_eq!(recognise(&unknown, |one| one == Manager::Apk), Some(Manager::Apk));
    assert_eq!(recognise(&Release::default(), |_| false), None);
}

#[test]
fn quotes_are_taken_off_and_nothing_is_run() {
    let release = Release::parse("PRETTY_NAME=\"a \\\"b\\\" $(touch x)\"\nID=Own\n# ID=else\n");
    assert_eq!(release.pretty, "a \"b\" $(touch x)");
    assert_eq!(release.id, "own");
}

#[test]
fn a_program_is_found_by_path_or_name_and_no_folder_is_one() {
    assert!(find("sh").is_some_and(|path| path.is_absolute()));
    assert_eq!(find("/"), None);
    assert_eq!(find("no-such-program-at-all"), None);
}

proptest! {
    #[test]
    fn any_text_is_read(text in ".{0,400}") {
        let release = Release::parse(&text);
        prop_assert!(release.id.len() <= text.len() * 2);
    }
}
