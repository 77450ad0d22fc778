//! Tests of `paths`.

use std::path::{Path, PathBuf};

use super::{Overlap, exposed, exposed_secret, overlap, resolve};
use crate::parse;

#[test]
fn overlaps() {
    for (one, other, expected) in [
        ("files", ".menshen", None),
        ("files", "./files/", Some(Overlap::Same)),
        ("files", "filesystem", None),
        (".", ".menshen", Some(Overlap::Around)),
        ("files/../state", "state/x", Some(Overlap::Around)),
        ("state/files", "state", Some(Overlap::Inside)),
        ("/srv/files", "/srv/files/.menshen", Some(Overlap::Around)),
        ("/srv/files", "/srv/../srv/files", Some(Overlap::Same)),
        ("/srv/files", "files", None),
        ("/", "state", Some(Overlap::Around)),
        ("/..", "/", Some(Overlap::Same)),
        ("..", "state", Some(Overlap::Around)),
        ("..", "../state", Some(Overlap::Around)),
        ("../files", "../state", None),
        ("../..", "..", Some(Overlap::Around)),
        ("..", ".", Some(Overlap::Around)),
        ("..", "../../x", None),
        (".", "../x", None),
    ] {
        assert_eq!(overlap(Path::new(one), Path::new(other)), expected, "{one} {other}");
        let turned = expected.map(|overlap| match overlap {
            Overlap::Inside => Overlap::Around,
            Overlap::Around => Overlap::Inside,
            Overlap::Same => Overlap::Same,
        });
        assert_eq!(overlap(Path::new(other), Path::new(one)), turned, "{other} {one}");
    }
}

#[test]
fn relative_paths_start_at_the_file_or_in_the_state_folder() {
    let text = "state = \"./state\"\n[tls]\ncertificate = \"c.pem\"\nkey = \"/k.pem\"\n\
        from = [\"live\", \"/l\"]\n[acme]\ndns_hook = \"hook\"\ndns_secret = \"secret\"\n\
        [[acme.directory]]\nurl = \"https://a/\"\neab_kid = \"k\"\neab_key = \"eab\"\n\
        roots = \"./roots\"\n[php]\nprogram = \"bin/fpm\"\n[[site]]\nroot = \"../app/public\"\n\
        php = \"unix:/run/php.sock\"\nphp_root = \"/app\"\n[[site.mount]]\npath = \"/a/\"\n\
        root = \"a\"\n[[site.rule]]\npath = \"/in/\"\ndelivery = \"fields\"\nstore = \"in\"\n";
    let mut config = parse(text).config.unwrap();
    resolve(&mut config, Path::new("/etc/menshen"));
    let site = &config.sites[0];
    let store = site.rules[0].fields.as_ref().unwrap().store.as_deref();
    for (path, expected) in [
        (Some(config.state.as_path()), "/etc/menshen/state"),
        (Some(&config.web.root), "/etc/menshen/files"),
        (config.tls.certificate.as_deref(), "/etc/menshen/c.pem"),
        (config.tls.key.as_deref(), "/k.pem"),
        (config.tls.from.first().map(PathBuf::as_path), "/etc/menshen/live"),
        (config.tls.from.last().map(PathBuf::as_path), "/l"),
        (config.acme.dns_hook.as_deref(), "/etc/menshen/hook"),
        (config.acme.dns_secret.as_deref(), "/etc/menshen/secret"),
        (config.acme.directories[0].eab_key.as_deref(), "/etc/menshen/eab"),
        (config.acme.directories[0].roots.as_deref(), "/etc/menshen/roots"),
        (config.php.program.as_deref(), "/etc/menshen/bin/fpm"),
        (Some(&config.php.folder), "/etc/menshen/state/php"),
        (Some(&site.root), "/etc/menshen/../app/public"),
        (site.php_root.as_deref(), "/app"),
        (Some(&site.mounts[0].root), "/etc/menshen/a"),
        (store, "/etc/menshen/in"),
    ] {
        assert_eq!(path.and_then(Path::to_str), Some(expected));
    }
}

#[test]
fn an_overlap_that_only_absolute_paths_show() {
    let text = "[[site]]\nroot = \"/srv/app\"\n[[site.mount]]\npath = \"/a/\"\nroot = \"/srv\"\n";
    let mut config = parse(&format!("{text}internal = true\n")).config.unwrap();
    resolve(&mut config, Path::new("/srv"));
    assert_eq!(exposed(&config), None);
    resolve(&mut config, Path::new("/"));
    let mut config = parse(text).config.unwrap();
    assert_eq!(exposed(&config), None);
    resolve(&mut config, Path::new("/srv"));
    assert_eq!(exposed(&config), Some(("site.mount.root", Path::new("/srv"))));
}

#[test]
fn a_secret_in_a_served_folder_that_only_absolute_paths_show() {
    let roots = "[web]\nroot = \"/srv\"\n";
    for (text, key) in [
        ("[tls]\ncertificate = \"c\"\nkey = \"k\"\n", "tls.key"),
        ("[tls]\nfrom = [\"/elsewhere\", \"live\"]\n", "tls.from"),
        ("[acme]\ndns_hook = \"hook\"\n", "acme.dns_hook"),
        ("[acme]\ndns_secret = \"secret\"\n", "acme.dns_secret"),
        (
            "[[acme.directory]]\nurl = \"https://a/\"\neab_kid = \"k\"\neab_key = \"key\"\n",
            "acme.directory.eab_key",
        ),
    ] {
        let mut config = parse(&format!("state = \"/state\"\n{roots}{text}")).config.unwrap();
        assert_eq!(exposed_secret(&config), None, "{key}");
        resolve(&mut config, Path::new("/srv/x"));
        let (secret, folder) = exposed_secret(&config).unwrap();
        assert_eq!((secret.key, folder), (key, Path::new("/srv")));
    }
}
