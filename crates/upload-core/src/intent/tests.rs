//! Tests of `intent`.
