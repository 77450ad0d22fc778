//! Fuzz target `upload-head`: see `menshen_upload_core::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| menshen_upload_core::fuzz::head(data));
