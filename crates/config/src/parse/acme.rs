//! Values of `tls.from`, `tls.acme` and `[acme]`. Pure functions.

use std::path::PathBuf;

use super::text;
use super::text::Refusal;
use crate::model::AcmeChallenge;
use crate::problem::quoted;

/// A file or folder.
pub(crate) fn path(text: &str) -> Result<PathBuf, Refusal> {
    text::path(text)
}

/// A name to get a certificate for: a host name, possibly with `*.` in front, or an address.
pub(crate) fn name(text: &str) -> Result<String, Refusal> {
    text::host_name(text)
}

/// A way to prove a name.
pub(crate) fn challenge(text: &str) -> Result<AcmeChallenge, Refusal> {
    match text {
        "tls-alpn-01" => Ok(AcmeChallenge::TlsAlpn01),
        "http-01" => Ok(AcmeChallenge::Http01),
        "dns-01" => Ok(AcmeChallenge::Dns01),
        _ => Err(Refusal::new(
            format!("{} is no way to prove a name", quoted(text)),
            "there are \"tls-alpn-01\", \"http-01\" and \"dns-01\"",
        )),
    }
}

/// A mail address, or none.
pub(crate) fn email(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let good =
        text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,;\"".contains(&byte));
    if good && plain && text.len() <= MAIL_BYTES_MAX {
        return Ok(Some(text.to_owned()));
    }
    Err(Refusal::new(format!("{} is no mail address", quoted(text)), ""))
}

/// The URL of a directory: `https://` only, since whom a certificate is got from must be sure.
pub(crate) fn url(text: &str) -> Result<String, Refusal> {
    let rest = text.strip_prefix("https://");
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && graphic
        && text.len() <= URL_BYTES_MAX
    {
        return Ok(text.to_owned());
    }
    Err(Refusal::new(
        format!("{} is no https:// URL", quoted(text)),
        "it looks like \"https://acme-v02.api.letsencrypt.org/directory\"",
    ))
}

/// A word the authority gave, or none.
pub(crate) fn word(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() <= WORD_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(text.to_owned()));
    }
    Err(Refusal::new(format!("{} is not a plain word", quoted(text)), ""))
}

/// RFC 5321 §4.5.3.1.3, without the angle brackets.
const MAIL_BYTES_MAX: usize = 254;
const URL_BYTES_MAX: usize = 2048;
const WORD_BYTES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    //! What is taken and what is not.
    use super::*;

    #[test]
    fn directories_are_https() {
        assert!(url("https://acme.example/dir").is_ok());
        for bad in ["http://acme.example/dir", "https:///dir", "acme.example", "https://a b", ""] {
            assert!(url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mail_addresses_have_two_sides() {
        assert_eq!(email("").unwrap(), None);
        assert_eq!(email("a@example.com").unwrap().as_deref(), Some("a@example.com"));
        for bad in ["a", "@b", "a@", "a b@c", "<a@b>"] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }
}
