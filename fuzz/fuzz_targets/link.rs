//! Fuzz target `link`: see `menshen_web_core::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| menshen_web_core::fuzz::link(data));
