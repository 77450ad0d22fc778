//! Clients and rivals for measuring and torturing the sql door: a small blocking client, so that
//! nothing of the product's own protocol code is used to judge it.
//!
//! It speaks only what the checks need: accounts without a password, the text protocol, and
//! prepared statements whose results are text. It must never be linked into the product.

pub mod client;
pub mod torture;
