//! What passes between both sides of a tunnel, and how it ends.

use super::*;

#[test]
fn a_hundred_megabytes_pass_both_ways_at_once_unchanged() {
    run(Limits::default(), async |bench| {
        let (client, tunnel, session) = bench.open().await;
        let (mut from_door, mut to_door) = tunnel.into_split();
        // What comes is sent back; the test's own buffer is all there is in between.
        let echo = tokio::task::spawn_local(async move {
            tokio::io::copy(&mut from_door, &mut to_door).await.unwrap()
        });
        let block: Arc<[u8]> =
            (0..1_000_003_u32).map(|at| (at.wrapping_mul(at) >> 7).to_le_bytes()[0]).collect();
        let (mut hears, mut says) = split(client);
        let said = Arc::clone(&block);
        let saying = tokio::task::spawn_local(async move {
            for _ in 0..BLOCKS {
                says.write_all(&said).await.unwrap();
            }
            says.shutdown().await.unwrap();
            says
        });
        let mut piece = vec![0; 1 << 16];
        let mut heard = 0;
        loop {
            let got = hears.read(&mut piece).await.unwrap();
            if got == 0 {
                break;
            }
            let mut left = &piece[..got];
            while !left.is_empty() {
                let at = heard % block.len();
                let now = left.len().min(block.len() - at);
                assert!(left[..now] == block[at..at + now], "another octet near {heard}");
                heard += now;
                left = &left[now..];
            }
        }
        assert_eq!(heard, BLOCKS * block.len());
        assert_eq!(echo.await.unwrap(), heard as u64);
        drop((saying.await.unwrap(), hears));
        session.await.unwrap();
        let slot = bench.made.door.slot;
        assert_eq!(slot.get(Counter::BytesIn), heard as u64 + asked().len() as u64);
        assert_eq!(slot.get(Counter::BytesOut), heard as u64 + ANSWER.len() as u64);
    });
}

#[test]
fn a_tunnel_is_shown_while_it_lasts() {
    run(Limits::default(), async |bench| {
        let (client, tunnel, session) = bench.open().await;
        let shown = bench.made.door.slot.transfers();
        assert_eq!(shown.len(), 1);
        let peer = client.get_ref().0.local_addr().unwrap();
        assert_eq!(shown[0].kind, TransferKind::Tunnel);
        assert_eq!(shown[0].path, format!("sstp {peer}").as_bytes());
        assert_eq!(shown[0].done, (asked().len() + ANSWER.len()) as u64);
        assert_eq!(bench.gauge(), 1);
        drop((client, tunnel));
        session.await.unwrap();
        assert!(bench.made.door.slot.transfers().is_empty());
        assert_eq!(bench.gauge(), 0);
    });
}

#[test]
fn each_side_may_end_before_the_other() {
    run(Limits::default(), async |bench| {
        // The client has said all; what the tunnel still says is heard.
        let (mut client, mut tunnel, session) = bench.open().await;
        client.write_all(b"last words").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = Vec::new();
        tunnel.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last words");
        let long = vec![7; 3_000_000];
        let sending = tokio::task::spawn_local(async move {
            tunnel.write_all(&long).await.unwrap();
        });
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all.len(), 3_000_000);
        sending.await.unwrap();
        session.await.unwrap();
        // The other way round.
        let (mut client, mut tunnel, session) = bench.open().await;
        tunnel.write_all(b"last words").await.unwrap();
        tunnel.shutdown().await.unwrap();
        let mut heard = Vec::new();
        client.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"last words");
        client.write_all(b"indeed").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = Vec::new();
        tunnel.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"indeed");
        drop((client, tunnel));
        session.await.unwrap();
        assert_eq!(bench.ends(), ["client/tunnel", "done"]);
    });
}

#[test]
fn who_is_gone_is_told_to_the_other_side_and_the_log() {
    run(Limits::default(), async |bench| {
        // The client, with a reset.
        let (client, mut tunnel, session) = bench.open().await;
        client.get_ref().0.set_zero_linger().unwrap();
        drop(client);
        assert_eq!(tunnel.read(&mut [0; 9]).await.unwrap(), 0);
        session.await.unwrap();
        // The tunnel worker, in order, though the client says nothing and stays.
        let (mut client, tunnel, session) = bench.open().await;
        drop(tunnel);
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0, "with close_notify");
        drop(client);
        session.await.unwrap();
        // The tunnel worker, with octets it did not read.
        let (mut client, mut tunnel, session) = bench.open().await;
        client.write_all(b"unheard").await.unwrap();
        tunnel.read_exact(&mut [0]).await.unwrap();
        drop(tunnel);
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
        drop(client);
        session.await.unwrap();
        assert_eq!(bench.ends(), ["client/tunnel", "done", "done"]);
        assert_eq!(bench.gauge(), 0);
    });
}

#[test]
fn a_side_that_goes_after_its_last_words_is_not_waited_for() {
    run(Limits::default(), async |bench| {
        let (mut client, mut tunnel, session) = bench.open().await;
        tunnel.shutdown().await.unwrap();
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0, "with close_notify");
        // What the client says still arrives, however often the relay has looked.
        let reading = tokio::task::spawn_local(async move {
            tunnel.read_exact(&mut vec![0; 3_000_000]).await.map(|_| tunnel)
        });
        client.write_all(&vec![7; 3_000_000]).await.unwrap();
        assert_eq!(bench.gauge(), 1);
        drop(reading.await.unwrap().unwrap());
        while bench.gauge() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop(client);
        session.await.unwrap();
        assert_eq!(bench.ends(), ["done"], "and not the limit");
    });
}

#[test]
fn a_worker_that_ends_says_goodbye_to_its_tunnels() {
    run(Limits::default(), async |bench| {
        let (mut client, mut tunnel, session) = bench.open().await;
        bench.made.door.cut.ring();
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
        assert_eq!(tunnel.read(&mut [0; 9]).await.unwrap(), 0);
        session.await.unwrap();
        assert_eq!(bench.ends(), ["operator/tunnel"]);
    });
}

#[test]
fn a_tunnel_that_begins_when_the_worker_ends_gets_its_goodbye_too() {
    run(Limits::default(), async |bench| {
        bench.made.door.cut.ring();
        let (mut client, session) = bench.connect().await;
        client.write_all(&asked()).await.unwrap();
        // Without a goodbye it were an error.
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
        session.await.unwrap();
        assert_eq!(bench.ends(), ["operator/tunnel"]);
    });
}

#[test]
fn a_reader_that_stands_still_costs_little_and_is_ended() {
    let limits = Limits { stall_seconds_max: 1, ..Limits::default() };
    run(limits, async |bench| {
        let (client, mut tunnel, session) = bench.open_with(Some(32 << 10)).await;
        let piece = vec![9; 64 << 10];
        let mut written = 0;
        // Until the door is through with this client.
        while let Ok(got) = tunnel.write(&piece).await {
            written += got;
            assert!(written < 3 << 20, "all that nobody reads is taken");
        }
        session.await.unwrap();
        assert_eq!(bench.ends(), ["limit/tunnel"]);
        drop(client);
    });
}

#[test]
fn a_tunnel_that_stands_still_slows_its_client() {
    run(Limits::default(), async |bench| {
        let (client, mut tunnel, session) = bench.open().await;
        let (mut hears, mut says) = split(client);
        let piece = vec![9; 64 << 10];
        let mut written = 0;
        let blocked = async {
            loop {
                written += says.write(&piece).await.unwrap();
                assert!(written < 24 << 20, "all that nobody reads is taken");
            }
        };
        // No longer than it takes to fill what there is.
        tokio::time::timeout(Duration::from_secs(2), blocked).await.unwrap_err();
        let draining = tokio::task::spawn_local(async move {
            let mut all = Vec::new();
            tunnel.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        says.shutdown().await.unwrap();
        assert!(draining.await.unwrap() >= written, "nothing is lost by it");
        assert_eq!(hears.read(&mut [0; 9]).await.unwrap(), 0);
        session.await.unwrap();
    });
}

#[test]
fn silence_is_the_tunnels_own_affair() {
    let limits = Limits {
        head_seconds_max: 1,
        idle_seconds_max: 1,
        stall_seconds_max: 1,
        ..Limits::default()
    };
    run(limits, async |bench| {
        let (mut client, mut tunnel, session) = bench.open().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        client.write_all(b"still here").await.unwrap();
        let mut heard = [0; 10];
        tunnel.read_exact(&mut heard).await.unwrap();
        tunnel.write_all(&heard).await.unwrap();
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"still here");
        drop((client, tunnel));
        session.await.unwrap();
    });
}

/// A hundred megabytes in all.
const BLOCKS: usize = 100;
