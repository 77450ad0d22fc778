//! Why a PPTP tunnel does not come up: control connection, GRE both ways and PPP, read from a
//! capture, and the one cause they show.
//!
//! [`capture::Finder`] takes packets and keeps a few words of each call ([`calls::Call`]),
//! [`vantage`] tells at which end they were captured, [`verdict`] names the cause, [`text`] prints
//! it. What one end cannot tell is said to be open, never guessed: GRE that is lost on its way out
//! and GRE that is lost on its way back look the same from the side that hears nothing. Names and
//! texts of the peers are foreign; they are escaped where they enter a fact.

pub mod calls;
pub mod capture;
pub mod live;
pub mod methods;
pub mod picture;
mod report;
mod stream;
pub mod text;
pub mod vantage;
pub mod verdict;

pub use report::{CallReport, Report};
pub use stream::Stream;

use serde::Serialize;

/// An end of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Who asks for the call.
    Client,
    /// Who answers on port 1723.
    Server,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// The word in texts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

#[cfg(test)]
mod tests;
