//! The Password Authentication Protocol's packets (RFC 1334 section 2).
