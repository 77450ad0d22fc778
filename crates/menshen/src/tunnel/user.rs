//! `menshen tunnel user`: a line `NAME:HASH` for the door's file of users.

use std::process::ExitCode;

use menshen_tunnel_core::auth::{NtHash, Secret, USER_OCTETS_MAX};

use super::{Refused, password};
use crate::out;

/// `menshen tunnel user`.
pub(super) fn run(name: &str) -> ExitCode {
    let read = check(name).and_then(|()| password::twice(name));
    let password = match read {
        Ok(password) => password,
        Err(refused) => return refused.complain(),
    };
    out::complain(
        "note: whoever has this hash comes in as this user, as with the password itself: \
         let nobody else read the file",
    );
    out::print(&line(name, &password), 0)
}

/// Whether a line of the file can hold the name.
fn check(name: &str) -> Result<(), Refused> {
    let refuse = |why: &str, hint: &str| {
        Err(Refused::new(format!("the name \"{}\" {why}", name.escape_debug()), hint))
    };
    if name.is_empty() || name.len() > USER_OCTETS_MAX {
        return refuse("has no or more than 256 octets", "");
    }
    if name.contains(':') {
        return refuse("has a \":\", which separates the fields of the file", "choose another one");
    }
    if name.chars().any(char::is_control) {
        return refuse("has a control character", "");
    }
    if name.starts_with('#') || name.trim() != name {
        return refuse("would be read as something else in the file", "begin with a letter");
    }
    if let Some((_, account)) = name.split_once('\\') {
        let hint = format!("write {}: a domain is left out before the file is asked", account);
        return refuse("has a domain in front", &hint);
    }
    Ok(())
}

fn line(name: &str, password: &Secret) -> String {
    let hash = NtHash::of_password(password);
    let digits: String = hash.expose().iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{name}:{digits}\n")
}

#[cfg(test)]
mod tests {
    //! The line, and names that cannot be in one.
    use super::*;

    #[test]
    fn the_hash_is_the_one_of_ms_chap() {
        // As pppd was seen to compute it.
        let line = line("testuser", &Secret::new(b"testpass"));
        assert_eq!(line, "testuser:35ccba9168b1d5ca6093b4b7d56c619b\n");
    }

    #[test]
    fn names_that_a_line_cannot_hold() {
        for name in ["", "a:b", "a\nb", "#a", " a", "a ", "CORP\\anna", &"x".repeat(257)] {
            assert!(check(name).is_err(), "{name:?}");
        }
        for name in ["anna", "anna b", "änna", "anna@corp.test"] {
            assert!(check(name).is_ok(), "{name:?}");
        }
        let told = check("a\u{1b}[31mb").unwrap_err().message;
        assert!(!told.contains('\u{1b}'), "{told}");
    }
}
