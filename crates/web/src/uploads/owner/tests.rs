//! Tests of `owner`.

use super::*;
use crate::fixture::Lines;

#[test]
fn a_browser_is_known_by_its_cookie_and_only_on_its_host() {
    let lines = Lines::of(&["Sec-Fetch-Site: same-origin"]);
    let ask = lines.ask("POST", "/.menshen/uploads/");
    let cookie = String::from_utf8(new_cookie(&ask).unwrap()).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let lines = Lines::of(&["Sec-Fetch-Site: same-origin".to_owned(), format!("Cookie: {pair}")]);
    let ask = lines.ask("POST", "/.menshen/uploads/");
    let owner = of_cookie(&ask).unwrap();
    assert_eq!(new_cookie(&ask), None, "it has one");
    let elsewhere = Ask { host: b"other.example", ..ask };
    assert_ne!(of_cookie(&elsewhere).unwrap(), owner);
    let lines = Lines::of(&["Cookie: __Host-menshen-uploads=short"]);
    assert_eq!(of_cookie(&lines.ask("POST", "/")), None);
}

#[test]
fn programs_and_open_ways_get_no_cookie() {
    let lines = Lines::of::<&str>(&[]);
    assert_eq!(new_cookie(&lines.ask("POST", "/")), None);
    let lines = Lines::of(&["Origin: http://files.example"]);
    let mut ask = lines.ask("POST", "/");
    ask.wire.secure = false;
    assert_eq!(new_cookie(&ask), None);
}

#[test]
fn other_hosts_of_the_domain_cannot_lend_a_cookie() {
    let value = "0123456789abcdef0123456789abcdef";
    let lines = Lines::of(&[&format!("Cookie: menshen-uploads={value}")]);
    assert_eq!(of_cookie(&lines.ask("GET", "/")), None);
    let lines = Lines::of(&[&format!("Cookie: __Host-menshen-uploads={value}")]);
    assert!(of_cookie(&lines.ask("GET", "/")).is_some());
}

#[test]
fn strangers_are_known_by_their_network() {
    let of = |text: &str| source_of(text.parse().unwrap());
    assert_eq!((of("127.0.0.1"), of("::1")), (0, 0));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
    assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:2::2"));
    assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
}
