//! `[guard]`: programs that are found in no way or in two, steps that can do nothing.

use super::{At, Read};
use crate::model::Guard;
use crate::problem::quoted;

/// Checks the memory watch.
pub(super) fn check(read: &mut Read<'_>) {
    protected(read);
    steps(read);
}

fn protected(read: &mut Read<'_>) {
    for (index, protect) in read.config.guard.protect.clone().into_iter().enumerate() {
        let of = |key| At::of(key, index, None);
        if WAYS.iter().any(|key| read.is_bad(of(key))) {
            continue;
        }
        let found = [
            protect.unit.is_some(),
            protect.command.is_some(),
            protect.cgroup.is_some(),
            protect.pid_file.is_some(),
        ];
        let ways: Vec<At> =
            WAYS.iter().zip(found).filter(|(_, set)| *set).map(|(key, _)| of(key)).collect();
        if ways.len() != 1 {
            let name = quoted(&protect.name);
            let how = if ways.is_empty() { "in no way" } else { "in more than one way" };
            let places = ways.get(1).map_or_else(|| vec![of("guard.protect")], |at| vec![*at]);
            read.contradicts_at(
                &places,
                format!("the program {name} is found {how}"),
                "write one of unit, command, cgroup and pid_file",
            );
        }
        if protect.score == -1000 && !read.is_bad(of("guard.protect.score")) {
            read.warn_at(
                &[of("guard.protect.score")],
                "-1000 makes it immune even where it eats all memory itself",
                "-900 is killed after everything else",
            );
        }
    }
}

fn steps(read: &mut Read<'_>) {
    let guard = read.config.guard.clone();
    if !guard.watch && !read.is_bad(At::key("guard.watch")) {
        if let Some(key) = NEEDS_WATCH.iter().find(|key| read.wrote(key)) {
            let message = format!("{key} does nothing while guard.watch is false");
            read.warn(&[key], message, "the watch takes the steps and protects");
        }
        return;
    }
    let brakes = guard.brake.is_some() && guard.brake != Guard::default().brake;
    if guard.brake_cgroups.is_empty() && brakes && !read.any_bad(&["guard.brake_cgroups"]) {
        let message = "guard.brake has no control groups to brake";
        read.warn(&["guard.brake"], message, "name them in guard.brake_cgroups");
    }
    if guard.brake.is_none() && !guard.brake_cgroups.is_empty() && !read.any_bad(&["guard.brake"]) {
        let message = "guard.brake_cgroups are never braked, since guard.brake is \"off\"";
        read.warn(&["guard.brake_cgroups"], message, "leave guard.brake out for its default");
    }
    let no_groups = guard.hold_cgroups.is_empty() && !read.any_bad(&["guard.hold_cgroups"]);
    if guard.hold_raise_percent > 0 && no_groups {
        let message = "guard.hold_raise_percent has no control groups";
        read.warn(&["guard.hold_raise_percent"], message, "name them in guard.hold_cgroups");
    }
}

const WAYS: &[&str] = &[
    "guard.protect.unit",
    "guard.protect.command",
    "guard.protect.cgroup",
    "guard.protect.pid_file",
];

const NEEDS_WATCH: &[&str] = &[
    "guard.protect",
    "guard.brake_cgroups",
    "guard.hold_cgroups",
    "guard.refuse_uploads",
    "guard.shrink_caches",
    "guard.recycle_php",
];
