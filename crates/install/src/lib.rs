//! Brings programs onto the host: from its package manager, or built from source into a prefix.
//!
//! Recipes say how. Nothing is unpacked before its checksum is right, nothing of a build reaches
//! the prefix but through a stage and a manifest, and nothing outside of the prefix is changed but
//! the work folder and what the package manager does. Steps are told to a [`show::Show`]; nothing
//! is printed here.

pub mod child;
pub mod fetch;
pub mod hint;
pub mod host;
pub mod manager;
pub mod manifest;
pub mod package;
pub mod place;
pub mod probe;
mod read;
pub mod recipe;
pub mod show;
mod signature;
pub mod source;
pub mod stop;
pub mod sum;
pub mod unpack;
pub mod words;
pub mod work;

pub use signature::SignatureError;
