//! What is tortured, and what may be read: registers whose value only grows.
//!
//! Every scenario is a way to write a number so that a read statement shows it: a plain update, a
//! transaction, a foreign key's cascade, a trigger, a view defined anew, a table renamed. One
//! writer writes 1, 2, 3 … and remembers what was acknowledged; readers compare what they read with
//! what was acknowledged before they asked. How it can be fooled: a write whose end nobody saw may
//! come about later than the next one, so the writer waits until the server has let go of it.

pub mod pairs;
pub mod random;
pub mod register;
pub mod scenario;
