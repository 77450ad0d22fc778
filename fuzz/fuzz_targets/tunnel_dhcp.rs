//! Fuzz target `tunnel-dhcp`: see `menshen_tunnel_core::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| menshen_tunnel_core::fuzz::dhcp(data));
