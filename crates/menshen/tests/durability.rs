//! The order of system calls behind an acknowledgement, as strace sees it: the bytes, their flush,
//! the name, the folder's flush, and only then the answer.
//!
//! What it does not show: that a disk keeps what it was told to flush; nobody cuts the power here.

use crate::support::{live, strace, wire};

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use live::Live;
use strace::Strace;
use wire::{Wire, get, pattern, request, settings, spooled, start_with, stored, wait_spooled};

#[test]
fn an_answer_follows_the_flushes_and_the_rename() {
    let live = start_with(&settings("serve", "durable = true", ""));
    let Some(trace) = Trace::start(&live) else { return };
    upload(&live);
    let calls = trace.end();
    let files = stored(&live, "").display().to_string();
    let files = files.trim_end_matches('/');
    let [put, form] = answers(&calls)[..] else { panic!("not two answers: {calls:#?}") };
    let new = format!("{files}/new");
    for (name, folder, answer) in
        [("put", new.as_str(), put), ("one", files, form), ("two", files, form)]
    {
        let order = [
            last_write(&calls, name),
            flush_of(&calls, name),
            renaming(&calls, name),
            folder_flush(&calls, folder, renaming(&calls, name)),
            answer,
        ];
        for (index, pair) in order.windows(2).enumerate() {
            // A call is over before the next one begins, on whatever thread.
            assert!(pair[0].ended < pair[1].began, "{name}: {index}: {pair:#?}\n{calls:#?}");
        }
    }
    // The folder made on the way is entered into its parent before a file is named in it.
    let made = calls.iter().find(|call| call.is("fsync") && call.first_path() == files).unwrap();
    assert!(made.ended < renaming(&calls, "put").began, "{calls:#?}");
}

#[test]
fn without_durability_nothing_is_flushed() {
    let live = start_with(&settings("serve", "durable = false", ""));
    let Some(trace) = Trace::start(&live) else { return };
    upload(&live);
    let calls = trace.end();
    let flushes: Vec<_> = calls.iter().filter(|c| c.is("fsync") || c.is("fdatasync")).collect();
    assert!(flushes.is_empty(), "{flushes:#?}");
    // It is still whole before it has its name, and named before it is acknowledged.
    let [put, form] = answers(&calls)[..] else { panic!("not two answers: {calls:#?}") };
    for (name, answer) in [("put", put), ("one", form), ("two", form)] {
        let renaming = renaming(&calls, name);
        assert!(last_write(&calls, name).ended < renaming.began, "{name}: {calls:#?}");
        assert!(renaming.ended < answer.began, "{name}: {calls:#?}");
    }
}

#[test]
fn php_hears_of_a_file_when_it_is_on_the_disk() {
    for (durable, flushed) in [(true, true), (false, false)] {
        let site = "[[site]]\nroot = \"public\"\nphp = \"unix:php.sock\"\ndelivery = \"replay\"\n";
        let folder = live::folder("");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("public")).unwrap();
        fs::write(folder.path().join("public/index.php"), "<?php").unwrap();
        let php = folder.path().join("php.sock");
        let listener = UnixListener::bind(&php).unwrap();
        fs::set_permissions(&php, Permissions::from_mode(0o777)).unwrap();
        let site = site.replace("unix:", &format!("unix:{}/", folder.path().display()));
        let text = settings("serve", &format!("durable = {durable}"), &site);
        fs::write(folder.path().join("menshen.toml"), text).unwrap();
        let command = live::command(folder.path(), &["serve"]);
        let live = Live::start_command(folder, command);
        let Some(trace) = Trace::start(&live) else { return };
        let head = "--cut\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n";
        let form = [head.as_bytes(), &pattern(200_000), b"\r\n--cut--\r\n"].concat();
        let kind = "Content-Type: multipart/form-data; boundary=cut";
        // A PHP that takes the request and dies.
        let asked = std::thread::spawn(move || {
            let (mut peer, _) = listener.accept().unwrap();
            peer.read_exact(&mut [0; 16]).unwrap();
        });
        let answer = Wire::open(live.plain).ask("POST", "/index.php", &[kind], &form);
        assert_eq!(answer.status, 502, "{}", answer.head);
        asked.join().unwrap();
        let calls = trace.end();
        let is_spool = |call: &&Call| call.first_path().contains("/php/spool/");
        let write = calls.iter().filter(is_spool).rfind(|call| call.name.starts_with("write"));
        let write = write.unwrap_or_else(|| panic!("nothing was spooled: {calls:#?}"));
        let told = calls.iter().find(|call| call.first_path().starts_with("socket:")).unwrap();
        assert!(write.ended < told.began, "{calls:#?}");
        let flush = calls.iter().filter(is_spool).find(|call| call.is("fdatasync"));
        assert_eq!(flush.is_some(), flushed, "{calls:#?}");
        if let Some(flush) = flush {
            assert!(write.ended < flush.began && flush.ended < told.began, "{calls:#?}");
        }
    }
}

#[test]
fn a_call_another_thread_interrupts_lasts_until_it_is_resumed() {
    let calls = parse(
        "7 fdatasync(5</a> <unfinished ...>\n\
         8 <... write resumed>) = 1\n\
         8 sendto(9<socket:[1]>, \"x\", 1, 0, NULL, 0) = 1\n\
         7 <... fdatasync resumed>) = 0\n\
         8 sendto(9<socket:[1]>, \"x\", 1, 0, NULL, 0 <detached ...>\n\
         7 <... write resumed> <detached ...>\n\
         7 +++ exited with 0 +++\n",
    );
    let shown: Vec<_> = calls.iter().map(|c| (&*c.name, c.first_path(), &*c.result)).collect();
    assert_eq!(shown, [("sendto", "socket:[1]", "1"), ("fdatasync", "/a", "0")]);
    assert_eq!((calls[1].began, calls[1].ended), (0, 3));
}

/// A file in two pieces into a folder that is made for it, then a form with two files.
fn upload(live: &Live) {
    let body = pattern(200_000);
    let mut wire = Wire::open(live.plain);
    let whole = request("PUT", "/new/put", &[], &body);
    let (first, second) = whole.split_at(whole.len() - body.len() / 2);
    wire.send(first);
    wait_spooled(live, 1);
    wire.send(second);
    assert_eq!(wire.answer("PUT").status, 201);

    let part = |name: &str, bytes: &[u8]| {
        let head = format!(
            "--cut\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n"
        );
        [head.as_bytes(), bytes, b"\r\n"].concat()
    };
    let form = [part("one", &body), part("two", b"short"), b"--cut--\r\n".to_vec()].concat();
    let kind = "Content-Type: multipart/form-data; boundary=cut";
    let answer = wire.ask("POST", "/", &[kind, "Accept: application/json"], &form);
    assert_eq!(answer.status, 201, "{}", answer.head);
    assert_eq!(get(live.plain, "/new/put").body, body);
    assert_eq!(get(live.plain, "/one").body, body);
    assert_eq!(get(live.plain, "/two").body, b"short");
    assert!(spooled(live).is_empty());
}

/// The system calls of the only worker of a menshen.
struct Trace {
    strace: Strace,
    file: PathBuf,
}

/// One system call. Times are lines of the trace, which strace writes in order.
#[derive(Debug)]
struct Call {
    name: String,
    /// Arguments; descriptors with their paths.
    text: String,
    result: String,
    began: usize,
    ended: usize,
}

impl Trace {
    fn start(live: &Live) -> Option<Self> {
        let file = live.path("trace");
        let out = file.to_str().unwrap();
        let strace = Strace::attach(live, &["-y", "-s", "64", "-e", CALLS, "-o", out])?;
        Some(Self { strace, file })
    }

    /// Detaches; all calls that came to an end, in the order in which they did.
    fn end(self) -> Vec<Call> {
        drop(self.strace);
        parse(&fs::read_to_string(&self.file).unwrap())
    }
}

impl Call {
    fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// What the descriptor in the first argument stands for.
    fn first_path(&self) -> &str {
        let inner = self.text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        inner.map_or("", |(path, _)| path)
    }
}

/// Takes a trace apart; a call another thread interrupts has two lines.
fn parse(trace: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (line, text) in trace.lines().enumerate() {
        let (thread, text) = text.split_once(' ').unwrap();
        let text = text.trim_start();
        // Signals, ends of threads, and calls that strace left while they were under way.
        if text.starts_with(['-', '+']) || text.ends_with("<detached ...>") {
            continue;
        }
        if let Some(start) = text.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (line, start));
            continue;
        }
        let (began, whole) = match text.strip_prefix("<... ") {
            Some(rest) => {
                // A call that was under way when strace attached has no beginning.
                let Some((began, start)) = open.remove(thread) else { continue };
                (began, format!("{start}{}", rest.split_once(" resumed>").unwrap().1))
            }
            None => (line, text.to_owned()),
        };
        let (name, rest) = whole.split_once('(').unwrap_or_else(|| panic!("call {whole:?}"));
        let (text, result) = rest.rsplit_once(" = ").unwrap_or_else(|| panic!("call {whole:?}"));
        let (name, text) = (name.to_owned(), text.trim_end().to_owned());
        let result = result.to_owned();
        calls.push(Call { name, text, result, began, ended: line });
    }
    calls
}

/// The calls that begin an answer of success on a socket.
fn answers(calls: &[Call]) -> Vec<&Call> {
    let sends = calls.iter().filter(|call| call.first_path().starts_with("socket:"));
    sends.filter(|call| call.text.contains("\"HTTP/1.1 201 Created")).collect()
}

/// The renaming that gave a file this name.
fn renaming<'c>(calls: &'c [Call], name: &str) -> &'c Call {
    let ending = format!(", \"{name}\", 0)");
    let mut found = calls.iter().filter(|c| c.is("renameat2") && c.text.ends_with(&ending));
    let call = found.next().unwrap_or_else(|| panic!("{name} was not renamed: {calls:#?}"));
    assert!(found.next().is_none() && call.result == "0", "{calls:#?}");
    call
}

/// The spool file that became this name.
fn spool_file(calls: &[Call], name: &str) -> String {
    let call = renaming(calls, name);
    let own = call.text.split('"').nth(1).unwrap();
    format!("{}/{own}", call.first_path())
}

fn last_write<'c>(calls: &'c [Call], name: &str) -> &'c Call {
    let file = spool_file(calls, name);
    let mut writes = calls.iter().filter(|call| call.is("write") || call.is("writev"));
    let last = writes.rfind(|call| call.first_path() == file);
    last.unwrap_or_else(|| panic!("{file} was not written: {calls:#?}"))
}

fn flush_of<'c>(calls: &'c [Call], name: &str) -> &'c Call {
    let file = spool_file(calls, name);
    let flush = calls.iter().find(|call| call.is("fdatasync") && call.first_path() == file);
    let flush = flush.unwrap_or_else(|| panic!("{file} was not flushed: {calls:#?}"));
    assert_eq!(flush.result, "0");
    flush
}

/// The first flush of a folder that began after a renaming.
fn folder_flush<'c>(calls: &'c [Call], folder: &str, renaming: &Call) -> &'c Call {
    let mut flushes = calls.iter().filter(|call| call.is("fsync") && call.first_path() == folder);
    let flush = flushes.find(|call| call.began > renaming.ended);
    let flush = flush.unwrap_or_else(|| panic!("{folder} was not flushed: {calls:#?}"));
    assert_eq!(flush.result, "0");
    flush
}

/// A question mark: not every machine has the call.
const CALLS: &str = "trace=fdatasync,fsync,?rename,?renameat,renameat2,sendto,sendmsg,write,writev";
