//! What links open: deed, path, method, and nothing beside.

use menshen_web_core::link::{KeyId, LinkId};

use super::*;
use crate::fixture::{Fixture, LINK_KEY, Lines};

fn made() -> Fixture {
    let made = Fixture::new();
    for name in ["file", "a/b.txt", "a/c/d.txt", "ab", "in/taken.txt"] {
        made.file(name, "0123456789");
    }
    made
}

fn link(deed: Deed, path: &str, change: impl FnOnce(&mut Claims)) -> String {
    let mut claims = Claims {
        deed,
        path: path.into(),
        not_before: None,
        expires: clock::unix_s() + 60,
        count: None,
        bytes: None,
        rate: None,
        networks: Vec::new(),
        id: None,
    };
    change(&mut claims);
    claims.seal(KeyId(LINK_KEY.id), |bytes| LINK_KEY.sign(bytes)).unwrap()
}

/// What a request comes to: a status, or what would be done.
fn outcome(made: &Fixture, method: &str, target: &str, fields: &[&str]) -> String {
    let lines = Lines::of(fields);
    let mut ask = lines.ask(method, target);
    ask.length = Some(5);
    told(made.door.plan(&ask, Patience::Once), made)
}

fn told(plan: Plan, made: &Fixture) -> String {
    match plan {
        Plan::Reply(reply) => reply.status.to_string(),
        Plan::File(_) => "file".into(),
        Plan::Job(job, wanted) => job.run(&made.door.shared, wanted).status.to_string(),
        Plan::Receive(Sink::Link(sink)) => String::from_utf8(sink.path().to_vec()).unwrap(),
        Plan::Linked(linked) => format!("{} of {}", told(linked.plan, made), linked.rate),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_link_opens_its_path_and_no_other() {
    let made = made();
    let exact = link(Deed::Get, "/a/b.txt", |_| {});
    let folder = link(Deed::Get, "/a/", |_| {});
    for (link, target, told) in [
        (&exact, "/a/b.txt", "file"),
        (&exact, "/a/%62.txt", "file"),
        (&exact, "/a/b.txt/", "403"),
        (&exact, "/a/B.txt", "403"),
        (&exact, "/a%2fb.txt", "400"),
        (&exact, "/a/../a/b.txt", "400"),
        (&exact, "/a/b.txt;x", "403"),
        (&exact, "/a/b.txt%00", "400"),
        (&exact, "/a//b.txt", "400"),
        (&exact, "/a/", "403"),
        (&exact, "/file", "403"),
        (&exact, "/missing", "403"),
        (&exact, "/.menshen-spool/x", "404"),
        (&folder, "/a/b.txt", "file"),
        (&folder, "/a/c/d.txt", "file"),
        (&folder, "/a/", "200"),
        (&folder, "/a/c/", "200"),
        (&folder, "/a/c", "308"),
        (&folder, "/a/missing", "404"),
        (&folder, "/a", "403"),
        (&folder, "/ab", "403"),
        (&folder, "/", "403"),
        (&folder, "/A/b.txt", "403"),
    ] {
        for method in ["GET", "HEAD"] {
            let target = format!("{target}?menshen-link={link}");
            assert_eq!(outcome(&made, method, &target, &[]), told, "{method} {target}");
        }
    }
}

#[test]
fn a_link_opens_one_method_and_saves_nobody_who_has_more() {
    let made = made();
    let get = link(Deed::Get, "/file", |_| {});
    let put = link(Deed::Put, "/new.txt", |_| {});
    let drop = link(Deed::Drop, "/in/", |_| {});
    for (method, target, told) in [
        ("PUT", format!("/file?menshen-link={get}"), "403"),
        ("DELETE", format!("/file?menshen-link={get}"), "405"),
        ("MOVE", format!("/file?menshen-link={get}"), "405"),
        ("MKCOL", format!("/file?menshen-link={get}"), "405"),
        ("POST", format!("/?menshen-link={get}"), "405"),
        ("PUT", format!("/new.txt?menshen-link={put}"), "/new.txt"),
        ("GET", format!("/new.txt?menshen-link={put}"), "403"),
        ("PUT", format!("/file?menshen-link={put}"), "403"),
        ("PUT", format!("/in/x?menshen-link={drop}"), "403"),
        ("GET", format!("/in/taken.txt?menshen-link={drop}"), "403"),
        ("GET", format!("/in/?menshen-link={drop}"), "403"),
        ("GET", format!("/.menshen/drop/{get}/"), "403"),
        ("PUT", format!("/.menshen/drop/{put}/new.txt"), "403"),
    ] {
        assert_eq!(outcome(&made, method, &target, &[]), told, "{method} {target}");
        let owner = format!("Authorization: Bearer {}", crate::fixture::TOKEN);
        assert_eq!(outcome(&made, method, &target, &[&owner]), told, "the link alone counts");
    }
    assert_eq!(made.spooled(), Vec::<String>::new());
}

#[test]
fn a_drop_box_takes_new_files_and_tells_nothing() {
    let made = made();
    let drop = link(Deed::Drop, "/in/", |_| {});
    for (method, name, told) in [
        ("GET", "/", "200"),
        ("GET", "", "308"),
        ("PUT", "/new.txt", "/in/new.txt"),
        ("PUT", "/taken.txt", "/in/taken.txt"),
        ("PUT", "/%E6%96%87.txt", "/in/文.txt"),
        ("GET", "/taken.txt", "405"),
        ("HEAD", "/taken.txt", "405"),
        ("DELETE", "/taken.txt", "405"),
        ("PUT", "/", "405"),
        ("PUT", "/a/b.txt", "400"),
        ("PUT", "/a%2fb.txt", "400"),
        ("PUT", "/..", "400"),
        ("PUT", "/%2e%2e", "400"),
        ("PUT", "/x/", "400"),
        ("PUT", "/.htaccess", "400"),
        ("PUT", "/%2ehtaccess", "400"),
        ("PUT", "/.menshen-spool", "400"),
        ("PUT", "//x", "400"),
    ] {
        let target = format!("/.menshen/drop/{drop}{name}");
        assert_eq!(outcome(&made, method, &target, &[]), told, "{method} {name}");
    }
    // No condition tells whether a name is there.
    for condition in ["If-None-Match: *", "If-Match: *", "If-Match: \"x\""] {
        for name in ["taken.txt", "new.txt"] {
            let target = format!("/.menshen/drop/{drop}/{name}");
            assert_eq!(outcome(&made, "PUT", &target, &[condition]), format!("/in/{name}"));
        }
    }
    for target in ["/.menshen/drop/", "/.menshen/drop/x/", "/.menshen/drop//x"] {
        assert_eq!(outcome(&made, "GET", target, &[]), "403", "{target}");
    }
}

#[test]
fn what_counts_is_taken_first_and_what_is_slow_is_known() {
    let made = made();
    let counted = link(Deed::Get, "/file", |claims| {
        (claims.count, claims.id) = (Some(1), Some(LinkId([1; 12])));
    });
    let slow = link(Deed::Get, "/file", |claims| claims.rate = Some(1000));
    for (link, told) in [(&counted, "file of 0"), (&slow, "file of 1000")] {
        assert_eq!(outcome(&made, "GET", &format!("/file?menshen-link={link}"), &[]), told);
    }
    // A question that brings no content costs nothing.
    let target = format!("/file?menshen-link={counted}");
    assert_eq!(outcome(&made, "HEAD", &target, &[]), "file");
    let etag = match made.door.files.open(made.root(), b"/file").unwrap() {
        Found::File(file) => String::from_utf8(file.etag().to_vec()).unwrap(),
        Found::Directory => panic!("a folder"),
    };
    let same = format!("If-None-Match: {etag}");
    assert_eq!(outcome(&made, "GET", &target, &[&same]), "304");
    assert_eq!(outcome(&made, "GET", &target, &["Range: bytes=100-"]), "416");
}

#[test]
fn time_and_address_are_judged_before_the_disk() {
    let made = made();
    for (change, told) in [
        ((|claims| claims.expires = 1) as fn(&mut Claims), "410"),
        (|claims| claims.not_before = Some(claims.expires - 1), "403"),
        (|claims| claims.networks = vec!["198.51.100.0/24".parse().unwrap()], "403"),
    ] {
        for path in ["/file", "/missing"] {
            let link = link(Deed::Get, path, change);
            let target = format!("{path}?menshen-link={link}");
            assert_eq!(outcome(&made, "GET", &target, &[]), told, "{path}");
        }
    }
    let here = |claims: &mut Claims| claims.networks = vec!["192.0.2.0/24".parse().unwrap()];
    let link = link(Deed::Get, "/file", here);
    assert_eq!(outcome(&made, "GET", &format!("/file?menshen-link={link}"), &[]), "file");
}

/// The clock as an argument: the same link before, in and after its time.
#[test]
fn a_link_has_its_time() {
    let made = made();
    let begin = |claims: &mut Claims| (claims.not_before, claims.expires) = (Some(100), 200);
    let link = link(Deed::Get, "/file", begin);
    let path = decode_path(b"/file").unwrap();
    let peer = [192, 0, 2, 1].into();
    use menshen_web_core::link::Denied;
    for (now, denied) in
        [(99, Some(Denied::Early)), (100, None), (199, None), (200, Some(Denied::Expired))]
    {
        let judged = made.door.authority.by_link(link.as_bytes(), Deed::Get, &path, peer, now);
        assert_eq!(judged.err(), denied.map(LinkRefusal::Denied), "{now}");
    }
}
