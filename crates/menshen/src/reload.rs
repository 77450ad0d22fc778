//! `menshen reload` and `menshen upgrade`: ask the guard, and wait for what becomes of it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use menshen_guard::{ask_reload, ask_upgrade, load, running_guard, scoreboard_path};
use menshen_sys::ScoreView;
use menshen_sys::scoreboard::HeaderWord;

use crate::cli::{Place, ReloadArguments, UpgradeArguments};
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
    ask_for(&RELOAD, &state)
}

/// `menshen upgrade`: asks the guard to become the installed program, and waits for it.
pub(crate) fn upgrade(arguments: &UpgradeArguments) -> ExitCode {
    match state_of(&arguments.place) {
        Ok(state) => ask_for(&UPGRADE, &state),
        Err(code) => code,
    }
}

/// What the guard is asked for.
struct Request {
    name: &'static str,
    done_text: &'static str,
    ask: fn(u32) -> std::io::Result<()>,
    done: HeaderWord,
    refused: HeaderWord,
    wait: Duration,
}

fn ask_for(request: &Request, state: &Path) -> ExitCode {
    let (pid, board) = match find(state) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let counts = || (board.header(request.done), board.header(request.refused));
    let before = counts();
    if let Err(error) = (request.ask)(pid) {
        out::complain(&format!(
            "menshen: could not signal the guard (pid {pid})\n  detail: {error}\n  hint: run this \
             as root or as the user who started it"
        ));
        return ExitCode::from(EXIT_PERMANENT);
    }
    let give_up = Instant::now() + request.wait;
    while Instant::now() < give_up {
        let now = counts();
        if now.1 > before.1 {
            let (name, reason) = (request.name, board.text());
            out::complain(&format!("menshen: {name} refused, nothing changed\n{reason}"));
            return ExitCode::from(EXIT_NO);
        }
        if now.0 > before.0 {
            let generation = board.header(HeaderWord::Generation);
            return out::print(&format!("{}: generation {generation}\n", request.done_text), 0);
        }
        if running_guard(state) != Some(pid) {
            out::complain("menshen: the guard ended before it answered");
            return ExitCode::from(EXIT_NO);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    out::complain(&format!(
        "menshen: no answer after {} s\n  hint: `menshen status` and the guard's log tell more",
        request.wait.as_secs()
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

const RELOAD: Request = Request {
    name: "reload",
    done_text: "reloaded",
    ask: ask_reload,
    done: HeaderWord::ReloadsDone,
    refused: HeaderWord::ReloadsRefused,
    // Workers get 10 s to be ready.
    wait: Duration::from_secs(12),
};

const UPGRADE: Request = Request {
    name: "upgrade",
    done_text: "upgraded",
    ask: ask_upgrade,
    done: HeaderWord::UpgradesDone,
    refused: HeaderWord::UpgradesRefused,
    // The trial may take 10 s, keeper and watch 5 s to end, a program that does not get ready
    // three tries of 10 s.
    wait: Duration::from_secs(50),
};
