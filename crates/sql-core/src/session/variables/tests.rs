//! Tests of session variables.
