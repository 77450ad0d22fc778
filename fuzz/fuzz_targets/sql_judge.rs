//! Fuzz target `sql-judge`: see `menshen_sql_core::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| menshen_sql_core::fuzz::judge(data));
