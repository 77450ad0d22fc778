//! `menshen explain`: why something is as it is. Here for uploads to PHP; each other question has
//! a file of its own.
//!
//! Facts are gathered here by the server's own code; what follows from them is in `report`.

use std::path::PathBuf;
use std::process::ExitCode;

use menshen_base::with_causes;
use menshen_config::Config;
use menshen_config::model::Delivery;
use menshen_guard::{PoolReach, Source, load, reach, user_name};
use menshen_sys::process::{Rights, become_worker};
use menshen_web::explain::{Reached, UploadAnswer, UploadRoute, route_upload, test_pool};

use self::question::Question;
use self::report::{Facts, Pool, Report, Test};
use crate::cli::UploadArguments;
use crate::{EXIT_CONFIG, EXIT_RETRY, out};

pub(crate) mod cert;
mod findings;
pub(crate) mod https;
pub(crate) mod install;
pub(crate) mod next;
pub(crate) mod oom;
pub(crate) mod page;
mod place;
pub(crate) mod port;
pub(crate) mod query;
mod question;
mod report;
pub(crate) mod silence;
pub(crate) mod stopped;
mod text;
mod ticker;
pub(crate) mod tunnel;

/// `menshen explain upload`.
pub(crate) fn upload(arguments: UploadArguments) -> ExitCode {
    let json = arguments.json;
    match explain(arguments) {
        Err((text, code)) => {
            out::complain(&text);
            ExitCode::from(code)
        }
        Ok((report, code)) => {
            let text = if json {
                // Strings and numbers only: nothing in it can fail to become JSON.
                serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
            } else {
                text::text(&report, out::stdout_colour())
            };
            out::print(&text, code)
        }
    }
}

fn explain(arguments: UploadArguments) -> Result<(Report, u8), (String, u8)> {
    let question = Question::parse(&arguments.path, arguments.site.as_deref())
        .map_err(|text| (text, EXIT_CONFIG))?;
    let source = Source { file: arguments.place.config, php: arguments.php, ..Source::default() };
    let settings = load(&source, out::stderr_colour());
    let mut config = settings.map_err(|error| (error.render(), EXIT_CONFIG))?.config;
    move_state(&mut config, arguments.place.state);
    let reached = reach(&config).map_err(|error| (error.render(), EXIT_CONFIG))?;
    // Seen with the eyes of a worker: what root may read says nothing.
    if let Some(user) = reached.become_user {
        let rights = Rights { user: Some(user), oom_score_adj: None };
        become_worker(&rights).map_err(|error| local("become the workers' user", &error))?;
    }
    let host = question.host.as_deref();
    let route = route_upload(&config, &reached.sites, host, &question.target)
        .map_err(|error| local("look at the sites", &error))?;
    let pool = pool_of(&route, &reached.sites, reached.pools);
    let pool = pool.map(|pool| test(&config, &route, pool)).transpose()?;
    let facts = Facts { config: &config, question: &question, route: &route, pool };
    Ok(facts.report())
}

fn local(action: &str, error: &dyn std::error::Error) -> (String, u8) {
    (format!("menshen: could not {action}\n  detail: {}", with_causes(error)), EXIT_RETRY)
}

/// With another state folder, what lies in it lies there.
pub(crate) fn move_state(config: &mut Config, state: Option<PathBuf>) {
    let Some(state) = state else { return };
    let Ok(state) = std::path::absolute(state) else { return };
    if let Ok(rest) = config.php.folder.strip_prefix(&config.state) {
        config.php.folder = state.join(rest);
    }
    config.state = state;
}

/// The pool of the script that would run.
fn pool_of(
    route: &UploadRoute,
    sites: &[menshen_config::SiteSpec],
    pools: Vec<PoolReach>,
) -> Option<PoolReach> {
    let UploadAnswer::Script { .. } = route.answer else { return None };
    let number = sites.get(route.site?)?.pool?;
    pools.into_iter().nth(usize::try_from(number).ok()?)
}

fn test(config: &Config, route: &UploadRoute, pool: PoolReach) -> Result<Pool, (String, u8)> {
    let PoolReach { spec, workers_assumed, spool } = pool;
    let (configured, user_ini) = match &route.answer {
        UploadAnswer::Script { delivery, user_ini, .. } => (*delivery, &**user_ini),
        _ => (Delivery::Auto, ""),
    };
    let mut pool = Pool {
        address: spec.address.to_string(),
        managed: spec.managed,
        workers: spec.workers,
        workers_assumed,
        spool: spec.spool_path.display().to_string(),
        user: None,
        said: None,
        test: Test::default(),
    };
    let spool = match spool {
        Ok(spool) => spool,
        Err(error) => {
            pool.test.reached = match error.kind() {
                std::io::ErrorKind::PermissionDenied => Reached::NotPermitted(error.to_string()),
                _ => Reached::Unreachable(format!("the spool: {error}")),
            };
            pool.test.never_started = error.kind() == std::io::ErrorKind::NotFound;
            return Ok(pool);
        }
    };
    let answer = test_pool(config, &spec, spool).map_err(|error| local("ask the pool", &error))?;
    let uid = answer.said.as_ref().and_then(|said| u32::try_from(said.uid).ok());
    pool.user = uid.map(|uid| match user_name(uid) {
        Some(name) => format!("{name} ({uid})"),
        None => uid.to_string(),
    });
    pool.test = Test {
        never_started: false,
        swaps: answer.swaps(),
        findings: answer.findings().to_vec(),
        milliseconds: answer.milliseconds,
        swap_files_max: answer.swap_files_max,
        delivery: answer.delivery(configured, user_ini),
        reached: answer.reached,
    };
    pool.said = answer.said;
    Ok(pool)
}
