//! Fuzz target `upload-answer`: see `menshen_upload_core::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| menshen_upload_core::fuzz::answer(data));
