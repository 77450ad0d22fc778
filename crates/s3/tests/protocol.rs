//! The client against a real engine in this process: what works, what fails by which cause, and
//! what is repeated. Faults are planned by the number of the request, not by time.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::time::Duration;

use bytes::Bytes;
use engine::{BUCKET, Engine, Fault, KEY, SECRET};
use hyper::body::{Body, Frame};
use menshen_s3::{
    Cause, Client, Condition, Content, Error, Labels, Login, Missing, PART_BYTES_MIN, Part, Place,
    Style, Times, Why,
};
use menshen_tls::client::Trust;

#[path = "support/engine.rs"]
mod engine;

fn client(engine: &Engine) -> Client {
    let times = Times {
        wait: Duration::from_millis(1),
        wait_max: Duration::from_millis(4),
        first_byte: Duration::from_secs(20),
        ..Times::default()
    };
    made(engine, SECRET, times)
}

fn made(engine: &Engine, secret: &str, times: Times) -> Client {
    let endpoint = format!("http://{}", engine.address);
    let place = Place::new(&endpoint, BUCKET, "some/prefix", "us-east-1", Style::Path).unwrap();
    Client::new(place, Login::new(KEY, secret, None), Trust::System, times).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

fn text(text: &'static str) -> Content {
    Content::whole(Bytes::from_static(text.as_bytes()))
}

async fn put(client: &Client, key: &str, content: &'static str) -> Result<String, Error> {
    client.put(key, text(content), &Condition::Always, Labels::default()).await
}

async fn read(client: &Client, key: &str) -> Result<Vec<u8>, Error> {
    client.get(key, None, None).await?.whole(1 << 20).await
}

#[test]
fn objects_come_and_go() {
    let engine = Engine::start();
    let client = client(&engine);
    run(async {
        let labels = Labels { content_type: Some("text/plain"), note: Some("n 1") };
        let key = "a b/ü+%?&#~'.txt";
        let content = text("0123456789");
        let tag = client.put(key, content, &Condition::Always, labels).await.unwrap();
        let facts = client.head(key).await.unwrap();
        assert_eq!((facts.size, facts.etag.as_str()), (10, tag.as_str()));
        assert_eq!(facts.note.as_deref(), Some("n 1"));
        let part = client.get(key, Some(3..6), Some(&tag)).await.unwrap();
        assert_eq!(part.facts.size, 10);
        assert_eq!(part.whole(3).await.unwrap(), b"345");
        assert_eq!(read(&client, key).await.unwrap(), b"0123456789");
        let beyond = client.get(key, Some(10..11), None).await.unwrap_err();
        assert_eq!(beyond.cause, Cause::Range);
        let small = client.get(key, None, None).await.unwrap().whole(9).await;
        assert!(matches!(small.unwrap_err().cause, Cause::Protocol(_)));
        let page = client.list("a", None, None).await.unwrap();
        assert_eq!(page.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), [key]);
        let page = client.list("", Some('/'), None).await.unwrap();
        assert_eq!(page.folders, ["a b/"]);
        client.delete(key).await.unwrap();
        client.delete(key).await.unwrap();
        let gone = client.head(key).await.unwrap_err();
        assert_eq!(gone.cause, Cause::NotFound(Missing::Object));
        assert!(read(&client, key).await.unwrap_err().is_missing());
    });
}

#[test]
fn lists_go_on_page_by_page() {
    let engine = Engine::start();
    let client = client(&engine);
    run(async {
        for number in 0..503 {
            put(&client, &format!("l/{number:04}"), "x").await.unwrap();
        }
        let (mut after, mut keys, mut pages) = (None, Vec::new(), 0);
        loop {
            let page = client.list("l/", None, after.as_deref()).await.unwrap();
            keys.extend(page.entries.into_iter().map(|entry| entry.key));
            (after, pages) = (page.next, pages + 1);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(pages, 2);
        assert!(keys.iter().eq(&(0..503).map(|one| format!("l/{one:04}")).collect::<Vec<_>>()));
    });
}

#[test]
fn conditions_hold_or_are_told() {
    let engine = Engine::start();
    let client = client(&engine);
    run(async {
        let write = async |content, condition: &Condition| {
            client.put("c", text(content), condition, Labels::default()).await
        };
        let first = write("1", &Condition::Absent).await.unwrap();
        let error = write("2", &Condition::Absent).await.unwrap_err();
        assert!(error.is_precondition() && !error.unsure);
        let second = write("2", &Condition::Tag(first.clone())).await.unwrap();
        assert_ne!(first, second);
        assert!(write("3", &Condition::Tag(first)).await.unwrap_err().is_precondition());
        // Its own success, after an answer that was lost: it says that it may be.
        engine.plan(|seen| if seen.index == 0 { Fault::LostAnswer } else { Fault::None });
        let error = write("4", &Condition::Tag(second)).await.unwrap_err();
        assert!(error.is_precondition() && error.unsure);
        assert_eq!(read(&client, "c").await.unwrap(), b"4");
    });
}

#[test]
fn multipart_uploads() {
    let engine = Engine::start();
    let client = client(&engine);
    run(async {
        let big = Bytes::from(vec![7; usize::try_from(PART_BYTES_MIN).unwrap()]);
        let note = Labels { content_type: None, note: Some("mine") };
        let upload = client.begin("m", note).await.unwrap();
        let pending = client.uploads("m", None).await.unwrap().uploads;
        assert_eq!((pending[0].key.as_str(), pending[0].upload.as_str()), ("m", upload.as_str()));
        // Numbers with gaps; the part in between is not in the list and is no part of the object.
        let one = client.part("m", &upload, 2, Content::whole(big.clone())).await.unwrap();
        client.part("m", &upload, 3, text("lost")).await.unwrap();
        let stream = Content::stream(8, Pieces(vec!["tail", "tail"]));
        let two = client.part("m", &upload, 7, stream).await.unwrap();
        let page = client.parts("m", &upload, 0).await.unwrap();
        assert_eq!(page.parts.iter().map(|part| part.number).collect::<Vec<_>>(), [2, 3, 7]);
        let part = |number, etag| Part { number, etag, size: 0 };
        let parts = [part(2, one), part(7, two)];
        put(&client, "m", "old").await.unwrap();
        let error = client.complete("m", &upload, &parts, &Condition::Absent).await.unwrap_err();
        assert!(error.is_precondition());
        client.complete("m", &upload, &parts, &Condition::Always).await.unwrap();
        let facts = client.head("m").await.unwrap();
        assert_eq!((facts.size, facts.note.as_deref()), (PART_BYTES_MIN + 8, Some("mine")));
        let again = client.complete("m", &upload, &parts, &Condition::Always).await.unwrap_err();
        assert_eq!(again.cause, Cause::NotFound(Missing::Upload));
        client.abort("m", &upload).await.unwrap();
        let copied = client.begin("n", Labels::default()).await.unwrap();
        let range = PART_BYTES_MIN..PART_BYTES_MIN + 8;
        let etag = client.part_copied("n", &copied, 1, "m", range).await.unwrap();
        let found = client.parts("n", &copied, 0).await.unwrap();
        assert_eq!((found.parts[0].etag.as_str(), found.parts[0].size), (etag.as_str(), 8));
        client.abort("n", &copied).await.unwrap();
        assert!(client.uploads("", None).await.unwrap().uploads.is_empty());
    });
}

/// A body of texts that ends without an error.
struct Pieces(Vec<&'static str>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let next = self.0.pop();
        std::task::Poll::Ready(
            next.map(|text| Ok(Frame::data(Bytes::from_static(text.as_bytes())))),
        )
    }
}

#[test]
fn passing_faults_are_passed_over() {
    let engine = Engine::start();
    let client = client(&engine);
    for fault in [
        Fault::SlowDown,
        Fault::Internal,
        Fault::Cut,
        Fault::CutMidway,
        Fault::LostAnswer,
        Fault::Damaged,
    ] {
        engine.plan(move |seen| if seen.index < 2 { fault } else { Fault::None });
        run(async {
            put(&client, "f", "content").await.unwrap();
            assert_eq!(read(&client, "f").await.unwrap(), b"content", "{fault:?}");
        });
        assert_eq!(engine.log().len(), 4, "{fault:?}");
    }
}

#[test]
fn tries_end() {
    let engine = Engine::start();
    let client = client(&engine);
    run(async {
        for (fault, cause) in [
            (Fault::SlowDown, Cause::SlowDown(0)),
            (Fault::Internal, Cause::Unavailable(Why::Status(500))),
            (Fault::Cut, Cause::Unavailable(Why::Connection)),
            (Fault::Damaged, Cause::Unavailable(Why::Damaged)),
        ] {
            engine.plan(move |_| fault);
            let error = put(&client, "t", "x").await.unwrap_err();
            assert_eq!((&error.cause, error.is_passing()), (&cause, true));
            assert_eq!(engine.log().len(), 4);
        }
        engine.plan(|_| Fault::None);
        engine.down(true);
        assert!(read(&client, "t").await.unwrap_err().is_passing());
        engine.down(false);
        assert!(read(&client, "t").await.unwrap_err().is_missing());
    });
}

#[test]
fn a_stream_is_sent_once_and_must_keep_its_length() {
    let engine = Engine::start();
    let client = client(&engine);
    run(async {
        let send = async |length, pieces: &[&'static str]| {
            let content = Content::stream(length, Pieces(pieces.to_vec()));
            client.put("s", content, &Condition::Always, Labels::default()).await
        };
        send(6, &["abc", "abc"]).await.unwrap();
        assert_eq!(send(7, &["abc", "abc"]).await.unwrap_err().cause, Cause::Content);
        assert_eq!(send(5, &["abc", "abc"]).await.unwrap_err().cause, Cause::Content);
        engine.plan(|_| Fault::Internal);
        assert!(send(6, &["abc", "abc"]).await.unwrap_err().is_passing());
        assert_eq!(engine.log().len(), 1);
        engine.plan(|_| Fault::None);
        assert_eq!(read(&client, "s").await.unwrap(), b"abcabc");
    });
}

#[test]
fn an_answer_that_breaks_off_is_no_object() {
    let engine = Engine::start();
    let client = client(&engine);
    run(async {
        put(&client, "h", "0123456789").await.unwrap();
        engine.plan(|_| Fault::HalfAnswer);
        assert!(read(&client, "h").await.unwrap_err().is_passing());
        assert!(client.list("", None, None).await.unwrap_err().is_passing());
        engine.plan(|seen| if seen.index == 0 { Fault::HalfAnswer } else { Fault::None });
        assert_eq!(client.list("", None, None).await.unwrap().entries.len(), 1);
    });
}

#[test]
fn who_does_not_answer_is_late() {
    let engine = Engine::start();
    let brief = Duration::from_millis(50);
    let times = Times { first_byte: brief, tries: 1, ..Times::default() };
    let client = made(&engine, SECRET, times);
    engine.plan(|_| Fault::Late(Duration::from_secs(3600)));
    let error = run(async { put(&client, "l", "x").await.unwrap_err() });
    assert_eq!(error.cause, Cause::Unavailable(Why::Late));
    assert!(error.unsure);
}

#[test]
fn a_wrong_secret_is_denied_and_nothing_of_it_is_said() {
    let engine = Engine::start();
    let client = made(&engine, "wrong-secret", Times::default());
    let error = run(async { put(&client, "private-name", "x").await.unwrap_err() });
    assert!(matches!(error.cause, Cause::Denied(_)), "{error:?}");
    let said = format!("{error} {error:?} {client:?}");
    for secret in [KEY, "wrong", "private-name", "X-Amz", "?"] {
        assert!(!said.contains(secret), "{said}");
    }
    let nobody = Engine::start();
    let place = client.place().clone();
    let other = Client::new(
        place,
        Login::new(KEY, SECRET, None),
        Trust::System,
        Times { tries: 1, ..Times::default() },
    );
    drop((nobody, engine));
    let error = run(async { put(&other.unwrap(), "private-name", "x").await.unwrap_err() });
    assert_eq!(error.cause, Cause::Unavailable(Why::Connection));
}

#[test]
fn a_probe_says_what_is_kept_and_leaves_nothing() {
    let engine = Engine::start();
    let client = client(&engine);
    run(async {
        let seen = client.probe().await.unwrap();
        assert!(seen.conditional_create && seen.conditional_replace && seen.conditional_complete);
        assert!(seen.multipart && seen.list_uploads && seen.list_consistent && seen.notes);
        assert!(engine.keys().is_empty() && engine.uploads().is_empty(), "{:?}", engine.keys());
        engine.conditional(false);
        let seen = client.probe().await.unwrap();
        assert!(!seen.conditional_create && !seen.conditional_replace);
        assert!(!seen.conditional_complete && seen.multipart && seen.list_uploads);
        assert!(engine.keys().is_empty() && engine.uploads().is_empty(), "{:?}", engine.keys());
    });
}

#[test]
fn a_probe_that_fails_midway_says_so_and_leaves_nothing() {
    let engine = Engine::start();
    let times = Times { tries: 1, ..Times::default() };
    let client = made(&engine, SECRET, times);
    let all = run(async {
        engine.plan(|_| Fault::None);
        client.probe().await.unwrap();
        engine.log().len()
    });
    assert!(all > 10);
    for failing in 0..all {
        engine.plan(
            move |seen| {
                if seen.index == failing { Fault::LostAnswer } else { Fault::None }
            },
        );
        let outcome = run(client.probe());
        let log = engine.log();
        let removes = ["DeleteObject", "AbortMultipartUpload"];
        let is_removal = removes.contains(&log[failing].operation);
        let lists = log[failing].operation == "ListMultipartUploads";
        assert!(outcome.is_err() || lists, "{failing}: {outcome:?} {:?}", log[failing]);
        assert!(engine.uploads().is_empty(), "{failing} {:?}", log[failing]);
        assert!(is_removal || engine.keys().is_empty(), "{failing}: {:?}", engine.keys());
    }
}
