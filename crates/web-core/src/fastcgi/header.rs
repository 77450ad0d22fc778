//! Which request headers an application is told of, and under which name (RFC 3875 §4.1.18).
//!
//! Two headers must never become one parameter, and no header may become a parameter that the
//! gateway sets itself or that other software takes for its own.

use alloc::vec::Vec;

/// Appends the parameter name of a header, `HTTP_FOO_BAR` for `Foo-Bar` in any case, and says
/// whether there is one. `false`: nothing was appended, and the application must not see it:
/// - anything but letters, digits and hyphens, because `Foo_Bar` would become what `Foo-Bar` is;
/// - `Proxy`, which would become the `HTTP_PROXY` that HTTP clients obey (CVE-2016-5385);
/// - what is about the connection (RFC 9110 §7.6.1), and `Expect`;
/// - `Content-Type` and `Content-Length`, which have parameters of their own;
/// - the words between gateway and application: `X-Accel-…`, `X-Sendfile…`, `X-Menshen-…`.
#[must_use]
pub fn header_param(name: &[u8], out: &mut Vec<u8>) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    if name.is_empty() || !name.iter().all(plain) || is_withheld(name) {
        return false;
    }
    out.reserve(PREFIX.len() + name.len());
    out.extend_from_slice(PREFIX);
    out.extend(name.iter().map(|byte| match byte {
        b'-' => b'_',
        other => other.to_ascii_uppercase(),
    }));
    true
}

fn is_withheld(name: &[u8]) -> bool {
    let begins = |prefix: &&[u8]| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    WITHHELD.iter().any(|other| name.eq_ignore_ascii_case(other))
        || WITHHELD_PREFIXES.iter().any(begins)
}

const PREFIX: &[u8] = b"HTTP_";

const WITHHELD: [&[u8]; 15] = [
    b"connection",
    b"content-length",
    b"content-type",
    b"expect",
    b"http2-settings",
    b"keep-alive",
    b"proxy",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"trailers",
    b"transfer-encoding",
    b"upgrade",
];

const WITHHELD_PREFIXES: [&[u8]; 3] = [b"x-accel-", b"x-menshen-", b"x-sendfile"];
