//! A process that owns an upload in a bucket is stopped at any moment, another takes over, and the
//! first goes on: what either acknowledged is in the object, at its place.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::{BUCKET, Engine, KEY, SECRET};
use menshen_s3::{Abilities, Client, Login, Place, Style, Times, Trust};
use menshen_store::s3::{Kind, Options, Replaced, S3, S3Writer, Target};
use menshen_store::{Error, Id, Push, Record};
use rustix::process::{Pid, Signal, kill_process};

#[path = "../../s3/tests/support/engine.rs"]
mod engine;

fn node(endpoint: &str, kind: Kind) -> S3 {
    let place = Place::new(endpoint, BUCKET, "p", "us-east-1", Style::Path).unwrap();
    let login = Login::new(KEY, SECRET, None);
    let client = Client::new(place, login, Trust::System, Times::default()).unwrap();
    let is_kept = kind == Kind::Conditional;
    let abilities = Abilities {
        conditional_create: is_kept,
        conditional_replace: is_kept,
        multipart: true,
        list_consistent: true,
        notes: true,
        ..Abilities::default()
    };
    S3::open(client, &abilities, Options::default()).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

async fn push(writer: &mut S3Writer, fill: u8) -> Result<(), Error> {
    while writer.push(&[fill; STEP])? == Push::Wait {
        writer.ready().await?;
    }
    Ok(())
}

/// The process that is stopped: appends its fill byte until it is fenced, and tells each offset
/// that was acknowledged.
#[test]
#[ignore = "started by the other test"]
fn owner() {
    let words: Vec<String> =
        std::env::var("MENSHEN_TEST_OWNER").unwrap().split(' ').map(str::to_owned).collect();
    let kind = if words[1] == "conditional" { Kind::Conditional } else { Kind::Listed };
    let (store, id) = (node(&words[0], kind), Id::parse(&words[2]).unwrap());
    run(async {
        let Ok((_, mut writer)) = store.claim(&id).await else { return };
        loop {
            if push(&mut writer, words[3].parse().unwrap()).await.is_err() {
                return;
            }
            match writer.flush().await {
                Ok(offset) => println!("acked {offset}"),
                Err(Error::Fenced) => return println!("fenced"),
                Err(error) => panic!("{error:?}"),
            }
            std::io::stdout().flush().unwrap();
        }
    });
}

fn start(endpoint: &str, kind: Kind, id: &Id, fill: u8) -> Child {
    let word = if kind == Kind::Conditional { "conditional" } else { "listed" };
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "owner", "--nocapture"])
        .env("MENSHEN_TEST_OWNER", format!("{endpoint} {word} {} {fill}", id.as_str()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn acked(line: &str) -> Option<u64> {
    line.split_once("acked ")?.1.trim().parse().ok()
}

#[test]
fn a_stopped_owner_says_nothing_that_is_not_so() {
    for kind in [Kind::Conditional, Kind::Listed] {
        let engine = Engine::start();
        engine.conditional(kind == Kind::Conditional);
        let endpoint = format!("http://{}", engine.address);
        let store = node(&endpoint, kind);
        let record = Record::new(Id::random().unwrap(), 1, 2_000_000_000);
        let id = record.id;
        let key = "paused".to_owned();
        let target = Target { key, content_type: None, replace: Replaced::Anything };
        run(async { drop(store.create(record, Some(target)).await.unwrap()) });
        let mut told: Vec<(u64, u8)> = Vec::new();
        for round in 0..ROUNDS {
            let mut child = start(&endpoint, kind, &id, 2 * round);
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            for line in lines.by_ref().map_while(Result::ok) {
                told.extend(acked(&line).map(|offset| (offset, 2 * round)));
                if told.last().is_some_and(|told| told.1 == 2 * round) {
                    break;
                }
            }
            // Anywhere in the next acknowledgements.
            std::thread::sleep(Duration::from_micros(700 * u64::from(round)));
            let process = Pid::from_child(&child);
            kill_process(process, Signal::STOP).unwrap();
            let fill = 2 * round + 1;
            run(async {
                let (_, mut writer) = store.claim(&id).await.unwrap();
                for _ in 0..2 {
                    push(&mut writer, fill).await.unwrap();
                    told.push((writer.flush().await.unwrap(), fill));
                }
                kill_process(process, Signal::CONT).unwrap();
                let mut is_fenced = false;
                for line in lines.map_while(Result::ok) {
                    told.extend(acked(&line).map(|offset| (offset, 2 * round)));
                    is_fenced |= line.contains("fenced");
                }
                assert!(child.wait().unwrap().success() && is_fenced, "{kind:?} {round}");
                push(&mut writer, fill).await.unwrap();
                told.push((writer.flush().await.unwrap(), fill));
            });
        }
        run(async {
            let (_, writer) = store.claim(&id).await.unwrap();
            writer.complete().await.unwrap();
        });
        let object = engine.object("p/paused").unwrap();
        assert!(told.len() >= usize::from(ROUNDS) * 4);
        for (offset, fill) in told {
            let end = usize::try_from(offset).unwrap();
            assert_eq!(object[end - STEP..end], [fill; STEP], "{kind:?} at {offset}");
        }
    }
}

const STEP: usize = 50;
const ROUNDS: u8 = 12;
