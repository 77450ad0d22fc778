//! Roots that browsers treat as EV roots.

/// One row of the browsers' EV list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvRoot {
    /// SHA-256 of the root certificate, lower-case hexadecimal.
    pub sha256: &'static str,
    /// The CA's own EV policy; the CA/Browser Forum's is honoured too.
    pub policy: &'static str,
    /// What the root is called.
    pub name: &'static str,
}

/// Where the list is from, with its date.
pub const EV_ROOTS_SOURCE: &str = "Firefox, security/certverifier/ExtendedValidation.cpp";

/// The list.
pub const EV_ROOTS: &[EvRoot] = &[];
