//! Tests of session texts.
