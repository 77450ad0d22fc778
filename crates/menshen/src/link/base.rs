//! What links begin with: the address the world knows this door by, as far as the configuration
//! tells. A guess is said to be one.

use std::net::{IpAddr, SocketAddr};

use menshen_config::Config;

use super::{Refused, usage};

/// The address, and what is doubtful about it.
pub(super) fn of(config: &Config) -> Result<(String, Option<String>), Refused> {
    if config.sites.iter().any(|site| site.hosts.is_empty()) {
        let hint = "signed links open the file service; name the site's hosts to have it beside";
        return Err(usage("a site takes every host", hint));
    }
    let (base, certain) = match &config.links.base {
        Some(base) => (base.clone(), true),
        None => guess(config),
    };
    let host = host_of(&base);
    let site = config.sites.iter().find(|site| site.hosts.iter().any(|name| name == host));
    let doubt = if site.is_some() {
        Some(format!("note: {host} is the name of a site; links open the file service only"))
    } else if certain {
        None
    } else {
        Some(format!("note: {base} is a guess; set links.base, or say --base"))
    };
    Ok((base, doubt))
}

/// Whether it is more than a guess comes with it.
fn guess(config: &Config) -> (String, bool) {
    let web = &config.web;
    let (scheme, address, usual) = match (web.listen.first(), web.plain_listen.first()) {
        (Some(address), _) => ("https", *address, 443),
        (None, Some(address)) => ("http", *address, 80),
        (None, None) => return ("https://localhost".into(), false),
    };
    let named = |name: &&String| !name.starts_with('*');
    let is_given = config.tls.certificate.is_some() || !config.tls.from.is_empty();
    let development = config.tls.names.first().filter(|_| !is_given);
    let name = config.tls.acme.iter().find(named).or_else(|| development.filter(named));
    let host = match name {
        Some(name) => bracketed(name),
        None if address.ip().is_unspecified() => "localhost".to_owned(),
        None => literal(address),
    };
    let port = address.port();
    let port = if port == usual || port == 0 { String::new() } else { format!(":{port}") };
    let certain = !config.tls.acme.is_empty() && address.port() != 0;
    (format!("{scheme}://{host}{port}"), certain)
}

fn literal(address: SocketAddr) -> String {
    bracketed(&address.ip().to_string())
}

fn bracketed(name: &str) -> String {
    match name.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => name.to_owned(),
    }
}

fn host_of(base: &str) -> &str {
    let authority = base.split_once("://").map_or(base, |(_, rest)| rest);
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

#[cfg(test)]
mod tests {
    //! What a link begins with, and what is said of it.
    use super::*;

    fn base(text: &str) -> (String, bool) {
        let config = menshen_config::parse(text).config.unwrap();
        let (base, doubt) = of(&config).unwrap_or_else(|Refused(text, _)| panic!("{text}"));
        (base, doubt.is_some())
    }

    #[test]
    fn what_the_configuration_tells_is_used() {
        for (text, told, doubt) in [
            ("", "https://localhost:8443", true),
            ("[links]\nbase = \"https://a.example/\"", "https://a.example", false),
            (
                "[web]\nlisten = [\":443\"]\n[tls]\nacme = [\"a.example\"]",
                "https://a.example",
                false,
            ),
            (
                "[web]\nlisten = [\"[::1]:9443\"]\n[tls]\nnames = [\"::1\"]",
                "https://[::1]:9443",
                true,
            ),
            ("[links]\nbase = \"https://b\"\n[[site]]\nhosts = [\"b\"]", "https://b", true),
        ] {
            assert_eq!(base(text), (told.to_owned(), doubt), "{text}");
        }
        let everything = menshen_config::parse("[[site]]\nroot = \"a\"").config.unwrap();
        assert!(of(&everything).is_err());
    }
}
