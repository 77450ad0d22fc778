//! Against a small server that breaks off, forgets and redirects as told.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::*;

/// What is answered to one request: the head, the body, and whether the line is cut then.
type Answer = (String, Vec<u8>);

struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers one connection after the other.
    fn new(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (head, body) in answers {
                let Ok((stream, _)) = listener.accept() else { return };
                let request = Self::head(&stream);
                heard.lock().unwrap().push(request);
                let mut stream = stream;
                let _ = stream.write_all(head.as_bytes());
                let _ = stream.write_all(&body);
            }
        });
        Self { port, requests }
    }

    fn head(stream: &TcpStream) -> String {
        let mut lines = BufReader::new(stream).lines();
        let mut head = String::new();
        while let Some(Ok(line)) = lines.next() {
            if line.is_empty() {
                break;
            }
            head.push_str(&line);
            head.push('\n');
        }
        head.to_ascii_lowercase()
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/file.tar", self.port)
    }

    fn heard(&self, number: usize) -> String {
        self.requests.lock().unwrap().get(number).cloned().unwrap_or_default()
    }
}

fn ok(length: usize, more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{more}\r\n")
}

fn partial(from: usize, all: usize) -> String {
    format!(
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\n\
         content-range: bytes {from}-{}/{all}\r\n\r\n",
        all - from,
        all - 1
    )
}

fn get(url: &str, proxies: &Proxies) -> (Result<(), FetchError>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("archive");
    let done = fetch(url, &to, proxies, &mut (), &Stop::default());
    (done, folder)
}

const TAG: &str = "etag: \"v1\"\r\n";

#[test]
fn a_file_arrives_whole() {
    let server = Server::new(vec![(ok(5, TAG), b"bytes".to_vec())]);
    let (done, folder) = get(&server.url(), &Proxies::default());
    done.unwrap();
    assert_eq!(std::fs::read(folder.path().join("archive")).unwrap(), b"bytes");
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "neither part nor tag is left");
    assert!(server.heard(0).starts_with("get /file.tar http/1.1"), "{}", server.heard(0));
}

#[test]
fn a_cut_line_is_gone_on_with() {
    let answers = vec![(ok(10, TAG), b"0123".to_vec()), (partial(4, 10), b"456789".to_vec())];
    let server = Server::new(answers);
    let (done, folder) = get(&server.url(), &Proxies::default());
    done.unwrap();
    assert_eq!(std::fs::read(folder.path().join("archive")).unwrap(), b"0123456789");
    let second = server.heard(1);
    assert!(second.contains("range: bytes=4-") && second.contains("if-range: \"v1\""), "{second}");
}

#[test]
fn another_file_behind_the_name_is_fetched_anew() {
    // With a tag the server says it is another one; without one nothing is gone on with.
    for first in [ok(10, TAG), ok(10, "etag: W/\"weak\"\r\n")] {
        let answers = vec![(first, b"0123".to_vec()), (ok(3, ""), b"new".to_vec())];
        let server = Server::new(answers);
        let (done, folder) = get(&server.url(), &Proxies::default());
        done.unwrap();
        assert_eq!(std::fs::read(folder.path().join("archive")).unwrap(), b"new");
    }
    // A range that does not fit.
    let wrong = vec![
        (ok(10, TAG), b"0123".to_vec()),
        (partial(2, 10), b"xxxxxxxx".to_vec()),
        (ok(3, TAG), b"new".to_vec()),
    ];
    let server = Server::new(wrong);
    let (done, folder) = get(&server.url(), &Proxies::default());
    done.unwrap();
    assert_eq!(std::fs::read(folder.path().join("archive")).unwrap(), b"new");
}

#[test]
fn answers_that_say_no_are_told() {
    let server =
        Server::new(vec![("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into(), vec![])]);
    let (done, _) = get(&server.url(), &Proxies::default());
    let error = done.unwrap_err();
    assert!(matches!(error, FetchError::Status(_, 404)) && !error.retry_helps());
    for bad in ["ftp://x.test/a", "file:///etc/passwd", "a", "http:///x"] {
        let (done, _) = get(bad, &Proxies::default());
        let error = done.unwrap_err();
        assert!(
            matches!(error, FetchError::Address(_) | FetchError::Connect(..)),
            "{bad}: {error}"
        );
    }
    let huge = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", BYTES_MAX + 1);
    let server = Server::new(vec![(huge, vec![])]);
    assert!(matches!(get(&server.url(), &Proxies::default()).0, Err(FetchError::Large(_))));
}

#[test]
fn redirects_are_followed_but_not_everywhere() {
    let target = Server::new(vec![(ok(2, ""), b"ok".to_vec())]);
    let to = |place: String| {
        let head = format!("HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: {place}\r\n\r\n");
        Server::new(vec![(head, vec![])])
    };
    let (done, folder) = get(&to(target.url()).url(), &Proxies::default());
    done.unwrap();
    assert_eq!(std::fs::read(folder.path().join("archive")).unwrap(), b"ok");
    let (done, _) = get(&to("file:///etc/passwd".into()).url(), &Proxies::default());
    assert!(matches!(done, Err(FetchError::Redirect(..))));
}

#[test]
fn a_proxy_is_asked_with_the_whole_address() {
    let proxy = Server::new(vec![(ok(2, ""), b"ok".to_vec())]);
    let at = format!("http://user:pass@127.0.0.1:{}", proxy.port);
    let proxies = Proxies::from(|name| (name == "http_proxy").then(|| at.clone()));
    let (done, _) = get("http://files.test/a?b=c", &proxies);
    done.unwrap();
    let heard = proxy.heard(0);
    assert!(heard.starts_with("get http://files.test/a?b=c http/1.1"), "{heard}");
    assert!(heard.contains("proxy-authorization: basic dxnlcjpwyxnz"), "{heard}");
    assert!(heard.contains("host: files.test"), "{heard}");
}

#[test]
fn https_goes_through_a_proxys_tunnel() {
    let proxy = Server::new(vec![("HTTP/1.1 403 Forbidden\r\n\r\n".into(), vec![])]);
    let at = format!("127.0.0.1:{}", proxy.port);
    let proxies = Proxies::from(|name| (name == "https_proxy").then(|| at.clone()));
    let (done, _) = get("https://files.test/a", &proxies);
    assert!(matches!(done, Err(FetchError::Proxy(_, line)) if line.contains("403")));
    assert!(proxy.heard(0).starts_with("connect files.test:443 http/1.1"), "{}", proxy.heard(0));
}

#[test]
fn whoever_wants_to_stop_is_heard_while_nothing_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    struct Stops(Stop, u32);
    impl Show for Stops {
        fn event(&mut self, _: Event<'_>) {
            self.1 += 1;
            if self.1 == 2 {
                self.0.want();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::default();
    let mut stops = Stops(stop.clone(), 0);
    let done = fetch(&url, &folder.path().join("a"), &Proxies::default(), &mut stops, &stop);
    assert!(matches!(done, Err(FetchError::Stopped)));
}
