//! Tests of `wire::command`.
