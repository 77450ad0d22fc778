//! Authentication within PPP: PAP, CHAP with MD5, MS-CHAP version 2.
