//! The carrier over a stream in memory, with a peer that is played by hand, and moments likewise.

use std::future::poll_fn;
use std::task::Waker;

use menshen_tunnel_core::sstp::Client;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::super::carrier::Side;
use super::*;
use crate::carrier::HEADROOM;

const ACK_HEAD: [u8; 16] = [0x10, 1, 0, 48, 0, 2, 0, 1, 0, 4, 0, 40, 0, 0, 0, 3];
const LCP: &[u8] = &[0xFF, 0x03, 0xC0, 0x21, 1, 1, 0, 4];
const IPV4: &[u8] = &[0x21, 0x45, 0, 0, 20];

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

/// A client's call over memory that holds `octets` in each direction.
fn client(octets: usize) -> (Sstp<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(octets);
    let call = Client::new(at(0), Certificate::of_der(b""), Timers::default());
    (Sstp::new(at(0), near, Vec::new(), Side::Client(call)), far)
}

fn data(frame: &[u8]) -> Vec<u8> {
    let length = u16::try_from(frame.len() + 4).unwrap().to_be_bytes();
    [&[0x10, 0], &length[..], frame].concat()
}

fn ack() -> Vec<u8> {
    [&ACK_HEAD[..], &[9; 32]].concat()
}

fn send(call: &mut Sstp<DuplexStream>, frame: &[u8]) -> Sent {
    let mut buffer = [&[0; HEADROOM], frame].concat();
    let end = buffer.len();
    call.send(at(0), &mut buffer, HEADROOM..end)
}

/// Polls once; what came of it.
fn poll(call: &mut Sstp<DuplexStream>) -> Poll<()> {
    call.poll_ready(&mut Context::from_waker(Waker::noop()))
}

/// Everything that has come, and what has happened.
fn all(call: &mut Sstp<DuplexStream>, now: Moment) -> (Vec<Vec<u8>>, Vec<String>) {
    let (mut frames, mut events) = (Vec::new(), Vec::new());
    while poll(call).is_ready() {
        while let Some(frame) = call.receive(now) {
            frames.push(frame.to_vec());
        }
        while let Some(event) = call.next_event() {
            events.push(match event {
                Event::Ended(lost) => lost.code().to_owned(),
                event => format!("{event:?}"),
            });
        }
    }
    (frames, events)
}

#[test]
fn packets_of_the_network_wait_for_the_binding_in_both_directions() {
    runtime().block_on(async {
        let (mut call, mut peer) = client(4096);
        assert_eq!(send(&mut call, LCP), Sent::Dropped);
        let early = [ack(), data(IPV4), data(LCP)].concat();
        peer.write_all(&early).await.unwrap();
        assert_eq!(all(&mut call, at(1)), (vec![LCP.to_vec()], vec!["Up".to_owned()]));
        assert_eq!((send(&mut call, IPV4), send(&mut call, LCP)), (Sent::Dropped, Sent::Taken));
        call.authenticated(at(1), None);
        assert_eq!(send(&mut call, IPV4), Sent::Taken);
        peer.write_all(&data(IPV4)).await.unwrap();
        assert_eq!(all(&mut call, at(1)), (vec![IPV4.to_vec()], vec!["Bound".to_owned()]));
        assert_eq!(call.dropped(), Dropped { early: 1, unsent: 2, crowded: 0 });
        // Request, LCP, binding, packet, in this order.
        let mut came = vec![0; 14 + 12 + 112 + 9];
        peer.read_exact(&mut came).await.unwrap();
        let heads: Vec<&[u8]> = [0, 14, 26, 138].map(|at| &came[at..at + 4]).to_vec();
        let expected: [&[u8]; 4] =
            [&[0x10, 1, 0, 14], &[0x10, 0, 0, 12], &[0x10, 1, 0, 112], &[0x10, 0, 0, 9]];
        assert_eq!(heads, expected);
    });
}

#[test]
fn what_comes_together_with_the_acknowledgement_is_given_on_after_it() {
    runtime().block_on(async {
        let (mut call, mut peer) = client(4096);
        peer.write_all(&[ack(), data(LCP)].concat()).await.unwrap();
        assert!(poll(&mut call).is_ready());
        assert_eq!(call.receive(at(1)), None);
        assert!(matches!(call.next_event(), Some(Event::Up)));
        assert!(poll(&mut call).is_ready());
        assert_eq!(call.receive(at(1)).map(|frame| frame.to_vec()), Some(LCP.to_vec()));
    });
}

#[test]
fn a_peer_that_does_not_read_costs_bounded_memory_and_packets_not_the_call() {
    runtime().block_on(async {
        let (mut call, mut peer) = client(1024);
        peer.write_all(&ack()).await.unwrap();
        all(&mut call, at(0));
        call.authenticated(at(0), None);
        let big = [IPV4, &[0; 1400]].concat();
        let mut taken = 0;
        while send(&mut call, &big) == Sent::Taken {
            taken += 1;
            let _ = poll(&mut call);
        }
        assert!((40..60).contains(&taken), "{taken}");
        assert!(!call.has_room());
        assert_eq!(send(&mut call, LCP), Sent::Taken);
        all(&mut call, at(0));
        assert_eq!(poll(&mut call), Poll::Pending);
        // A flood of questions gets no flood of answers.
        let question = [0x10, 1, 0, 8, 0, 8, 0, 0].repeat(128);
        for _ in 0..100 {
            peer.write_all(&question).await.unwrap();
            all(&mut call, at(0));
        }
        assert!(call.held_octets() < 100 << 10, "{}", call.held_octets());
        let mut came = vec![0; 1024];
        let drained = async { while peer.read_exact(&mut came).await.is_ok() {} };
        while_running(poll_fn(|cx| call.poll_ready(cx)), drained).await;
        assert!(call.has_room());
        assert_eq!(call.dropped().crowded, 1);
    });
}

#[test]
fn a_stream_that_is_no_sstp_ends_the_call() {
    runtime().block_on(async {
        let (mut call, mut peer) = client(4096);
        peer.write_all(&[&ack()[..], b"HTTP"].concat()).await.unwrap();
        let (_, events) = all(&mut call, at(0));
        assert_eq!(events, ["Up", "sstp-stream-broken", "Closed"]);
        assert_eq!(call.deadline(), None);
        assert_eq!(send(&mut call, LCP), Sent::Dropped);
    });
}

#[test]
fn a_peer_that_goes_away_ends_the_call() {
    runtime().block_on(async {
        let (mut call, mut peer) = client(4096);
        peer.write_all(&ack()).await.unwrap();
        drop(peer);
        assert_eq!(all(&mut call, at(0)).1, ["Up", "sstp-connection-closed", "Closed"]);
    });
}

/// Its reason came before it closed: nothing that fails in between hides it.
#[test]
fn the_last_words_of_a_peer_are_heard_although_nothing_can_be_written() {
    runtime().block_on(async {
        let (mut call, mut peer) = client(4096);
        let abort = [0x10, 1, 0, 20, 0, 5, 0, 1, 0, 2, 0, 12, 0, 0, 0, 3, 0, 0, 0, 4];
        peer.write_all(&[&ack()[..], &abort].concat()).await.unwrap();
        drop(peer);
        assert_eq!(all(&mut call, at(0)).1, ["Up", "sstp-binding-refused", "Closed"]);
    });
}

#[test]
fn a_silent_peer_is_asked_and_then_given_up_even_if_it_never_reads() {
    runtime().block_on(async {
        let (mut call, mut peer) = client(256);
        peer.write_all(&ack()).await.unwrap();
        all(&mut call, at(0));
        call.authenticated(at(0), None);
        all(&mut call, at(0));
        assert_eq!(call.deadline(), Some(at(60)));
        call.poll(at(60));
        assert!(call.held_octets() <= 8, "{}", call.held_octets());
        assert_eq!(call.deadline(), Some(at(120)));
        call.poll(at(120));
        assert_eq!(all(&mut call, at(120)).1, ["sstp-peer-silent"]);
        // The abort finds no answer; the last octets find no reader.
        let _ = peer.write_all(&[0; 0]).await;
        let mut events = Vec::new();
        for _ in 0..8 {
            let Some(deadline) = call.deadline() else { break };
            call.poll(deadline);
            events.extend(all(&mut call, deadline).1);
        }
        assert_eq!(events, ["Closed"]);
        assert_eq!(call.deadline(), None);
    });
}

#[test]
fn it_is_closed_in_good_order() {
    runtime().block_on(async {
        let (mut call, mut peer) = client(4096);
        peer.write_all(&ack()).await.unwrap();
        all(&mut call, at(0));
        call.authenticated(at(0), None);
        all(&mut call, at(0));
        call.close(at(1));
        assert_eq!(all(&mut call, at(1)).1, ["sstp-closed"]);
        peer.write_all(&[0x10, 1, 0, 8, 0, 7, 0, 0]).await.unwrap();
        assert_eq!(all(&mut call, at(1)).1, ["Closed"]);
        let mut came = Vec::new();
        peer.read_to_end(&mut came).await.unwrap();
        assert_eq!(came.get(126..134), Some(&[0x10, 1, 0, 20, 0, 6, 0, 1][..]));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However the stream is cut, the same frames come.
    #[test]
    fn any_pieces_give_the_same_frames(
        lengths in prop::collection::vec(0usize..2000, 1..20),
        cuts in prop::collection::vec(1usize..3000, 1..20),
    ) {
        runtime().block_on(async {
            let (mut call, mut peer) = client(1 << 20);
            let frames: Vec<Vec<u8>> =
                lengths.iter().map(|length| [LCP, &vec![7; *length]].concat()).collect();
            let octets = frames.iter().fold(ack(), |all, frame| [all, data(frame)].concat());
            let (mut rest, mut came) = (&octets[..], Vec::new());
            for cut in cuts.iter().cycle() {
                let (piece, more) = rest.split_at((*cut).min(rest.len()));
                peer.write_all(piece).await.unwrap();
                came.extend(all(&mut call, at(0)).0);
                rest = more;
                if rest.is_empty() {
                    break;
                }
            }
            assert_eq!(came, frames);
        });
    }

    /// Any octets of a peer do no harm and cost bounded memory.
    #[test]
    fn any_octets_do_no_harm(
        octets in prop::collection::vec(any::<u8>(), 0..600),
        sound in any::<bool>(),
    ) {
        runtime().block_on(async {
            let (mut call, mut peer) = client(1 << 16);
            if sound {
                peer.write_all(&ack()).await.unwrap();
            }
            peer.write_all(&octets).await.unwrap();
            all(&mut call, at(0));
            assert!(call.held_octets() < 8192);
        });
    }
}
