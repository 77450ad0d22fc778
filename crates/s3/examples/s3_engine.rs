//! An object store for tortures of whole doors: `s3s-fs` in this process, or three nodes of Garage.
//!
//!     s3_engine s3s-fs|listed|garage
//!
//! `listed` is s3s-fs that ignores conditions on writes. Prints one line of words, `ready BUCKET
//! REGION KEY SECRET ENDPOINT...`, then does what comes on standard input, a command a line,
//! answered `done`: `down` and `up` (the whole store; with s3s-fs every connection is cut, Garage's
//! nodes are killed), `kill N` and `revive N` (one node of Garage, from 1). Ends with its input.
//! Only loopback is listened on; everything stored goes away with it.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for tests")]

use std::io::BufRead;

use engine::Engine;
use garage::Garage;

#[path = "../tests/support/engine.rs"]
mod engine;
#[path = "../tests/support/garage.rs"]
mod garage;

fn main() {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let mut store = match kind.as_str() {
        "s3s-fs" | "listed" => {
            let engine = Engine::start();
            engine.conditional(kind == "s3s-fs");
            let endpoint = format!("http://{}", engine.address);
            let (bucket, key, secret) = (engine::BUCKET, engine::KEY, engine::SECRET);
            println!("ready {bucket} us-east-1 {key} {secret} {endpoint}");
            Store::Files(engine)
        }
        "garage" => {
            let garage = Garage::start(garage::find().unwrap());
            let endpoints: Vec<String> = (1..=NODES).map(|node| garage.endpoint(node)).collect();
            let (bucket, key, secret) = (garage::BUCKET, garage::KEY, garage::SECRET);
            println!("ready {bucket} garage {key} {secret} {}", endpoints.join(" "));
            Store::Garage(garage)
        }
        _ => panic!("usage: s3_engine s3s-fs|listed|garage"),
    };
    for line in std::io::stdin().lock().lines() {
        store.obey(&line.unwrap());
        println!("done");
    }
}

enum Store {
    Files(Engine),
    Garage(Garage),
}

impl Store {
    fn obey(&mut self, command: &str) {
        let (word, node) = command.split_once(' ').unwrap_or((command, "0"));
        let node: usize = node.parse().unwrap();
        match (self, word) {
            (Self::Files(engine), "down") => engine.down(true),
            (Self::Files(engine), "up") => engine.down(false),
            (Self::Garage(garage), "down") => (1..=NODES).for_each(|node| garage.kill(node)),
            (Self::Garage(garage), "up") => (1..=NODES).for_each(|node| garage.revive(node)),
            (Self::Garage(garage), "kill") => garage.kill(node),
            (Self::Garage(garage), "revive") => garage.revive(node),
            _ => panic!("what is {command:?}?"),
        }
    }
}

const NODES: usize = 3;
