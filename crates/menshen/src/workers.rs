//! `menshen worker`, `menshen sql-worker` and `menshen tunnel-worker`: the roles behind the doors.
//! What they need comes on standard input, as one JSON text, from the guard that started them;
//! nothing is read from files or arguments.

use std::io::Read;
use std::process::ExitCode;

use menshen_config::{SqlSpec, TunnelSpec, WorkerSpec};
use menshen_sys::process::{set_name, stdin_from_null};
use serde::de::DeserializeOwned;

use crate::out;

/// The role behind the shared port.
pub(crate) fn web() -> ExitCode {
    begin("worker", |spec: WorkerSpec| (format!("web/{}", spec.index), || menshen_web::run(spec)))
}

/// The role behind the sql door.
pub(crate) fn sql() -> ExitCode {
    begin("sql worker", |spec: SqlSpec| (format!("sql/{}", spec.index), || menshen_sql::run(spec)))
}

/// The role behind the tunnel door.
pub(crate) fn tunnel() -> ExitCode {
    begin("tunnel worker", |spec: TunnelSpec| {
        (format!("tunnel/{}", spec.index), || menshen_tunnel::run(spec))
    })
}

/// Reads the specification and runs what `role` makes of it: a name for lists of processes, and
/// the role's life.
fn begin<S: DeserializeOwned, R: FnOnce() -> ExitCode>(
    what: &str,
    role: impl FnOnce(S) -> (String, R),
) -> ExitCode {
    let mut text = Vec::new();
    let spec = std::io::stdin()
        .lock()
        .read_to_end(&mut text)
        .map_err(serde_json::Error::io)
        .and_then(|_| serde_json::from_slice(&text));
    let spec = match spec {
        Ok(spec) => spec,
        Err(error) => {
            out::complain(&format!(
                "menshen: this is no {what}'s specification\n  detail: {error}\n  hint: {what}s \
                 are started by `menshen serve`"
            ));
            return ExitCode::from(crate::EXIT_CONFIG);
        }
    };
    // It holds keys and passwords; the file in memory behind standard input is gone with this.
    drop(text);
    if let Err(error) = stdin_from_null() {
        out::complain(&format!("menshen: could not open /dev/null\n  detail: {error}"));
        return ExitCode::from(crate::EXIT_PERMANENT);
    }
    let (name, run) = role(spec);
    set_name(&format!("menshen:{name}"));
    run()
}
