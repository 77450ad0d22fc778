//! Tests of the decision table.
