//! The kernel's formula, table by table.
use super::*;

#[test]
fn rules_follow_the_release() {
    // release: root bonus, floor, first of equals, child sacrificed
    let table = [
        ("3.16.0-4-amd64", [true, true, true, true]),
        ("4.16.12", [true, true, true, true]),
        ("4.17.0-rc1", [false, true, true, true]),
        ("4.19.0-21-amd64", [false, true, true, true]),
        ("5.1.0", [false, true, true, false]),
        ("5.4.0-200-generic", [false, true, false, false]),
        ("5.9.0", [false; 4]),
        ("6.18.44", [false; 4]),
        ("", [false; 4]),
        ("next", [false; 4]),
    ];
    for (release, [root_bonus, floor, first_of_equals, child_sacrificed]) in table {
        let expected = Rules { root_bonus, floor, first_of_equals, child_sacrificed };
        assert_eq!(Rules::of_release(release), expected, "{release}");
    }
}
