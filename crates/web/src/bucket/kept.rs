//! Header fields that are judged after the head is gone: what a bucket has is known only after it
//! was asked.

use menshen_web_core::head::{Headers, Interest};

use crate::ask::Ask;

/// Conditions and ranges of a request.
#[derive(Debug, Default)]
pub(crate) struct Kept(Vec<(&'static str, Vec<u8>)>);

impl Kept {
    /// Of `ask`.
    pub(crate) fn of(ask: &Ask<'_>) -> Self {
        let mut kept = Vec::new();
        if ask.interest.has(Interest::CONDITIONS.with(Interest::RANGE)) {
            for name in NAMES {
                ask.headers.for_each(name, &mut |value| kept.push((*name, value.to_vec())));
            }
        }
        Self(kept)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Headers for Kept {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_slice())
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        self.0.iter().filter(|(known, _)| *known == name).for_each(|(_, value)| f(value));
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(name, value)| f(name.as_bytes(), value));
    }
}

const NAMES: &[&str] =
    &["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];
