//! Tests of serve/interned.
