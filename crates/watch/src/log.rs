//! Where the watch says what it did: the function that the process it runs in gives it.

/// Takes one line of text; must not block.
pub type Log = fn(&str);
