//! `menshen tunnel-worker`: the role behind the tunnel door. What it needs comes on standard input,
//! as one JSON text, from the guard that started it; nothing is read from files or arguments.

use std::io::Read;
use std::process::ExitCode;

use menshen_config::TunnelSpec;
use menshen_sys::process::{set_name, stdin_from_null};

use crate::out;

pub(crate) fn run() -> ExitCode {
    let mut text = Vec::new();
    let spec = std::io::stdin()
        .lock()
        .read_to_end(&mut text)
        .map_err(serde_json::Error::io)
        .and_then(|_| serde_json::from_slice::<TunnelSpec>(&text));
    let spec = match spec {
        Ok(spec) => spec,
        Err(error) => {
            out::complain(&format!(
                "menshen: this is no tunnel worker's specification\n  detail: {error}\n  hint: \
                 tunnel workers are started by `menshen serve`"
            ));
            return ExitCode::from(crate::EXIT_CONFIG);
        }
    };
    if let Err(error) = stdin_from_null() {
        out::complain(&format!("menshen: could not open /dev/null\n  detail: {error}"));
        return ExitCode::from(crate::EXIT_PERMANENT);
    }
    set_name(&format!("menshen:tunnel/{}", spec.index));
    menshen_tunnel::run(spec)
}
