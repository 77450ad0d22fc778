//! `menshen reload`: checks the file, asks the guard, waits for what becomes of it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use menshen_guard::{ask_reload, load, running_guard, scoreboard_path};
use menshen_sys::ScoreView;
use menshen_sys::scoreboard::HeaderWord;

use crate::cli::{Place, ReloadArguments};
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

pub(crate) fn run(arguments: &ReloadArguments) -> ExitCode {
    let settings = match load(&arguments.place.source(), out::stderr_colour()) {
        Ok(settings) => settings,
        Err(error) => {
            out::complain(&error.render());
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    let state = arguments.place.state.clone().unwrap_or(settings.config.state);
    let (pid, board) = match find(&state) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let before = counts(board);
    if let Err(error) = ask_reload(pid) {
        out::complain(&format!(
            "menshen: could not signal the guard (pid {pid})\n  detail: {error}\n  hint: run this \
             as root or as the user who started it"
        ));
        return ExitCode::from(EXIT_PERMANENT);
    }
    let give_up = Instant::now() + WAIT_MAX;
    while Instant::now() < give_up {
        let now = counts(board);
        if now.1 > before.1 {
            let reason = board.text();
            out::complain(&format!("menshen: reload refused, nothing changed\n{reason}"));
            return ExitCode::from(EXIT_NO);
        }
        if now.0 > before.0 {
            let generation = board.header(HeaderWord::Generation);
            return out::print(&format!("reloaded: generation {generation}\n"), 0);
        }
        if running_guard(&state) != Some(pid) {
            out::complain("menshen: the guard ended before it answered");
            return ExitCode::from(EXIT_NO);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    out::complain(&format!(
        "menshen: no answer after {} s\n  hint: `menshen status` and the guard's log tell more",
        WAIT_MAX.as_secs()
    ));
    ExitCode::from(EXIT_RETRY)
}

/// The state folder that is meant: as given, else what the configuration says. With a broken
/// configuration the usual folder beside it is tried: a guard may well be running on the last good
/// one, and that is when its status is wanted most.
pub(crate) fn state_of(place: &Place) -> Result<PathBuf, ExitCode> {
    if let Some(state) = &place.state {
        return Ok(state.clone());
    }
    let source = place.source();
    let error = match load(&source, out::stderr_colour()) {
        Ok(settings) => return Ok(settings.config.state),
        Err(error) => error,
    };
    let file = source.file.unwrap_or_default();
    let usual = file.parent().unwrap_or_else(|| Path::new("")).join(".menshen");
    out::complain(&error.render());
    if running_guard(&usual).is_some() {
        return Ok(usual);
    }
    out::complain("  hint: with --state DIR the configuration is not needed");
    Err(ExitCode::from(EXIT_CONFIG))
}

/// The guard that holds this state folder and its scoreboard; complains if there is none.
pub(crate) fn find(state: &Path) -> Result<(u32, ScoreView), ExitCode> {
    let Some(pid) = running_guard(state) else {
        if std::fs::read_dir(state).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied) {
            out::complain(&format!(
                "menshen: may not look into the state folder {}\n  hint: run this as root or as \
                 the user who started menshen",
                state.display()
            ));
            return Err(ExitCode::from(EXIT_PERMANENT));
        }
        out::complain(&format!(
            "menshen: not running\n  detail: no guard holds the state folder {}\n  hint: start it \
             with `menshen serve`, or name its folder with --state",
            state.display()
        ));
        return Err(ExitCode::from(EXIT_NO));
    };
    let path = scoreboard_path(state);
    let view = ScoreView::open(&path).map_err(|error| {
        out::complain(&format!("menshen: could not read {}\n  detail: {error}", path.display()));
        ExitCode::from(EXIT_RETRY)
    })?;
    Ok((pid, view))
}

fn counts(board: ScoreView) -> (u64, u64) {
    (board.header(HeaderWord::ReloadsDone), board.header(HeaderWord::ReloadsRefused))
}

/// Workers get 10 s to be ready.
const WAIT_MAX: Duration = Duration::from_secs(12);
