//! What hits add to the server's statistics of users and clients (`userstat`): it never ran those
//! statements, but its own query cache would have counted them (MDEV-4981).
//!
//! Only the columns that a hit changes, where they are named in a statement: `SELECT *` and `SHOW
//! USER_STATISTICS` show the numbers of the server. The connections of the door are taken out of
//! the numbers of their address. It cannot fail.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Hits of one account since the statistics were emptied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountHits {
    /// The user's name, or the client's address: what the table's first column holds.
    pub name: Vec<u8>,
    /// Hits.
    pub hits: u64,
    /// Rows in their results.
    pub rows: u64,
    /// Results without a row.
    pub empty: u64,
}

/// Hits by the two keys of the server's tables, and whose commands are the door's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accounts<'a> {
    /// By user.
    pub users: &'a [AccountHits],
    /// By client address.
    pub clients: &'a [AccountHits],
    /// The account of the door's own connections.
    pub control_user: &'a [u8],
}

/// A table of the server's statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Statistics {
    Users,
    Clients,
}

impl Statistics {
    /// The table of this name in `information_schema`.
    pub(super) fn of_table(name: &[u8]) -> Option<Self> {
        if name.eq_ignore_ascii_case(b"user_statistics") {
            Some(Self::Users)
        } else if name.eq_ignore_ascii_case(b"client_statistics") {
            Some(Self::Clients)
        } else {
            None
        }
    }

    /// What stands in place of a column; `None` when a hit does not change it.
    pub(super) fn expression(self, column: &[u8], accounts: &Accounts<'_>) -> Option<String> {
        let column = core::str::from_utf8(column).ok()?;
        let of = |hits: &AccountHits| {
            if column.eq_ignore_ascii_case("SELECT_COMMANDS") {
                Some(hits.hits)
            } else if column.eq_ignore_ascii_case("ROWS_SENT") {
                Some(hits.rows)
            } else if column.eq_ignore_ascii_case("EMPTY_QUERIES") {
                Some(hits.empty)
            } else {
                None
            }
        };
        let none = AccountHits { name: Vec::new(), hits: 0, rows: 0, empty: 0 };
        of(&none)?;
        let (key, list) = match self {
            Self::Users => ("USER", accounts.users),
            Self::Clients => ("CLIENT", accounts.clients),
        };
        let mut expression = format!("({column} + CASE {key}");
        for hits in list {
            expression.push_str(&format!(" WHEN {} THEN {}", hex(&hits.name), of(hits)?));
        }
        expression.push_str(" WHEN '' THEN 0 ELSE 0 END");
        if self == Self::Clients && !accounts.control_user.is_empty() {
            // The door's own connections come from the address that its clients come from.
            expression.push_str(&format!(
                " - IFNULL((SELECT own.{column} FROM information_schema.USER_STATISTICS own WHERE \
                 own.USER = {}), 0)",
                hex(accounts.control_user)
            ));
        }
        expression.push(')');
        Some(expression)
    }
}

/// A text literal of any bytes.
fn hex(text: &[u8]) -> String {
    let mut literal = String::from("CONVERT(x'");
    for byte in text {
        literal.push_str(&format!("{byte:02x}"));
    }
    literal.push_str("' USING utf8)");
    literal
}
