//! Values of `[sql]`: addresses of either family, permission bits, names. Pure functions.

use std::net::SocketAddr;

use super::text::{self, Refusal};
use super::{address, pool};
use crate::model::SqlAddress;
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// Adds an address to listen on; `:PORT` stands for both families.
pub(crate) fn listen(into: &mut Vec<SqlAddress>, text: &str) -> Result<(), Refusal> {
    if let Some(path) = text.strip_prefix("unix:") {
        into.push(pool::socket(text, path, SOCKET).map(SqlAddress::Unix)?);
        return Ok(());
    }
    if text.starts_with('/') {
        return Err(plain_path(text));
    }
    for address in address::listen(text)? {
        let address = SqlAddress::Tcp(address);
        // Port 0 is another port each time.
        let any = matches!(address, SqlAddress::Tcp(at) if at.port() == 0);
        if !any && into.contains(&address) {
            let message = format!("{} is written twice", quoted(&address.to_string()));
            return Err(Refusal::new(message, ""));
        }
        into.push(address);
    }
    Ok(())
}

/// Where the server is.
pub(crate) fn upstream(text: &str) -> Result<SqlAddress, Refusal> {
    if let Some(path) = text.strip_prefix("unix:") {
        return pool::socket(text, path, SOCKET).map(SqlAddress::Unix);
    }
    let refuse = |hint: &str| {
        Err(Refusal::new(format!("{} is not the address of a server", quoted(text)), hint))
    };
    if text.starts_with('/') {
        return Err(plain_path(text));
    }
    match text.parse::<SocketAddr>() {
        Ok(at) if at.port() == 0 => refuse("port 0 is no port to connect to"),
        Ok(at) if at.ip().is_unspecified() => {
            refuse(&format!("write the address it is reached at: \"127.0.0.1:{}\"", at.port()))
        }
        Ok(at) => Ok(SqlAddress::Tcp(at)),
        Err(_) if text.contains("://") => refuse("write the address alone, without scheme"),
        Err(_) if text.contains(|c: char| c.is_ascii_alphabetic()) => {
            refuse("host names are not looked up: write such as \"127.0.0.1:3306\"")
        }
        Err(_) => refuse("write such as \"127.0.0.1:3306\" or \"unix:/run/mysqld/mysqld.sock\""),
    }
}

/// Permission bits of a socket, in octal.
pub(crate) fn mode(text: &str) -> Result<u32, Refusal> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = (3..=4).contains(&digits.len()) && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if octal && mode <= 0o777 => Ok(mode),
        _ => {
            let hint = "three octal digits behind a 0, such as \"0660\"";
            Err(Refusal::new(format!("{} are no permission bits", quoted(text)), hint))
        }
    }
}

/// Name in a certificate, or none.
pub(crate) fn name(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() { Ok(None) } else { text::host_name(text).map(Some) }
}

/// Name of an account of the server, or none. The server takes up to 128 characters.
pub(crate) fn account(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let refuse =
        |hint: &str| Err(Refusal::new(format!("{} is not an account", quoted(text)), hint));
    if text.contains('@') {
        return refuse("write the name alone; which host it comes from is for the server to see");
    }
    if text.chars().count() > ACCOUNT_CHARS_MAX || text.chars().any(char::is_control) {
        return refuse("");
    }
    Ok(Some(text.to_owned()))
}

fn plain_path(text: &str) -> Refusal {
    let hint = format!("write {}", quoted(&format!("unix:{text}")));
    Refusal::new(format!("{} is not an address", quoted(text)), hint)
}

const SOCKET: &str = "unix:/run/menshen/sql.sock";
const ACCOUNT_CHARS_MAX: usize = 128;
