//! One FastCGI request by hand (FastCGI 1.0, 3.3 and 6.2), and forms to send with it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Header lines and body.
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) stderr: String,
}

/// Runs `script` with further parameters and a body.
pub(crate) fn run(
    socket: &Path,
    script: &Path,
    parameters: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let length = body.len().to_string();
    let method = if body.is_empty() { "GET" } else { "POST" };
    let own = [
        ("SCRIPT_FILENAME", script.to_str().unwrap()),
        ("SCRIPT_NAME", "/"),
        ("REQUEST_METHOD", method),
        ("CONTENT_LENGTH", &length),
    ];
    let mut pairs = Vec::new();
    for (name, value) in own.iter().chain(parameters) {
        for text in [name, value] {
            pairs.extend((u32::try_from(text.len()).unwrap() | 1 << 31).to_be_bytes());
        }
        pairs.extend_from_slice(name.as_bytes());
        pairs.extend_from_slice(value.as_bytes());
    }
    let mut request = record(BEGIN, &[0, 1, 0, 0, 0, 0, 0, 0]);
    for (kind, bytes) in [(PARAMS, &pairs[..]), (STDIN, body)] {
        bytes.chunks(0xffff).for_each(|piece| request.extend(record(kind, piece)));
        request.extend(record(kind, &[]));
    }
    stream.write_all(&request)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let (stdout, stderr) = streams(&bytes);
    let text = String::from_utf8_lossy(&stdout).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    Ok(Answer { head: head.to_owned(), body: body.to_owned(), stderr })
}

/// A `multipart/form-data` body of file parts: field name, file name, content.
pub(crate) fn form(files: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, name, content) in files {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; \
             filename=\"{name}\"\r\nContent-Type: text/plain\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[1, kind, 0, 1, length[0], length[1], 0, 0], content].concat()
}

/// STDOUT and STDERR, joined.
fn streams(mut bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while bytes.len() >= 8 {
        let length = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
        let content = &bytes[8..8 + length];
        match bytes[1] {
            STDOUT => stdout.extend_from_slice(content),
            STDERR => stderr.extend_from_slice(content),
            _ => {}
        }
        bytes = &bytes[8 + length + usize::from(bytes[6])..];
    }
    (stdout, stderr)
}

/// The `CONTENT_TYPE` of [`form`].
pub(crate) const FORM_TYPE: (&str, &str) = ("CONTENT_TYPE", "multipart/form-data; boundary=xXx");

const BOUNDARY: &str = "xXx";
const BEGIN: u8 = 1;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;
const STDERR: u8 = 7;
