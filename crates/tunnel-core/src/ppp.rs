//! The Point-to-Point Protocol (RFC 1661).
