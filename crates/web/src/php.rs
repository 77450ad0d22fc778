//! PHP applications, behind FastCGI.
//!
//! A request's way: [`intake`] takes its body as it arrives and [`spool`] keeps it, [`call`] is
//! the request once it is whole. [`admission`] gives it a place at PHP, [`delivery`] hands the
//! body over, [`exchange`] is the conversation, [`answer`] what comes back, [`backlog`] where it
//! rests while the client is slow. [`probe`] finds out how uploads can be delivered, [`asking`]
//! whether the application lets one come.
//!
//! Nothing here waits for a client while it holds a place at PHP.

#[cfg(test)]
pub(crate) mod actor;
pub(crate) mod admission;
pub(crate) mod answer;
pub(crate) mod asking;
pub(crate) mod backlog;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod delivery;
pub(crate) mod digests;
pub(crate) mod exchange;
#[cfg(test)]
mod fixture;
pub(crate) mod head;
pub(crate) mod intake;
pub(crate) mod kept;
pub(crate) mod line;
pub(crate) mod offload;
pub(crate) mod params;
#[cfg(test)]
mod peer;
pub(crate) mod plan;
pub(crate) mod pool;
pub(crate) mod probe;
pub(crate) mod pulse;
mod room;
pub(crate) mod spool;

pub(crate) use pool::Pool;
