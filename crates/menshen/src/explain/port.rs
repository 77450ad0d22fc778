//! `menshen explain port`: options to a question, the answer shown.
//!
//! It keeps the rights it was started with, since only root sees whose sockets are whose. It reads
//! no byte of a peer; what it shows of processes and rules is made fit for a terminal by the text.

use std::process::ExitCode;

use menshen_explain::port::{PortError, Probes, Question, look, port_of};
use menshen_explain_core::port::{Report, Transport, text};

use crate::cli::PortArguments;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, out};

/// Looks, and prints what was seen.
pub(crate) fn run(arguments: &PortArguments) -> ExitCode {
    let report = match explain(arguments) {
        Ok(report) => report,
        Err((text, code)) => {
            out::complain(&text);
            return ExitCode::from(code);
        }
    };
    let shown = if arguments.json {
        // Strings and numbers only: nothing in it can fail to become JSON.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        out::folded(&text(&report))
    };
    out::print(&shown, if report.is_good() { 0 } else { EXIT_NO })
}

fn explain(arguments: &PortArguments) -> Result<Report, (String, u8)> {
    let transport = if arguments.udp { Transport::Udp } else { Transport::Tcp };
    let port = port_of(&arguments.port, transport).ok_or_else(|| {
        let word = arguments.port.escape_debug();
        let protocol = transport.word();
        let text = format!(
            "menshen: \"{word}\" is no port and no {protocol} service\n  hint: a number from 1 to \
             65535, or a name as in /etc/services"
        );
        (text, EXIT_CONFIG)
    })?;
    let question = Question {
        port,
        transport,
        asked: arguments.address.clone(),
        probes: if arguments.no_probe { Probes::Leave } else { Probes::Try },
    };
    look(&question).map(Report::new).map_err(|error| failure(&error))
}

fn failure(error: &PortError) -> (String, u8) {
    let source = std::error::Error::source(error);
    let detail = source.map(|source| format!("\n  detail: {source}")).unwrap_or_default();
    (format!("menshen: {error}{detail}"), EXIT_PERMANENT)
}
