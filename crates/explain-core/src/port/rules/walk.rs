//! The way of one packet through the chains.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde::Serialize;

use super::super::Transport;
use super::{
    Chain, Families, Hook, IpFamily, Match, Network, Packet, Ruleset, Sender, Sign, Table, Verdict,
};

/// A rule, or a policy, that keeps a packet from its socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// Which program's rule it is.
    pub program: &'static str,
    /// Its table.
    pub table: String,
    /// Its chain.
    pub chain: String,
    /// The rule, as its program prints it; `policy drop` for a chain's end.
    pub rule: String,
    /// How it refuses, such as `icmp-port-unreachable`; `None`: it says nothing.
    pub reject: Option<String>,
    /// How sure it is that the packet is blocked here.
    pub certainty: Certainty,
}

/// How sure a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The rule asks for something that cannot be judged here.
    Perhaps,
    /// The rule is for this packet, but one before it could not be judged.
    Likely,
    /// It, and all before it, could be judged.
    Certain,
}

/// What blocks this packet, in the order it is asked. Behind a certain block nothing is asked any
/// more; uncertain ones may stand before it.
#[must_use]
pub fn blocks(rules: &Ruleset, packet: &Packet) -> Vec<Block> {
    let mut bases: Vec<(Hook, i32, &Table, &Chain)> = Vec::new();
    for table in rules.tables.iter().filter(|table| takes(table.families, packet)) {
        for chain in &table.chains {
            if let Some(base) = chain.base.filter(|base| passes(base.hook, packet)) {
                bases.push((base.hook, base.priority, table, chain));
            }
        }
    }
    bases.sort_by_key(|(hook, priority, _, _)| (*hook, *priority));
    let mut walk = Walk { packet: *packet, found: Vec::new(), steps: 0, sure: true };
    for (_, _, table, chain) in bases {
        walk.sure = true;
        let end = walk.chain(table, chain, 0);
        let drops = chain.base.is_some_and(|base| base.drops);
        if end == Way::On && drops {
            let certainty = if walk.sure { Certainty::Certain } else { Certainty::Likely };
            walk.block(table, chain, "policy drop", None, certainty);
        }
        if walk.found.last().is_some_and(|block| block.certainty == Certainty::Certain)
            || walk.steps >= STEPS_MAX
        {
            break;
        }
    }
    walk.found
}

/// Whether a packet goes past a hook.
const fn passes(hook: Hook, packet: &Packet) -> bool {
    match hook {
        Hook::Output => matches!(packet.sender, Sender::ThisMachine),
        Hook::Prerouting | Hook::Input => true,
    }
}

const fn takes(families: Families, packet: &Packet) -> bool {
    match packet.to {
        IpAddr::V4(_) => families.v4,
        IpAddr::V6(_) => families.v6,
    }
}

/// How a chain ends for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// With the next rule of the chain that led here, or the policy.
    On,
    /// Accepted or blocked.
    Decided,
}

/// A packet's answer to a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    No,
    Maybe,
    Yes,
}

struct Walk {
    packet: Packet,
    found: Vec<Block>,
    steps: usize,
    /// Whether every rule so far could be judged.
    sure: bool,
}

impl Walk {
    fn chain(&mut self, table: &Table, chain: &Chain, depth: usize) -> Way {
        for rule in &chain.rules {
            self.steps += 1;
            if self.steps >= STEPS_MAX {
                self.sure = false;
                return Way::Decided;
            }
            let answers = rule.matches.iter().map(|one| answer(one, &self.packet));
            let answer = answers.min().unwrap_or(Answer::Yes);
            if answer == Answer::No || rule.verdict == Verdict::Continue {
                continue;
            }
            let certainty = match answer {
                Answer::Yes if self.sure => Certainty::Certain,
                Answer::Yes => Certainty::Likely,
                _ => Certainty::Perhaps,
            };
            // What may or may not happen here leaves all that follows open.
            self.sure = certainty == Certainty::Certain;
            match &rule.verdict {
                Verdict::Drop => self.block(table, chain, &rule.text, None, certainty),
                Verdict::Reject(how) => {
                    self.block(table, chain, &rule.text, Some(how.clone()), certainty);
                }
                Verdict::Jump(name) | Verdict::Goto(name) if depth < DEPTH_MAX => {
                    let Some(next) = table.chains.iter().find(|chain| chain.name == *name) else {
                        self.sure = false;
                        continue;
                    };
                    let end = self.chain(table, next, depth + 1);
                    let leaves = matches!(rule.verdict, Verdict::Goto(_)) || end == Way::Decided;
                    if answer == Answer::Yes && leaves {
                        return end;
                    }
                    if leaves {
                        self.sure = false;
                    }
                    continue;
                }
                Verdict::Return if answer == Answer::Yes => return Way::On,
                Verdict::Unknown | Verdict::Jump(_) | Verdict::Goto(_) => {
                    self.sure = false;
                    continue;
                }
                Verdict::Accept | Verdict::Return | Verdict::Continue => {}
            }
            if answer == Answer::Yes {
                return Way::Decided;
            }
        }
        Way::On
    }

    fn block(
        &mut self,
        table: &Table,
        chain: &Chain,
        rule: &str,
        reject: Option<String>,
        certainty: Certainty,
    ) {
        if self.found.len() >= BLOCKS_MAX {
            return;
        }
        self.found.push(Block {
            program: table.program,
            table: table.name.clone(),
            chain: chain.name.clone(),
            rule: rule.into(),
            reject,
            certainty,
        });
    }
}

fn answer(one: &Match, packet: &Packet) -> Answer {
    let here = packet.sender == Sender::ThisMachine;
    match one {
        Match::Ports(sign, ranges) => {
            let within = |(first, last): &(u16, u16)| (*first..=*last).contains(&packet.port);
            signed(*sign, ranges.iter().any(within))
        }
        Match::Protocols(sign, numbers) => {
            let number = match packet.transport {
                Transport::Tcp => 6,
                Transport::Udp => 17,
            };
            signed(*sign, numbers.contains(&number))
        }
        Match::Family(family) => signed(Sign::Is, packet.to.is_ipv4() == (*family == IpFamily::V4)),
        Match::Arrives(sign, names) if here => {
            signed(*sign, names.iter().any(|name| is_loopback(name)))
        }
        // From elsewhere: at some device, only not at the loopback one.
        Match::Arrives(sign, names) => {
            if names.iter().all(|name| name == LOOPBACK) {
                signed(*sign, false)
            } else if names.iter().any(|name| name == "*") {
                signed(*sign, true)
            } else {
                Answer::Maybe
            }
        }
        Match::Leaves(sign, names) if here => {
            signed(*sign, names.iter().any(|name| is_loopback(name)))
        }
        Match::Leaves(sign, _) => signed(*sign, false),
        Match::From(sign, networks) if here => signed(*sign, among(networks, packet.to)),
        Match::From(sign, networks) if networks.iter().all(is_everything) => {
            signed(*sign, !networks.is_empty())
        }
        Match::From(..) | Match::Unknown => Answer::Maybe,
        Match::To(sign, networks) => signed(*sign, among(networks, packet.to)),
        Match::New(holds) => signed(Sign::Is, *holds),
    }
}

fn among(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

fn is_everything(network: &Network) -> bool {
    network.first.is_unspecified()
        && match network.last {
            IpAddr::V4(last) => last.to_bits() == u32::MAX,
            IpAddr::V6(last) => last.to_bits() == u128::MAX,
        }
}

/// Whether a device name, with `*` at its end for anything, means the loopback device.
fn is_loopback(name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => LOOPBACK.starts_with(start),
        None => name == LOOPBACK,
    }
}

fn signed(sign: Sign, within: bool) -> Answer {
    if within == (sign == Sign::Is) { Answer::Yes } else { Answer::No }
}

const LOOPBACK: &str = "lo";
const DEPTH_MAX: usize = 16;
/// Rules looked at for one packet.
const STEPS_MAX: usize = 200_000;
const BLOCKS_MAX: usize = 16;
