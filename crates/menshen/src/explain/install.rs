//! `menshen explain install`: options to a recipe, the answer shown.

use std::process::ExitCode;

use menshen_explain::install::look;
use menshen_explain_core::install::{Report, text};
use menshen_install::host::Host;

use crate::cli::ExplainInstallArguments;
use crate::install::recipe::find;
use crate::{EXIT_NO, out};

/// Looks, and prints what was seen.
pub(crate) fn run(arguments: &ExplainInstallArguments) -> ExitCode {
    let recipe = match find(&arguments.name, arguments.recipe.as_deref()) {
        Ok(recipe) => recipe,
        Err(failure) => return failure.complain(),
    };
    let prefix = arguments.prefix.as_deref();
    let report = Report::new(look(&recipe.recipe, &Host::look(), prefix));
    let shown = if arguments.json {
        // Strings and numbers only: nothing in it can fail to become JSON.
        serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
    } else {
        out::folded(&text(&report))
    };
    out::print(&shown, if report.is_good() { 0 } else { EXIT_NO })
}
