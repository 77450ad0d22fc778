//! Tests of what is made of an authority's answer.

use super::*;

fn answer(status: u16, headers: &[(&str, &str)], body: &[u8], advice: &Advice) -> String {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    let answer = answer.body(Full::new(Bytes::copy_from_slice(body))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match runtime.block_on(whole(answer, true, advice)) {
        Ok(answer) => {
            let wait = answer.headers().get(RETRY_AFTER);
            format!("{} {:?}", answer.status().as_u16(), wait.map(|wait| wait.to_str().unwrap()))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn problems_pass_and_pages_of_other_machines_do_not() {
    let advice = Advice::default();
    let problem = ("content-type", "application/problem+json; charset=utf-8");
    assert_eq!(answer(429, &[problem, ("retry-after", "77")], b"{}", &advice), "429 Some(\"77\")");
    assert_eq!(advice.seconds(), 77);
    let page = answer(503, &[("content-type", "text/html"), ("retry-after", "9")], b"", &advice);
    assert_eq!(page, "the authority answered 503 Service Unavailable");
    assert_eq!(advice.seconds(), 9);
    assert_eq!(answer(400, &[problem], b"{}", &advice), "400 None");
    assert_eq!(advice.seconds(), 0);
    assert_eq!(answer(200, &[], b"{}", &advice), "200 Some(\"21600\")");
}

#[test]
fn an_answer_has_a_bound() {
    let long = vec![b'x'; ANSWER_BYTES_MAX + 1];
    assert!(answer(200, &[], &long, &Advice::default()).contains("longer than"));
    let most = &long[1..];
    assert!(answer(200, &[], most, &Advice::default()).starts_with("200"));
}

#[test]
fn waits_are_read() {
    assert_eq!(seconds(" 120 "), Some(120));
    assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
    assert_eq!(seconds("Fri, 31 Dec 1999 23:59:59 GMT"), Some(DATE_SECONDS));
    assert_eq!(seconds("soon"), None);
    assert_eq!(seconds(""), None);
}

#[test]
fn roots_are_read_or_refused() {
    assert!(tls(Some("")).unwrap_err().contains("no certificate"));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(tls(Some(broken)).unwrap_err().contains("damaged"));
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    assert!(tls(Some(&root.self_signed(&key).unwrap().pem())).is_ok());
}
