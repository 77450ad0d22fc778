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
    let lines = Lines::of(&["Cookie: menshen-uploads=short"]);
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
