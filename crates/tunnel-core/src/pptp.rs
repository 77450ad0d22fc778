//! The Point-to-Point Tunneling Protocol (RFC 2637).
