//! Tests of `wire::column`.
