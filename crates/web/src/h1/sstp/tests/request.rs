//! Which request is SSTP's, and what becomes of those that are not.

use super::*;

#[test]
fn the_request_is_handed_over_whole_over_any_chunking() {
    run(Limits::default(), async |bench| {
        let all = [asked(), b"\x10\x01\x00\x0e what did not wait".to_vec()].concat();
        for size in [1, 2, 7, 66, 67, 100, all.len()] {
            let (mut client, session) = bench.connect().await;
            let peer = client.get_ref().0.local_addr().unwrap();
            let sending = async {
                for piece in all.chunks(size) {
                    client.write_all(piece).await.unwrap();
                    client.flush().await.unwrap();
                    tokio::task::yield_now().await;
                }
            };
            sending.await;
            let (handover, mut tunnel) = bench.taken().await;
            assert_eq!(handover.client, peer);
            let Kind::Sstp(early) = handover.kind else { panic!("{handover:?}") };
            let shown = ShownHashes::of(&bench.leaf);
            assert_eq!((early.sha1, early.sha256), (shown.sha1, shown.sha256));
            let mut came = early.octets;
            while came.len() < all.len() {
                assert_ne!(tunnel.read_buf(&mut came).await.unwrap(), 0);
            }
            assert_eq!(came, all, "{size}");
            tunnel.write_all(ANSWER).await.unwrap();
            drop(tunnel);
            assert_eq!(rest(&mut client).await.as_bytes(), ANSWER);
            drop(client);
            session.await.unwrap();
        }
        assert!(bench.ends().iter().all(|end| end == "done"), "{:?}", bench.ends());
        assert_eq!(bench.gauge(), 0);
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 7);
    });
}

#[test]
fn any_name_or_none_will_do() {
    run(Limits::default(), async |bench| {
        for host in ["Host: other.example:443", "Host: ", "X-No: host"] {
            let (mut client, session) = bench.connect().await;
            client.write_all(&bent("Host: a.test", host)).await.unwrap();
            let (handover, tunnel) = bench.taken().await;
            assert!(matches!(handover.kind, Kind::Sstp(_)), "{host}");
            drop((tunnel, client));
            session.await.unwrap();
        }
    });
}

#[test]
fn what_is_not_quite_the_request_is_an_unknown_method() {
    run(Limits::default(), async |bench| {
        let other = "SSTP_DUPLEX_POSX";
        let unknown = bench.once(&bent("SSTP_DUPLEX_POST", other)).await;
        assert!(unknown.starts_with("HTTP/1.1 405 "), "{unknown}");
        for octets in [
            bent("SSTP_DUPLEX_POST", "sstp_duplex_post"),
            bent("CD75}/", "CD76}/"),
            bent("CD75}/", "CD75}"),
            bent("/sra_", "//sra_"),
            bent("HTTP/1.1", "HTTP/1.0"),
            bent("18446744073709551615", "18446744073709551614"),
            bent("18446744073709551615", "0"),
            bent("Content-Length: 18446744073709551615\r\n", ""),
            [b"\r\n".to_vec(), asked()].concat(),
        ] {
            // Also those after which another request could come.
            let text = String::from_utf8(octets).unwrap();
            let text = text.replace("SSTPCORR", "Connection: close\r\nX-CORR");
            assert_eq!(bench.once(text.as_bytes()).await, unknown, "{text}");
        }
        // What is no HTTP is refused as such.
        let length = "Content-Length: 18446744073709551615";
        for (from, to) in [
            (length, "Content-Length: 18446744073709551616".to_owned()),
            (length, format!("{length}\r\n{length}")),
            (length, format!("{length}\r\nTransfer-Encoding: chunked")),
            ("Host: a.test", "Host a.test".to_owned()),
        ] {
            let answer = bench.once(&bent(from, &to)).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{to}: {answer}");
        }
        // Nobody heard of any of them.
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 0);
    });
}

#[test]
fn without_tls_or_a_tunnel_door_the_method_is_unknown() {
    run(Limits::default(), async |bench| {
        let other = bent("SSTP_DUPLEX_POST", "SSTP_DUPLEX_POSX");
        assert_eq!(serve_plainly(bench, &asked()).await, serve_plainly(bench, &other).await);
        let mut without = Bench::new(Limits::default());
        let (choices, dir) = (Choices::default(), tempfile::tempdir().unwrap());
        (without.made, without.dir) = (Fixture::with(choices), dir);
        let answer = without.once(&asked()).await;
        assert_eq!(answer, without.once(&other).await);
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 0);
    });
}

#[test]
fn only_the_first_request_of_a_connection_can_be_a_tunnels() {
    run(Limits::default(), async |bench| {
        let get = format!("GET /file HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
        let answer = bench.once(&[get.into_bytes(), asked()].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains("0123456789HTTP/1.1 405 "), "{answer}");
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 0);
    });
}

#[test]
fn limits_of_heads_hold() {
    let limits = Limits { head_seconds_max: 1, ..Limits::default() };
    run(limits, async |bench| {
        let long = format!("Host: a.test\r\nX: {}", "y".repeat(40_000));
        let answer = bench.once(&bent("Host: a.test", &long)).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        // Within HTTP's limit and beyond SSTP's: HTTP's to answer.
        let longer = format!("Host: a.test\r\nX: {}", "y".repeat(9000));
        let answer = bench.once(&bent("Host: a.test", &longer)).await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        let many = format!("Host: a.test{}", "\r\nX: y".repeat(101));
        let answer = bench.once(&bent("Host: a.test", &many)).await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        let octets = asked();
        let answer = bench.once(&octets[..octets.len() - 2]).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert_eq!(bench.made.door.slot.get(Counter::SstpTotal), 0);
    });
}

#[test]
fn without_a_worker_that_answers_it_is_a_503() {
    run(Limits::default(), async |bench| {
        // One that closes without a word.
        let (mut client, session) = bench.connect().await;
        client.write_all(&asked()).await.unwrap();
        drop(bench.taken().await);
        let mut answers = vec![rest(&mut client).await];
        drop(client);
        session.await.unwrap();
        // One that is gone, and one that never was.
        bench.worker = None;
        answers.push(bench.once(&asked()).await);
        std::fs::remove_file(bench.dir.path().join("tunnel-sstp")).unwrap();
        answers.push(bench.once(&asked()).await);
        for answer in answers {
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.contains("\r\nretry-after: 2\r\n"), "{answer}");
        }
        assert_eq!(bench.ends(), ["upstream/tunnel"; 3]);
        assert_eq!((bench.gauge(), bench.made.door.slot.get(Counter::Status5xx)), (0, 3));
    });
}
