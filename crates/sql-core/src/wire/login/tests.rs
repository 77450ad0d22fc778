//! Tests of `wire::login`.
