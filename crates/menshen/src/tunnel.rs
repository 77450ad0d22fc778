//! `menshen tunnel`: a tunnel dialled from here, and users of the tunnel door.

mod connect;
mod failure;
mod password;
mod tell;
mod user;

use std::process::ExitCode;

use crate::cli::TunnelCommand;

/// Runs the command.
pub(crate) fn run(command: TunnelCommand) -> ExitCode {
    match command {
        TunnelCommand::Connect(arguments) => connect::run(&arguments),
        TunnelCommand::User(arguments) => user::run(&arguments.name),
    }
}

/// What ends a command before it began: usage, configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refused {
    message: String,
    hint: String,
}

impl Refused {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }

    /// Says it.
    fn complain(&self) -> ExitCode {
        let hint = Some(&self.hint).filter(|hint| !hint.is_empty());
        let hint = hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        crate::out::complain(&format!("menshen: {}{hint}", self.message));
        ExitCode::from(crate::EXIT_CONFIG)
    }
}

impl From<menshen_config::dial::Refused> for Refused {
    fn from(refused: menshen_config::dial::Refused) -> Self {
        Self::new(refused.message, refused.hint)
    }
}
