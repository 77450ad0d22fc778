//! Addresses in inline scripts: strings that begin with `http://` or `ws://`. What a script does is
//! not seen, only what stands before the string, so all of this is likely at most.

use menshen_base::Confidence;

use super::kind::Kind;
use super::{Gather, URL_BYTES_MAX};

/// Takes the addresses of one script.
pub(super) fn gather(gather: &mut Gather<'_>, text: &str) {
    let mut rest = text;
    let mut at = 0;
    while let Some(found) = rest.find(['"', '\'', '`']) {
        let quote = rest.get(found..).and_then(|rest| rest.chars().next()).unwrap_or('"');
        let begin = at + found + 1;
        let inner = text.get(begin..).unwrap_or_default();
        at = begin;
        rest = inner;
        let socket = starts(inner, "ws://");
        if !socket && !starts(inner, "http://") {
            continue;
        }
        let end = inner.find([quote, '\n', '\\']).unwrap_or(inner.len());
        let address = inner.get(..end).unwrap_or_default();
        if address.len() <= URL_BYTES_MAX && !is_name_only(address) {
            let before = text.get(..begin - 1).unwrap_or_default();
            let kind = if socket { Kind::Socket } else { kind_of(before) };
            // A template's variable part is not known; the host before it is.
            let address = address.split("${").next().unwrap_or_default();
            gather.take_as(kind, "string in an inline script", address, Confidence::Likely);
        }
        at = begin + end;
        rest = text.get(at + 1..).unwrap_or_default();
        at += 1;
    }
}

fn starts(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// By the call that the string is the first address of.
fn kind_of(before: &str) -> Kind {
    let mut from = before.len().saturating_sub(CONTEXT_BYTES);
    while !before.is_char_boundary(from) {
        from += 1;
    }
    let near = before.get(from..).unwrap_or_default().trim_end();
    let call = near.strip_suffix('(').map(str::trim_end);
    let ends = |text: &str, words: &[&str]| words.iter().any(|word| text.ends_with(word));
    if let Some(call) = call {
        if ends(call, &["import", "importScripts"]) {
            return Kind::Script;
        }
        if ends(call, &["Audio"]) {
            return Kind::ScriptImage;
        }
        if ends(call, REQUESTS) {
            return Kind::Request;
        }
    }
    // x.open("GET", "http://…")
    let open = near.strip_suffix(',').and_then(|near| near.rsplit_once('('));
    if open.is_some_and(|(call, _)| call.trim_end().ends_with(".open")) {
        return Kind::Request;
    }
    Kind::ScriptText
}

/// Names of vocabularies look like addresses and are never fetched.
fn is_name_only(address: &str) -> bool {
    let host = address.get("http://".len()..).unwrap_or_default();
    let host = host.split(['/', '#', '?']).next().unwrap_or_default();
    host.is_empty() || VOCABULARIES.contains(&host)
}

const REQUESTS: &[&str] = &[
    "fetch",
    "EventSource",
    "sendBeacon",
    "axios",
    "axios.get",
    "axios.post",
    "$.get",
    "$.post",
    "$.getJSON",
    "$.ajax",
    "jQuery.get",
    "jQuery.post",
    "Request",
];
const VOCABULARIES: &[&str] =
    &["www.w3.org", "schema.org", "ogp.me", "purl.org", "xmlns.com", "ns.adobe.com"];
const CONTEXT_BYTES: usize = 80;
