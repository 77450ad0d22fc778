//! What one client's session is in: what the server reported, transactions, fingerprint.
