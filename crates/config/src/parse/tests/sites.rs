//! Tests of sites and PHP pools, from text to model.

use super::messages;
use crate::model::{
    Delivery, ExternalPool, Fields, Links, Mount, NameValue, Network, PhpAddress, PhpBackend,
    Redirect, Rule, Site, Try,
};
use crate::parse;

#[test]
fn a_site() {
    let parsed = parse(WHOLE);
    assert_eq!(parsed.problems, []);
    let config = parsed.config.unwrap();
    assert_eq!(config.php.children, 8);
    for expected in [
        pair("memory_limit", "256M"),
        pair("opcache.enable", "1"),
        pair("max_execution_time", "30"),
    ] {
        assert!(config.php.settings.contains(&expected), "{expected:?}");
    }
    let socket = PhpAddress::Unix("/run/php/fpm.sock".into());
    let pool = ExternalPool {
        address: socket.clone(),
        workers: 20,
        status_listen: Some(PhpAddress::Tcp(([127, 0, 0, 1], 9001).into())),
        status_path: Some("/status".into()),
    };
    assert_eq!(config.php.pools, [pool]);
    let site = &config.sites[0];
    let expected = Site {
        hosts: vec!["example.test".into(), "*.example.test".into()],
        root: "/srv/app/public".into(),
        php: PhpBackend::At(socket),
        php_root: Some("/var/www".into()),
        index: vec!["index.php".into()],
        tries: site.tries.clone(),
        links: Links::Anywhere,
        compress: false,
        // By name, as TOML tables have no order.
        headers: vec![pair("X-B", "2"), pair("X-Frame-Options", "SAMEORIGIN")],
        delivery: Delivery::Swap,
        uploads_bytes_max: 0,
        upload_bytes_max: 1 << 30,
        file_bytes_max: 1000,
        authorize: Some("/may.php".into()),
        mounts: vec![Mount {
            path: "/protected/".into(),
            root: "/srv/files".into(),
            internal: true,
        }],
        rules: rules(site),
        redirects: vec![Redirect { from: "/old/".into(), to: "/new/".into(), status: 301 }],
    };
    assert_eq!(*site, expected);
    assert_eq!((site.tries.len(), &site.tries[2]), (3, &Try::Status(404)));
    assert_eq!(site.rules[1].fields.as_ref().unwrap().templates.len(), 1);
    assert_eq!(config.sites[1], Site { php: PhpBackend::Managed, ..Site::default() });
}

fn pair(name: &str, value: &str) -> NameValue {
    NameValue { name: name.into(), value: value.into() }
}

/// The rules of [`WHOLE`], with the templates that were read.
fn rules(site: &Site) -> Vec<Rule> {
    let network = Network { address: "10.0.0.0".parse().unwrap(), prefix: 8 };
    vec![
        Rule {
            php: false,
            allow: vec![network],
            headers: vec![pair("Cache-Control", "no-store")],
            ..Rule::new("/uploads/".into())
        },
        Rule {
            script: Some("/upload.php".into()),
            delivery: Some(Delivery::Fields),
            upload_bytes_max: Some(10 << 30),
            file_bytes_max: Some(1 << 30),
            fields: Some(Fields {
                templates: site.rules[1].fields.as_ref().unwrap().templates.clone(),
                pass: vec!["submit".into(), "descr*".into()],
                cleanup: vec![(400, 599)],
                tame_arrays: true,
                store: Some("/srv/incoming".into()),
            }),
            ..Rule::new("/import".into())
        },
        Rule {
            delivery: Some(Delivery::Fields),
            fields: Some(Fields::default()),
            authorize: Some(String::new()),
            ..Rule::new("/plain".into())
        },
    ]
}

#[test]
fn settings_with_dots_may_be_written_as_tables() {
    let expected = parse("[php]\nsettings = { \"opcache.enable\" = true }\n").config;
    assert!(expected.is_some());
    for text in [
        "[php.settings]\nopcache.enable = 1\n",
        "[php.settings.opcache]\nenable = \"1\"\n",
        "php.settings.opcache.enable = true\n",
    ] {
        assert_eq!(parse(text).config, expected, "{text}");
    }
}

#[test]
fn what_is_no_contradiction() {
    // Each would be a contradiction with one thing less or more.
    for text in [
        "[[site]]\nhosts = [\"a\"]\n[[site]]\nhosts = [\"*.a\"]\n[[site]]\n",
        "[[site]]\nphp = \"managed\"\n[[site.rule]]\npath = \"/up/\"\ndelivery = \"fields\"\n\
         store = \"public/in\"\n[[site.rule]]\npath = \"/in/\"\nphp = false\n",
        "[[site]]\nphp = \"managed\"\n[[site.rule]]\npath = \"/up/\"\ndelivery = \"fields\"\n\
         store = \"m/in\"\n[[site.mount]]\npath = \"/m/\"\nroot = \"m\"\ninternal = true\n",
        "[[site]]\n[[site.mount]]\npath = \"/m/\"\nroot = \".menshen/x\"\ninternal = true\n",
        "[[site]]\n[[site.redirect]]\nfrom = \"/\"\nto = \"https://a.test/\"\n",
        "[[site]]\n[[site.redirect]]\nfrom = \"/a\"\nto = \"/a/\"\n",
        "[php]\nfolder = \"/srv/spool\"\n[[site]]\nroot = \"/srv/app\"\n",
    ] {
        assert_eq!(messages(text), [""; 0], "{text}");
    }
}

#[test]
fn pools_are_counted() {
    let sites = |count: usize| -> String {
        let site = |n| format!("[[site]]\nhosts = [\"h{n}\"]\nphp = \"127.0.0.1:{}\"\n", 9000 + n);
        "[[site]]\nphp = \"managed\"\n".to_owned() + &(1..count).map(site).collect::<String>()
    };
    assert_eq!(messages(&sites(8)), [""; 0]);
    assert_eq!(messages(&sites(9)), ["the sites use 9 PHP pools"]);
}

const WHOLE: &str = r#"
[php]
children = 8
settings = { memory_limit = "256M", "opcache.enable" = true, max_execution_time = 30 }
[[php.pool]]
address = "unix:/run/php/fpm.sock"
workers = 20
status_listen = "127.0.0.1:9001"
status_path = "/status"
[[site]]
hosts = ["Example.test.", "*.example.test"]
root = "/srv/app/public"
php = "unix:/run/php/fpm.sock"
php_root = "/var/www"
index = ["index.php"]
try = ["$path", "/index.php?q=$path&$query", "=404"]
links = "anywhere"
compress = false
headers = { X-Frame-Options = "SAMEORIGIN", X-B = "2" }
delivery = "swap"
upload_bytes_max = "1GiB"
file_bytes_max = 1000
authorize = "/may.php"
[[site.mount]]
path = "/protected/"
root = "/srv/files"
internal = true
[[site.rule]]
path = "/uploads/"
php = false
allow = ["10.0.0.0/8"]
headers.Cache-Control = "no-store"
[[site.rule]]
path = "/import"
script = "/upload.php"
delivery = "fields"
upload_bytes_max = "10GiB"
file_bytes_max = "1GiB"
fields = ["$field_name.p = $path"]
pass = ["submit", "descr*"]
cleanup = ["400-599"]
tame_arrays = true
store = "/srv/incoming"
[[site.rule]]
path = "/plain"
delivery = "fields"
authorize = ""
[[site.redirect]]
from = "/old/"
to = "/new/"
status = 301
[[site]]
php = "managed"
"#;
