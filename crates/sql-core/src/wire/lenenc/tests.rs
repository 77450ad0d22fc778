//! Tests of `wire::lenenc`.
