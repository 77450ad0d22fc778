//! `menshen tunnel user`: a line `NAME:HASH` for the door's file of users.

use std::process::ExitCode;

use menshen_tunnel::server::users;
use menshen_tunnel_core::auth::Secret;

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

/// Whether a line of the file can hold the name: the server's own rule says, and here is why not.
fn check(name: &str) -> Result<(), Refused> {
    if users::is_name(name) {
        return Ok(());
    }
    let (why, hint) = match name.split_once('\\') {
        _ if name.is_empty() || name.len() > users::NAME_OCTETS_MAX => {
            (format!("has no or more than {} octets", users::NAME_OCTETS_MAX), String::new())
        }
        Some((_, account)) => (
            "has a domain in front".to_owned(),
            format!(
                "write {}: a domain is left out before the file is asked",
                account.escape_debug()
            ),
        ),
        None if name.contains(':') => (
            "has a \":\", which separates the fields of the file".to_owned(),
            "choose another one".to_owned(),
        ),
        None if name.starts_with('#') => {
            ("would be read as a comment in the file".to_owned(), "begin with a letter".to_owned())
        }
        None => ("has a blank or a control character".to_owned(), "choose another one".to_owned()),
    };
    Err(Refused::new(format!("the name \"{}\" {why}", name.escape_debug()), &hint))
}

fn line(name: &str, password: &Secret) -> String {
    users::format(name, password, None) + "\n"
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
        for name in ["", "a:b", "a\nb", "#a", " a", "a ", "anna b", "CORP\\anna", &"x".repeat(257)]
        {
            assert!(check(name).is_err(), "{name:?}");
        }
        for name in ["anna", "änna", "anna@corp.test", "a#b"] {
            assert!(check(name).is_ok(), "{name:?}");
        }
        let told = check("a\u{1b}[31mb").unwrap_err().message;
        assert!(!told.contains('\u{1b}'), "{told}");
    }
}
