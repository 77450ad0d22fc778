//! Tests of spans.
