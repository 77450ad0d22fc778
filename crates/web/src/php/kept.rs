//! The few fields of a request that matter after PHP has named a file: conditions and ranges.
//!
//! The head itself is gone by then.

use menshen_web_core::head::{Headers, Interest, Method};

use crate::ask::Ask;

/// Conditions and ranges of a request.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    fields: Vec<(&'static str, Vec<u8>)>,
    pub(crate) interest: Interest,
    pub(crate) head_only: bool,
}

impl Kept {
    /// Keeps what `ask` has of them; nothing is allocated when it has none.
    pub(crate) fn of(ask: &Ask<'_>) -> Self {
        let head_only = ask.method == Method::Head;
        // PHP's file answers a POST as well; its conditions were about the form's target.
        if !ask.interest.has(MATTERS) || !matches!(ask.method, Method::Get | Method::Head) {
            return Self { head_only, ..Self::default() };
        }
        let mut fields = Vec::new();
        for &(name, bit) in Interest::ALL.iter().filter(|(_, bit)| MATTERS.has(*bit)) {
            if ask.interest.has(bit) {
                ask.headers.for_each(name, &mut |value| fields.push((name, value.to_vec())));
            }
        }
        Self { fields, interest: ask.interest, head_only }
    }
}

impl Headers for Kept {
    fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_slice())
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        self.fields.iter().filter(|(known, _)| *known == name).for_each(|(_, value)| f(value));
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.fields.iter().for_each(|(name, value)| f(name.as_bytes(), value));
    }
}

const MATTERS: Interest = Interest::CONDITIONS.with(Interest::RANGE);

#[cfg(test)]
mod tests;
