//! Tests of `wire::auth`.
