//! Uploads in a bucket: what was acknowledged is there, whoever is killed at whichever request,
//! whichever answer is lost, and whichever write arrives late. Each test runs with conditional
//! writes and, on a bucket that ignores conditions, with claims that are listed.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use engine::{BUCKET, Engine, Fault, KEY, SECRET};
use menshen_s3::{Abilities, Client, Login, Place, Style, Times, Trust};
use menshen_store::s3::{Kind, Options, Replaced, S3, S3Begun, S3Writer, Target};
use menshen_store::{Aim, Algorithm, Error, Id, Promise, Push, Record, Start, Stored};

#[path = "../../s3/tests/support/engine.rs"]
mod engine;

/// One node; what it believes of the bucket is true, as `menshen-s3` tests.
fn node(engine: &Engine, kind: Kind, tries: u32) -> S3 {
    let times = Times {
        tries,
        wait: Duration::from_millis(1),
        wait_max: Duration::from_millis(4),
        ..Times::default()
    };
    let endpoint = format!("http://{}", engine.address);
    let place = Place::new(&endpoint, BUCKET, "p", "us-east-1", Style::Path).unwrap();
    let client = Client::new(place, Login::new(KEY, SECRET, None), Trust::System, times).unwrap();
    let is_kept = kind == Kind::Conditional;
    let abilities = Abilities {
        conditional_create: is_kept,
        conditional_replace: is_kept,
        conditional_complete: is_kept,
        multipart: true,
        list_uploads: true,
        list_consistent: true,
        notes: true,
    };
    let options = Options { part_bytes: PART as u64, ..Options::default() };
    let store = S3::open(client, &abilities, options).unwrap();
    assert_eq!(store.kind(), kind);
    store
}

fn both(test: impl Fn(&Engine, Kind)) {
    for kind in [Kind::Conditional, Kind::Listed] {
        let engine = Engine::start();
        engine.conditional(kind == Kind::Conditional);
        test(&engine, kind);
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

fn record(length: Option<u64>) -> Record {
    let mut record = Record::new(Id::random().unwrap(), 1_000, 2_000_000_000);
    record.length = length;
    record
}

fn target(key: &str) -> Target {
    Target { key: key.to_owned(), content_type: None, replace: Replaced::Anything }
}

/// Bytes that differ everywhere, so that any shift is seen.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

async fn push(writer: &mut S3Writer, bytes: &[u8]) -> Result<(), Error> {
    for piece in bytes.chunks(256 << 10) {
        while writer.push(piece)? == Push::Wait {
            writer.ready().await?;
        }
    }
    Ok(())
}

#[test]
fn uploads_go_on_and_are_whole() {
    both(|engine, kind| {
        let all = content(13 << 20);
        let (store, other) = (node(engine, kind, 4), node(engine, kind, 4));
        run(async {
            let made = record(Some(all.len() as u64));
            let id = made.id;
            let mut writer = store.create(made, Some(target("a/whole.bin"))).await.unwrap();
            push(&mut writer, &all[..1000]).await.unwrap();
            assert_eq!(writer.flush().await.unwrap(), 1000);
            push(&mut writer, &all[1000..7 << 20]).await.unwrap();
            assert_eq!(writer.flush().await.unwrap(), 7 << 20);
            assert_eq!(store.look(&id).await.unwrap().offset, 7 << 20);
            push(&mut writer, &all[7 << 20..8 << 20]).await.unwrap();
            drop(writer);
            let (known, mut writer) = other.claim(&id).await.unwrap();
            assert_eq!(known.offset, 7 << 20);
            assert_eq!(writer.start(7 << 20).await.unwrap(), Start::At(7 << 20));
            assert_eq!(writer.start(8 << 20).await.unwrap(), Start::Elsewhere(7 << 20));
            push(&mut writer, &[9; 6 << 20]).await.unwrap();
            writer.cut(7 << 20).await.unwrap();
            push(&mut writer, &all[7 << 20..]).await.unwrap();
            assert_eq!(push(&mut writer, b"x").await, Err(Error::TooLong));
            let whole = writer.complete().await.unwrap();
            assert_eq!((whole.size(), whole.key.as_str()), (13 << 20, "a/whole.bin"));
            let end = whole.read(Some(5..9)).await.unwrap().whole(9).await.unwrap();
            assert_eq!(end, all[5..9]);
            assert_eq!(other.claim(&id).await.err(), Some(Error::Complete));
            store.remove(&id).await.unwrap();
            assert_eq!(store.look(&id).await, Err(Error::Gone));
        });
        assert!(engine.object("p/a/whole.bin").unwrap() == all);
        assert_eq!(engine.keys(), ["p/a/whole.bin"]);
        assert!(engine.uploads().is_empty());
    });
}

#[test]
fn short_and_empty_uploads_need_no_parts() {
    both(|engine, kind| {
        let store = node(engine, kind, 4);
        run(async {
            for (length, key) in [(0, "empty"), (10, "short")] {
                let mut writer = store.create(record(None), Some(target(key))).await.unwrap();
                push(&mut writer, &content(length)).await.unwrap();
                writer.complete().await.unwrap();
            }
        });
        assert_eq!(engine.object("p/empty").unwrap(), b"");
        assert_eq!(engine.object("p/short").unwrap(), content(10));
        assert!(engine.log().iter().all(|seen| seen.operation != "CreateMultipartUpload"));
    });
}

#[test]
fn the_newer_writer_wins_and_nothing_is_mixed() {
    both(|engine, kind| {
        let (one, two) = (node(engine, kind, 4), node(engine, kind, 4));
        run(async {
            let made = record(None);
            let id = made.id;
            let mut old = one.create(made, Some(target("w"))).await.unwrap();
            push(&mut old, &[1; 6 << 20]).await.unwrap();
            old.flush().await.unwrap();
            push(&mut old, &[2; 4 << 20]).await.unwrap();
            let (known, mut new) = two.claim(&id).await.unwrap();
            assert_eq!(known.offset, 6 << 20);
            push(&mut new, &[3; 6 << 20]).await.unwrap();
            new.flush().await.unwrap();
            // The old one does not know yet, and sends its part after the new one's.
            old.ready().await.unwrap();
            assert_eq!(old.flush().await, Err(Error::Fenced));
            assert_eq!(old.push(b"x").err(), Some(Error::Fenced));
            assert_eq!(old.flush().await, Err(Error::Fenced));
            push(&mut new, &[4; 10]).await.unwrap();
            new.complete().await.unwrap();
        });
        let object = engine.object("p/w").unwrap();
        let expected = [vec![1; 6 << 20], vec![3; 6 << 20], vec![4; 10]].concat();
        assert!(object == expected);
    });
}

/// What a client does, as far as the node lets it; and what was acknowledged.
async fn script(store: &S3, made: Record, all: &[u8], acked: &mut u64) -> Result<(), Error> {
    let mut writer = store.create(made, Some(target("e"))).await?;
    push(&mut writer, &all[..PART + 100]).await?;
    *acked = writer.flush().await?;
    push(&mut writer, &all[PART + 100..PART + 900]).await?;
    *acked = writer.flush().await?;
    writer.complete().await.map(drop)
}

/// Another node goes on until the upload is whole.
async fn recovered(store: &S3, made: &Record, all: &[u8], acked: u64) {
    let mut writer = match store.claim(&made.id).await {
        Err(Error::Complete) => return,
        Err(Error::Gone) if acked == 0 => {
            store.create(made.clone(), Some(target("e"))).await.unwrap()
        }
        other => {
            let (known, writer) = other.unwrap();
            assert!(known.offset >= acked, "{acked} went back to {}", known.offset);
            writer
        }
    };
    let offset = usize::try_from(writer.durable()).unwrap();
    push(&mut writer, &all[offset..]).await.unwrap();
    writer.complete().await.unwrap();
}

#[test]
fn a_node_that_dies_at_any_request_loses_nothing() {
    both(|engine, kind| {
        let all = content(PART + 900);
        let mut acked = 0;
        engine.plan(|_| Fault::None);
        let full = all.len() as u64;
        let length = Some(full);
        run(script(&node(engine, kind, 1), record(length), &all, &mut acked)).unwrap();
        let calls = engine.log().len();
        assert!(calls > 8, "{calls}");
        for fault in [Fault::LostAnswer, Fault::Deferred] {
            for dying in 0..calls {
                let at = format!("{kind:?} {fault:?} at {dying}");
                let (made, mut acked) = (record(length), 0);
                engine.plan(move |seen| if seen.index >= dying { fault } else { Fault::None });
                // A lost answer of a clean-up is nobody's loss.
                let _ = run(script(&node(engine, kind, 1), made.clone(), &all, &mut acked));
                engine.plan(|_| Fault::None);
                let other = node(engine, kind, 4);
                run(async {
                    if dying % 2 == 0 {
                        engine.arrive();
                    }
                    recovered(&other, &made, &all, acked).await;
                    engine.arrive();
                    let known = other.look(&made.id).await.unwrap();
                    assert_eq!((known.offset, known.is_complete()), (full, true), "{at}");
                });
                assert!(engine.object("p/e").unwrap() == all, "{at}");
                run(other.collect(4_000_000_000)).unwrap();
                assert_eq!(engine.keys(), ["p/e"], "{at}");
                assert_eq!(engine.uploads(), [], "{at}");
            }
        }
    });
}

#[test]
fn each_answer_may_be_lost_once() {
    both(|engine, kind| {
        let all = content(PART + 900);
        let full = all.len() as u64;
        let length = Some(full);
        let mut calls = 1;
        let mut losing = 0;
        while losing < calls {
            let store = node(engine, kind, 3);
            let lost = losing;
            engine.plan(
                move |seen| {
                    if seen.index == lost { Fault::LostAnswer } else { Fault::None }
                },
            );
            let mut acked = 0;
            let made = record(length);
            let id = made.id;
            let outcome = run(script(&store, made, &all, &mut acked));
            assert_eq!((outcome, acked), (Ok(()), full), "{kind:?} at {losing}");
            assert!(engine.object("p/e").unwrap() == all, "{kind:?} at {losing}");
            calls = engine.log().len();
            // The next node would read its state, and there would be ever more calls.
            engine.plan(|_| Fault::None);
            run(store.remove(&id)).unwrap();
            losing += 1;
        }
        assert!(calls > 8);
    });
}

#[test]
fn writes_that_arrive_late_change_nothing() {
    both(|engine, kind| {
        for late in 0..8 {
            let at = format!("{kind:?} at {late}");
            let made = record(None);
            let id = made.id;
            let (one, two) = (node(engine, kind, 1), node(engine, kind, 4));
            run(async {
                let mut old = one.create(made, Some(target("l"))).await.unwrap();
                push(&mut old, b"acknowledged ").await.unwrap();
                old.flush().await.unwrap();
                engine.plan(
                    move |seen| {
                        if seen.index >= late { Fault::Deferred } else { Fault::None }
                    },
                );
                push(&mut old, b"and lost").await.unwrap();
                let said = old.flush().await;
                engine.plan(|_| Fault::None);
                let (known, mut new) = two.claim(&id).await.unwrap();
                assert!(known.offset >= said.as_ref().copied().unwrap_or(13), "{at}");
                push(&mut new, b"and new").await.unwrap();
                new.flush().await.unwrap();
                engine.arrive();
                // The old one goes on as if it had been asleep.
                push(&mut old, b"!").await.unwrap();
                assert_eq!(old.flush().await, Err(Error::Fenced), "{at}");
                push(&mut new, b", twice").await.unwrap();
                new.flush().await.unwrap();
                let (again, last) = one.claim(&id).await.unwrap();
                assert_eq!(again.offset, known.offset + 14, "{at}");
                last.complete().await.unwrap();
                two.remove(&id).await.unwrap();
            });
            let text = String::from_utf8(engine.object("p/l").unwrap()).unwrap();
            let text = text.strip_prefix("acknowledged ").unwrap();
            let text = text.strip_prefix("and lost").unwrap_or(text);
            assert_eq!(text, "and new, twice", "{at}");
        }
    });
}

#[test]
fn claims_that_arrive_late_change_nothing() {
    both(|engine, kind| {
        let claims = if kind == Kind::Conditional { 2 } else { 7 };
        for late in 0..claims {
            let at = format!("{kind:?} at {late}");
            let made = record(None);
            let id = made.id;
            let (one, two) = (node(engine, kind, 1), node(engine, kind, 4));
            run(async {
                let mut owner = two.create(made, Some(target("k"))).await.unwrap();
                push(&mut owner, b"one ").await.unwrap();
                owner.flush().await.unwrap();
                engine.plan(
                    move |seen| {
                        if seen.index >= late { Fault::Deferred } else { Fault::None }
                    },
                );
                let claimed = one.claim(&id).await;
                engine.plan(|_| Fault::None);
                // Whoever owns it now goes on as far as it may, and again after the claim came.
                let mut acked = 4;
                for _ in 0..2 {
                    let _ = push(&mut owner, b"two ").await;
                    match owner.flush().await {
                        Ok(offset) => acked = offset,
                        Err(error) => assert_eq!(error, Error::Fenced, "{at}"),
                    }
                    engine.arrive();
                }
                drop(claimed);
                let (known, last) = two.claim(&id).await.unwrap();
                assert!(known.offset >= acked, "{at}: {acked} went back to {}", known.offset);
                last.complete().await.unwrap();
                two.remove(&id).await.unwrap();
            });
        }
    });
}

#[test]
fn an_outage_pauses_and_loses_nothing() {
    both(|engine, kind| {
        let all = content(PART * 2 + 77);
        let store = node(engine, kind, 2);
        run(async {
            let made = record(Some(all.len() as u64));
            let id = made.id;
            let mut writer = store.create(made, Some(target("o"))).await.unwrap();
            push(&mut writer, &all[..1000]).await.unwrap();
            writer.flush().await.unwrap();
            engine.down(true);
            let mut at = 1000;
            let away = loop {
                let piece = &all[at..(at + 4096).min(all.len())];
                match writer.push(piece).unwrap() {
                    Push::Taken => at += piece.len(),
                    Push::Wait => {
                        if let Err(error) = writer.ready().await {
                            break error;
                        }
                    }
                }
            };
            assert!(matches!(away, Error::Unavailable { .. }), "{away:?}");
            assert!(matches!(writer.flush().await, Err(Error::Unavailable { .. })));
            assert!(matches!(store.claim(&id).await, Err(Error::Unavailable { .. })));
            assert!(matches!(store.look(&id).await, Err(Error::Unavailable { .. })));
            engine.down(false);
            assert_eq!(writer.flush().await.unwrap(), at as u64);
            push(&mut writer, &all[at..]).await.unwrap();
            writer.complete().await.unwrap();
        });
        assert!(engine.object("p/o").unwrap() == all);
    });
}

#[test]
fn rivals_take_over_from_each_other() {
    both(|engine, kind| {
        let nodes: Vec<S3> = (0..3).map(|_| node(engine, kind, 4)).collect();
        let made = record(None);
        let id = made.id;
        let acked = Arc::new(Mutex::new(Vec::<(u64, u8)>::new()));
        run(async {
            drop(nodes[0].create(made, Some(target("r"))).await.unwrap());
            let mut tasks = Vec::new();
            for (number, store) in (0u8..).zip(nodes.clone()) {
                let acked = Arc::clone(&acked);
                tasks.push(tokio::spawn(async move {
                    for round in 0..12 {
                        let Ok((known, mut writer)) = store.claim(&id).await else { continue };
                        let fill = number * 64 + round;
                        push(&mut writer, &[fill; 100]).await.unwrap();
                        match writer.flush().await {
                            Ok(offset) => {
                                assert_eq!(offset, known.offset + 100);
                                acked.lock().unwrap().push((known.offset, fill));
                            }
                            Err(error) => assert_eq!(error, Error::Fenced),
                        }
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            let (_, writer) = nodes[0].claim(&id).await.unwrap();
            writer.complete().await.unwrap();
        });
        let object = engine.object("p/r").unwrap();
        let acked = acked.lock().unwrap();
        assert!(acked.len() > 3, "{kind:?}: {}", acked.len());
        for (offset, fill) in acked.iter() {
            let start = usize::try_from(*offset).unwrap();
            assert_eq!(object[start..start + 100], [*fill; 100], "{kind:?} at {offset}");
        }
    });
}

#[test]
fn digests_are_compared_before_the_name_is_given() {
    both(|engine, kind| {
        let store = node(engine, kind, 4);
        let bytes = content(PART + 5);
        let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        run(async {
            for (is_right, key) in [(true, "right"), (false, "wrong")] {
                let mut made = record(None);
                let mut value = sum.as_ref().to_vec();
                value[0] ^= u8::from(!is_right);
                made.promises = vec![Promise { algorithm: Algorithm::Sha256, value }];
                let id = made.id;
                let mut writer = store.create(made, Some(target(key))).await.unwrap();
                push(&mut writer, &bytes).await.unwrap();
                let whole = writer.complete().await;
                assert_eq!(whole.err(), (!is_right).then_some(Error::Digest));
                store.remove(&id).await.unwrap();
            }
        });
        assert!(engine.object("p/right").unwrap() == bytes);
        assert_eq!(engine.keys(), ["p/right"]);
    });
}

#[test]
fn a_target_that_must_not_be_replaced_is_not() {
    both(|engine, kind| {
        let store = node(engine, kind, 4);
        run(async {
            for (content, is_taken) in [("first", false), ("second", true)] {
                let target = Target { replace: Replaced::Nothing, ..target("t") };
                let mut writer = store.create(record(None), Some(target)).await.unwrap();
                push(&mut writer, content.as_bytes()).await.unwrap();
                assert_eq!(writer.complete().await.err(), is_taken.then_some(Error::Taken));
            }
        });
        assert_eq!(engine.object("p/t").unwrap(), b"first");
    });
}

#[test]
fn deliveries_are_made_once_and_answers_kept() {
    both(|engine, kind| {
        let store = node(engine, kind, 4);
        run(async {
            let made = record(None);
            let id = made.id;
            let mut writer = store.create(made, None).await.unwrap();
            push(&mut writer, b"to be delivered").await.unwrap();
            let begin = async |now| store.begin_delivery(&id, "n", Aim::Request, now).await;
            assert!(matches!(begin(10).await, Err(Error::Incomplete)));
            writer.complete().await.unwrap();
            let S3Begun::Go { whole, attempt: 1 } = begin(10).await.unwrap() else { panic!() };
            let read = whole.read(None).await.unwrap().whole(99).await.unwrap();
            assert_eq!(read, b"to be delivered");
            assert!(matches!(begin(11).await, Err(Error::Underway)));
            let late = begin(611).await.unwrap();
            assert!(matches!(late, S3Begun::Interrupted { attempt: 1, since: 10, .. }));
            store.release(&id, 1).await.unwrap();
            assert!(matches!(begin(700).await, Ok(S3Begun::Go { .. })));
            let answer = Stored { status: 201, fields: Vec::new(), body: b"done".to_vec() };
            assert_eq!(store.answer(&id, 1, answer.clone()).await.unwrap(), answer);
            let other = Stored { status: 500, ..answer.clone() };
            assert_eq!(store.answer(&id, 1, other).await.unwrap(), answer);
            let Ok(S3Begun::Answered(kept)) = begin(800).await else { panic!() };
            assert_eq!(kept, answer);
            assert_eq!(store.collect(1_999_999_999).await.unwrap(), 0);
            assert_eq!(store.collect(2_000_000_000).await.unwrap(), 1);
        });
        assert!(engine.keys().is_empty(), "{:?}", engine.keys());
    });
}

#[test]
fn collecting_harms_no_live_writer() {
    both(|engine, kind| {
        let (store, other) = (node(engine, kind, 4), node(engine, kind, 4));
        let all = content(PART * 2);
        run(async {
            let made = record(None);
            let mut writer = store.create(made, Some(target("c"))).await.unwrap();
            for (step, piece) in all.chunks(PART / 2 + 1).enumerate() {
                push(&mut writer, piece).await.unwrap();
                // By a clock that is years ahead, everything without an owner is old.
                other.collect(1_900_000_000).await.unwrap();
                if step % 2 == 0 {
                    writer.flush().await.unwrap();
                    other.collect(1_900_000_000).await.unwrap();
                }
            }
            writer.complete().await.unwrap();
            other.collect(1_900_000_000).await.unwrap();
        });
        assert!(engine.object("p/c").unwrap() == all);
    });
}

#[test]
fn what_a_killed_probe_left_is_collected() {
    both(|engine, kind| {
        let store = node(engine, kind, 1);
        // The bucket goes away in the middle of a probe, as for a node that dies.
        for cut in [3, 9] {
            engine.plan(move |seen| if seen.index >= cut { Fault::Cut } else { Fault::None });
            run(async { store.client().probe().await.unwrap_err() });
        }
        engine.plan(|_| Fault::None);
        let probes = || engine.keys().into_iter().filter(|key| key.contains("probe")).count();
        assert!(probes() > 0 && !engine.uploads().is_empty());
        run(async { store.collect(1_000).await.unwrap() });
        assert!(probes() > 0, "one that is under way stays");
        run(async { store.collect(4_000_000_000).await.unwrap() });
        assert!(probes() == 0 && engine.uploads().is_empty());
    });
}

const PART: usize = 5 << 20;
