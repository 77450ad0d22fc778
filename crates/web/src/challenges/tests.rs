//! Tests of `challenges`.
