//! The doors as all clients see them: every answer is counted, and refusals are held to the rule
//! that a 503 says when to come again.

use std::net::SocketAddr;
use std::time::Duration;

use crate::content::Content;
use crate::counts::{Count, Counts};
use crate::wire::{Failure, Head, Hear, Request, exchange};

/// What all clients share.
#[derive(Debug)]
pub struct Fleet {
    /// The doors.
    pub doors: Vec<SocketAddr>,
    /// The owner's token at every one of them.
    pub token: String,
    /// How long a client waits while nothing moves.
    pub patience: Duration,
    /// How long an upload may go without getting on at all.
    pub bound: Duration,
    /// Bytes of a usual piece.
    pub piece: u64,
    /// What is uploaded.
    pub content: Content,
    /// What came of it.
    pub counts: Counts,
}

impl Fleet {
    /// The field that shows the token.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    /// Asks a door, and counts what came of it.
    ///
    /// # Errors
    /// As [`exchange`].
    pub fn ask(
        &self,
        door: usize,
        request: &Request<'_>,
        hear: &mut dyn Hear,
    ) -> Result<Head, Failure> {
        self.counts.add(Count::Requests);
        let answer = exchange(self.doors[door], request, self.patience, hear);
        match &answer {
            Ok(head) if head.status == 503 => {
                self.counts.add(Count::Unavailable);
                if head.number("retry-after").is_none() {
                    self.counts.violation("a 503 does not say when to come again".to_owned());
                }
            }
            Ok(head) if head.status == 409 => self.counts.add(Count::Conflicts),
            Ok(_) => {}
            Err(Failure::Refused) => self.counts.add(Count::Refused),
            Err(Failure::Lost) => self.counts.add(Count::Lost),
            Err(Failure::Silent) => self.counts.add(Count::Silent),
            Err(Failure::Garbled) => self.counts.violation("an answer is no HTTP".to_owned()),
        }
        answer
    }
}

/// The name of a file.
#[must_use]
pub fn name(index: usize) -> String {
    format!("u{index:04}")
}
