//! `menshen explain oom`: inputs opened, rights given up, the night told.
//!
//! Everything is opened with the rights it was started with; no byte of it is looked at before root
//! has become `nobody`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use menshen_explain::certificate::Paint;
use menshen_explain::oom::{Input, OomError, Story, json, open, picture, read, text};
use menshen_explain::rights::become_nobody;

use super::next::{self, Form};
use super::place::{one_to_stdout, place, put};
use super::ticker::Ticker;
use crate::cli::OomArguments;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

/// `menshen explain oom`.
pub(crate) fn run(arguments: &OomArguments) -> ExitCode {
    if arguments.next {
        let form = if arguments.json { Form::Json } else { Form::Text };
        return next::run(arguments.top, form);
    }
    match tell(arguments) {
        Ok((text, code)) => out::print(&text, code),
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

impl From<(String, u8)> for Complaint {
    fn from((text, code): (String, u8)) -> Self {
        Self { text, code }
    }
}

/// What is printed, after pictures were written, and the exit code.
fn tell(arguments: &OomArguments) -> Result<(String, u8), Complaint> {
    one_to_stdout(arguments.svg.as_deref(), arguments.html.as_deref(), arguments.json)?;
    let inputs = inputs(arguments)?;
    let [svg, html] = [&arguments.svg, &arguments.html].map(|path| place(path.as_deref()));
    let (svg, html) = (svg?, html?);
    let opened = open(&inputs).map_err(|error| failed(&error))?;
    become_nobody().map_err(|error| Complaint {
        text: format!("menshen: could not become the user nobody\n  detail: {error}"),
        code: EXIT_PERMANENT,
    })?;
    let mut ticker = Ticker::new();
    let story = read(opened, &mut |progress| ticker.tick(progress.bytes, progress.bytes_all));
    ticker.clear();
    let story = story.map_err(|error| failed(&error))?;
    let code = if story.is_quiet() { 0 } else { EXIT_NO };
    let (night, report) = (&story.night, &story.report);
    let picture = put(svg.as_ref(), || picture::svg(night, report))?;
    let page = put(html.as_ref(), || picture::html(night, report))?;
    Ok((picture.or(page).unwrap_or_else(|| shape(arguments, &story)), code))
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

/// Fit for a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}
