//! Doors for the fuzzer: one function for each decoder.
//!
//! It must never hold a rule of its own.
