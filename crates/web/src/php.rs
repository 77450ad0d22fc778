//! PHP applications: the road of a request body from the client to PHP.
//!
//! [`intake`] takes a body as it arrives, [`body`] is what arrived, [`delivery`] hands it to PHP,
//! [`spool`] is where its bytes rest meanwhile, [`probe`] finds out whether a pool can take a file
//! without its bytes. PHP is never called before a body is whole.

pub(crate) mod body;
pub(crate) mod delivery;
pub(crate) mod digests;
#[cfg(test)]
mod fixture;
pub(crate) mod intake;
#[cfg(test)]
mod peer;
pub(crate) mod probe;
pub(crate) mod spool;
