//! `menshen explain oom`: inputs opened, rights given up, the night told.
//!
//! Everything is opened with the rights it was started with; no byte of it is looked at before root
//! has become `nobody`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use menshen_explain::certificate::Paint;
use menshen_explain::oom::{Input, OomError, Progress, Story, json, open, read, text};
use menshen_explain::rights::become_nobody;

use crate::cli::OomArguments;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

/// `menshen explain oom`.
pub(crate) fn run(arguments: &OomArguments) -> ExitCode {
    match tell(arguments) {
        Ok(story) => {
            let code = if story.is_quiet() { 0 } else { EXIT_NO };
            out::print(&shape(arguments, &story), code)
        }
        Err(Complaint { text, code }) => {
            out::complain(&text);
            ExitCode::from(code)
        }
    }
}

/// Why there is no story.
struct Complaint {
    text: String,
    code: u8,
}

fn tell(arguments: &OomArguments) -> Result<Story, Complaint> {
    let inputs = inputs(arguments)?;
    let opened = open(&inputs).map_err(|error| failed(&error))?;
    become_nobody().map_err(|error| Complaint {
        text: format!("menshen: could not become the user nobody\n  detail: {error}"),
        code: EXIT_PERMANENT,
    })?;
    let mut ticker = Ticker::new();
    let story = read(opened, &mut |progress| ticker.tick(progress));
    ticker.clear();
    story.map_err(|error| failed(&error))
}

fn inputs(arguments: &OomArguments) -> Result<Vec<Input>, Complaint> {
    if let Some(recorder) = &arguments.recorder {
        let path = recorder.clone().map_or_else(usual_recorder, Ok)?;
        return Ok(vec![Input::Recorder(path)]);
    }
    if arguments.live {
        return Ok(vec![Input::Live]);
    }
    if arguments.journal {
        return Ok(vec![Input::Journal]);
    }
    if arguments.files.is_empty() {
        if std::io::stdin().is_terminal() {
            return Err(Complaint {
                text: "menshen: there is nothing to read\n  hint: name a log or a folder of logs \
                       such as /var/log, or use --live or --journal."
                    .into(),
                code: EXIT_CONFIG,
            });
        }
        return Ok(vec![Input::Stdin]);
    }
    let stdin = arguments.files.iter().filter(|path| path.as_path() == Path::new("-"));
    if stdin.count() > 1 {
        let text = "menshen: standard input can be read once\n  hint: `-` was named twice.".into();
        return Err(Complaint { text, code: EXIT_CONFIG });
    }
    let input = |path: &PathBuf| match path.to_str() {
        Some("-") => Input::Stdin,
        _ => Input::Path(path.clone()),
    };
    Ok(arguments.files.iter().map(input).collect())
}

/// The recorder of the configuration that would be used here.
fn usual_recorder() -> Result<PathBuf, Complaint> {
    match menshen_guard::load(&menshen_guard::Source::default(), out::stderr_colour()) {
        Ok(settings) => Ok(settings.config.guard.recorder),
        Err(error) => Err(Complaint {
            text: format!("{}\n  hint: name the recorder: --recorder FILE", error.render()),
            code: EXIT_CONFIG,
        }),
    }
}

fn shape(arguments: &OomArguments, story: &Story) -> String {
    if arguments.json {
        return json(story);
    }
    let paint = match out::stdout_colour() {
        menshen_config::Colour::Plain => Paint::Plain,
        menshen_config::Colour::Ansi => Paint::Ansi,
    };
    text(story, paint, out::stdout_columns())
}

fn failed(error: &OomError) -> Complaint {
    let mut text = format!("menshen: {}", shown(&error.to_string()));
    if let Some(source) = std::error::Error::source(error) {
        text += &format!("\n  detail: {}", shown(&source.to_string()));
    }
    let hint = error.hint();
    if !hint.is_empty() {
        text += &format!("\n  hint: {}", shown(&hint));
    }
    Complaint { text, code: if error.is_passing() { EXIT_RETRY } else { EXIT_PERMANENT } }
}

/// A line on the terminal while reading takes long.
struct Ticker {
    terminal: bool,
    next: Instant,
    written: bool,
}

impl Ticker {
    fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { terminal, next: Instant::now() + STEP, written: false }
    }

    fn tick(&mut self, progress: Progress) {
        if !self.terminal || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + STEP;
        self.written = true;
        let read = progress.bytes >> 20;
        // Of compressed files the size on disk is less than what is read.
        let all = progress.bytes_all.map(|all| all >> 20).filter(|all| *all >= read);
        let all = all.map(|all| format!(" of {all}")).unwrap_or_default();
        // Nobody is left to be told.
        let _ = write!(std::io::stderr(), "\r\x1b[Kmenshen: {read}{all} MiB read");
    }

    fn clear(&mut self) {
        if self.written {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Fit for a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

const STEP: Duration = Duration::from_millis(500);
