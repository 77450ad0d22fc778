//! Which methods of authentication the server takes, beside the one that it asks for.
//!
//! LCP is negotiated anew for each: the server's request is answered with a Configure-Nak that
//! suggests another method (RFC 1661 section 5.3), and its next request tells. pppd keeps what was
//! refused in mind until LCP opens again (`lcp_nakci` in its lcp.c), so every method has a
//! negotiation of its own. It never proves anything, and never suggests a method more than
//! [`TIMES`]. Any octets may come; it ends when all is known, when the server asks for none any
//! more, or when it ends the link: then it has no other.

use menshen_explain_core::tunnel::methods::{Methods, SUGGESTED, name};

/// A look for methods. What the server asked for before it began is its first wish.
#[derive(Debug)]
pub(super) struct Search {
    found: Vec<Vec<u8>>,
    untried: Vec<&'static [u8]>,
    /// What was suggested in this negotiation, and how often; none: its first request is awaited.
    suggested: Option<(&'static [u8], u32)>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Goes,
    /// The server has shown all it has.
    Whole,
    /// It does not do as it did before.
    Broken,
}

/// What answers a request of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A Configure-Nak that suggests this method.
    Suggest(&'static [u8]),
    /// A Configure-Ack: this negotiation has told what it can.
    Take,
    /// None: a link without authentication would only be ended.
    Nothing,
}

impl Search {
    pub(super) fn new(first: Vec<u8>) -> Self {
        let untried = SUGGESTED.into_iter().filter(|method| *method != &first[..]).collect();
        Self { found: vec![first], untried, suggested: None, state: State::Goes }
    }

    /// Whether another negotiation would tell more.
    pub(super) fn goes(&self) -> bool {
        self.state == State::Goes && !self.untried.is_empty()
    }

    /// A negotiation begins.
    pub(super) fn begin(&mut self) {
        self.suggested = None;
    }

    /// The server asks for this method, or for none.
    pub(super) fn asked(&mut self, method: Option<&[u8]>) -> Answer {
        let Some(method) = method else {
            self.ended();
            return Answer::Nothing;
        };
        let is_new = self.find(method);
        let (wanted, times) = match (self.suggested, self.untried.first()) {
            (None, Some(first)) => (*first, 0),
            // What it refused may have hidden the one behind it.
            (Some((wanted, times)), _) if wanted != method && !is_new && times < TIMES => {
                (wanted, times)
            }
            (Some((wanted, _)), _) => {
                self.untried.retain(|untried| *untried != wanted);
                return Answer::Take;
            }
            (None, None) => return Answer::Take,
        };
        self.suggested = Some((wanted, times + 1));
        Answer::Suggest(wanted)
    }

    /// The server ended the link, or would go on without authentication.
    pub(super) fn ended(&mut self) {
        self.state = if self.suggested.is_some() { State::Whole } else { State::Broken };
    }

    /// What is known.
    pub(super) fn methods(&self) -> Methods {
        let whole = self.state == State::Whole || self.untried.is_empty();
        let asked = self.found.iter().map(|method| name(method)).collect();
        let left = |method: &&&[u8]| {
            let found = self.found.iter().any(|found| found == **method);
            !found && (whole || !self.untried.contains(method))
        };
        let refused = SUGGESTED.iter().filter(left).map(|method| name(method)).collect();
        Methods { asked, refused, whole }
    }

    /// Whether this method is new.
    fn find(&mut self, method: &[u8]) -> bool {
        if self.found.iter().any(|found| found == method) || self.found.len() >= FOUND_MAX {
            return false;
        }
        self.untried.retain(|untried| *untried != method);
        self.found.push(method.to_vec());
        true
    }
}

/// So often a method is suggested.
const TIMES: u32 = 2;
const FOUND_MAX: usize = 8;

#[cfg(test)]
mod tests;
