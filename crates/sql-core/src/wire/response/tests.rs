//! Tests of `wire::response`.
