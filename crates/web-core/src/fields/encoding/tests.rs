//! Tests of `fields::encoding`.
