//! Tests of `certificates`.
