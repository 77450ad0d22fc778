//! Tests of questions about GRE, with a tunnel worker of the test's own.

use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use menshen_config::Network;
use menshen_net::handover::Read as Preface;

use super::*;
use crate::fixture::{Choices, Fixture, Lines};

/// A door, and where its tunnel worker listens.
struct Bench {
    made: Fixture,
    listener: Option<UnixListener>,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(trusted: Vec<Network>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tunnel");
        let listener = Some(UnixListener::bind(&path).unwrap());
        let choices = Choices { trusted, tunnel: Some(path), ..Choices::default() };
        Self { made: Fixture::with(choices), listener, dir }
    }

    /// Answers one question; gives what was asked.
    fn answer(&self, line: &'static [u8]) -> JoinHandle<Handover> {
        let listener = self.listener.as_ref().unwrap().try_clone().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut octets, mut piece) = (Vec::new(), [0; 100]);
            loop {
                let got = stream.read(&mut piece).unwrap();
                octets.extend_from_slice(&piece[..got]);
                if let Preface::Whole { handover, octets: length } =
                    handover::read(&octets).unwrap()
                {
                    assert_eq!(length, octets.len());
                    stream.write_all(line).unwrap();
                    return handover;
                }
            }
        })
    }

    fn ask(&self, method: &str, target: &str, lines: &[&str]) -> Option<Reply> {
        let lines = Lines::of(lines);
        let mut ask = lines.ask(method, target);
        ask.peer = self.made.door.client_of(ask.peer, &ask);
        match self.made.door.gre_counts(&ask)? {
            Plan::Reply(reply) => Some(*reply),
            Plan::Job(job, wanted) => Some(job.run(&self.made.door.shared, wanted)),
            other => panic!("{other:?}"),
        }
    }
}

fn field<'a>(reply: &'a Reply, name: &str) -> Option<&'a [u8]> {
    reply.fields.iter().find(|(key, _)| *key == name).map(|(_, value)| &**value)
}

#[test]
fn who_asks_hears_of_its_own_address_whatever_it_says_of_itself() {
    let bench = Bench::new(Vec::new());
    let line = b"{\"calls\":[{\"call\":7,\"in\":3,\"out\":4}]}\n";
    let asked = bench.answer(line);
    let said = ["X-Forwarded-For: 198.51.100.9", "Forwarded: for=198.51.100.9"];
    let reply = bench.ask("GET", "/.menshen/tunnel/gre?address=198.51.100.9", &said).unwrap();
    assert_eq!((reply.status, reply.body.bytes()), (200, &line[..]));
    assert_eq!(field(&reply, "cache-control"), Some(&b"no-store"[..]));
    assert_eq!(field(&reply, "content-type"), Some(&b"application/json"[..]));
    let asked = asked.join().unwrap();
    assert_eq!(asked, Handover { client: ([192, 0, 2, 1], 0).into(), kind: Kind::GreCounts });
}

#[test]
fn behind_a_trusted_proxy_it_is_the_client_who_asks() {
    let network = Network { address: [192, 0, 2, 0].into(), prefix: 24 };
    let bench = Bench::new(vec![network]);
    let asked = bench.answer(b"{}\n");
    let said = ["X-Forwarded-For: ::ffff:198.51.100.9"];
    assert_eq!(bench.ask("GET", "/.menshen/tunnel/gre", &said).unwrap().status, 200);
    assert_eq!(asked.join().unwrap().client, ([198, 51, 100, 9], 0).into());
}

#[test]
fn what_is_not_the_question_is_not_answered_here() {
    let bench = Bench::new(Vec::new());
    for target in ["/.menshen/tunnel/gre/", "/.menshen/tunnel", "/menshen/tunnel/gre", "/"] {
        assert!(bench.ask("GET", target, &[]).is_none(), "{target}");
    }
    let reply = bench.ask("POST", "/.menshen/tunnel/gre", &[]).unwrap();
    assert_eq!((reply.status, field(&reply, "allow")), (405, Some(&b"GET, HEAD"[..])));
    // Without TLS nobody knows who hears the answer.
    let lines = Lines::of::<&str>(&[]);
    let mut ask = lines.ask("GET", "/.menshen/tunnel/gre");
    ask.wire.secure = false;
    assert!(bench.made.door.gre_counts(&ask).is_none());
    // Without a tunnel door there is no such thing.
    let made = Fixture::new();
    let ask = lines.ask("GET", "/.menshen/tunnel/gre");
    assert!(made.door.gre_counts(&ask).is_none());
    let Plan::Reply(reply) = made.door.plan(&ask, crate::plan::Patience::Spent) else { panic!() };
    assert_eq!(reply.status, 404);
}

#[test]
fn a_worker_that_is_gone_or_talks_nonsense_is_a_503() {
    let mut bench = Bench::new(Vec::new());
    let ask = |bench: &Bench| bench.ask("GET", "/.menshen/tunnel/gre", &[]).unwrap();
    for line in [&b""[..], b"nonsense\n", b"{\"calls\":["] {
        let asked = bench.answer(line);
        let reply = ask(&bench);
        assert_eq!((reply.status, field(&reply, "retry-after")), (503, Some(&b"2"[..])));
        asked.join().unwrap();
    }
    bench.listener = None;
    assert_eq!(ask(&bench).status, 503);
    std::fs::remove_file(bench.dir.path().join("tunnel")).unwrap();
    assert_eq!(ask(&bench).status, 503);
}

#[test]
fn questions_are_bounded() {
    let bench = Bench::new(Vec::new());
    let tunnel = bench.made.door.tunnel.as_ref().unwrap();
    // Under way at once.
    let mut under_way: Vec<Question> =
        (0..QUESTIONS_MAX).map(|_| tunnel.ask([192, 0, 2, 9].into()).ok().unwrap()).collect();
    assert!(matches!(tunnel.ask([192, 0, 2, 8].into()), Err(Refusal::Busy)));
    under_way.pop();
    tunnel.ask([192, 0, 2, 8].into()).ok().unwrap();
    drop(under_way);
    // Of one network, within a minute.
    let asked = (0..=QUESTIONS_PER_MINUTE).map(|_| tunnel.ask([192, 0, 2, 7].into()).is_ok());
    assert_eq!(asked.filter(|&answered| answered).count(), QUESTIONS_PER_MINUTE as usize);
    let lines = Lines::of::<&str>(&[]);
    let mut ask = lines.ask("GET", "/.menshen/tunnel/gre");
    ask.peer = [192, 0, 2, 7].into();
    let Some(Plan::Reply(reply)) = bench.made.door.gre_counts(&ask) else { panic!() };
    assert_eq!(reply.status, 429);
    let seconds = std::str::from_utf8(field(&reply, "retry-after").unwrap()).unwrap();
    assert!((1..=60).contains(&seconds.parse::<u32>().unwrap()), "{seconds}");
}
