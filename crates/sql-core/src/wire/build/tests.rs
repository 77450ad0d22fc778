//! Tests of `wire::build`.
