//! Microsoft Point-to-Point Encryption (RFC 3078, RFC 3079).
