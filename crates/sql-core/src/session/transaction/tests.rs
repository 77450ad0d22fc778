//! Tests of session transaction.
