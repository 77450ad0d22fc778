//! Findings about one certificate: one file per group of codes.
