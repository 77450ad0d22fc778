//! Reads the committed tables: raw requests, and where a peer is known to be stricter.

/// One byte stream to send.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// A peer that sees fewer requests in a case than menshen does, with a reason in the table.
pub(crate) struct Difference {
    pub(crate) case: String,
    pub(crate) peer: String,
}

impl Case {
    /// Whether every reader takes it.
    pub(crate) fn is_plain(&self) -> bool {
        self.name.starts_with("plain-")
    }
}

/// All cases; a name that comes twice is an error.
pub(crate) fn cases() -> Vec<Case> {
    let mut names = std::collections::BTreeSet::new();
    let cases = rows(include_str!("framing.txt")).map(|(name, text)| {
        assert!(names.insert(name), "{name} comes twice");
        Case { name: name.to_owned(), bytes: unescape(name, text) }
    });
    cases.collect()
}

/// The known differences; each must name a case and give a reason.
pub(crate) fn differences() -> Vec<Difference> {
    let names: Vec<String> = cases().into_iter().map(|case| case.name).collect();
    let known = rows(include_str!("differences.txt")).map(|(case, rest)| {
        let (peer, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        assert!(names.iter().any(|name| name == case), "no case is called {case}");
        assert!(["nginx", "haproxy"].contains(&peer), "{case}: no peer is called {peer}");
        assert!(reason.trim().len() > 20, "{case} {peer}: the reason is missing");
        Difference { case: case.to_owned(), peer: peer.to_owned() }
    });
    known.collect()
}

fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with('#')).map(|line| {
        let (name, text) = line.split_once(' ').unwrap();
        (name, text.trim())
    })
}

fn unescape(name: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = &rest[first.len_utf8()..];
        match first {
            '\\' => {
                let kind = rest.chars().next().unwrap();
                rest = &rest[1..];
                match kind {
                    'r' => out.push(b'\r'),
                    'n' => out.push(b'\n'),
                    't' => out.push(b'\t'),
                    '0' => out.push(0),
                    '\\' => out.push(b'\\'),
                    'x' => {
                        out.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                        rest = &rest[2..];
                    }
                    other => panic!("\\{other} in {text:?}"),
                }
            }
            '{' => {
                let (word, after) = rest.split_once('}').unwrap();
                rest = after;
                out.extend_from_slice(&word_bytes(name, word));
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out
}

fn word_bytes(name: &str, word: &str) -> Vec<u8> {
    match word {
        "get" => b"GET /hello.txt HTTP/1.1\r\nHost: localhost\r\n".to_vec(),
        "put" => format!("PUT /a-{name} HTTP/1.1\r\nHost: localhost\r\n").into_bytes(),
        "other" => format!("PUT /b-{name} HTTP/1.1\r\nHost: localhost\r\n").into_bytes(),
        "a" => format!("/a-{name}").into_bytes(),
        "next" => b"GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        _ => {
            let (text, count) = word.split_once('*').unwrap();
            text.repeat(count.parse().unwrap()).into_bytes()
        }
    }
}
