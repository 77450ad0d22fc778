//! Tests of `wire::packet`.
