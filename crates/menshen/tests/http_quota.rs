//! Quotas of folders: held by all workers together, for plain uploads, forms, uploads in pieces and
//! moves, after a killed worker and a restart.

use crate::support::{counts, live, wire};

use std::sync::Barrier;

use counts::count;
use live::{Live, command, wait_for};
use menshen_base::Counter;
use wire::{Wire, ask, curl_ask, lay, pattern, put, request, start_with, stored};

const KIB: usize = 1024;

fn settings(quota: &str) -> String {
    format!(
        "workers = 2\n[web]\nlisten = [\"127.0.0.1:0\"]\nplain_listen = [\"127.0.0.1:0\"]\n\
         plain = \"serve\"\n[[web.public]]\npath = \"/\"\naccess = \"write\"\n\
         [[web.quota]]\npath = \"/team/\"\n{quota}\n[admin]\nlisten = \"off\"\n"
    )
}

/// A door that has counted; `/team/` is there and empty.
fn start(quota: &str) -> Live {
    let live = start_with(&settings(quota));
    counted(&live);
    live
}

fn counted(live: &Live) {
    wait_for("the first count", || put(live.plain, "/team/first", b"").status != 503);
    assert_eq!(ask(live.plain, "DELETE", "/team/first", &[], b"").status, 204);
}

fn rests(live: &Live) -> (usize, u64) {
    let entries = std::fs::read_dir(stored(live, "team")).unwrap();
    let sizes: Vec<u64> = entries.map(|e| e.unwrap().metadata().unwrap().len()).collect();
    (sizes.len(), sizes.iter().sum())
}

#[test]
fn uploads_at_the_same_time_never_exceed_a_quota() {
    let live = start("bytes_max = \"1MiB\"");
    let body = pattern(200 * KIB);
    let begin = Barrier::new(12);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let one = |n: usize| {
            let (live, body, begin) = (&live, &body, &begin);
            scope.spawn(move || {
                begin.wait();
                let chunks = ["Transfer-Encoding: chunked"];
                let to = format!("/team/{n}");
                // Some say how much comes, some do not.
                match n % 2 {
                    0 => put(live.plain, &to, body).status,
                    _ => {
                        let body = wire::chunked(body, 50 * KIB);
                        ask(live.plain, "PUT", &to, &chunks, &body).status
                    }
                }
            })
        };
        let all: Vec<_> = (0..12).map(one).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let stored = answers.iter().filter(|&&status| status == 201).count();
    assert!(answers.iter().all(|status| [201, 507].contains(status)), "{answers:?}");
    let (files, bytes) = rests(&live);
    assert!(bytes <= 1 << 20 && files == stored, "{files} files, {bytes} bytes, {answers:?}");
    // Those that are refused because others hold the room may try again.
    let more = (0..12).filter(|n| put(live.plain, &format!("/team/more{n}"), &body).status == 201);
    assert_eq!(stored + more.count(), 5, "as many as fit: {answers:?}");
    assert!(count(&live, Counter::LimitQuota) > 0);
    let refused = put(live.plain, "/team/x", &body);
    assert!(refused.text().contains("quota"), "{}", refused.text());
    assert_eq!(put(live.plain, "/elsewhere", &body).status, 201, "no other folder's business");
}

#[test]
fn room_is_held_while_bytes_come_and_given_back_when_they_do_not() {
    let live = start("bytes_max = \"1MiB\"");
    let body = pattern(600 * KIB);
    let begin = |name: &str| {
        let mut wire = Wire::open(live.plain);
        let length = format!("Content-Length: {}", body.len());
        wire.send(request("PUT", &format!("/team/{name}"), &[&length], b""));
        wire.send(&body[..1000]);
        wire
    };
    let first = begin("first");
    wire::wait_spooled(&live, 1);
    // Refused before a byte of it is sent.
    let mut second = begin("second");
    assert_eq!(second.answer("PUT").status, 507);
    drop(first);
    wait_for("the room", || put(live.plain, "/team/second", &body).status == 201);
    assert_eq!(put(live.plain, "/team/large", &pattern(1025 * KIB)).status, 413, "never fits");
    // What goes, or moves away, frees its room; what comes in needs some.
    assert_eq!(put(live.plain, "/team/third", &body).status, 507);
    let out = ["Destination: /out"];
    assert_eq!(ask(live.plain, "MOVE", "/team/second", &out, b"").status, 201);
    assert_eq!(put(live.plain, "/team/third", &body).status, 201);
    let back = ["Destination: /team/back"];
    assert_eq!(ask(live.plain, "MOVE", "/out", &back, b"").status, 507);
    assert_eq!(ask(live.plain, "DELETE", "/team/third", &[], b"").status, 204);
    assert_eq!(ask(live.plain, "MOVE", "/out", &back, b"").status, 201);
    assert_eq!(ask(live.plain, "MOVE", "/team/back", &["Destination: /team/b"], b"").status, 201);
    assert_eq!(rests(&live), (1, 600 * 1024));
    // A smaller one takes its place.
    assert_eq!(put(live.plain, "/team/b", b"small").status, 204);
    assert_eq!(put(live.plain, "/team/third", &body).status, 201);
    // A worker that dies gives back what its requests held; nothing else is lost.
    let third = begin("fourth");
    let mut fourth = begin("fourth");
    assert_eq!(fourth.answer("PUT").status, 507);
    drop(third);
    assert_eq!(ask(live.plain, "DELETE", "/team/third", &[], b"").status, 204);
    let _held = begin("held");
    wire::wait_spooled(&live, 1);
    let killed = || {
        let slots = live.workers(menshen_sys::SlotState::Ready);
        slots.iter().map(|slot| slot.pid()).collect::<Vec<_>>()
    };
    let before = killed();
    for pid in &before {
        let pid = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    wait_for("other workers", || {
        let now = killed();
        now.len() == 2 && now.iter().all(|pid| !before.contains(pid))
    });
    wait_for("the room", || put(live.plain, "/team/after", &body).status == 201);
}

#[test]
fn uploads_in_pieces_hold_their_room_until_they_end() {
    let live = start("bytes_max = \"1MiB\"\nfiles_max = 3");
    let tus = "Tus-Resumable: 1.0.0";
    let make = |name: &str, length: usize| {
        let at = format!("/.menshen/uploads/?folder=/team/&filename={name}");
        ask(live.plain, "POST", &at, &[tus, &format!("Upload-Length: {length}")], b"")
    };
    let patch = |at: &str, offset: usize, body: &[u8]| {
        let kind = "Content-Type: application/offset+octet-stream";
        let offset = format!("Upload-Offset: {offset}");
        ask(live.plain, "PATCH", at, &[tus, kind, &offset], body)
    };
    let body = pattern(600 * KIB);
    let made = make("a", body.len());
    assert_eq!(made.status, 201, "{}", made.text());
    let at = made.location().to_owned();
    assert_eq!(patch(&at, 0, &body[..1000]).status, 204);
    let refused = make("b", body.len());
    assert_eq!(refused.status, 507, "{}", refused.head);
    assert_eq!(put(live.plain, "/team/b", &body).status, 507);
    assert_eq!(make("c", 1025 * KIB).status, 413);
    assert_eq!(ask(live.plain, "DELETE", &at, &[tus], b"").status, 204);
    let at = make("a", body.len()).location().to_owned();
    assert_eq!(patch(&at, 0, &body).status, 204);
    assert_eq!(rests(&live), (1, 600 * 1024));
    // Of an unknown length: it waits whole until there is room.
    let late = ["Upload-Defer-Length: 1", tus];
    let place = "/.menshen/uploads/?folder=/team/&filename=late";
    let at = ask(live.plain, "POST", place, &late, b"").location().to_owned();
    let said = format!("Upload-Length: {}", body.len());
    let kind = "Content-Type: application/offset+octet-stream";
    let fields = [tus, kind, "Upload-Offset: 0", &said];
    let full = ask(live.plain, "PATCH", &at, &fields, &body);
    assert_eq!(full.status, 507, "{}", full.head);
    assert_eq!(ask(live.plain, "DELETE", "/team/a", &[], b"").status, 204);
    assert_eq!(patch(&at, body.len(), b"").status, 204);
    assert_eq!(rests(&live), (1, 600 * 1024));
    assert_eq!(std::fs::read(stored(&live, "team/late")).unwrap(), body);
    // Files count as well, also those of a form.
    let form = curl_ask(&live, "/team/", &["-F", "f=a;filename=x", "-F", "f=b;filename=y"]);
    assert_eq!(form.status, 201, "{}", form.text());
    assert_eq!(put(live.plain, "/team/z", b"").status, 507);
    assert_eq!(make("z", 1).status, 507);
}

#[test]
fn what_was_written_beside_is_seen_after_a_restart() {
    let live = start("bytes_max = \"1MiB\"");
    lay(&live, "team/beside", &pattern(900 * KIB));
    let body = pattern(300 * KIB);
    assert_eq!(put(live.plain, "/team/unseen", &body).status, 201, "until the next count");
    live.signal(rustix::process::Signal::TERM);
    let mut live = live;
    live.ended(std::time::Duration::from_secs(10));
    let kept = tempfile::tempdir().unwrap();
    let old = std::mem::replace(&mut live.folder, kept);
    drop(live);
    let serve = command(old.path(), &["serve"]);
    let live = Live::start_command(old, serve);
    wait_for("the count", || put(live.plain, "/team/x", b"x").status == 507);
    assert_eq!(ask(live.plain, "DELETE", "/team/beside", &[], b"").status, 204);
    assert_eq!(put(live.plain, "/team/after", &body).status, 201);
}
