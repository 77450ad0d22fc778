//! Tests of `multipart::write`.
