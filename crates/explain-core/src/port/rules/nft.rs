//! What `nft -j list ruleset` prints (libnftables-json(5)), taken apart, with the text of each
//! rule from `nft -a list ruleset`, where it can be found.
//!
//! Any text is taken. An expression that is not known makes its rule uncertain.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::Value;

use super::{Base, Chain, Families, Hook, IpFamily, Match, Rule, Ruleset, Sign, Table, Verdict};

mod value;

/// Reads both listings; the second may be empty. `None`: the first is no listing.
#[must_use]
pub fn parse(json: &str, text: &str) -> Option<Ruleset> {
    let whole: Value = serde_json::from_str(json).ok()?;
    let items = whole.get("nftables")?.as_array()?;
    let texts = texts(text);
    let sets = value::Sets::new(items);
    let mut tables: Vec<Table> = Vec::new();
    for item in items {
        if let Some(table) = item.get("table") {
            tables.extend(self::table(table));
        } else if let Some(chain) = item.get("chain") {
            if let Some(table) = of(&mut tables, chain) {
                table.chains.push(Chain {
                    name: word(chain, "name").into(),
                    base: base(chain),
                    rules: Vec::new(),
                });
            }
        } else if let Some(rule) = item.get("rule")
            && let Some(table) = of(&mut tables, rule)
        {
            let name = word(rule, "chain");
            let rules = rules(rule, &texts, &sets);
            let chain = table.chains.iter_mut().find(|chain| chain.name == name);
            chain.into_iter().for_each(|chain| chain.rules.extend_from_slice(&rules));
        }
    }
    Some(Ruleset { tables })
}

/// Whether rules of iptables are among them that nft cannot tell in full.
#[must_use]
pub fn has_foreign(json: &str) -> bool {
    json.contains("{\"xt\":") || json.contains("{\"xt\": ")
}

/// A table's name is made of its family and its own name, as nft names it.
fn table(table: &Value) -> Option<Table> {
    let family = word(table, "family");
    let (v4, v6) = match family {
        "inet" => (true, true),
        "ip" => (true, false),
        "ip6" => (false, true),
        _ => return None,
    };
    let name = format!("{family} {}", word(table, "name"));
    Some(Table { program: "nft", families: Families { v4, v6 }, name, chains: Vec::new() })
}

/// The table of a chain or rule.
fn of<'a>(tables: &'a mut [Table], item: &Value) -> Option<&'a mut Table> {
    let name = format!("{} {}", word(item, "family"), word(item, "table"));
    tables.iter_mut().find(|table| table.name == name)
}

fn base(chain: &Value) -> Option<Base> {
    let hook = match word(chain, "hook") {
        "input" => Hook::Input,
        "output" => Hook::Output,
        "prerouting" => Hook::Prerouting,
        _ => return None,
    };
    // Addresses are changed in chains of the type `nat`, and nothing is blocked there.
    let filters = word(chain, "type") == "filter";
    let priority = chain.get("prio").and_then(Value::as_i64);
    let priority = priority.and_then(|number| i32::try_from(number).ok()).unwrap_or(0);
    filters.then(|| Base { hook, priority, drops: word(chain, "policy") == "drop" })
}

/// A rule; with a map of verdicts one for each.
fn rules(rule: &Value, texts: &BTreeMap<Place, String>, sets: &value::Sets<'_>) -> Vec<Rule> {
    let place = Place {
        table: format!("{} {}", word(rule, "family"), word(rule, "table")),
        chain: word(rule, "chain").into(),
        handle: rule.get("handle").and_then(Value::as_u64).unwrap_or(0),
    };
    let text = texts.get(&place).cloned();
    let text = text.unwrap_or_else(|| format!("rule with handle {}", place.handle));
    let mut done = Vec::new();
    let mut matches = Vec::new();
    let mut last = Verdict::Continue;
    for expression in rule.get("expr").and_then(Value::as_array).into_iter().flatten() {
        let Some((kind, body)) = expression.as_object().and_then(|fields| fields.iter().next())
        else {
            continue;
        };
        match &**kind {
            "match" => matches.extend(value::matched(body, sets, &place.table)),
            "vmap" => {
                for (one, verdict) in value::map(body, sets, &place.table) {
                    let mut matches = matches.clone();
                    matches.extend(one);
                    done.push(Rule { text: text.clone(), matches, verdict });
                }
            }
            // What only counts, logs or marks.
            "counter" | "log" | "mangle" | "notrack" | "secmark" => {}
            "reject" => {
                matches.extend(reject_needs(body));
                last = verdict(kind, body);
            }
            "limit" | "ct count" | "quota" | "connlimit" => matches.push(Match::Unknown),
            "xt" if word(body, "type") == "match" => matches.push(Match::Unknown),
            kind => last = verdict(kind, body),
        }
    }
    done.push(Rule { text, matches, verdict: last });
    done
}

/// A verdict by its name.
fn verdict(kind: &str, body: &Value) -> Verdict {
    let target = || word(body, "target").to_string();
    match kind {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(target()),
        "goto" => Verdict::Goto(target()),
        "reject" => {
            let (kind, with) = (word(body, "type"), word(body, "expr"));
            let kind = if kind.is_empty() { "icmpx" } else { kind };
            let with = if with.is_empty() { "port-unreachable" } else { with };
            Verdict::Reject(match kind {
                "tcp reset" => "tcp reset".into(),
                kind => format!("{kind} {with}"),
            })
        }
        "xt" => match word(body, "name") {
            "REJECT" => Verdict::Reject("xt REJECT".into()),
            "DROP" => Verdict::Drop,
            "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "CT" => Verdict::Continue,
            _ => Verdict::Unknown,
        },
        _ => Verdict::Unknown,
    }
}

/// nft leaves out what a way to reject needs anyway.
fn reject_needs(body: &Value) -> Option<Match> {
    match word(body, "type") {
        "icmp" => Some(Match::Family(IpFamily::V4)),
        "icmpv6" => Some(Match::Family(IpFamily::V6)),
        "tcp reset" => Some(Match::Protocols(Sign::Is, alloc::vec![6])),
        _ => None,
    }
}

/// Where a rule stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    table: String,
    chain: String,
    handle: u64,
}

/// Texts of rules by their place. The listing has a line for each table, chain and rule; the
/// latter ends in its handle.
fn texts(listing: &str) -> BTreeMap<Place, String> {
    let mut texts = BTreeMap::new();
    let (mut table, mut chain) = (String::new(), String::new());
    for line in listing.lines().map(str::trim) {
        let (body, handle) = match line.rsplit_once(" # handle ") {
            Some((body, handle)) => (body.trim(), handle.parse().unwrap_or(0)),
            None => (line, 0),
        };
        let opened = body.strip_suffix('{').map(str::trim);
        if let Some(name) = opened.and_then(|line| line.strip_prefix("table ")) {
            table = name.into();
        } else if let Some(name) = opened.and_then(|line| line.strip_prefix("chain ")) {
            chain = name.into();
        } else if handle != 0 {
            let (table, chain) = (table.clone(), chain.clone());
            texts.insert(Place { table, chain, handle }, body.into());
        }
    }
    texts
}

fn word<'a>(item: &'a Value, field: &str) -> &'a str {
    item.get(field).and_then(Value::as_str).unwrap_or("")
}
