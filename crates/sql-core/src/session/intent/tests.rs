//! Tests of session intent.
