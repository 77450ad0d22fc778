//! Tests of `cgi`.
