//! What the control account must be allowed, or what it cannot see would be taken for absent.

use super::{Client, ClientError};

/// Rights on all databases that the account lacks.
///
/// # Errors
/// As [`ClientError`] says.
pub(crate) async fn missing(client: &mut Client) -> Result<Vec<&'static str>, ClientError> {
    let rows = client.query("SHOW GRANTS", 10_000).await?;
    let mut held = String::new();
    for row in &rows {
        let text = row.first().and_then(Option::as_deref).unwrap_or_default();
        let text = String::from_utf8_lossy(text).to_uppercase();
        if let Some((rights, _)) = text.split_once(" ON *.* TO ") {
            held.push_str(rights.strip_prefix("GRANT ").unwrap_or(rights));
            held.push_str(", ");
        }
    }
    let has = |right: &str| held.split(", ").any(|one| one == right || one == "ALL PRIVILEGES");
    let lacks = |row: &&&[&'static str]| !row.iter().any(|right| has(right));
    Ok(NEEDED.iter().filter(lacks).filter_map(|row| row.first().copied()).collect())
}

/// Each row: one of these. The first is MariaDB's name of today, or both servers'.
const NEEDED: &[&[&str]] = &[
    &["SELECT"],
    &["SHOW VIEW"],
    &["TRIGGER"],
    &["EVENT"],
    &["PROCESS"],
    &["REPLICATION SLAVE", "REPLICATION REPLICA"],
    &["BINLOG MONITOR", "REPLICATION CLIENT"],
];

pub(crate) const HINT: &str = "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, PROCESS, \
     REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO the control account";
