//! MS-CHAP version 2: proofs of both ends (RFC 2759).
