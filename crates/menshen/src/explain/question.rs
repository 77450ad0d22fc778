//! What is asked: a path or a URL, and the host. Pure.

use serde::Serialize;

/// An upload somebody asks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Question {
    /// The path as it was given.
    pub(super) path: String,
    /// The host, if one was given.
    pub(super) host: Option<String>,
    /// The path and query as a client would send them.
    #[serde(skip)]
    pub(super) target: String,
}

impl Question {
    /// From the command line; `site` goes before the host of a URL.
    pub(super) fn parse(given: &str, site: Option<&str>) -> Result<Self, String> {
        let lower = given.to_ascii_lowercase();
        let scheme = ["https://", "http://"].into_iter().find(|scheme| lower.starts_with(scheme));
        let (host, path) = match scheme {
            None => (None, given),
            Some(scheme) => {
                let rest = &given[scheme.len()..];
                let (authority, path) =
                    rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
                (Some(authority.rsplit('@').next().unwrap_or(authority)), path)
            }
        };
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') {
            path.to_owned()
        } else if host.is_some() {
            format!("/{path}")
        } else {
            return Err(format!(
                "menshen: \"{}\" is neither a path nor a URL\n  hint: a path starts with a slash, \
                 as in /upload.php",
                given.escape_debug()
            ));
        };
        let host = site.or(host).filter(|host| !host.is_empty()).map(str::to_owned);
        Ok(Self { target: as_sent(&path), path, host })
    }
}

/// What a browser makes of letters that cannot stand in a request.
fn as_sent(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_graphic() && byte != b'"' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    //! Paths, URLs and what is neither.
    use super::*;

    #[test]
    fn paths_and_urls() {
        let table = [
            ("/up.php", None, (None, "/up.php")),
            ("/a b/档.php?x=1#y", None, (None, "/a%20b/%E6%A1%A3.php?x=1")),
            ("/a%20b", Some("h.test"), (Some("h.test"), "/a%20b")),
            ("https://h.test:8443/x?y", None, (Some("h.test:8443"), "/x?y")),
            ("HTTP://u:p@h.test", None, (Some("h.test"), "/")),
            ("http://h.test?q", None, (Some("h.test"), "/?q")),
            ("http://h.test/x", Some("other.test"), (Some("other.test"), "/x")),
        ];
        for (given, site, (host, target)) in table {
            let question = Question::parse(given, site).unwrap();
            assert_eq!((question.host.as_deref(), &*question.target), (host, target), "{given}");
        }
        for given in ["up.php", "", "ftp://h/x"] {
            assert!(Question::parse(given, None).unwrap_err().contains("neither"), "{given}");
        }
    }
}
