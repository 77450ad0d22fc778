//! Google's list of Certificate Transparency logs, `log_list.json` version 3
//! (<https://googlechrome.github.io/CertificateTransparency/log_lists.html>).
//!
//! Only what checking a timestamp needs is kept. It fails when the file is no such list; an entry
//! whose log id is not the digest of its key is refused with the whole list.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use menshen_explain_core::certificate::{CT_LOGS_MADE, CtLog, LogState};
use serde::Deserialize;

use super::der;
use super::input::base64;

/// The logs of a list.
#[derive(Debug, Clone, Default)]
pub struct CtLogs {
    /// The logs.
    pub logs: Vec<CtLog>,
    /// When the list was made, as it says.
    pub made: Option<String>,
}

/// Why a file is no list of logs.
#[derive(Debug, thiserror::Error)]
pub enum CtLogsError {
    /// Not JSON of this form.
    #[error("it is no log_list.json of version 3: {0}")]
    Form(String),
    /// A log whose id is not of its key.
    #[error("the id of log \"{0}\" is not the digest of its key")]
    Id(String),
}

/// The list that comes with menshen.
pub(super) fn shipped() -> CtLogs {
    let made = Some(format!("Chromium {CT_LOGS_MADE}"));
    CtLogs { logs: menshen_explain_core::certificate::ct_logs(), made }
}

/// Reads a list.
///
/// # Errors
/// [`CtLogsError`].
pub(super) fn read(bytes: &[u8]) -> Result<CtLogs, CtLogsError> {
    let list: List =
        serde_json::from_slice(bytes).map_err(|error| CtLogsError::Form(error.to_string()))?;
    let mut logs = Vec::new();
    for operator in list.operators {
        for entry in operator.logs.into_iter().chain(operator.tiled_logs) {
            let key = base64(entry.key.as_bytes());
            let key = key.ok_or_else(|| CtLogsError::Form("a key is no base64".into()))?;
            let id = digest(&SHA256, &key);
            if base64(entry.log_id.as_bytes()).as_deref() != Some(id.as_ref()) {
                return Err(CtLogsError::Id(entry.description));
            }
            let id = id.as_ref().try_into().unwrap_or_default();
            let state = entry.state.as_ref().map_or(LogState::Usable, state_of);
            logs.push(CtLog {
                id,
                key_der: key,
                operator: operator.name.clone(),
                name: entry.description,
                state,
            });
        }
    }
    Ok(CtLogs { logs, made: list.log_list_timestamp })
}

fn state_of(state: &BTreeMap<String, Entered>) -> LogState {
    if let Some(retired) = state.get("retired") {
        return match milliseconds(&retired.timestamp) {
            Some(at_ms) => LogState::Retired { at_ms },
            None => LogState::Rejected,
        };
    }
    if state.contains_key("rejected") || state.contains_key("pending") {
        return LogState::Rejected;
    }
    LogState::Usable
}

/// Milliseconds since 1970 of `2026-05-10T13:43:35Z`.
fn milliseconds(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(char::is_ascii_digit).take(14).collect();
    let bytes = der::wrap(der::GENERALIZED_TIME, format!("{digits}Z").as_bytes());
    let seconds = der::time(&der::Reader::new(&bytes).next()?)?;
    u64::try_from(seconds).ok()?.checked_mul(1000)
}

#[derive(Deserialize)]
struct List {
    log_list_timestamp: Option<String>,
    operators: Vec<Operator>,
}

#[derive(Deserialize)]
struct Operator {
    name: String,
    #[serde(default)]
    logs: Vec<Entry>,
    #[serde(default)]
    tiled_logs: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    description: String,
    log_id: String,
    key: String,
    state: Option<BTreeMap<String, Entered>>,
}

#[derive(Deserialize)]
struct Entered {
    timestamp: String,
}

/// Longest list that is read.
pub const CT_LOGS_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    //! A list as Google writes it.
    use super::*;

    const LIST: &str = r#"{"version":"3","log_list_timestamp":"2026-05-10T13:43:35Z",
        "operators":[
        {"name":"Somebody","email":[],"logs":[{"description":"one","log_id":"ID","key":"AAEC",
        "url":"https://x/","mmd":86400,
        "state":{"STATE":{"timestamp":"2026-01-02T03:04:05Z"}}}]}]}"#;

    fn list(state: &str) -> Result<CtLogs, CtLogsError> {
        let id = "rksygOVuL6+D9BSm49q+nV++GJdlRMBf7RIazLhbU/w=";
        let id = if state == "wrong" { "AAAA" } else { id };
        read(LIST.replace("ID", id).replace("STATE", state).as_bytes())
    }

    #[test]
    fn states_and_ids() {
        let usable = list("usable").unwrap();
        assert_eq!(usable.made.as_deref(), Some("2026-05-10T13:43:35Z"));
        assert_eq!(usable.logs[0].state, LogState::Usable);
        assert_eq!(usable.logs[0].operator, "Somebody");
        let retired = list("retired").unwrap().logs.remove(0).state;
        assert_eq!(retired, LogState::Retired { at_ms: 1_767_323_045_000 });
        assert_eq!(list("rejected").unwrap().logs[0].state, LogState::Rejected);
        assert!(matches!(list("wrong"), Err(CtLogsError::Id(_))));
        assert!(matches!(read(b"{}"), Err(CtLogsError::Form(_))));
    }
}
