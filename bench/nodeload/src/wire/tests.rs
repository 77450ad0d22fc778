//! Answers that come early, late, in halves or never, from a real listener.

use std::net::TcpListener;
use std::thread;

use super::*;

/// What a listener says that reads `read` bytes first; `None` keeps the connection open after.
fn against(
    read: usize,
    says: &'static [u8],
    then_ends: Option<()>,
) -> (Result<Head, Failure>, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = vec![0; read];
        stream.read_exact(&mut bytes).unwrap();
        stream.write_all(says).unwrap();
        if then_ends.is_none() {
            // Until the client gives up.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
        }
    });
    let content = Content::new(1);
    let request = Request {
        method: "PATCH",
        path: "/x".to_owned(),
        fields: vec!["A: b".to_owned()],
        body: Some((&content, 0, 0..10 << 20)),
    };
    let mut heard = Heard::default();
    let answer = exchange(to, &request, Duration::from_millis(500), &mut heard);
    server.join().unwrap();
    (answer, heard)
}

#[derive(Default)]
struct Heard {
    offsets: Vec<u64>,
    body: Vec<u8>,
}

impl Hear for Heard {
    fn interim(&mut self, head: &Head) {
        self.offsets.extend(head.number("upload-offset"));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
    }
}

#[test]
fn an_answer_in_the_middle_of_a_body_is_heard() {
    let says =
        b"HTTP/1.1 104 X\r\nUpload-Offset: 77\r\n\r\nHTTP/1.1 503 Away\r\nRetry-After: 5\r\n\
                 Content-Length: 4\r\n\r\nlate";
    let (answer, heard) = against(1000, says, None);
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.number("retry-after")), (503, Some(5)));
    assert_eq!((heard.offsets, heard.body), (vec![77], b"late".to_vec()));
}

#[test]
fn what_is_no_answer_is_told_apart() {
    assert_eq!(against(100, b"HTTP/1.1 204 Y", Some(())).0, Err(Failure::Lost));
    assert_eq!(against(100, b"", None).0, Err(Failure::Silent));
    assert_eq!(against(100, b"SSH-2.0-x\r\n\r\n", None).0, Err(Failure::Garbled));
    let half = b"HTTP/1.1 200 Fine\r\nContent-Length: 9\r\n\r\nhalf";
    assert_eq!(against(100, half, Some(())).0, Err(Failure::Lost));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let request = Request { method: "HEAD", path: "/".to_owned(), fields: vec![], body: None };
    let answer = exchange(nobody, &request, Duration::from_secs(1), &mut Deaf);
    assert_eq!(answer, Err(Failure::Refused));
}
