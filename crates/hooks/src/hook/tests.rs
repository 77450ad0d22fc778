//! Who hears what, and how a body is signed.

use super::*;

fn hook(hosts: &[&str], path: &str) -> Hook {
    Hook::new(Settings {
        url: "https://hooks.test:8/secret/token".into(),
        script: None,
        on: vec![Kind::Finished, Kind::Deleted],
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        path: path.into(),
        timeout_s: 1,
        secret: Some(b"It's a Secret to Everybody".to_vec()),
        roots_pem: None,
    })
    .unwrap()
}

#[test]
fn a_hook_hears_what_it_wants() {
    let event = |kind, path: &str, site: Option<&str>| Event {
        site: site.map(ToOwned::to_owned),
        ..Event::new(kind, path.as_bytes())
    };
    let all = hook(&[], "");
    assert!(all.wants(&event(Kind::Finished, "/x", None)));
    assert!(all.wants(&event(Kind::Deleted, "/x", Some("a.test"))));
    assert!(!all.wants(&event(Kind::Created, "/x", None)), "not asked for");
    let one = hook(&["a.test", "*.b.test"], "");
    assert!(one.wants(&event(Kind::Finished, "/x", Some("a.test"))));
    assert!(one.wants(&event(Kind::Finished, "/x", Some("www.b.test"))));
    assert!(!one.wants(&event(Kind::Finished, "/x", Some("b.test"))));
    assert!(!one.wants(&event(Kind::Finished, "/x", None)), "no site");
    let below = hook(&[], "/in/");
    assert!(below.wants(&event(Kind::Finished, "/in/x", None)));
    assert!(!below.wants(&event(Kind::Finished, "/index", None)));
}

/// The example of GitHub's "Validating webhook deliveries".
#[test]
fn bodies_are_signed_as_receivers_know_it() {
    let wanted = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(hook(&[], "").signature(b"Hello, World!").unwrap(), wanted);
}

#[test]
fn receivers_have_names_of_their_own_in_the_outbox() {
    let script = |script: &str, hosts: &[&str]| {
        let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
        let script = Some(script.to_owned());
        Hook::new(Settings { script, hosts, ..Settings::default() }).unwrap()
    };
    let url = Hook::new(Settings { url: "http://a/h.php".into(), ..Settings::default() }).unwrap();
    let others = [script("/h.php", &["a"]), script("/h.php", &["b"]), script("/g.php", &["a"])];
    let mut keys: Vec<&str> = others.iter().map(|hook| hook.key.as_str()).collect();
    keys.push(&url.key);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4);
    assert_eq!(script("/h.php", &["a"]).key, others[0].key, "the same after a restart");
    assert_eq!(others[0].shown(), "/h.php");
}

#[test]
fn nothing_shows_the_secrets() {
    let hook = hook(&[], "");
    assert_eq!(hook.shown(), "https://hooks.test:8");
    assert!(Hook::new(Settings { url: "/x".into(), ..Settings::default() }).is_none());
}
