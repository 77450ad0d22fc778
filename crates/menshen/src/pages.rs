//! `menshen pages`: man pages and completions, made of the table that the command line is read by,
//! so neither can tell of an option that is not there.

use std::fs::{File, create_dir_all};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::{Cli, PagesArguments};
use crate::{EXIT_PERMANENT, out};

pub(crate) fn run(arguments: &PagesArguments) -> ExitCode {
    match write(&arguments.folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let folder = arguments.folder.display();
            out::complain(&format!("menshen: could not write to {folder}\n  detail: {error}"));
            ExitCode::from(EXIT_PERMANENT)
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    let pages = folder.join("man1");
    create_dir_all(&pages)?;
    let mut whole = Cli::command();
    whole.build();
    page(&whole, &pages)?;
    for (shell, name) in COMPLETIONS {
        let path = folder.join(shell.to_string()).join(name);
        create_dir_all(path.parent().unwrap_or(folder))?;
        let mut file = BufWriter::new(File::create(path)?);
        clap_complete::generate(shell, &mut visible(Cli::command()), "menshen", &mut file);
        file.flush()?;
    }
    Ok(())
}

/// The page of a command, and those of the commands below it.
fn page(command: &clap::Command, folder: &Path) -> io::Result<()> {
    let own = Man::new(command.clone()).source("menshen").manual("menshen");
    own.generate_to(folder)?;
    let mut shown = command.get_subcommands().filter(|below| !below.is_hide_set());
    shown.try_for_each(|below| page(below, folder))
}

/// Without the roles that only the guard starts: nobody types them.
fn visible(command: clap::Command) -> clap::Command {
    let shown: Vec<clap::Command> =
        command.get_subcommands().filter(|below| !below.is_hide_set()).cloned().collect();
    let mut bare = clap::Command::new("menshen").disable_help_subcommand(true);
    for argument in command.get_arguments() {
        bare = bare.arg(argument.clone());
    }
    bare.subcommands(shown)
}

const COMPLETIONS: [(Shell, &str); 3] =
    [(Shell::Bash, "menshen"), (Shell::Zsh, "_menshen"), (Shell::Fish, "menshen.fish")];
