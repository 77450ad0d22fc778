//! The FastCGI parameters of a request: what PHP sees as `$_SERVER` (RFC 3875 §4.1, and the list
//! nginx ships as `fastcgi.conf`).
//!
//! Two kinds of names must never mix: those a client can make (`HTTP_` and a field's name) and
//! ours. `header_param` lets no other through, and drops the fields by which a client could speak
//! in the gateway's name. Everything is written while the head is still borrowed, as one stream of
//! pairs; the length and type of the body come last, when they are known.

use menshen_web_core::fastcgi::{header_param, pairs_fit, push_param};
use menshen_web_core::head::{Headers, host_parts};

use crate::ask::Ask;

/// What of the server's side goes into the parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The script as PHP sees it, absolute.
    pub(crate) filename: &'a [u8],
    /// The script's path on the site.
    pub(crate) name: &'a [u8],
    /// The path that is run.
    pub(crate) document_uri: &'a [u8],
    /// What follows it in the request's path; empty for nothing.
    pub(crate) path_info: &'a [u8],
    pub(crate) query: &'a [u8],
    /// The document root as PHP sees it.
    pub(crate) root: &'a [u8],
    /// Existing `.user.ini` files on the way to the script, `:` between them.
    pub(crate) user_ini: &'a [u8],
    /// `PATH=LOCATION` pairs of `X-Accel-Mapping`; empty for none.
    pub(crate) accel_mapping: &'a [u8],
}

/// All pairs but for those of the body; `None` when PHP could not take one because of its size.
pub(crate) fn pairs(ask: &Ask<'_>, place: &Place<'_>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(2048);
    push_param(b"GATEWAY_INTERFACE", b"CGI/1.1", &mut out);
    push_param(b"SERVER_SOFTWARE", SOFTWARE.as_bytes(), &mut out);
    push_param(b"SERVER_PROTOCOL", ask.wire.protocol.as_bytes(), &mut out);
    push_param(b"REQUEST_METHOD", ask.method_name.as_bytes(), &mut out);
    push_param(b"REQUEST_URI", ask.target, &mut out);
    push_param(b"QUERY_STRING", place.query, &mut out);
    push_param(b"SCRIPT_FILENAME", place.filename, &mut out);
    push_param(b"SCRIPT_NAME", place.name, &mut out);
    push_param(b"DOCUMENT_ROOT", place.root, &mut out);
    push_param(b"DOCUMENT_URI", place.document_uri, &mut out);
    // An empty PATH_INFO has been a way into PHP (CVE-2019-11043): none is none.
    if !place.path_info.is_empty() {
        push_param(b"PATH_INFO", place.path_info, &mut out);
        let translated = [place.root, place.path_info].concat();
        push_param(b"PATH_TRANSLATED", &translated, &mut out);
    }
    push_param(b"REDIRECT_STATUS", b"200", &mut out);
    connection(ask, &mut out);
    if !place.user_ini.is_empty() {
        push_param(b"MENSHEN_USER_INI", place.user_ini, &mut out);
    }
    if !place.accel_mapping.is_empty() {
        push_param(b"HTTP_X_SENDFILE_TYPE", b"X-Accel-Redirect", &mut out);
        push_param(b"HTTP_X_ACCEL_MAPPING", place.accel_mapping, &mut out);
    }
    fields(ask.headers, &mut out);
    pairs_fit(&out).then_some(out)
}

/// Who is connected with whom.
fn connection(ask: &Ask<'_>, out: &mut Vec<u8>) {
    let local = (ask.wire.local)();
    let (host, port) = host_parts(ask.host);
    push_param(b"SERVER_NAME", host, out);
    // HTTP/2 has no such field, and in HTTP/1.1 an absolute target counts more than the field
    // (RFC 9112 §3.2.2); applications make their addresses of it, so the port stays.
    if !ask.host.is_empty() {
        push_param(b"HTTP_HOST", ask.host, out);
    }
    // Behind a proxy the port that the client knows is the one it wrote.
    let port = port.unwrap_or(if ask.wire.secure { 443 } else { 80 });
    push_param(b"SERVER_PORT", port.to_string().as_bytes(), out);
    push_param(b"SERVER_ADDR", local.ip().to_canonical().to_string().as_bytes(), out);
    push_param(b"REMOTE_ADDR", ask.peer.to_canonical().to_string().as_bytes(), out);
    push_param(b"REMOTE_PORT", ask.wire.remote.port().to_string().as_bytes(), out);
    if ask.wire.secure {
        push_param(b"REQUEST_SCHEME", b"https", out);
        push_param(b"HTTPS", b"on", out);
    } else {
        push_param(b"REQUEST_SCHEME", b"http", out);
    }
}

/// The client's fields. Those that came more than once are joined, cookies by `; ` and all others
/// by `, ` (RFC 9110 §5.3, RFC 9113 §8.2.3): PHP would keep only the last.
fn fields(headers: &dyn Headers, out: &mut Vec<u8>) {
    let mut written: Vec<Vec<u8>> = Vec::new();
    let (mut parameter, mut lower) = (Vec::with_capacity(64), Vec::with_capacity(64));
    headers.each(&mut |name, value| {
        parameter.clear();
        let host = name.eq_ignore_ascii_case(b"host");
        if host || !header_param(name, &mut parameter) || written.contains(&parameter) {
            return;
        }
        lower.clear();
        lower.extend(name.iter().map(u8::to_ascii_lowercase));
        let Ok(name) = std::str::from_utf8(&lower) else { return };
        let mut count = 0;
        headers.for_each(name, &mut |_| count += 1);
        if count == 1 {
            return push_param(&parameter, value, out);
        }
        let between: &[u8] = if name == "cookie" { b"; " } else { b", " };
        let mut joined = Vec::new();
        headers.for_each(name, &mut |value| {
            if !joined.is_empty() {
                joined.extend_from_slice(between);
            }
            joined.extend_from_slice(value);
        });
        push_param(&parameter, &joined, out);
        written.push(parameter.clone());
    });
}

/// Applications look for a server's name here to see what it can do: what nginx can (a front
/// controller, `X-Accel-Redirect`), this door can too, and an unmodified application knows no
/// other word for it.
const SOFTWARE: &str = concat!("menshen/", env!("CARGO_PKG_VERSION"), " (as nginx)");

#[cfg(test)]
mod tests;
