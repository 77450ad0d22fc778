//! Small servers that answer well, badly and never.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::*;

/// A server that gives each connection the next answer; its address.
fn server(answers: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers: Vec<String> =
        answers.iter().map(|answer| answer.replace("SELF", &address.to_string())).collect();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = [0; 2048];
            let _ = stream.read(&mut heard);
            let _ = stream.write_all(answer.as_bytes());
        }
        thread::sleep(Duration::from_secs(5));
    });
    address.to_string()
}

fn get(url: &str) -> Result<Vec<u8>, FetchError> {
    let time_max = Duration::from_millis(600);
    fetch(&Fetch { url, post: None, bytes_max: 1000, time_max, reach: Reach::Anywhere })
}

#[test]
fn bodies_are_fetched_plain_chunked_and_elsewhere() {
    let address = server(&["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"]);
    assert_eq!(get(&format!("http://{address}/a?b")).unwrap(), b"abc");
    let address =
        server(&["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"]);
    assert_eq!(get(&format!("http://{address}")).unwrap(), b"ab");
    let address = server(&[
        "HTTP/1.1 302 Found\r\nLocation: http://SELF/x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nz",
    ]);
    assert_eq!(get(&format!("http://{address}/")).unwrap(), b"z");
}

#[test]
fn what_goes_wrong_is_told() {
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}", "x".repeat(1001));
    let error = get(&format!("http://{}/", server(&[&long]))).unwrap_err();
    assert!(matches!(error, FetchError::TooLong(1000)), "{error:?}");
    let error = get(&format!("http://{}/", server(&["HTTP/1.1 404 No\r\n\r\n"]))).unwrap_err();
    assert!(matches!(error, FetchError::Status(404)), "{error:?}");
    let error = get(&format!("http://{}/", server(&["junk\r\n\r\n"]))).unwrap_err();
    assert!(matches!(error, FetchError::Broken(_)), "{error:?}");
    let error =
        get(&format!("http://{}/", server(&["HTTP/1.1 200 OK\r\nContent-Le"]))).unwrap_err();
    assert!(matches!(error, FetchError::Broken(_) | FetchError::Late), "{error:?}");
    let error = get("https://127.0.0.1/").unwrap_err();
    assert!(matches!(error, FetchError::Scheme), "{error:?}");
    let again = "HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n";
    let error = get(&format!("http://{}/", server(&[again; 5]))).unwrap_err();
    assert!(matches!(error, FetchError::Redirects), "{error:?}");
}

#[test]
fn addresses_of_private_networks_are_known() {
    for private in [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "fd00::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(!is_public(private.parse().unwrap()), "{private}");
    }
    let url = format!("http://{}/", server(&["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]));
    let time_max = Duration::from_millis(600);
    let what = Fetch { url: &url, post: None, bytes_max: 9, time_max, reach: Reach::Public };
    assert!(matches!(fetch(&what), Err(FetchError::Private(_))));
    assert!(is_public("93.184.216.34".parse().unwrap()));
    assert!(is_public("2606:2800::1".parse().unwrap()));
}
