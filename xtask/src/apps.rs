//! Real PHP applications from Debian packages, driven in Chromium over HTTPS.
//!
//! Each application is a copy of its package in a temporary folder, its code unchanged; its site
//! block is the one of `docs/guide/php-sites.md`. It must never touch the system's own
//! configuration, database or services. `--server nginx` runs the same steps without menshen: it
//! tells whether a failure is the application's or ours.

mod account;
mod application;
mod copy;
mod database;
mod guide;
mod lab;
mod menshen;
mod nginx;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::server::Server;
use crate::{chromium, shell, workspace};
use application::{APPLICATIONS, Application};
use database::{Database, Reached};
use lab::Lab;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Applications; all without one: wordpress, dokuwiki, phpmyadmin, adminer, mediawiki.
    names: Vec<String>,
    /// The server in front of them.
    #[arg(long, value_enum, default_value = "menshen")]
    server: Kind,
    /// The menshen program; the released one of this tree without it.
    #[arg(long, value_name = "FILE")]
    menshen: Option<PathBuf>,
    /// Size of the uploads in MB.
    #[arg(long, default_value_t = 200)]
    megabytes: u32,
    /// Where screenshots go; target/apps without it.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Leaves the working folder, for a look at logs and data.
    #[arg(long)]
    keep: bool,
}

/// Who serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// This project's server, with a pool of its own.
    Menshen,
    /// nginx with php-fpm, as a comparison.
    Nginx,
}

/// A server with what belongs to it.
#[derive(Debug)]
struct Front {
    /// In the order in which they are stopped.
    servers: Vec<Server>,
    /// Where it answers, without the host.
    port: u16,
    /// The command that prints its state as JSON, if it has one.
    status: Vec<String>,
    /// Logs to look at after a failure.
    logs: Vec<PathBuf>,
}

/// Runs the applications; ends with 1 when one fails.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let chosen = chosen(&options.names)?;
    let missing = application::missing_packages(&chosen);
    if !missing.is_empty() {
        let list = missing.join(" ");
        return Err(format!("packages are missing: apt-get install {list}"));
    }
    let target = workspace::target_folder()?;
    let out = options.out.clone().unwrap_or_else(|| target.join("apps"));
    let menshen = options.menshen.clone().unwrap_or_else(|| target.join("release/menshen"));
    let scripts = workspace::repository_root()?.join("tests/peers/apps");
    chromium::install_driver(&scripts)?;

    let lab = Lab::new(options.keep)?;
    let database = if chosen.iter().any(|application| application.uses_database) {
        let reached = match options.server {
            Kind::Menshen => Reached::ThroughDoor,
            Kind::Nginx => Reached::Itself,
        };
        Some(Database::start(&lab, reached)?)
    } else {
        None
    };
    let run = Run { options, lab: &lab, database: database.as_ref(), scripts, out, menshen };
    let mut results = Vec::new();
    for application in chosen {
        println!("\n== {} from Debian, behind {}", application.name, run.server_name());
        let start = Instant::now();
        let result = run.one(application);
        results.push((application.name, result, start.elapsed().as_secs_f64()));
    }
    println!();
    for (name, result, secs) in &results {
        match result {
            Ok(()) => println!("passed {name:<12} {secs:6.1} s"),
            Err(message) => println!("FAILED {name:<12} {secs:6.1} s  {message}"),
        }
    }
    println!("screenshots: {}", run.out.display());
    let all = results.iter().all(|(_, result, _)| result.is_ok());
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The step of `cargo xtask ci`: the two that every change has to serve.
pub(crate) fn for_ci() -> Result<(), String> {
    let options = Options {
        names: vec!["wordpress".to_owned(), "dokuwiki".to_owned()],
        server: Kind::Menshen,
        menshen: None,
        megabytes: 200,
        out: None,
        keep: false,
    };
    match run(&options)? {
        code if code == ExitCode::SUCCESS => Ok(()),
        _ => Err("see above".to_owned()),
    }
}

/// What all applications of one run have in common.
struct Run<'a> {
    options: &'a Options,
    lab: &'a Lab,
    database: Option<&'a Database>,
    scripts: PathBuf,
    out: PathBuf,
    menshen: PathBuf,
}

impl Run<'_> {
    fn one(&self, application: &Application) -> Result<(), String> {
        let place = self.lab.place(application.name)?;
        application.install(self.lab, &place, self.database)?;
        let mut front = match self.options.server {
            Kind::Menshen => {
                menshen::start(self.lab, &place, application, &self.menshen, self.database)?
            }
            Kind::Nginx => nginx::start(self.lab, &place, application)?,
        };
        let result = self.drive(application, &place, &front).and_then(|()| self.count(application));
        let result = result.and_then(|()| self.front_page(application, &front));
        for server in &mut front.servers {
            if !server.is_alive() {
                println!("a server ended meanwhile");
            }
        }
        if result.is_err() {
            front.logs.iter().for_each(|log| show_end(log));
        }
        drop(front);
        if result.is_ok() && !self.options.keep {
            place.remove();
        }
        result
    }

    /// Whether the sql door answered anything from its cache, where the application asks it.
    fn count(&self, application: &Application) -> Result<(), String> {
        let database = self.database.filter(|_| application.uses_database);
        let Some(database) = database.filter(|_| self.options.server == Kind::Menshen) else {
            return Ok(());
        };
        let (hits, inserts) = database.cache_counts()?;
        println!("sql door: {hits} answers from the cache, {inserts} kept for it");
        if hits == 0 { Err("the sql door answered nothing from its cache".into()) } else { Ok(()) }
    }

    /// How many of its front page's reads the database still sees once the page was seen.
    fn front_page(&self, application: &Application, front: &Front) -> Result<(), String> {
        let database = self.database.filter(|_| application.name == "wordpress");
        let Some(database) = database.filter(|_| self.options.server == Kind::Menshen) else {
            return Ok(());
        };
        let url = format!("https://{}.localhost:{}/", application.name, front.port);
        let page = || {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--fail", "--insecure", "--max-time", "20"]);
            shell::output(curl.args(["--noproxy", "*", "--output", "/dev/null"]).arg(&url))
        };
        // The posts by which the driver shows large forms are larger than any result that is kept.
        database.execute(
            "UPDATE wordpress.wp_posts SET post_status='draft' WHERE LENGTH(post_content) > 65536",
        )?;
        for _ in 0..PAGES_BEFORE {
            page()?;
        }
        let (hits, _) = database.cache_counts()?;
        let reads = database.reads()?;
        for _ in 0..PAGES {
            page()?;
        }
        let reads = database.reads()?.saturating_sub(reads);
        let hits = database.cache_counts()?.0.saturating_sub(hits);
        println!("front page, {PAGES} times: {hits} reads from the cache, {reads} by the server");
        if reads * 10 <= hits + reads && hits > 0 {
            return Ok(());
        }
        Err("of the front page's reads more than one in ten reached the server".into())
    }

    fn drive(
        &self,
        application: &Application,
        place: &lab::Place,
        front: &Front,
    ) -> Result<(), String> {
        let shots = self.out.join(format!("{}-{}", application.name, self.server_name()));
        let settings = json!({
            "application": application.name,
            "server": self.server_name(),
            "origin": format!("https://{}.localhost:{}", application.name, front.port),
            "root": place.root,
            "work": place.work,
            "shots": shots,
            "bytes": u64::from(self.options.megabytes) * 1_000_000,
            "database": self.database.map(Database::settings),
            "status": front.status,
            "logs": front.logs,
        });
        let file = place.work.join("settings.json");
        fs::write(&file, settings.to_string())
            .map_err(|e| format!("could not write {}: {e}", file.display()))?;
        let node = shell::find("node").ok_or("no node in PATH; install the package nodejs")?;
        let mut script = account::command_as_we_are(&node);
        script.current_dir(&self.scripts).arg("drive.mjs").arg(&file);
        script.env("CHROMIUM", chromium::program()?);
        shell::run(&mut script).map_err(|_| "see above".to_owned())
    }

    const fn server_name(&self) -> &'static str {
        match self.options.server {
            Kind::Menshen => "menshen",
            Kind::Nginx => "nginx",
        }
    }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Application>, String> {
    if names.is_empty() {
        return Ok(APPLICATIONS.iter().collect());
    }
    let find = |name: &String| {
        let found = APPLICATIONS.iter().find(|application| application.name == name.as_str());
        found.ok_or_else(|| {
            let known: Vec<_> = APPLICATIONS.iter().map(|known| known.name).collect();
            format!("no application {name}; there are {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

fn show_end(log: &std::path::Path) {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    if lines.is_empty() {
        return;
    }
    println!("-- the end of {}", log.display());
    for line in lines.iter().skip(lines.len().saturating_sub(LINES_SHOWN)) {
        println!("   {line}");
    }
}

const LINES_SHOWN: usize = 15;
/// Views of a page after which all it reads was read before.
const PAGES_BEFORE: usize = 5;
/// Views of a page that are counted.
const PAGES: u64 = 20;

#[cfg(test)]
mod tests;
