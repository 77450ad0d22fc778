//! Real processes of this test.
