//! Left and right sides of matches: ports, devices, addresses, sets.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::super::{IpFamily, Match, Network, Sign, Verdict};
use super::{verdict, word};

/// Named sets and maps.
pub(super) struct Sets<'a> {
    all: Vec<(String, &'a [Value])>,
}

impl<'a> Sets<'a> {
    pub(super) fn new(items: &'a [Value]) -> Self {
        let sets = items.iter().filter_map(|item| item.get("set").or_else(|| item.get("map")));
        let elements = |set: &'a Value| {
            set.get("elem").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
        };
        let name = |set: &Value| {
            format!("{} {} {}", word(set, "family"), word(set, "table"), word(set, "name"))
        };
        Self { all: sets.map(|set| (name(set), elements(set))).collect() }
    }

    fn find(&self, table: &str, name: &str) -> Option<&'a [Value]> {
        let full = format!("{table} {name}");
        self.all.iter().find(|(name, _)| *name == full).map(|(_, elements)| *elements)
    }
}

/// What a match asks for.
pub(super) fn matched(body: &Value, sets: &Sets<'_>, table: &str) -> Vec<Match> {
    let left = body.get("left").unwrap_or(&Value::Null);
    let right = body.get("right").unwrap_or(&Value::Null);
    let sign = match word(body, "op") {
        "==" | "in" => Sign::Is,
        "!=" => Sign::IsNot,
        _ => return alloc::vec![Match::Unknown],
    };
    match leaves(right, sets, table) {
        Some(leaves) => compare(left, sign, &leaves),
        None => alloc::vec![Match::Unknown],
    }
}

/// The branches of a map of verdicts: what each asks for, and what it does.
pub(super) fn map(body: &Value, sets: &Sets<'_>, table: &str) -> Vec<(Vec<Match>, Verdict)> {
    let key = body.get("key").unwrap_or(&Value::Null);
    let pairs = match body.get("data") {
        Some(Value::String(name)) => name.strip_prefix('@').and_then(|name| sets.find(table, name)),
        Some(data) => data.get("set").and_then(Value::as_array).map(Vec::as_slice),
        None => None,
    };
    let Some(pairs) = pairs else {
        return alloc::vec![(alloc::vec![Match::Unknown], Verdict::Unknown)];
    };
    let branch = |pair: &Value| {
        let (one, done) = (pair.get(0)?, pair.get(1)?);
        let (kind, body) = done.as_object()?.iter().next()?;
        let leaves = leaves(one, sets, table)?;
        Some((compare(key, Sign::Is, &leaves), verdict(kind, body)))
    };
    let unknown = || (alloc::vec![Match::Unknown], Verdict::Unknown);
    pairs.iter().map(|pair| branch(pair).unwrap_or_else(unknown)).collect()
}

/// Single values and ranges a right side stands for. `None`: it names a set that is not there.
fn leaves<'a>(right: &'a Value, sets: &Sets<'a>, table: &str) -> Option<Vec<&'a Value>> {
    let elements = match right {
        Value::Array(elements) => elements.as_slice(),
        Value::String(name) if name.starts_with('@') => {
            sets.find(table, name.strip_prefix('@')?)?
        }
        Value::Object(fields) => match fields.get("set") {
            Some(Value::Array(elements)) => elements,
            _ => return Some(alloc::vec![right]),
        },
        other => return Some(alloc::vec![other]),
    };
    let inner = |element: &'a Value| {
        element.get("elem").and_then(|element| element.get("val")).unwrap_or(element)
    };
    Some(elements.iter().map(inner).collect())
}

fn compare(left: &Value, sign: Sign, leaves: &[&Value]) -> Vec<Match> {
    let whole = |made: Option<Match>| made.unwrap_or(Match::Unknown);
    if let Some(payload) = left.get("payload") {
        let (protocol, field) = (word(payload, "protocol"), word(payload, "field"));
        let ports = || all(leaves, range).map(|ports| Match::Ports(sign, ports));
        let addresses = || all(leaves, network);
        return match (protocol, field) {
            ("tcp", "dport") => {
                alloc::vec![Match::Protocols(Sign::Is, alloc::vec![6]), whole(ports())]
            }
            ("udp", "dport") => {
                alloc::vec![Match::Protocols(Sign::Is, alloc::vec![17]), whole(ports())]
            }
            ("tcp" | "udp", _) => {
                let number = if protocol == "tcp" { 6 } else { 17 };
                alloc::vec![Match::Protocols(Sign::Is, alloc::vec![number]), Match::Unknown]
            }
            ("th", "dport") => alloc::vec![whole(ports())],
            ("ip" | "ip6", field) => {
                let family = if protocol == "ip" { IpFamily::V4 } else { IpFamily::V6 };
                let rest = match field {
                    "saddr" => whole(addresses().map(|list| Match::From(sign, list))),
                    "daddr" => whole(addresses().map(|list| Match::To(sign, list))),
                    "protocol" | "nexthdr" => whole(protocols(sign, leaves)),
                    _ => Match::Unknown,
                };
                alloc::vec![Match::Family(family), rest]
            }
            ("icmp" | "icmpv6", _) => alloc::vec![Match::Protocols(Sign::Is, Vec::new())],
            _ => alloc::vec![Match::Unknown],
        };
    }
    alloc::vec![match left.get("meta").map(|meta| word(meta, "key")) {
        Some("iif" | "iifname") => whole(names(leaves).map(|names| Match::Arrives(sign, names))),
        Some("oif" | "oifname") => whole(names(leaves).map(|names| Match::Leaves(sign, names))),
        Some("l4proto") => whole(protocols(sign, leaves)),
        Some("nfproto" | "protocol") => family(sign, leaves),
        _ => state(left, sign, leaves),
    }]
}

/// `ct state`: the first packet of a connection is new, and has no other state.
fn state(left: &Value, sign: Sign, leaves: &[&Value]) -> Match {
    if left.get("ct").is_some_and(|ct| word(ct, "key") == "state") {
        let new = leaves.iter().any(|leaf| leaf.as_str() == Some("new"));
        return Match::New(new == (sign == Sign::Is));
    }
    // fib daddr type local: what comes to us is for us.
    if left.get("fib").is_some_and(|fib| {
        word(fib, "result") == "type" && fib.get("flags").is_some_and(names_only_destination)
    }) {
        let local = leaves.iter().any(|leaf| leaf.as_str() == Some("local"));
        return Match::New(local == (sign == Sign::Is));
    }
    Match::Unknown
}

fn names_only_destination(flags: &Value) -> bool {
    match flags {
        Value::String(flag) => flag == "daddr",
        Value::Array(flags) => flags.len() == 1 && flags.iter().all(|flag| flag == "daddr"),
        _ => false,
    }
}

fn family(sign: Sign, leaves: &[&Value]) -> Match {
    let names: Vec<&str> = leaves.iter().filter_map(|leaf| leaf.as_str()).collect();
    let v4 = names.iter().any(|name| matches!(*name, "ipv4" | "ip"));
    let v6 = names.iter().any(|name| matches!(*name, "ipv6" | "ip6"));
    match (v4 == (sign == Sign::Is), v6 == (sign == Sign::Is)) {
        (true, true) => Match::New(true),
        (true, false) => Match::Family(IpFamily::V4),
        (false, true) => Match::Family(IpFamily::V6),
        (false, false) => Match::New(false),
    }
}

fn protocols(sign: Sign, leaves: &[&Value]) -> Option<Match> {
    let number = |leaf: &Value| match leaf {
        Value::String(name) if name == "tcp" => Some(Some(6)),
        Value::String(name) if name == "udp" => Some(Some(17)),
        // One that is neither.
        Value::String(_) => Some(None),
        Value::Number(number) => Some(number.as_u64().and_then(|number| u8::try_from(number).ok())),
        _ => None,
    };
    let numbers = all(leaves, number)?;
    Some(Match::Protocols(sign, numbers.into_iter().flatten().collect()))
}

fn names(leaves: &[&Value]) -> Option<Vec<String>> {
    all(leaves, |leaf| leaf.as_str().map(ToString::to_string))
}

fn all<T>(leaves: &[&Value], make: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    leaves.iter().map(|leaf| make(leaf)).collect()
}

fn range(leaf: &Value) -> Option<(u16, u16)> {
    let number = |leaf: &Value| leaf.as_u64().and_then(|number| u16::try_from(number).ok());
    match leaf.get("range") {
        Some(range) => Some((number(range.get(0)?)?, number(range.get(1)?)?)),
        None => number(leaf).map(|port| (port, port)),
    }
}

fn network(leaf: &Value) -> Option<Network> {
    if let Some(prefix) = leaf.get("prefix") {
        let bits = prefix.get("len").and_then(Value::as_u64)?;
        return Network::prefix(word(prefix, "addr").parse().ok()?, u8::try_from(bits).ok()?);
    }
    if let Some(range) = leaf.get("range") {
        let end = |at: usize| range.get(at)?.as_str()?.parse().ok();
        return Some(Network { first: end(0)?, last: end(1)? });
    }
    Network::parse(leaf.as_str()?)
}
