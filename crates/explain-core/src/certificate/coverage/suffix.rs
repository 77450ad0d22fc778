//! The ICANN section of the public suffix list: where registration begins.
//!
//! The private section (hosting companies) is left aside: certificates right below such a suffix
//! are allowed (BR §3.2.2.6).

use alloc::string::String;

/// Whether `name` itself is a public suffix; a single label always is.
pub(super) fn is_public(name: &str) -> bool {
    !name.contains('.') || icann(name).is_some_and(|suffix| suffix.len() == name.len())
}

/// The name that was registered: the public suffix and one label more; None for a suffix itself.
pub(super) fn registered(name: &str) -> Option<String> {
    if is_public(name) {
        return None;
    }
    let last = name.rsplit('.').next()?;
    let suffix = icann(name).unwrap_or(last);
    let above = name.len().checked_sub(suffix.len() + 1)?;
    let label = name.get(..above)?.rsplit('.').next()?;
    name.get(above - label.len()..).map(String::from)
}

/// Whether the top-level domain is delegated (is in the list).
pub(super) fn delegated(name: &str) -> bool {
    psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known())
}

/// The suffix by the ICANN section; None where only the default rule matches.
fn icann(name: &str) -> Option<&str> {
    let mut rest = name;
    loop {
        let suffix = psl::suffix(rest.as_bytes())?;
        let length = suffix.as_bytes().len();
        match suffix.typ() {
            None => return None,
            Some(psl::Type::Icann) => return name.get(name.len().checked_sub(length)?..),
            // A private suffix hides the ICANN one inside it.
            Some(psl::Type::Private) => {
                let private = rest.get(rest.len().checked_sub(length)?..)?;
                rest = private.split_once('.')?.1;
            }
        }
    }
}
