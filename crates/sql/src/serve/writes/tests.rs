//! Tests of serve/writes.
