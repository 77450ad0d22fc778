//! An error on one line, with what caused it.

use alloc::string::{String, ToString};
use core::error::Error;

/// What `error` says and what its causes say, each once, parted by `: `.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..CAUSES_MAX {
        let Some(error) = cause else { break };
        let words = error.to_string();
        // Many errors print what they wrap.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

const CAUSES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    //! Chains with repetitions, and one without an end.
    use alloc::boxed::Box;
    use core::fmt;

    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Self>>);

    impl fmt::Display for Link {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|link| link as &dyn Error)
        }
    }

    #[test]
    fn causes_follow_each_once() {
        let chain = |words: &[&'static str]| {
            words.iter().rev().fold(None, |next, words| Some(Box::new(Link(words, next)))).unwrap()
        };
        assert_eq!(with_causes(&*chain(&["a"])), "a");
        assert_eq!(with_causes(&*chain(&["a: b", "b", "refused"])), "a: b: refused");
        let numbers = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        assert_eq!(with_causes(&*chain(&numbers)), "0: 1: 2: 3: 4: 5: 6: 7: 8");
    }
}
