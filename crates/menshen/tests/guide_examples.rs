//! Examples of the guide, as printed there: settings about certificates, memory and the sql door
//! are read; those about PHP run against a real php-fpm, left out where none is installed; `CI`
//! requires it.

use crate::support::{live, peers};

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use live::{Live, command};
use menshen_config::{Colour, check};

/// The last fenced block of this language in a page of the guide.
fn block(page: &str, language: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let text = fs::read_to_string(folder.join(page)).unwrap();
    let (_, rest) = text.rsplit_once(&format!("```{language}\n")).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

/// All fenced blocks of this language in a page of the guide.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let text = fs::read_to_string(folder.join(page)).unwrap();
    let begin = format!("```{language}\n");
    let parts = text.split(&begin).skip(1);
    parts.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Posts a form of fields and one file; status and body.
fn post(live: &Live, fields: &[(&str, &str)], file: (&str, &str)) -> (u16, String) {
    let mut body = String::new();
    for (name, value) in fields {
        body +=
            &format!("--xXx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!(
        "--xXx\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"{}\"\r\n\
         Content-Type: text/plain\r\n\r\n{}\r\n--xXx--\r\n",
        file.0, file.1
    );
    let request = format!(
        "POST /upload?x=1 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=xXx\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(live.plain).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}

#[test]
fn the_set_up_of_nginx_upload_module_carried_over() {
    if peers::find("php-fpm8.2").is_none() {
        assert!(std::env::var_os("CI").is_none(), "php-fpm is required in CI");
        return;
    }
    let folder = live::folder("workers = 1");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("public")).unwrap();
    let page = "nginx-upload-module.md";
    fs::write(folder.path().join("public/upload.php"), block(page, "php")).unwrap();
    let settings = folder.path().join("menshen.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}\n{}", block(page, "toml"))).unwrap();
    let command = command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, command);

    let fields = [("submit", "send"), ("description", "d"), ("photo_path", "/etc/passwd")];
    assert_eq!(post(&live, &fields, ("月.txt", "moon")), (200, "4 send".into()));
    assert_eq!(names(&live.path("incoming")), ["月.txt"]);
    assert_eq!(fs::read_to_string(live.path("incoming/月.txt")).unwrap(), "moon");

    // An answer that cleans up.
    let script = live.path("public/upload.php");
    fs::write(script, "<?php http_response_code(isset($_POST['other']) ? 200 : 400);").unwrap();
    assert_eq!(post(&live, &[("other", "x")], ("b", "bytes")).0, 400, "`other` was passed");
    live::wait_for("the file to be removed", || names(&live.path("incoming")) == ["月.txt"]);
}

#[test]
fn settings_about_certificates_are_read_without_a_problem() {
    let blocks = blocks("certificates.md", "toml");
    assert!(blocks.len() >= 6, "{}", blocks.len());
    for block in blocks {
        assert_eq!(check(block.as_bytes(), "guide", Colour::Plain).report, "", "{block}");
    }
}

#[test]
fn settings_about_memory_are_read_without_a_problem() {
    let blocks = blocks("out-of-memory.md", "toml");
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        assert_eq!(check(block.as_bytes(), "guide", Colour::Plain).report, "", "{block}");
    }
}

#[test]
fn settings_of_the_sql_door_are_read_without_a_problem() {
    let blocks = blocks("sql.md", "toml");
    assert_eq!(blocks.len(), 1);
    for block in blocks {
        assert_eq!(check(block.as_bytes(), "guide", Colour::Plain).report, "", "{block}");
    }
}

#[test]
fn settings_of_the_tunnel_door_are_read_without_a_problem() {
    let blocks = blocks("tunnel.md", "toml");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        assert_eq!(check(block.as_bytes(), "guide", Colour::Plain).report, "", "{block}");
    }
}

#[test]
fn tunnels_with_names_are_read_without_a_problem() {
    let blocks = blocks("tunnel-connect.md", "toml");
    assert_eq!(blocks.len(), 1);
    let read = menshen_config::dial::profiles(&blocks[0]);
    assert_eq!((read.all.len(), &*read.problems), (2, &[][..]), "{:?}", read.problems);
}

#[test]
fn the_dns_hook_asks_for_an_update() {
    let shells = blocks("certificates.md", "sh");
    let hook = shells.iter().find(|block| block.starts_with("#!/bin/sh")).unwrap();
    let script = format!("nsupdate() {{ cat >&2; }}\n{hook}");
    for (word, line) in [
        ("set", "update add _acme-challenge.example.com 60 TXT \"v-1_a\""),
        ("remove", "update delete _acme-challenge.example.com TXT \"v-1_a\""),
    ] {
        let mut child = std::process::Command::new("/bin/sh")
            .args(["-c", &script, "hook", word, "_acme-challenge.example.com", "v-1_a"])
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"hmac-sha256:k c2VjcmV0\n").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let asked = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<&str> = asked.lines().collect();
        let zone = ["server 192.0.2.53", "zone example.com.", "key hmac-sha256:k c2VjcmV0"];
        assert_eq!(lines, [&zone[..], &[line, "send"]].concat());
    }
}
