//! Tests of `wire::prepared`.
