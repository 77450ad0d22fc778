//! Tests of `failures`.
