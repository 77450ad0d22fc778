//! Scripts the application may name, and those it may not.

use menshen_config::model::{Mount, PhpBackend, Rule};

use crate::fixture::{Choices, Fixture};

#[test]
fn only_scripts_of_the_site_where_php_runs() {
    let settings = menshen_config::model::Site {
        php: PhpBackend::Managed,
        rules: vec![
            Rule { open: false, upload_bytes_max: Some(7), ..Rule::new("/closed/".into()) },
            Rule { php: false, ..Rule::new("/files/".into()) },
        ],
        mounts: vec![Mount { path: "/in/".into(), root: "in".into(), internal: true }],
        ..menshen_config::model::Site::default()
    };
    let made = Fixture::with(Choices { sites: vec![settings], ..Choices::default() });
    let names = ["a.php", "closed/b.php", "files/c.php", ".d.php", "e.txt", "门 f.php"];
    for name in names {
        made.lay(&format!("public/{name}"), "<?php");
    }
    made.lay("in/g.php", "<?php");
    let site = made.door.sites.find(b"any").unwrap();
    let found = |target: &str| site.targeted_script(target.as_bytes()).unwrap();
    let script = found("/a.php/more?x=1&y=/../").unwrap();
    assert_eq!((&script.name[..], &script.path_info[..]), (&b"/a.php"[..], &b"/more"[..]));
    assert_eq!(script.query, b"x=1&y=/../");
    assert!(script.filename.ends_with(b"public/a.php"));
    let closed = found("/closed/b.php").expect("clients are kept out, the application is not");
    assert_eq!(closed.settings.upload_bytes_max, 7, "its own rule holds");
    assert!(found("/%E9%97%A8%20f.php").is_some());
    for nothing in [
        "",
        "a.php",
        "/",
        "/e.txt",
        "/none.php",
        "/files/c.php",
        "/.d.php",
        "/in/g.php",
        "//a.php",
        "/x/../a.php",
        "/%2e%2e/a.php",
        "/a.php%00",
        "/a.php%2Fb",
        "https://other.test/a.php",
    ] {
        assert!(found(nothing).is_none(), "{nothing}");
    }
}
