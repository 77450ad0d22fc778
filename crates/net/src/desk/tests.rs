//! Tests of `desk`: a real socket with an asker on another thread, and lines cut anyhow.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

const DESK: Desk = Desk { question_bytes_max: 64, answer_bytes_max: 1 << 10 };

/// Runs a door that repeats texts while `asker` does something with the socket's path.
fn with_door<T: Send + 'static>(asker: impl FnOnce(PathBuf) -> T + Send + 'static) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = UnixListener::bind(&path).unwrap();
        // Dropped with the runtime.
        tokio::task::spawn_local(async move {
            let reply = |question: Result<String, String>| match question {
                Ok(text) => format!("said: {text}"),
                Err(why) => format!("refused: {why}"),
            };
            DESK.serve(listener, reply).await;
        });
        tokio::task::spawn_blocking(move || asker(path)).await.unwrap()
    })
}

fn raw(path: &Path, bytes: &[u8]) -> String {
    let mut stream = net::UnixStream::connect(path).unwrap();
    // The door may have answered and closed before all is written.
    let _ = stream.write_all(bytes);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn one_asker_is_answered_after_the_other() {
    with_door(|path| {
        for text in ["one", "ü\n\"", ""] {
            let stream = net::UnixStream::connect(&path).unwrap();
            let answer: String = DESK.ask(stream, &text).unwrap();
            assert_eq!(answer, format!("said: {text}"));
        }
    });
}

#[test]
fn the_first_line_is_the_question_whatever_follows_it() {
    with_door(|path| {
        for more in [&b""[..], b"\n", b"\"two\"\n", b"\n\n", b"no JSON", b"\"two\"\n\xff\n"] {
            let answer = raw(&path, &[b"\"one\"\n", more].concat());
            assert_eq!(answer, "\"said: one\"\n", "{more:?}");
        }
    });
}

#[test]
fn what_is_no_question_is_refused_and_the_next_is_answered() {
    with_door(|path| {
        for wrong in [&b"\n"[..], b"{}\n", b"\xff\xfe\n", b"[1\n"] {
            let answer = raw(&path, wrong);
            assert!(answer.starts_with("\"refused: "), "{wrong:?}: {answer:?}");
        }
        let answer = raw(&path, &vec![b'x'; DESK.question_bytes_max + 70_000]);
        assert!(answer.is_empty() || answer.contains("longer than"), "{answer:?}");
        // One who says nothing and goes.
        drop(net::UnixStream::connect(&path).unwrap());
        assert_eq!(raw(&path, b"\"x\"\n"), "\"said: x\"\n");
    });
}

#[test]
fn a_door_that_goes_without_a_word_and_one_that_says_too_much_are_errors() {
    let answered = |answer: &'static [u8]| {
        let (near, mut far) = net::UnixStream::pair().unwrap();
        let door = std::thread::spawn(move || {
            let _ = far.write_all(answer);
            drop(far);
        });
        let asked: io::Result<String> = DESK.ask(near, &1);
        door.join().unwrap();
        asked
    };
    assert!(answered(b"").is_err());
    assert!(answered(b"{}\n").is_err());
    assert!(answered([b'"'; 2 << 10].as_slice()).is_err());
}

/// Bytes that come in given pieces, then the end.
struct Pieces(std::collections::VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        out: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        let Some(mut piece) = self.0.pop_front() else {
            return std::task::Poll::Ready(Ok(()));
        };
        let rest = piece.split_off(piece.len().min(out.remaining()));
        out.put_slice(&piece);
        if !rest.is_empty() {
            self.0.push_front(rest);
        }
        std::task::Poll::Ready(Ok(()))
    }
}

proptest! {
    #[test]
    fn any_bytes_cut_anyhow_have_the_same_first_line(
        bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
        cuts in prop::collection::vec(1_usize..40, 0..12),
    ) {
        let mut rest = &bytes[..];
        let mut pieces = std::collections::VecDeque::new();
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            if !piece.is_empty() {
                pieces.push_back(piece.to_vec());
            }
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push_back(rest.to_vec());
        }
        let most = DESK.question_bytes_max;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let line = runtime.block_on(first_line(&mut Pieces(pieces), most)).unwrap();
        let want = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        prop_assert_eq!(line.as_deref(), (want.len() <= most).then_some(want));
    }
}
