//! `menshen worker`: the role behind the shared port. What it needs comes on standard input, as
//! one JSON text, from the guard that started it; nothing is read from files or arguments.

use std::io::Read;
use std::process::ExitCode;

use menshen_config::WorkerSpec;
use menshen_sys::process::{set_name, stdin_from_null};

use crate::out;

pub(crate) fn run() -> ExitCode {
    let mut text = Vec::new();
    let spec = std::io::stdin()
        .lock()
        .read_to_end(&mut text)
        .map_err(serde_json::Error::io)
        .and_then(|_| serde_json::from_slice::<WorkerSpec>(&text));
    let spec = match spec {
        Ok(spec) => spec,
        Err(error) => {
            out::complain(&format!(
                "menshen: this is no worker's specification\n  detail: {error}\n  hint: workers \
                 are started by `menshen serve`"
            ));
            return ExitCode::from(crate::EXIT_CONFIG);
        }
    };
    // It holds the keys; the file in memory behind standard input is gone with this.
    drop(text);
    if let Err(error) = stdin_from_null() {
        out::complain(&format!("menshen: could not open /dev/null\n  detail: {error}"));
        return ExitCode::from(crate::EXIT_PERMANENT);
    }
    set_name(&format!("menshen:web/{}", spec.index));
    menshen_web::run(spec)
}
