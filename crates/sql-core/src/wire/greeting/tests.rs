//! Tests of `wire::greeting`.
