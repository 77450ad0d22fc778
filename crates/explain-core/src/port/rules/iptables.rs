//! What iptables-save(8) and ip6tables-save(8) print, taken apart.
//!
//! Any text is taken: a line that is none of theirs is passed over, an option that is not known
//! makes its rule uncertain.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Base, Chain, Families, Hook, IpFamily, Match, Network, Rule, Sign, Table, Verdict};

/// Tables of one family.
#[must_use]
pub fn parse(program: &'static str, family: IpFamily, text: &str) -> Vec<Table> {
    let families = Families { v4: family == IpFamily::V4, v6: family == IpFamily::V6 };
    let mut tables: Vec<Table> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('*') {
            tables.push(Table { program, families, name: name.to_string(), chains: Vec::new() });
            continue;
        }
        let Some(table) = tables.last_mut() else { continue };
        if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_whitespace();
            let (name, policy) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let base = base(&table.name, name, policy);
            table.chains.push(Chain { name: name.to_string(), base, rules: Vec::new() });
        } else if let Some((name, rule)) = appended(line)
            && let Some(chain) = table.chains.iter_mut().find(|chain| chain.name == name)
        {
            chain.rules.push(rule);
        }
    }
    tables
}

/// Addresses are changed in the table `nat`, and nothing is blocked there.
fn base(table: &str, chain: &str, policy: &str) -> Option<Base> {
    let hook = match chain {
        "INPUT" => Hook::Input,
        "OUTPUT" => Hook::Output,
        "PREROUTING" => Hook::Prerouting,
        _ => return None,
    };
    let priority = match table {
        "raw" => -300,
        "mangle" => -150,
        "filter" => 0,
        "security" => 50,
        _ => return None,
    };
    Some(Base { hook, priority, drops: policy == "DROP" })
}

/// `-A CHAIN …`, perhaps after counters in brackets.
fn appended(line: &str) -> Option<(String, Rule)> {
    let line = match line.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.1.trim_start(),
        None => line,
    };
    let words = words(line);
    let mut words = Words { words: words.iter().map(|word| &**word), ahead: None };
    (words.next()? == "-A").then_some(())?;
    let chain = words.next()?.to_string();
    let mut rule = Rule { text: line.into(), matches: Vec::new(), verdict: Verdict::Continue };
    let mut reject = None;
    while let Some(word) = words.next() {
        let sign = if word == "!" { Sign::IsNot } else { Sign::Is };
        let option = if word == "!" { words.next().unwrap_or("") } else { word };
        match option {
            "-j" | "--jump" => rule.verdict = verdict(words.value()),
            "-g" | "--goto" => rule.verdict = Verdict::Goto(words.value().into()),
            "--reject-with" => reject = Some(words.value().to_string()),
            _ => rule.matches.extend(matched(option, sign, &mut words)),
        }
    }
    if let (Verdict::Reject(how), Some(with)) = (&mut rule.verdict, reject) {
        *how = with;
    }
    Some((chain, rule))
}

fn matched<'a>(
    option: &str,
    sign: Sign,
    words: &mut Words<'a, impl Iterator<Item = &'a str>>,
) -> Option<Match> {
    Some(match option {
        "-p" | "--protocol" => match words.value() {
            "tcp" | "6" => Match::Protocols(sign, alloc::vec![6]),
            "udp" | "17" => Match::Protocols(sign, alloc::vec![17]),
            "all" | "0" => return None,
            // One that is neither.
            _ => Match::Protocols(sign, Vec::new()),
        },
        "--dport" | "--dports" | "--destination-port" | "--destination-ports" => {
            ports(words.value()).map_or(Match::Unknown, |ports| Match::Ports(sign, ports))
        }
        "-i" | "--in-interface" => Match::Arrives(sign, alloc::vec![device(words.value())]),
        "-o" | "--out-interface" => Match::Leaves(sign, alloc::vec![device(words.value())]),
        "-s" | "--source" => networks(words.value(), sign, Match::From),
        "-d" | "--destination" => networks(words.value(), sign, Match::To),
        "--state" | "--ctstate" => {
            let new = words.value().split(',').any(|state| state == "NEW");
            Match::New(new == (sign == Sign::Is))
        }
        "--syn" => Match::New(sign == Sign::Is),
        "--dst-type" => {
            let local = words.value().split(',').any(|kind| kind == "LOCAL");
            Match::New(local == (sign == Sign::Is))
        }
        // Modules that only make options known, or only describe.
        "-m" | "--match" => {
            return match words.value() {
                "tcp" | "udp" | "multiport" | "state" | "conntrack" | "comment" | "addrtype" => {
                    None
                }
                _ => Some(Match::Unknown),
            };
        }
        "--comment" => {
            words.value();
            return None;
        }
        // Of targets: what they log or set blocks nothing.
        option if option.starts_with("--log") || option.starts_with("--set-") => {
            words.value();
            return None;
        }
        _ => {
            words.skip_values();
            Match::Unknown
        }
    })
}

fn verdict(target: &str) -> Verdict {
    match target {
        "ACCEPT" => Verdict::Accept,
        "DROP" => Verdict::Drop,
        "REJECT" => Verdict::Reject("icmp-port-unreachable".into()),
        "RETURN" => Verdict::Return,
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "CT" | "NOTRACK" | "TRACE" | "" | "SET" => {
            Verdict::Continue
        }
        "QUEUE" | "NFQUEUE" | "TARPIT" | "SYNPROXY" | "TPROXY" => Verdict::Unknown,
        chain => Verdict::Jump(chain.into()),
    }
}

/// `80`, `80:90`, `80,443,8000:8100`, `:1023`.
fn ports(text: &str) -> Option<Vec<(u16, u16)>> {
    let range = |text: &str| -> Option<(u16, u16)> {
        match text.split_once(':') {
            Some((first, last)) => {
                let first = if first.is_empty() { 0 } else { first.parse().ok()? };
                let last = if last.is_empty() { u16::MAX } else { last.parse().ok()? };
                Some((first, last))
            }
            None => text.parse().ok().map(|port| (port, port)),
        }
    };
    text.split(',').map(range).collect()
}

/// A name; a final `+` stands for anything.
fn device(text: &str) -> String {
    match text.strip_suffix('+') {
        Some(start) => alloc::format!("{start}*"),
        None => text.into(),
    }
}

fn networks(text: &str, sign: Sign, make: fn(Sign, Vec<Network>) -> Match) -> Match {
    let networks: Option<Vec<Network>> = text.split(',').map(Network::parse).collect();
    networks.map_or(Match::Unknown, |networks| make(sign, networks))
}

/// Words of a rule, one of which can be looked at before it is taken.
struct Words<'a, I: Iterator<Item = &'a str>> {
    words: I,
    ahead: Option<&'a str>,
}

impl<'a, I: Iterator<Item = &'a str>> Words<'a, I> {
    fn next(&mut self) -> Option<&'a str> {
        self.ahead.take().or_else(|| self.words.next())
    }

    /// The value of an option.
    fn value(&mut self) -> &'a str {
        self.next().unwrap_or("")
    }

    /// Passes over what is no option.
    fn skip_values(&mut self) {
        while let Some(word) = self.next() {
            if word.starts_with('-') || word == "!" {
                self.ahead = Some(word);
                return;
            }
        }
    }
}

/// Split at blanks; quoted ones, with `\` before a quote, stay.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut inside) = (false, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                inside = true;
            }
            '\\' if quoted => word.extend(chars.next()),
            c if c.is_whitespace() && !quoted => {
                if inside {
                    words.push(core::mem::take(&mut word));
                }
                inside = false;
            }
            c => {
                word.push(c);
                inside = true;
            }
        }
    }
    if inside {
        words.push(word);
    }
    words
}
