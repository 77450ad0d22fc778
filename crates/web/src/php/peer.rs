//! Deliveries to a real php-fpm: what an application sees must be the same by `swap` as by
//! `replay`, and the probe must tell a pool that can from one that cannot.
//!
//! The prepend script is the one that is installed. Where php-fpm is missing the tests say so.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use menshen_config::PoolSpec;
use menshen_config::model::PhpAddress;
use menshen_web_core::fastcgi::{
    Connection, Decoder, Event, STDIN_END, begin_request, push_param, stdin_header, write_params,
};
use serde_json::{Value, json};

use super::delivery::{Delivered, How};
use super::fixture::{Field, Place, form, noise};
use super::intake::FormUse;
use super::probe::{SwapState, judge, request};

/// A pool with one worker; ends with its owner.
struct Pool {
    place: Place,
    master: Child,
}

impl Pool {
    /// With further lines of its configuration; `None`, said aloud, without php-fpm.
    fn start(lines: &[&str]) -> Option<Self> {
        let programs = ["/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm8.4", "/usr/sbin/php-fpm"];
        let Some(program) = programs.iter().find(|path| std::path::Path::new(path).exists()) else {
            assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "no php-fpm");
            std::io::stderr().write_all(b"SKIPPED: no php-fpm\n").unwrap();
            return None;
        };
        let place = Place::new();
        let path = |name: &str| place.path(name).display().to_string();
        for name in ["prepend.php", "env.php", "probe.php"] {
            let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/../guard/src/php/");
            std::fs::copy(format!("{installed}{name}"), path(name)).unwrap();
        }
        std::fs::write(path("app.php"), APP).unwrap();
        std::fs::create_dir(path("tmp")).unwrap();
        let user = if rustix::process::geteuid().is_root() { "user = root\n" } else { "" };
        let text = format!(
            "[global]\nerror_log = {}\ndaemonize = no\n[pool]\n{user}listen = {}\npm = static\n\
             pm.max_children = 1\nphp_admin_value[max_file_uploads] = 3\n\
             php_admin_value[display_errors] = 0\n{}\n\
             php_admin_value[upload_tmp_dir] = {}\n",
            path("log"),
            path("sock"),
            // What is set first counts.
            lines.join("\n").replace("DIR", &path("")),
            path("tmp"),
        );
        std::fs::write(path("pool.conf"), text).unwrap();
        let mut command = Command::new(program);
        command.args(["-n", "-F", "-R", "-y"]).arg(place.path("pool.conf"));
        let master = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pool = Self { place, master };
        let socket = pool.place.path("sock");
        for _ in 0..200 {
            if UnixStream::connect(&socket).is_ok() {
                return Some(pool);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("{}", std::fs::read_to_string(pool.place.path("log")).unwrap_or_default());
    }

    /// One that can swap.
    fn swapping() -> Option<Self> {
        Self::start(&["php_admin_value[auto_prepend_file] = DIR/prepend.php"])
    }

    /// Sends a request; returns the whole answer.
    fn ask(&self, pairs: &[u8], body: &mut Delivered) -> Vec<u8> {
        let mut out = Vec::new();
        begin_request(Connection::Close, &mut out);
        write_params(pairs, &mut out);
        let mut piece = vec![0; 60_000];
        while body.source.remaining() > 0 {
            let read = body.source.read(&mut piece).unwrap();
            out.extend_from_slice(&stdin_header(u16::try_from(read).unwrap()));
            out.extend_from_slice(&piece[..read]);
        }
        out.extend_from_slice(&STDIN_END);
        let mut socket = UnixStream::connect(self.place.path("sock")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket.write_all(&out).unwrap();
        let mut input = Vec::new();
        socket.read_to_end(&mut input).unwrap();
        let (mut decoder, mut rest, mut answer) = (Decoder::new(), &input[..], Vec::new());
        while !decoder.is_done() {
            let step = decoder.feed(rest).unwrap();
            if let Some(Event::Stdout(range)) = &step.event {
                answer.extend_from_slice(&rest[range.clone()]);
            }
            assert!(step.event.is_some() || step.consumed > 0, "cut short");
            rest = &rest[step.consumed..];
        }
        answer
    }

    /// Posts a form to the application; returns the answer's head and what the script saw.
    fn post(&self, sent: &[u8], how: How<'_>) -> (String, Value) {
        let mut body = self.place.arrived(sent, FormUse::Files).deliver(how).unwrap();
        let mut pairs = body.params.clone();
        let script = self.place.path("app.php").display().to_string();
        let length = body.length.to_string();
        let kind = body.content_type.clone().unwrap();
        for (name, value) in [
            ("SCRIPT_FILENAME", script.as_bytes()),
            ("REQUEST_METHOD", b"POST"),
            ("CONTENT_TYPE", &kind),
            ("CONTENT_LENGTH", length.as_bytes()),
        ] {
            push_param(name.as_bytes(), value, &mut pairs);
        }
        let answer = self.ask(&pairs, &mut body);
        let nonce = body.nonce.take();
        drop(body);
        assert!(self.place.spooled().is_empty());
        let tmp = crate::fixture::names(&self.place.path("tmp"));
        assert!(tmp.is_empty(), "PHP removed what was not moved: {tmp:?}");
        let (head, text) = split(&answer);
        if let Some(nonce) = nonce {
            assert!(head.contains(&format!("X-Menshen-Swap: {nonce} ")), "{head}");
        }
        (
            head,
            serde_json::from_slice(text)
                .unwrap_or_else(|_| panic!("{:?}", String::from_utf8_lossy(text))),
        )
    }

    fn judged(&self) -> SwapState {
        let pool = PoolSpec {
            address: PhpAddress::Unix(self.place.path("sock")),
            workers: 1,
            managed: false,
            status: None,
            folder: self.place.path(""),
            spool_fd: -1,
            spool_path: self.place.path("spool"),
            place: 0,
            wake_fd: -1,
        };
        let mut probe = request(&pool, &self.place.spool).unwrap();
        let answer = self.ask(&probe.pairs, &mut probe.body);
        let (head, text) = split(&answer);
        let status = if head.starts_with("Status: ") { head[8..11].parse().unwrap() } else { 200 };
        judge(&pool, &probe.expected, status, text)
    }

    fn codes(&self) -> Vec<&'static str> {
        match self.judged() {
            SwapState::Broken(found) => found.iter().map(|one| one.code).collect(),
            SwapState::Works(facts) => facts.warnings.iter().map(|one| one.code).collect(),
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.master);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.master.wait();
    }
}

fn split(answer: &[u8]) -> (String, &[u8]) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&answer[..end]).into_owned(), &answer[end + 4..])
}

#[test]
fn an_application_sees_the_same_by_swap_as_by_replay() {
    let Some(pool) = Pool::swapping() else { return };
    let (large, other) = (noise(300_000), noise(5000));
    let large_one = || ("doc", Some("文 件.bin"), large.as_slice());
    let forms: [&[Field<'_>]; 14] = [
        &[large_one()],
        &[
            ("a", None, b"1"),
            large_one(),
            ("a", None, b"2"),
            ("b[]", None, b"3"),
            ("b[]", None, b"4"),
        ],
        &[
            ("docs[]", Some("1"), &large),
            ("docs[]", Some("2"), b"tiny"),
            ("docs[]", Some("3"), &other),
        ],
        &[("d[a][b]", Some("dir/sub/x.txt"), &large), ("d[a][c]", Some("y"), &other)],
        &[("none", Some(""), b""), ("empty", Some("e"), b""), large_one()],
        &[("MAX_FILE_SIZE", None, b"10000"), large_one(), ("ok", Some("ok"), &other)],
        &[("max_file_size", None, b"20"), large_one(), ("s", Some("s"), b"12345678901234567890")],
        &[("MAX_FILE_SIZE", None, b"47"), large_one(), ("s", Some("s"), &[b'x'; 48])],
        &[
            ("MAX_FILE_SIZE", None, b"-1"),
            large_one(),
            ("e", Some("e"), b""),
            ("s", Some("s"), b"1"),
        ],
        &[("MAX_FILE_SIZE", None, b"0"), large_one()],
        &[("MAX_FILE_SIZE", None, b"5"), ("MAX_FILE_SIZE", None, b" 300000x"), large_one()],
        &[
            ("1", Some("1"), &large),
            ("2", Some("2"), b""),
            ("3", Some("3"), &other),
            ("4", Some("4"), &large),
        ],
        // Behind a name with stray brackets PHP takes no file at all.
        &[("x.y z", Some("h"), &large), ("bad[x", Some("f"), &large), ("g", Some("g"), &other)],
        &[("q", Some("quote%22 and \\\\ back.txt"), &large), ("last\\\\", Some("l"), &other)],
    ];
    for parts in forms {
        let sent = form(parts);
        let (_, replayed) = pool.post(&sent, How::Replay);
        let (_, swapped) = pool.post(&sent, How::Swap { files_max: 3 });
        assert_eq!(replayed, swapped);
        assert!(replayed["files"].as_object().is_some_and(|files| !files.is_empty()), "{replayed}");
        assert_eq!(swapped["server"], json!([]), "nothing of ours is left");
    }
    let (head, seen) = pool.post(&form(&[large_one()]), How::Swap { files_max: 3 });
    assert!(head.contains(" 1 0"), "{head}");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &large);
    assert_eq!(seen["moved"][0], super::digests::hex(digest.as_ref()), "by PHP's own reading");
}

#[test]
fn a_file_over_the_sites_limit_is_an_ini_size_error() {
    let Some(pool) = Pool::swapping() else { return };
    let limits = super::intake::IntakeLimits { file_bytes_max: 6000, ..super::fixture::WIDE };
    let mut intake = pool.place.form(limits, FormUse::Files);
    intake
        .take(&form(&[("f", Some("big"), &noise(9000)), ("g", Some("g"), &noise(6000))]))
        .unwrap();
    let body = super::fixture::finish(intake).unwrap();
    let mut body = body.deliver(How::Swap { files_max: 3 }).unwrap();
    let mut pairs = body.params.clone();
    let script = pool.place.path("app.php").display().to_string();
    for (name, value) in [
        ("SCRIPT_FILENAME", script.into_bytes()),
        ("REQUEST_METHOD", b"POST".to_vec()),
        ("CONTENT_TYPE", body.content_type.clone().unwrap()),
        ("CONTENT_LENGTH", body.length.to_string().into_bytes()),
    ] {
        push_param(name.as_bytes(), &value, &mut pairs);
    }
    let answer = pool.ask(&pairs, &mut body);
    let seen: Value = serde_json::from_slice(split(&answer).1).unwrap();
    assert_eq!(seen["files"]["f"]["error"], 1);
    assert_eq!(
        (&seen["files"]["f"]["size"], &seen["files"]["f"]["name"]),
        (&json!(0), &json!("big"))
    );
    assert_eq!(
        (&seen["files"]["g"]["error"], &seen["files"]["g"]["size"]),
        (&json!(0), &json!(6000))
    );
}

#[test]
fn the_probe_tells_what_a_real_pool_can() {
    let prepend = "php_admin_value[auto_prepend_file] = DIR/prepend.php";
    let rows: [(&[&str], &[&str]); 9] = [
        (&[prepend], &[]),
        (&["php_value[auto_prepend_file] = DIR/prepend.php"], &["php-prepend-unlocked"]),
        (&[], &["php-shim-missing"]),
        (&["php_admin_value[auto_prepend_file] = DIR/app.php"], &["php-probe-unanswered"]),
        (&[prepend, "php_admin_value[file_uploads] = 0"], &["php-uploads-off"]),
        (&[prepend, "php_admin_value[enable_post_data_reading] = 0"], &["php-post-reading-off"]),
        (&[prepend, "php_admin_value[disable_functions] = rename"], &["php-functions-disabled"]),
        (
            &[
                prepend,
                "php_admin_value[open_basedir] = DIR/tmp:DIR/probe.php:DIR/prepend.php:DIR/env.php",
            ],
            &["php-open-basedir"],
        ),
        (
            &[prepend, "php_admin_value[upload_tmp_dir] = /dev/shm"],
            &["php-upload-folder-elsewhere"],
        ),
    ];
    for (lines, codes) in rows {
        let Some(pool) = Pool::start(lines) else { return };
        assert_eq!(pool.codes(), codes, "{lines:?}");
    }
}

/// Tells all it sees, moves every upload, and tells what it moved.
const APP: &str = r#"<?php
$moved = [];
$walk = static function (&$name, $error) use (&$walk, &$moved): void {
    if (is_array($name)) {
        foreach ($name as $key => $ignored) { $walk($name[$key], $error[$key]); }
    } elseif ($error === 0) {
        $to = __DIR__ . '/moved';
        $ours = is_uploaded_file($name);
        $moved[] = move_uploaded_file($name, $to) && $ours ? hash_file('sha256', $to) : 'no';
        $mode = substr(sprintf('%o', fileperms($to)), -3);
        $moved[] = $mode; $name = '';
        unlink($to);
    }
};
$files = $_FILES;
foreach ($files as &$file) { $walk($file['tmp_name'], $file['error']); }
unset($file);
$ours = static fn ($name) => str_starts_with((string) $name, 'MENSHEN');
echo json_encode(['post' => $_POST, 'files' => $files, 'moved' => $moved,
    'server' => array_values(array_filter(array_keys($_SERVER + $_ENV), $ours)),
    'globals' => array_keys(array_diff_key($GLOBALS, array_flip(['_GET', '_POST', '_COOKIE',
        '_FILES', '_SERVER', 'moved', 'walk', 'files', 'ours'])))], JSON_INVALID_UTF8_SUBSTITUTE);
"#;
