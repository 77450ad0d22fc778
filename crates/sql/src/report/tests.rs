//! Tests of `report`: a real socket, an asker on another thread.

use std::io::{Read, Write};

use super::*;

struct Known;

impl Reporter for Known {
    fn status(&self) -> StatusReport {
        let qcache = Qcache { hits: 3, ..Qcache::default() };
        StatusReport { generation: 7, qcache, ..StatusReport::default() }
    }

    fn explain(&self, statement: &[u8], database: &str) -> ExplainReport {
        let digest = format!("{database}: {}", String::from_utf8_lossy(statement));
        ExplainReport { digest, verdict: Verdict::Cacheable, ..ExplainReport::default() }
    }
}

/// Runs a door's side while `asker` does something with the socket's path.
fn with_door<T: Send + 'static>(asker: impl FnOnce(std::path::PathBuf) -> T + Send + 'static) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = UnixListener::bind(&path).unwrap();
        // Dropped with the runtime.
        tokio::task::spawn_local(async move { serve(listener, &Known).await });
        tokio::task::spawn_blocking(move || asker(path)).await.unwrap()
    })
}

fn one(path: &std::path::Path, question: &Question) -> Answer {
    ask(net::UnixStream::connect(path).unwrap(), question).unwrap()
}

#[test]
fn both_questions_are_answered_one_after_the_other() {
    with_door(|path| {
        let Answer::Status(status) = one(&path, &Question::Status {}) else { panic!() };
        assert_eq!((status.generation, status.qcache.hits), (7, 3));
        let statement = "SELECT 'ü\n\"'".to_owned();
        let question = Question::Explain { statement, database: "shop".into() };
        let Answer::Explain(report) = one(&path, &question) else { panic!() };
        assert_eq!(report.digest, "shop: SELECT 'ü\n\"'");
        assert_eq!(report.verdict, Verdict::Cacheable);
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
        assert!(matches!(one(&path, &Question::Status {}), Answer::Status(_)));
    });
}

#[test]
fn the_lines_are_the_contract() {
    let text = |question: &Question| serde_json::to_string(question).unwrap();
    assert_eq!(text(&Question::Status {}), r#"{"status":{}}"#);
    let question = Question::Explain { statement: "SELECT 1".into(), database: String::new() };
    assert_eq!(text(&question), r#"{"explain":{"statement":"SELECT 1","database":""}}"#);
    let short = serde_json::from_str(r#"{"explain":{"statement":"SELECT 1"}}"#).unwrap();
    assert_eq!(question, short);
    // A newer asker gets along with an older door, whose report lacks fields.
    let report: StatusReport = serde_json::from_str("{}").unwrap();
    assert_eq!(report, StatusReport::default());
}
