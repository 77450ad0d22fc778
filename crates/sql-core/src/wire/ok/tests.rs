//! Tests of `wire::ok`.
