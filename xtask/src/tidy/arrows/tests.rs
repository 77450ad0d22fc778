//! Each kind of bad edge is found and named; good ones are not.

use std::path::PathBuf;

use super::super::tests::shown;
use super::*;

fn package(name: &str, product: &[&str], test: &[&str]) -> Package {
    let list = |names: &[&str], use_case| {
        names.iter().map(|name| Dependency { name: (*name).into(), use_case }).collect::<Vec<_>>()
    };
    let folder = PathBuf::from("crates").join(short(name));
    let mut dependencies = list(product, UseCase::Product);
    dependencies.extend(list(test, UseCase::Test));
    Package { name: name.into(), folder, dependencies }
}

#[test]
fn a_door_that_uses_the_guard_is_reported() {
    let packages =
        [package("menshen-guard", &[], &[]), package("menshen-web", &["menshen-guard"], &[])];
    let problems = shown(&check(&packages));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("crates/web/Cargo.toml: arrow web -> guard"), "{problems:?}");
}

#[test]
fn every_pair_of_doors_is_kept_apart() {
    for (from, to) in [("web", "sql"), ("sql", "tunnel"), ("tunnel", "web"), ("tls", "web")] {
        let packages = [
            package(&format!("menshen-{to}"), &[], &[]),
            package(&format!("menshen-{from}"), &[&format!("menshen-{to}")], &[]),
        ];
        assert_eq!(check(&packages).len(), 1, "{from} -> {to}");
    }
}

#[test]
fn base_uses_nothing_of_ours_and_cores_only_base() {
    let packages = [
        package("menshen-base", &["menshen-sys"], &[]),
        package("menshen-sys", &["menshen-base"], &[]),
        package("menshen-web-core", &["menshen-base", "menshen-sys"], &[]),
    ];
    let problems = shown(&check(&packages));
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("base may use nothing of ours"), "{problems:?}");
    assert!(problems[1].contains("arrow web-core -> sys"), "{problems:?}");
}

#[test]
fn external_crates_stay_in_their_rooms() {
    let packages = [
        package("menshen-guard", &["tokio"], &[]),
        package("menshen-web", &["tokio", "rustls", "libc"], &[]),
        package("menshen-tls", &["rustls"], &["tokio"]),
    ];
    let problems = shown(&check(&packages));
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("guard uses tokio"), "{problems:?}");
    assert!(problems[1].contains("libc, which is allowed in: nowhere"), "{problems:?}");
}

#[test]
fn a_crate_without_a_row_is_reported_and_tests_of_the_program_are_free() {
    let packages = [
        package("menshen-attic", &[], &[]),
        package("menshen-web-core", &[], &[]),
        package("menshen", &[], &["menshen-web-core"]),
    ];
    let problems = shown(&check(&packages));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("menshen-attic has no row"), "{problems:?}");
}
