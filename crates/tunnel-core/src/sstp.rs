//! The Secure Socket Tunneling Protocol ([MS-SSTP]).
