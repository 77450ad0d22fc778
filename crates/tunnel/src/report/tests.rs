//! Tests of `report`: a real socket, an asker on another thread.

use std::io::{Read, Write};

use super::*;

/// Runs a door's side while `asker` does something with the socket's path.
fn with_door<T: Send + 'static>(asker: impl FnOnce(std::path::PathBuf) -> T + Send + 'static) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = UnixListener::bind(&path).unwrap();
        // Dropped with the runtime.
        tokio::task::spawn_local(async move {
            let now = Snapshot { users: 5, ..Snapshot::default() };
            let status = || StatusReport { generation: 7, now: now.clone(), ..<_>::default() };
            serve(listener, &status).await;
        });
        tokio::task::spawn_blocking(move || asker(path)).await.unwrap()
    })
}

fn status(path: &std::path::Path) -> Answer {
    ask(net::UnixStream::connect(path).unwrap(), &Question::Status {}).unwrap()
}

#[test]
fn the_question_is_answered_one_asker_after_the_other() {
    with_door(|path| {
        for _ in 0..2 {
            let Answer::Status(status) = status(&path) else { panic!() };
            assert_eq!((status.generation, status.now.users), (7, 5));
        }
    });
}

#[test]
fn what_is_no_question_is_refused_and_the_next_is_answered() {
    with_door(|path| {
        let mut stream = net::UnixStream::connect(&path).unwrap();
        stream.write_all(b"{\"secret\":{}}\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("{\"refused\":"), "{answer:?}");
        assert!(matches!(status(&path), Answer::Status(_)));
    });
}

#[test]
fn the_lines_are_the_contract() {
    assert_eq!(serde_json::to_string(&Question::Status {}).unwrap(), r#"{"status":{}}"#);
    let answer = Answer::Status(Box::default());
    let line = serde_json::to_value(&answer).unwrap();
    // The snapshot lies flat beside what does not change.
    assert!(line["status"]["counters"]["logins"].is_u64(), "{line}");
    assert_eq!(serde_json::from_value::<Answer>(line).unwrap(), answer);
}
