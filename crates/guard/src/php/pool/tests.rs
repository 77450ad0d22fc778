//! What the rendered settings say, and what is refused.

use menshen_config::model::{Rule, Site};

use super::*;

fn managed(upload_bytes_max: u64, file_bytes_max: u64) -> Site {
    Site { php: PhpBackend::Managed, upload_bytes_max, file_bytes_max, ..Site::default() }
}

fn plan(sites: Vec<Site>) -> PoolPlan {
    PoolPlan::of(&Config { sites, ..Config::default() }).unwrap()
}

#[test]
fn the_largest_limit_of_all_managed_sites_counts() {
    let rule = |limit| Rule { upload_bytes_max: limit, ..Rule::new("/x/".into()) };
    let mut ruled = managed(10, 5);
    ruled.rules = vec![rule(Some(40)), rule(None)];
    let mut free = managed(10, 5);
    free.rules = vec![rule(Some(0))];
    let foreign = Site { php: PhpBackend::Off, ..managed(0, 0) };
    // sites, body, file
    let table = [
        (vec![managed(0, 0)], 0, 0),
        (vec![managed(10, 0)], 10, 10),
        (vec![managed(10, 5), foreign], 10, 5),
        (vec![managed(10, 50)], 10, 10),
        (vec![managed(0, 5)], 0, 5),
        (vec![managed(10, 5), managed(0, 0)], 0, 0),
        (vec![ruled], 40, 5),
        (vec![free], 0, 5),
    ];
    for (sites, body, file) in table {
        let plan = plan(sites.clone());
        assert_eq!((plan.body_bytes_max, plan.file_bytes_max), (body, file), "{sites:?}");
    }
}

#[test]
fn settings_are_quoted_and_dangerous_ones_refused() {
    let set = |name: &str, value: &str| {
        setting(&NameValue { name: name.into(), value: value.into() }).map(|(_, value)| value)
    };
    assert_eq!(set("memory_limit", "1G").unwrap(), "'1G'");
    assert_eq!(set("date.timezone", "${HOME}\\n$pool").unwrap(), "'${HOME}\\n$pool'");
    assert_eq!(set("a", "it's; [x]").unwrap(), "\"it's; [x]\"");
    let bad = [
        ("a", "x\nlisten = /tmp/other"),
        ("a", "'\""),
        ("a", "'$x"),
        ("a]\n[x", "1"),
        ("", "1"),
        ("auto_prepend_file", "/x.php"),
        ("upload_tmp_dir", "/x"),
    ];
    for (name, value) in bad {
        assert!(set(name, value).is_err(), "{name} {value}");
    }
}

#[test]
fn php_reads_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let at = Folder::at(folder.path());
    let mut config = Config { sites: vec![managed(1 << 20, 0)], ..Config::default() };
    config.php.children = 7;
    config.php.settings.push(NameValue { name: "memory_limit".into(), value: "77M".into() });
    let plan = PoolPlan::of(&config).unwrap();
    let socket = folder.path().join("run/fpm-1.sock");
    let text = plan.render(&at, &socket, None).unwrap();
    let prepend = format!("auto_prepend_file] = '{}/prepend.php'\n", folder.path().display());
    for part in [
        "pm.max_children = 7\n",
        "php_admin_value[post_max_size] = 1048576\n",
        "php_admin_value[upload_max_filesize] = 1048576\n",
        "php_admin_value[memory_limit] = '77M'\n",
        &prepend,
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("status_listen"), "{text}");
    let odd = folder.path().join("a'b$c");
    assert!(plan.render(&at, &odd, None).is_err(), "a path that cannot be written down");
}
