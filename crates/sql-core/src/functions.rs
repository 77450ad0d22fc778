//! Built-in functions whose result depends on their arguments alone.
//!
//! A list of what is allowed: a name that is not here is not pure, whatever it is.
