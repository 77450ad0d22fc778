//! Uploads shared by three nodes of ours over three nodes of Garage, which ignores conditions on
//! writes: nodes of both kinds end at random, and every upload is whole and what was sent.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use garage::{BUCKET, Garage, KEY, SECRET};
use menshen_s3::{Client, Login, Place, Style, Times, Trust};
use menshen_store::s3::{Kind, Options, Replaced, S3, S3Writer, Target};
use menshen_store::{Algorithm, Error, Id, Promise, Push, Record};

#[path = "../../s3/tests/support/garage.rs"]
mod garage;

async fn node(endpoint: &str) -> S3 {
    let place = Place::new(endpoint, BUCKET, "door", "garage", Style::Path).unwrap();
    let login = Login::new(KEY, SECRET, None);
    let client = Client::new(place, login, Trust::System, Times::default()).unwrap();
    let abilities = client.probe().await.unwrap();
    let options = Options { part_bytes: 5 << 20, ..Options::default() };
    let store = S3::open(client, &abilities, options).unwrap();
    assert_eq!(store.kind(), Kind::Listed);
    store
}

fn content(seed: usize, length: usize) -> Vec<u8> {
    let byte = |at: usize| {
        (at.wrapping_mul(2_654_435_761).wrapping_add(seed * 7919) >> 13).to_le_bytes()[0]
    };
    (0..length).map(byte).collect()
}

async fn push(writer: &mut S3Writer, bytes: &[u8]) -> Result<(), Error> {
    for piece in bytes.chunks(64 << 10) {
        while writer.push(piece)? == Push::Wait {
            writer.ready().await?;
        }
    }
    Ok(())
}

/// A request of a client: some bytes from where the upload durably is; the offset told.
async fn request(store: &S3, id: &Id, all: &[u8], most: usize) -> Result<u64, Error> {
    let (known, mut writer) = store.claim(id).await?;
    let start = usize::try_from(known.offset).unwrap();
    let end = (start + most).min(all.len());
    push(&mut writer, &all[start..end]).await?;
    if end == all.len() {
        return writer.complete().await.map(|whole| whole.size());
    }
    writer.flush().await
}

#[test]
fn nodes_die_and_every_upload_is_whole() {
    let Some(program) = garage::find() else { return };
    let mut cluster = Garage::start(program);
    let endpoints: Vec<String> = (1..=3).map(|node| cluster.endpoint(node)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (deaths, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let nodes: Arc<Vec<S3>> = runtime.block_on(async {
        let mut nodes = Vec::new();
        for endpoint in &endpoints {
            nodes.push(node(endpoint).await);
        }
        Arc::new(nodes)
    });
    // Of Garage's nodes one at a time dies; a quorum stays.
    let killer = std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            let mut turn = 0;
            while !is_over.load(Ordering::SeqCst) {
                cluster.kill(1 + turn % 3);
                std::thread::sleep(Duration::from_millis(300));
                cluster.revive(1 + turn % 3);
                std::thread::sleep(Duration::from_millis(1500));
                turn += 1;
            }
            (cluster, turn)
        }
    });
    let outcome = runtime.block_on(async {
        let uploads = (0..UPLOADS)
            .map(|seed| tokio::spawn(upload(seed, Arc::clone(&nodes), Arc::clone(&deaths))));
        let mut requests = 0;
        for upload in uploads.collect::<Vec<_>>() {
            requests += upload.await.unwrap();
        }
        requests
    });
    is_over.store(true, Ordering::SeqCst);
    let (cluster, killed) = killer.join().unwrap();
    runtime.block_on(async {
        for node in nodes.iter() {
            // One that has just come back has not found the others yet.
            while node.client().list("", None, None).await.is_err() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        for seed in 0..UPLOADS {
            let client = nodes[seed % 3].client();
            let object = client.get(&format!("files/{seed}"), None, None).await.unwrap();
            let bytes = object.whole(64 << 20).await.unwrap();
            assert!(bytes == content(seed, LENGTH), "upload {seed}");
        }
        // What a dying node of Garage had alone shows when it is back, so one pass may miss it.
        for _ in 0..60 {
            nodes[0].collect(1_900_000_000).await.unwrap();
            if nodes[0].client().uploads("", None).await.unwrap().uploads.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        nodes[0].collect(4_000_000_000).await.unwrap();
        let left = nodes[0].client().list("", None, None).await.unwrap().entries;
        assert_eq!(left.len(), UPLOADS, "{left:?}");
        let pending = nodes[0].client().uploads("", None).await.unwrap().uploads;
        assert!(pending.is_empty(), "{pending:?}");
    });
    drop(cluster);
    let deaths = deaths.load(Ordering::SeqCst);
    eprintln!("{UPLOADS} uploads, {outcome} requests, {deaths} cut off, {killed} nodes killed");
    assert!(deaths > 0 && killed > 0);
}

/// One upload from any node, some requests cut off at a random moment as by SIGKILL.
async fn upload(seed: usize, nodes: Arc<Vec<S3>>, deaths: Arc<AtomicUsize>) -> usize {
    let all = content(seed, LENGTH);
    let mut random = seed as u64;
    let mut draw = |below: u64| rand(&mut random) % below;
    let mut record = Record::new(Id::random().unwrap(), 1, 2_000_000_000);
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &all).as_ref().to_vec();
    if seed.is_multiple_of(4) {
        record.promises = vec![Promise { algorithm: Algorithm::Sha256, value: sum }];
    }
    let id = record.id;
    loop {
        let key = format!("files/{seed}");
        let target = Target { key, content_type: None, replace: Replaced::Anything };
        match nodes[seed % 3].create(record.clone(), Some(target)).await {
            Ok(_) | Err(Error::Exists) => break,
            Err(error) => assert!(matches!(error, Error::Unavailable { .. }), "{error:?}"),
        }
    }
    let (mut acked, mut requests) = (0, 0);
    loop {
        requests += 1;
        let node = nodes[usize::try_from(draw(3)).unwrap()].clone();
        let most = usize::try_from(draw(7 << 20)).unwrap();
        let bytes = all.clone();
        let mut task = tokio::spawn(async move { request(&node, &id, &bytes, most).await });
        let patience = if draw(3) == 0 { draw(400) } else { 60_000 };
        let Ok(said) = tokio::time::timeout(Duration::from_millis(patience), &mut task).await
        else {
            // As by SIGKILL: whatever it was doing stops where it is.
            task.abort();
            deaths.fetch_add(1, Ordering::SeqCst);
            continue;
        };
        match said.unwrap() {
            Ok(offset) => {
                assert!(offset >= acked, "{acked} went back to {offset}");
                acked = offset;
                if offset == all.len() as u64 {
                    return requests;
                }
            }
            Err(Error::Complete) => return requests,
            Err(Error::Unavailable { .. } | Error::Fenced) => {}
            Err(error) => panic!("upload {seed}: {error:?}"),
        }
    }
}

/// Splitmix64: the same cuts in every run, as far as the machine's pace lets it.
fn rand(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

const UPLOADS: usize = 8;
const LENGTH: usize = (16 << 20) + 12_345;
