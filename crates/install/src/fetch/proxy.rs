//! Proxies of the environment: `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`.
//!
//! As curl reads them: small letters before capitals, but `HTTP_PROXY` not at all, which a CGI's
//! client could set. Only proxies that speak HTTP over plain TCP are used.

use url::Url;

/// Which proxy stands before which server.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    without: Vec<String>,
}

impl Proxies {
    /// Those of the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from(|name| std::env::var(name).ok())
    }

    /// Those of these variables.
    pub fn from(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let either = |name: &str| set(name).or_else(|| set(&name.to_ascii_uppercase()));
        let all = either("all_proxy");
        let http = set("http_proxy").or_else(|| all.clone());
        let https = either("https_proxy").or(all);
        let list = either("no_proxy").unwrap_or_default();
        let without = list.split([',', ' ']).filter(|word| !word.is_empty());
        Self {
            http: http.and_then(|text| address(&text)),
            https: https.and_then(|text| address(&text)),
            without: without.map(str::to_ascii_lowercase).collect(),
        }
    }

    /// The proxy before the server of `url`.
    pub(super) fn of(&self, url: &Url) -> Option<&Url> {
        let host = url.host_str()?.trim_matches(['[', ']']).to_ascii_lowercase();
        let excepted = self.without.iter().any(|word| {
            let name = word.trim_start_matches('.');
            let below = host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
            word == "*" || host == name || below
        });
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !excepted)
    }
}

fn address(text: &str) -> Option<Url> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    Url::parse(&with_scheme).ok().filter(|url| url.scheme() == "http" && url.has_host())
}

#[cfg(test)]
mod tests {
    //! Which variable counts for which address.
    use super::*;

    fn proxies(list: &[(&str, &str)]) -> Proxies {
        Proxies::from(|name| {
            list.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn before(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.of(&Url::parse(url).unwrap()).map(|url| url.to_string())
    }

    #[test]
    fn each_scheme_has_its_own() {
        let both = proxies(&[("http_proxy", "a:3128"), ("HTTPS_PROXY", "http://b:1/")]);
        assert_eq!(before(&both, "http://x.test/").as_deref(), Some("http://a:3128/"));
        assert_eq!(before(&both, "https://x.test/").as_deref(), Some("http://b:1/"));
        let all = proxies(&[("all_proxy", "http://c:1"), ("https_proxy", "")]);
        assert_eq!(before(&all, "https://x.test/").as_deref(), Some("http://c:1/"));
        // A CGI's client sets HTTP_PROXY by a header.
        let cgi = proxies(&[("HTTP_PROXY", "http://evil:1")]);
        assert_eq!(before(&cgi, "http://x.test/"), None);
        // Others than HTTP are not spoken.
        let socks = proxies(&[("all_proxy", "socks5://d:1")]);
        assert_eq!(before(&socks, "http://x.test/"), None);
    }

    #[test]
    fn some_are_asked_directly() {
        let some = [("https_proxy", "a:1"), ("no_proxy", "localhost,.inner.test, 127.0.0.1")];
        let some = proxies(&some);
        for direct in ["https://localhost/", "https://a.INNER.test/", "https://127.0.0.1:8/"] {
            assert_eq!(before(&some, direct), None, "{direct}");
        }
        assert!(before(&some, "https://notinner.test/").is_some());
        assert_eq!(before(&proxies(&[("all_proxy", "a:1"), ("NO_PROXY", "*")]), "http://x/"), None);
    }
}
