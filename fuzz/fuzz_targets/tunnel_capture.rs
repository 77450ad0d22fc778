//! Fuzz target `tunnel-capture`: see `menshen_explain_core::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| menshen_explain_core::fuzz::tunnel_capture(data));
