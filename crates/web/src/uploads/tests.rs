//! Uploads at a door without sockets: owners, ends, other mounts, and workers that died.

use menshen_config::{Access, PublicPath};
use menshen_store::{Aim, Begun as Delivery, Id, Replace};
use menshen_web_core::response::http_date;

use super::*;
use crate::fixture::{Choices, Fixture, Lines, Mounted, TOKEN, names};
use crate::plan::{Patience, Plan};
use crate::reply::Reply;
use crate::root::own_folder;
use crate::sink::{Cut, Finished, Sink};

const TUS: &str = "Tus-Resumable: 1.0.0";
const TYPE: &str = "Content-Type: application/offset+octet-stream";

fn owner() -> String {
    format!("Authorization: Bearer {TOKEN}")
}

fn run<R>(test: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

/// One request, all of its content at once.
async fn ask(made: &Fixture, method: &str, target: &str, lines: &[&str], body: &[u8]) -> Reply {
    let lines = Lines::of(lines);
    let mut ask = lines.ask(method, target);
    ask.length = Some(body.len() as u64);
    match made.door.plan(&ask, Patience::Spent) {
        Plan::Reply(reply) => *reply,
        Plan::Upload(errand) => match errand.begin(&made.door).await {
            Begun::Reply(reply) => reply,
            Begun::Receive(mut sink, _) => match sink.take(body) {
                Ok(()) => match sink.finish(&made.door).await {
                    Ok(Finished::Reply(reply)) => reply,
                    other => panic!("{other:?}"),
                },
                Err(fault) => sink.cut(&made.door, Cut::Fault(fault)).await.unwrap(),
            },
        },
        other => panic!("{other:?}"),
    }
}

fn field<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    let found = reply.fields.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| std::str::from_utf8(value).unwrap())
}

/// The path of an upload that was made: programs get its whole address.
fn path(reply: &Reply) -> String {
    let whole = field(reply, "location").unwrap();
    whole.strip_prefix("https://files.example").unwrap_or(whole).to_owned()
}

/// Makes an upload of the owner's by tus; its path.
async fn create(made: &Fixture, target: &str, more: &[&str]) -> String {
    let owner = owner();
    let lines = [&[TUS, &owner], more].concat();
    let reply = ask(made, "POST", target, &lines, b"").await;
    assert_eq!(reply.status, 201, "{reply:?}");
    path(&reply)
}

async fn patch(made: &Fixture, at: &str, offset: u64, body: &[u8]) -> Reply {
    let (owner, offset) = (owner(), format!("Upload-Offset: {offset}"));
    ask(made, "PATCH", at, &[TUS, TYPE, &owner, &offset], body).await
}

async fn look(made: &Fixture, at: &str) -> Reply {
    ask(made, "HEAD", at, &[TUS, &owner()], b"").await
}

/// A request whose content is to come.
async fn begun(made: &Fixture, at: &str, offset: u64, length: u64) -> Sink {
    let (owner, offset) = (owner(), format!("Upload-Offset: {offset}"));
    let lines = Lines::of(&[TUS, TYPE, &owner, &offset]);
    let mut ask = lines.ask("PATCH", at);
    ask.length = Some(length);
    let Plan::Upload(errand) = made.door.plan(&ask, Patience::Spent) else { panic!("no upload") };
    match errand.begin(&made.door).await {
        Begun::Receive(sink, _) => sink,
        other => panic!("{other:?}"),
    }
}

/// Unix seconds at which an upload expires, as its client is told.
async fn told_expiry(made: &Fixture, at: &str) -> u64 {
    let told = look(made, at).await;
    assert!(told.status < 300, "{told:?}");
    let expires = field(&told, "upload-expires").unwrap();
    let expires = menshen_web_core::response::parse_http_date(expires.as_bytes());
    u64::try_from(expires.unwrap()).unwrap()
}

fn id(at: &str) -> Id {
    Id::parse(at.rsplit('/').next().unwrap()).unwrap()
}

#[test]
fn logs_do_not_show_the_key_to_an_upload() {
    let id = format!("{PLACE}abcdefghijklmnopqrstuvwxyz");
    assert_eq!(&*shown(id.as_bytes()), b"/.menshen/uploads/abcdef...");
    for target in [PLACE, "/", "/.menshen/uploads/?folder=/x/y", "/a/.menshen/uploads/abcdefgh"] {
        assert_eq!(&*shown(target.as_bytes()), target.as_bytes());
    }
}

#[test]
fn only_the_owner_goes_on_and_others_learn_nothing() {
    let made = Fixture::with(Choices {
        public: vec![PublicPath { path: "/drop/".into(), access: Access::Write }],
        ..Choices::default()
    });
    run(async {
        let at = create(&made, PLACE, &["Upload-Length: 3"]).await;
        let nowhere = format!("{PLACE}{}", Id::random().unwrap());
        for method in ["HEAD", "DELETE", "GET"] {
            for lines in [vec![TUS], vec![TUS, "Authorization: Bearer no"]] {
                let here = ask(&made, method, &at, &lines, b"").await;
                let none = ask(&made, method, &nowhere, &lines, b"").await;
                assert_eq!((here.status, none.status), (401, 401), "{method} {lines:?}");
            }
        }
        let owner = owner();
        assert_eq!(ask(&made, "HEAD", &nowhere, &[TUS, &owner], b"").await.status, 404);
        // What anybody may write, anybody who knows the address may go on with.
        let drop = format!("{PLACE}?folder=/drop&filename=f");
        let reply = ask(&made, "POST", &drop, &[TUS, "Upload-Length: 3"], b"").await;
        let open = path(&reply);
        let lines = [TUS, TYPE, "Upload-Offset: 0"];
        assert_eq!(ask(&made, "PATCH", &open, &lines, b"abc").await.status, 204);
        assert_eq!(std::fs::read(made.path("drop/f")).unwrap(), b"abc");
        let listed = ask(&made, "GET", PLACE, &[&owner], b"").await;
        let text = String::from_utf8(listed.body.bytes().to_vec()).unwrap();
        assert!(text.contains(&at) && !text.contains(&open), "{text}");
    });
}

#[test]
fn what_has_expired_is_gone_and_is_collected() {
    let made = Fixture::new();
    run(async {
        let at = create(&made, PLACE, &["Upload-Length: 3"]).await;
        assert_eq!(patch(&made, &at, 0, b"a").await.status, 204);
        let told = look(&made, &at).await;
        let hours = u64::from(made.door.uploads.settings.unfinished_hours);
        let soonest = i64::try_from(clock::unix_s() + (hours - 1) * HOUR_S).unwrap();
        let expires = field(&told, "upload-expires").unwrap();
        let expires = menshen_web_core::response::parse_http_date(expires.as_bytes());
        assert!(expires.unwrap() > soonest, "{:?} {:?}", expires, http_date(soonest));
        let store = made.door.store(&Scope::Files).await.unwrap();
        store.expire_at(&id(&at), clock::unix_s() - 1).await.unwrap();
        assert_eq!(look(&made, &at).await.status, 410);
        assert_eq!(patch(&made, &at, 1, b"bc").await.status, 410);
        made.door.collect_uploads().await;
        assert_eq!(look(&made, &at).await.status, 404);
        let left = names(&made.path(FOLDER));
        assert!(!left.iter().any(|name| name.contains(id(&at).as_str())), "{left:?}");
    });
}

#[test]
fn what_was_written_to_is_kept_however_its_request_ends() {
    let made = Fixture::new();
    run(async {
        let store = made.door.store(&Scope::Files).await.unwrap();
        let soon = clock::unix_s() + 60;
        let hours = u64::from(made.door.uploads.settings.unfinished_hours);
        let late = clock::unix_s() + (hours - 1) * HOUR_S;
        // While it runs, and when it is cut.
        let at = create(&made, PLACE, &["Upload-Length: 9"]).await;
        store.expire_at(&id(&at), soon).await.unwrap();
        let mut sink = begun(&made, &at, 0, 9).await;
        sink.take(b"abc").unwrap();
        sink.settle().await.unwrap();
        assert!(told_expiry(&made, &at).await > late);
        store.expire_at(&id(&at), soon).await.unwrap();
        drop(sink);
        let mut sink = begun(&made, &at, 3, 6).await;
        sink.take(b"def").unwrap();
        sink.cut(&made.door, Cut::Ended).await.unwrap();
        assert!(told_expiry(&made, &at).await > late);
        // Nothing came: nothing changes.
        store.expire_at(&id(&at), soon).await.unwrap();
        begun(&made, &at, 6, 3).await.cut(&made.door, Cut::Ended).await.unwrap();
        assert_eq!(told_expiry(&made, &at).await, soon);
        // Whole, for a form that somebody fills in.
        let lines = ["Upload-Length: 3", "Upload-Metadata: held"];
        let at = create(&made, PLACE, &lines).await;
        store.expire_at(&id(&at), soon).await.unwrap();
        assert_eq!(patch(&made, &at, 0, b"abc").await.status, 204);
        assert!(store.look(&id(&at)).await.unwrap().expires > late);
    });
}

#[test]
fn segments_of_strangers_have_no_address() {
    let made = Fixture::with(Choices {
        public: vec![PublicPath { path: "/drop/".into(), access: Access::Write }],
        ..Choices::default()
    });
    run(async {
        let lines = ["X-Session-ID: 1", "X-Content-Range: bytes 0-2/9"];
        let target = format!("{PLACE}?folder=/drop&filename=f");
        assert_eq!(ask(&made, "POST", &target, &lines, b"abc").await.status, 201);
        // Made of words that others know.
        let words: [&[u8]; 4] = [b"menshen segments", b"192.0.2.1", b"/drop/", b"1"];
        let at = format!("{PLACE}{}", Id::derived(&words));
        assert!(made.path(FOLDER).join(format!("{}.data", id(&at))).exists());
        for method in ["HEAD", "GET", "DELETE"] {
            let told = ask(&made, method, &at, &[TUS], b"").await;
            assert_eq!(told.status, 401, "{method} {told:?}");
        }
        let lines = ["X-Session-ID: 1", "X-Content-Range: bytes 3-8/9"];
        assert_eq!(ask(&made, "POST", &target, &lines, b"defghi").await.status, 200);
        assert_eq!(std::fs::read(made.path("drop/f")).unwrap(), b"abcdefghi");
    });
}

#[test]
fn a_session_is_not_used_for_two_files() {
    let made = Fixture::new();
    run(async {
        let owner = owner();
        let send = async |name: &str, body: &[u8]| {
            let lines = ["X-Session-ID: 1", "X-Content-Range: bytes 0-2/3", &owner];
            ask(&made, "POST", &format!("{PLACE}?filename={name}"), &lines, body).await
        };
        assert_eq!(send("a", b"abc").await.status, 200);
        let other = send("b", b"def").await;
        assert!((400..500).contains(&other.status), "said to be there: {other:?}");
        assert_eq!(send("a", b"abc").await.status, 200);
    });
}

#[test]
fn a_resumable_put_of_encoded_content_is_refused_as_any_other() {
    let made = Fixture::new();
    run(async {
        let lines = [&*owner(), "Upload-Complete: ?1", "Content-Encoding: gzip"];
        let refused = ask(&made, "PUT", "/f", &lines, b"abc").await;
        assert_eq!(refused.status, 415, "{refused:?}");
        assert!(!made.path("f").exists());
    });
}

#[test]
fn conditions_that_no_longer_hold_keep_the_upload() {
    let made = Fixture::new();
    run(async {
        let target = format!("{PLACE}?filename=f");
        let at = create(&made, &target, &["Upload-Length: 3", "If-None-Match: *"]).await;
        made.file("f", "came first");
        let refused = patch(&made, &at, 0, b"abc").await;
        assert_eq!(refused.status, 412, "{refused:?}");
        assert_eq!(std::fs::read(made.path("f")).unwrap(), b"came first");
        std::fs::remove_file(made.path("f")).unwrap();
        let told = look(&made, &at).await;
        assert_eq!(field(&told, "upload-offset"), Some("3"), "{told:?}");
        assert_eq!(std::fs::read(made.path("f")).unwrap(), b"abc", "who looks has it delivered");
    });
}

#[test]
fn a_worker_that_died_over_a_file_neither_loses_nor_repeats_it() {
    let made = Fixture::new();
    run(async {
        let store = made.door.store(&Scope::Files).await.unwrap();
        for (renamed, name) in [(false, "before"), (true, "behind")] {
            let target = format!("{PLACE}?filename={name}");
            let at = create(&made, &target, &["Upload-Length: 3"]).await;
            let (_, mut writer) = store.claim(&id(&at)).await.unwrap();
            assert_eq!(writer.push(b"abc").unwrap(), menshen_store::Push::Taken);
            drop(writer.complete().await.unwrap());
            let begun = store.begin_delivery(&id(&at), "test", Aim::Move, 1).await.unwrap();
            let Delivery::Go { whole, .. } = begun else { panic!("{begun:?}") };
            if renamed {
                let top = made.root().nearest_folder(b"/").unwrap();
                whole.publish_to(&top, name.as_bytes(), Replace::Allowed).unwrap();
            } else {
                let busy = look(&made, &at).await;
                assert_eq!(busy.status, 503, "somebody alive delivers it: {busy:?}");
            }
            drop(whole);
            assert!(look(&made, &at).await.status < 300);
            assert_eq!(std::fs::read(made.path(name)).unwrap(), b"abc");
            std::fs::write(made.path(name), b"later").unwrap();
            assert_eq!(patch(&made, &at, 3, b"").await.status, 204);
            assert_eq!(std::fs::read(made.path(name)).unwrap(), b"later", "not once more");
        }
    });
}

#[test]
fn on_another_mount_a_file_is_copied_and_nothing_is_left() {
    let made = Fixture::new();
    std::fs::create_dir(made.path("mnt")).unwrap();
    let Some(_mounted) = Mounted::memory(&made.path("mnt"), 1 << 20) else { return };
    run(async {
        let target = format!("{PLACE}?folder=/mnt&filename=f");
        let at = create(&made, &target, &["Upload-Length: 5"]).await;
        let done = patch(&made, &at, 0, b"hello").await;
        assert_eq!(done.status, 204, "{done:?}");
        assert_eq!(std::fs::read(made.path("mnt/f")).unwrap(), b"hello");
        assert_eq!(names(&made.path("mnt/.menshen-spool")), [""; 0]);
        // A full disk there: 507, and the upload is as whole as before.
        let large = vec![7; 2 << 20];
        let length = format!("Upload-Length: {}", large.len());
        let at = create(&made, &format!("{PLACE}?folder=/mnt&filename=g"), &[&length]).await;
        assert_eq!(patch(&made, &at, 0, &large).await.status, 507);
        assert!(!made.path("mnt/g").exists());
        drop(_mounted);
        assert!(look(&made, &at).await.status < 300);
        assert_eq!(std::fs::read(made.path("mnt/g")).unwrap(), large);
    });
}

#[test]
fn parts_become_one_file() {
    let made = Fixture::new();
    run(async {
        let mut parts = Vec::new();
        for body in [&b"hello "[..], b"world"] {
            let length = format!("Upload-Length: {}", body.len());
            let at = create(&made, PLACE, &[&length, "Upload-Concat: partial"]).await;
            let early = format!("Upload-Concat: final;{at}");
            let refused = ask(&made, "POST", PLACE, &[TUS, &owner(), &early], b"").await;
            assert!((400..500).contains(&refused.status), "{refused:?}");
            assert_eq!(patch(&made, &at, 0, body).await.status, 204);
            parts.push(at);
        }
        let sum = format!("Upload-Concat: final;{} {}", parts[0], parts[1]);
        let target = format!("{PLACE}?filename=sum");
        let at = create(&made, &target, &[&sum]).await;
        assert_eq!(std::fs::read(made.path("sum")).unwrap(), b"hello world");
        let told = look(&made, &at).await;
        assert_eq!(field(&told, "upload-length"), Some("11"), "{told:?}");
        assert_eq!(patch(&made, &at, 11, b"x").await.status / 100, 4);
        // Somebody else's part, or what is none, is not taken.
        let sum = format!("Upload-Concat: final;{at}");
        let refused = ask(&made, "POST", PLACE, &[TUS, &owner(), &sum], b"").await;
        assert!((400..500).contains(&refused.status), "{refused:?}");
    });
}

#[test]
fn segments_come_in_any_order_and_become_one_file() {
    let made = Fixture::new();
    run(async {
        let body: Vec<u8> = (0..100).collect();
        let owner = owner();
        let send = async |start: usize, end: usize, bytes: &[u8]| {
            let range = format!("X-Content-Range: bytes {start}-{}/100", end - 1);
            let named = "Content-Disposition: attachment; filename=\"seg.bin\"";
            let lines = ["X-Session-ID: 1234", &range, named, &owner];
            ask(&made, "POST", PLACE, &lines, bytes).await
        };
        let told = send(40, 70, &body[40..70]).await;
        assert_eq!((told.status, field(&told, "range")), (201, Some("40-69/100")), "{told:?}");
        let told = send(0, 40, &body[..40]).await;
        assert_eq!((told.status, field(&told, "range")), (201, Some("0-69/100")), "{told:?}");
        // Its answer was lost.
        let again = send(0, 40, &body[..40]).await;
        assert_eq!((again.status, field(&again, "range")), (201, Some("0-69/100")), "{again:?}");
        // Some of it is there already.
        let refused = send(60, 100, &body[60..]).await;
        assert!((400..500).contains(&refused.status), "{refused:?}");
        // A stranger with the same session is somebody else.
        let lines = ["X-Session-ID: 1234", "X-Content-Range: bytes 70-99/100"];
        assert_eq!(ask(&made, "POST", PLACE, &lines, &body[70..]).await.status, 401);
        let done = send(70, 100, &body[70..]).await;
        assert_eq!(done.status, 200, "{done:?}");
        assert_eq!(std::fs::read(made.path("seg.bin")).unwrap(), body);
        std::fs::write(made.path("seg.bin"), "later").unwrap();
        assert_eq!(send(70, 100, &body[70..]).await.status, 200, "said again");
        assert_eq!(std::fs::read(made.path("seg.bin")).unwrap(), b"later");
    });
}

#[test]
fn limits_are_held_and_told() {
    let settings = model::Uploads {
        uploads_per_owner_max: 2,
        unfinished_bytes_max: 1000,
        append_bytes_max: 10,
        ..model::Uploads::default()
    };
    let made = Fixture::with(Choices { uploads: settings, ..Choices::default() });
    run(async {
        let lines = [TUS, &owner(), "Upload-Length: 1001"];
        let full = ask(&made, "POST", PLACE, &lines, b"").await;
        assert_eq!((full.status, field(&full, "retry-after").is_some()), (507, true), "{full:?}");
        let at = create(&made, PLACE, &["Upload-Length: 40"]).await;
        create(&made, PLACE, &["Upload-Length: 40"]).await;
        let lines = [TUS, &owner(), "Upload-Length: 1"];
        let many = ask(&made, "POST", PLACE, &lines, b"").await;
        assert!(matches!(many.status, 429 | 503), "{many:?}");
        assert!(field(&many, "retry-after").is_some());
        assert_eq!(patch(&made, &at, 0, &[0; 11]).await.status, 413);
        assert_eq!(patch(&made, &at, 0, &[0; 10]).await.status, 204);
        let told = ask(&made, "OPTIONS", PLACE, &[], b"").await;
        assert!(field(&told, "upload-limit").unwrap().contains("max-append-size=10"), "{told:?}");
        let counted = |counter| made.door.slot.get(counter);
        assert_eq!(counted(menshen_base::Counter::LimitUnfinishedBytes), 1);
        assert_eq!(counted(menshen_base::Counter::LimitUploadsPerOwner), 1);
        assert_eq!(counted(menshen_base::Counter::LimitAppendBytes), 1);
    });
}

#[test]
fn switched_off_there_is_nothing() {
    let settings = model::Uploads { enabled: false, ..model::Uploads::default() };
    let made = Fixture::with(Choices { uploads: settings, ..Choices::default() });
    run(async {
        let lines = [TUS, &owner(), "Upload-Length: 1"];
        assert_eq!(ask(&made, "POST", PLACE, &lines, b"").await.status, 404);
        let lines = Lines::of(&[&owner(), "Upload-Complete: ?1"]);
        let plan = made.door.plan(&lines.ask("PUT", "/f"), Patience::Spent);
        assert!(matches!(plan, Plan::Receive(Sink::Put(_))), "an ordinary PUT");
    });
    assert!(own_folder(made.root().nearest_folder(b"/").unwrap(), "x").is_ok());
    assert!(!made.path(FOLDER).exists());
}
