//! CHAP's packets and its MD5 proof (RFC 1994).
