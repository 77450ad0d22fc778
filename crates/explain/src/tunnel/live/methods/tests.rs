//! Servers that take a suggestion in different manners.

use super::*;

const PAP: &[u8] = &[0xc0, 0x23];
const MD5: &[u8] = &[0xc2, 0x23, 5];
const MS1: &[u8] = &[0xc2, 0x23, 0x80];
const MS2: &[u8] = &[0xc2, 0x23, 0x81];
const EAP: &[u8] = &[0xc2, 0x27];

/// What a server goes on with after a Nak: by what it was asked for, what it asked, and what is
/// left of its own.
type Manner = fn(wanted: &[u8], asked: &[u8], left: &mut Vec<&'static [u8]>);

/// As pppd 2.4.9 does it.
fn pppd(wanted: &[u8], asked: &[u8], left: &mut Vec<&'static [u8]>) {
    let is_chap = |method: &[u8]| method.starts_with(&[0xc2, 0x23]);
    if is_chap(asked) && is_chap(wanted) && left.contains(&wanted) {
        left.retain(|own| !is_chap(own) || *own == wanted);
    } else if is_chap(asked) && !is_chap(wanted) {
        left.retain(|own| !is_chap(own));
    } else {
        if is_chap(wanted) && left.contains(&wanted) {
            left.retain(|own| !is_chap(own) || *own == wanted);
        }
        left.retain(|own| *own != asked);
    }
}

/// As our own server: the refused one is gone, the wanted one is next.
fn ours(wanted: &[u8], asked: &[u8], left: &mut Vec<&'static [u8]>) {
    left.retain(|own| *own != asked);
    left.sort_by_key(|own| *own != wanted);
}

/// One that never changes its mind.
fn stubborn(_: &[u8], _: &[u8], _: &mut Vec<&'static [u8]>) {}

/// Looks; how many Naks it took is the second value.
fn look(has: &[&'static [u8]], manner: Manner) -> (Methods, u32) {
    let mut search = Search::new(has[0].to_vec());
    let mut naks = 0;
    while search.goes() {
        search.begin();
        let mut left = has.to_vec();
        while let Answer::Suggest(wanted) = search.asked(left.first().copied()) {
            naks += 1;
            let asked = left[0];
            manner(wanted, asked, &mut left);
        }
    }
    (search.methods(), naks)
}

fn names(methods: &[&[u8]]) -> Vec<String> {
    methods.iter().map(|method| name(method)).collect()
}

#[test]
fn all_of_pppds_methods_are_found_and_no_others() {
    for has in [
        &[EAP, MS2, MS1, MD5, PAP][..],
        &[EAP, PAP],
        &[MS2, MD5, PAP],
        &[MS2, MD5],
        &[MS2, PAP],
        &[MD5, PAP],
        &[MS2],
        &[PAP],
    ] {
        let (methods, naks) = look(has, pppd);
        let mut asked = methods.asked.clone();
        assert_eq!(asked[0], name(has[0]), "its own wish is the first");
        asked.sort();
        let mut wanted = names(has);
        wanted.sort();
        assert_eq!((asked, methods.whole), (wanted, true), "{methods:?}");
        assert_eq!(methods.asked.len() + methods.refused.len(), SUGGESTED.len(), "{methods:?}");
        assert!(naks <= TIMES * 4, "{naks}");
    }
}

#[test]
fn servers_of_other_manners_are_understood_too() {
    for has in [&[MS2, MS1, PAP][..], &[MS2], &[MD5, EAP]] {
        let (methods, _) = look(has, ours);
        assert_eq!((methods.asked.len(), methods.whole), (has.len(), true), "{methods:?}");
        let (methods, naks) = look(has, stubborn);
        assert_eq!((methods.asked, methods.whole), (names(&has[..1]), true));
        assert!(naks <= TIMES * 4, "{naks}");
    }
}

#[test]
fn what_was_not_answered_is_not_called_refused() {
    let mut search = Search::new(MS2.to_vec());
    search.begin();
    assert_eq!(search.asked(Some(MS2)), Answer::Suggest(MS1));
    let methods = search.methods();
    assert_eq!((methods.asked, methods.refused.len(), methods.whole), (names(&[MS2]), 0, false));
    assert_eq!(search.asked(Some(PAP)), Answer::Take);
    let methods = search.methods();
    assert_eq!((methods.asked, methods.refused), (names(&[MS2, PAP]), names(&[MS1])));
    search.begin();
    // Now it asks for none, though nothing was suggested yet.
    assert_eq!(search.asked(None), Answer::Nothing);
    assert!(!search.goes() && !search.methods().whole);
}

#[test]
fn methods_without_a_name_are_kept_few() {
    let mut search = Search::new(MS2.to_vec());
    for number in 0..100_u8 {
        search.begin();
        search.asked(Some(&[number; 9]));
    }
    let methods = search.methods();
    assert_eq!(methods.asked.len(), FOUND_MAX);
    assert_eq!(methods.asked[3], "authentication 0x0202");
}
