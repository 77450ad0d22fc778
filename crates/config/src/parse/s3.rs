//! Values of `[s3]`. Pure functions.

use super::text::Refusal;
use crate::problem::quoted;

/// Where the server is; an empty text is none.
pub(crate) fn endpoint(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let refuse = |why: &str| {
        let example = "it looks like \"https://s3.eu-central-1.amazonaws.com\"";
        Err(Refusal::new(format!("{} {why}", quoted(text)), example))
    };
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return refuse("is neither http:// nor https://") };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return refuse("has more than a host and a port");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let host = host_of(authority);
    if host.is_empty() || text.len() > ENDPOINT_BYTES_MAX || !authority.chars().all(fits) {
        return refuse("has no host that could be one");
    }
    Ok(Some(text.strip_suffix('/').unwrap_or(text).to_owned()))
}

/// The host of an authority, without port and brackets.
pub(crate) fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// The bucket's name; an empty text is none.
pub(crate) fn bucket(text: &str) -> Result<String, Refusal> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if text.len() > NAME_BYTES_MAX || text.starts_with('.') || !text.bytes().all(fits) {
        let hint = "letters, digits, `-`, `_` and `.`";
        return Err(Refusal::new(format!("{} is no name of a bucket", quoted(text)), hint));
    }
    Ok(text.to_owned())
}

/// What requests are signed for.
pub(crate) fn region(text: &str) -> Result<String, Refusal> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(fits) {
        let hint = "such as \"us-east-1\", or \"garage\"";
        return Err(Refusal::new(format!("{} is no region", quoted(text)), hint));
    }
    Ok(text.to_owned())
}

/// What keys begin with. Slashes at the ends are left out.
pub(crate) fn prefix(text: &str) -> Result<String, Refusal> {
    let bare = text.trim_matches('/');
    let odd = |step: &str| matches!(step, "" | "." | "..");
    let fits = bare.len() <= PREFIX_BYTES_MAX && !bare.chars().any(char::is_control);
    if !bare.is_empty() && (!fits || bare.split('/').any(odd)) {
        let hint = "steps between slashes, none empty, `.` or `..`; at most 512 bytes";
        return Err(Refusal::new(format!("{} is no prefix of keys", quoted(text)), hint));
    }
    Ok(bare.to_owned())
}

const ENDPOINT_BYTES_MAX: usize = 512;
const NAME_BYTES_MAX: usize = 63;
const PREFIX_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    //! What is taken and what is not.
    use super::*;

    #[test]
    fn endpoints_are_a_scheme_a_host_and_a_port() {
        for (good, read) in [
            ("http://127.0.0.1:3900", "http://127.0.0.1:3900"),
            ("https://s3.example.com/", "https://s3.example.com"),
            ("http://[::1]:3900", "http://[::1]:3900"),
        ] {
            assert_eq!(endpoint(good).unwrap().as_deref(), Some(read));
        }
        assert_eq!(endpoint("").unwrap(), None);
        let bad = [
            "s3.example.com",
            "ftp://a",
            "http://",
            "http://a/b",
            "http://key:secret@a",
            "http://a?x",
            "http://:80",
            "http://a b",
        ];
        for bad in bad {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_prefixes_make_urls_that_mean_what_they_say() {
        assert_eq!(prefix("/a/b/").unwrap(), "a/b");
        assert_eq!(prefix("").unwrap(), "");
        for bad in ["a//b", "a/../b", ".", "a\nb"] {
            assert!(prefix(bad).is_err(), "{bad}");
        }
        assert!(bucket("files-1.a_b").is_ok() && bucket("").is_ok());
        for bad in ["a/b", ".a", "a b", "ä"] {
            assert!(bucket(bad).is_err(), "{bad}");
        }
        assert!(region("garage").is_ok());
        assert!(region("").is_err() && region("a.b").is_err());
    }
}
