//! Where a password comes from: a file, the environment, a terminal, standard input. Never from an
//! argument, never into a message.
//!
//! On a terminal nothing is shown of what is typed. Signals of the keyboard are off meanwhile, so
//! that the terminal is set back whatever is pressed; Ctrl-C is taken from the line. A password has
//! at most 255 octets, as many as PPP can send.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use menshen_tunnel::client::PASSWORD_VARIABLE;
use menshen_tunnel_core::auth::{PASSWORD_OCTETS_MAX, Secret};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

use super::Refused;
use crate::out;

/// A password for dialling: of the file if one is named, else of the environment, else typed.
pub(super) fn for_dialling(file: Option<&Path>, whom: &str) -> Result<Secret, Refused> {
    if let Some(file) = file {
        return of_file(file);
    }
    if let Some(value) = std::env::var_os(PASSWORD_VARIABLE) {
        return checked(Secret::new(value.as_bytes()), PASSWORD_VARIABLE);
    }
    if io::stdin().is_terminal() {
        return typed(&format!("password of {}: ", whom.escape_debug()));
    }
    first_line(&mut io::stdin(), "standard input")
}

/// A password for a new user: typed twice, or given once.
pub(super) fn twice(name: &str) -> Result<Secret, Refused> {
    if !io::stdin().is_terminal() {
        return first_line(&mut io::stdin(), "standard input");
    }
    let first = typed(&format!("new password of {}: ", name.escape_debug()))?;
    let again = typed("again: ")?;
    match first.expose() == again.expose() {
        true => Ok(first),
        false => Err(Refused::new("the two passwords are not the same", "")),
    }
}

fn of_file(path: &Path) -> Result<Secret, Refused> {
    let shown = path.display().to_string().escape_debug().to_string();
    let failed = |error: io::Error| {
        let message = format!("the password file {shown} cannot be read");
        Refused::new(message, format!("{error}"))
    };
    let mut file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o044 != 0 {
        let bits = mode & 0o777;
        out::complain(&format!(
            "warning: others than its owner can read the password file {shown} (mode {bits:04o})\
             \n  hint: chmod 600 {shown}"
        ));
    }
    first_line(&mut file, &shown)
}

/// The first line, without its end.
fn first_line(from: &mut impl Read, place: &str) -> Result<Secret, Refused> {
    let mut line = Secret::new(&[]);
    let mut octet = [0];
    loop {
        match from.read(&mut octet) {
            Ok(0) => break,
            Ok(_) if octet == *b"\n" => break,
            // One more than there may be, so that it is noticed.
            Ok(_) if line.expose().len() > PASSWORD_OCTETS_MAX => break,
            Ok(_) => line = Secret::new(&[line.expose(), &octet].concat()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let message = format!("no password can be read from {place}");
                return Err(Refused::new(message, error.to_string()));
            }
        }
    }
    let bare = line.expose().strip_suffix(b"\r").unwrap_or_else(|| line.expose());
    checked(Secret::new(bare), place)
}

fn checked(password: Secret, place: &str) -> Result<Secret, Refused> {
    match password.expose().len() {
        0 => Err(Refused::new(
            format!("there is no password in {place}"),
            format!(
                "give it by --password-file, by {PASSWORD_VARIABLE}, on a terminal, or as the \
                 first line of standard input"
            ),
        )),
        1..=PASSWORD_OCTETS_MAX => Ok(password),
        _ => {
            let hint = format!("it may have {PASSWORD_OCTETS_MAX} octets");
            Err(Refused::new(format!("the password in {place} is too long"), hint))
        }
    }
}

/// A line that is typed without being shown.
fn typed(prompt: &str) -> Result<Secret, Refused> {
    let stdin = io::stdin();
    let failed =
        |error: rustix::io::Errno| Refused::new("the terminal cannot be set up", error.to_string());
    let before = tcgetattr(&stdin).map_err(failed)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
    quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
    tell(prompt);
    tcsetattr(&stdin, OptionalActions::Flush, &quiet).map_err(failed)?;
    let line = typed_line(&mut stdin.lock());
    let after = tcsetattr(&stdin, OptionalActions::Flush, &before);
    tell("\n");
    after.map_err(failed)?;
    checked(line?, "what was typed")
}

/// Octets up to the end of the line, with the usual keys to correct it.
fn typed_line(from: &mut impl Read) -> Result<Secret, Refused> {
    let mut line = Secret::new(&[]);
    let mut octet = [0];
    loop {
        match from.read(&mut octet) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(0) | Err(_) => return Ok(line),
            Ok(_) => {}
        }
        let typed = line.expose();
        line = match octet[0] {
            b'\r' | b'\n' | CONTROL_D => return Ok(line),
            CONTROL_C => return Err(Refused::new("no password was given", "")),
            CONTROL_U => Secret::new(&[]),
            BACKSPACE | DELETE => Secret::new(without_last(typed)),
            _ if typed.len() > PASSWORD_OCTETS_MAX => line,
            octet => Secret::new(&[typed, &[octet]].concat()),
        };
    }
}

/// Without its last character.
fn without_last(line: &[u8]) -> &[u8] {
    let starts = |octet: &u8| octet & 0xC0 != 0x80;
    line.get(..line.iter().rposition(starts).unwrap_or(0)).unwrap_or_default()
}

fn tell(text: &str) {
    use std::io::Write;
    // Whoever sees nothing types nothing.
    let _ = io::stderr().write_all(text.as_bytes());
}

const CONTROL_C: u8 = 0x03;
const CONTROL_D: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const CONTROL_U: u8 = 0x15;
const DELETE: u8 = 0x7F;

#[cfg(test)]
mod tests {
    //! Lines of files and of keyboards.
    use super::*;

    fn line(octets: &[u8]) -> Result<Vec<u8>, String> {
        let read = first_line(&mut &*octets, "a file");
        read.map(|secret| secret.expose().to_vec()).map_err(|refused| refused.message)
    }

    #[test]
    fn a_password_is_the_first_line_without_its_end() {
        assert_eq!(line(b"geheim\nnext\n"), Ok(b"geheim".to_vec()));
        assert_eq!(line(b"geheim\r\n"), Ok(b"geheim".to_vec()));
        assert_eq!(line(b" with blanks "), Ok(b" with blanks ".to_vec()));
        assert_eq!(line(b"\nsecond"), Err("there is no password in a file".to_owned()));
        assert_eq!(line(b""), Err("there is no password in a file".to_owned()));
        assert_eq!(line(&[b'x'; 255]).map(|octets| octets.len()), Ok(255));
        assert_eq!(line(&[b'x'; 256]), Err("the password in a file is too long".to_owned()));
    }

    #[test]
    fn what_is_typed_can_be_corrected_and_given_up() {
        let typed = |octets: &[u8]| {
            typed_line(&mut &*octets).map(|secret| secret.expose().to_vec()).map_err(|r| r.message)
        };
        assert_eq!(typed(b"abx\x7fc\rrest"), Ok(b"abc".to_vec()));
        assert_eq!(typed("aü\x08b\n".as_bytes()), Ok(b"ab".to_vec()));
        assert_eq!(typed(b"wrong\x15right\n"), Ok(b"right".to_vec()));
        assert_eq!(typed(b"\x7f\x7fa\x04"), Ok(b"a".to_vec()));
        assert_eq!(typed(b"ab\x03c\n"), Err("no password was given".to_owned()));
    }
}
