//! What becomes of an upload, asked by another process than the server: `menshen explain upload`.
//!
//! The server's own routing and its own probe answer, so that an explanation cannot disagree with
//! what the server does. Nothing is served here and nothing of a running server is changed: one
//! file is written into the pool's spool and handed over, as the server's own test does it.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use menshen_base::Finding;
use menshen_config::model::Delivery;
use menshen_config::{Config, PoolSpec, Secrets, SiteSpec};
use menshen_net::Watch;
use menshen_sys::Scoreboard;
use menshen_web_core::head::{Headers, Interest, Method};
use menshen_web_core::target::{decode_path, split};
use serde::Serialize;

use crate::ask::{Ask, Wire};
use crate::auth::Authority;
use crate::door::{Door, Shared};
use crate::files::Files;
use crate::links::Links;
use crate::log::Log;
use crate::notes::Notes;
use crate::php::body::FormFacts;
use crate::php::line::Line;
use crate::php::probe::{self, SwapState};
use crate::php::spool::PhpSpool;
use crate::plan::Patience;
use crate::root::Root;
use crate::site::{Site, Sites, Way};
use crate::spool::Spool;
use crate::uploads::Uploads;

/// Where an upload leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRoute {
    /// The site, as its place in the configuration; `None`: the file service takes it.
    pub site: Option<usize>,
    /// Why it is that one.
    pub chosen: Chosen,
    /// The rule that counts, as its place among the site's.
    pub rule: Option<usize>,
    /// What answers.
    pub answer: UploadAnswer,
    /// The client that was assumed: loopback, unless a rule answers only others.
    pub client: IpAddr,
}

/// Why a site takes an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chosen {
    /// It names the host.
    Host,
    /// No site names the host, and this one takes every other.
    CatchAll,
    /// There is no other.
    Only,
    /// No host was given, and this is the first.
    First,
    /// None does.
    Nobody,
}

/// What answers an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadAnswer {
    /// A script.
    Script {
        /// Its path on the site.
        name: String,
        /// Where it is, as PHP sees it.
        filename: String,
        /// What follows it in the path.
        path_info: String,
        /// `.user.ini` files PHP reads for it, `:` between them.
        user_ini: String,
        /// The delivery that is configured here.
        delivery: Delivery,
        /// Largest body in bytes, 0 for none.
        upload_bytes_max: u64,
        /// Largest file in bytes, 0 for none.
        file_bytes_max: u64,
        /// The script that is asked before the first byte.
        authorize: Option<String>,
    },
    /// An answer of the server itself: no script runs.
    Reply {
        /// Its status.
        status: u16,
        /// Where it sends the client.
        location: Option<String>,
    },
    /// The file service.
    Files,
}

/// What a pool said to the test of `swap`.
#[derive(Debug)]
pub struct PoolAnswer {
    swap: SwapState,
    /// Whether it came to an answer.
    pub reached: Reached,
    /// What it says of itself.
    pub said: Option<PoolSaid>,
    /// How long it took, milliseconds.
    pub milliseconds: u64,
    /// Files of one form that `swap` can tell of, where PHP takes more than that: a form with more
    /// is replayed.
    pub swap_files_max: Option<usize>,
}

/// How far the test came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// There was an answer.
    Answered,
    /// This process may not write into the spool: why.
    NotPermitted(String),
    /// Nobody listens there: why.
    Unreachable(String),
    /// The workers' user may not connect to the socket: why.
    Closed(String),
    /// There was a connection, and no whole answer.
    Silent,
}

/// What a pool says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PoolSaid {
    /// PHP's version.
    pub php: String,
    /// The user PHP runs as.
    pub uid: i64,
    /// As PHP writes it, such as `8M`.
    pub post_max_size: String,
    /// As PHP writes it.
    pub upload_max_filesize: String,
    /// Files of one form PHP takes.
    pub max_file_uploads: i64,
    /// Where PHP makes its temporary files.
    pub upload_tmp_dir: String,
}

/// Which delivery it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadDelivery {
    /// Never `auto`.
    pub delivery: Delivery,
    /// Why it is not `swap` where that was wanted.
    pub reason: Option<&'static str>,
}

/// Routes a form that is posted to `target` as the server does. `sites` are open folders, one per
/// site of `config`, which are taken over; `host` as a client would write it.
///
/// # Errors
/// When a folder or the memory for counters cannot be had.
pub fn route_upload(
    config: &Config,
    sites: &[SiteSpec],
    host: Option<&str>,
    target: &str,
) -> io::Result<UploadRoute> {
    let Some(served) = sites.first() else {
        return Ok(UploadRoute::file_service());
    };
    let door = Rc::new(door(config, sites, served.root_fd)?);
    let (site, chosen) = pick(&door, host);
    let Some(site) = site else { return Ok(UploadRoute::file_service()) };
    // A rule may answer only some networks: then one of theirs asks.
    let rules = &config.sites[site.number].rules;
    let insiders = rules.iter().flat_map(|rule| &rule.allow).map(|network| network.address);
    let stranger = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let clients = std::iter::once(stranger).chain(insiders);
    let routes = clients.map(|client| {
        let (answer, rule) = answer(&door, &site, host, target, client);
        UploadRoute { site: Some(site.number), chosen, rule, answer, client }
    });
    let mut first = None;
    for route in routes {
        if !matches!(route.answer, UploadAnswer::Reply { status: 403, .. }) {
            return Ok(route);
        }
        first.get_or_insert(route);
    }
    Ok(first.unwrap_or_else(UploadRoute::file_service))
}

/// Asks the pool `spec` to put one file of `spool` in place, as the server does. It takes a PHP
/// worker for a moment, outside of the server's admission.
///
/// # Errors
/// When there is no event loop to be had.
pub fn test_pool(config: &Config, spec: &PoolSpec, spool: OwnedFd) -> io::Result<PoolAnswer> {
    let began = Instant::now();
    // Not the server's: its files are not ours to remove, nor ours its.
    let instance = format!("{:x}", menshen_net::clock::micros());
    let spool = Arc::new(PhpSpool::open(spool, spec.spool_path.clone(), &instance));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let patience = Duration::from_secs(u64::from(config.limits.php_connect_seconds_max));
    let (reached, swap, said) = runtime.block_on(async {
        let request = match probe::request(spec, &spool) {
            Ok(request) => request,
            Err(fault) => {
                return (Reached::NotPermitted(fault.to_string()), SwapState::Unknown, None);
            }
        };
        let line = match Line::open(&spec.address, patience).await {
            Ok(line) => line,
            Err(error) => return (Reached::of(&error), SwapState::Unknown, None),
        };
        let expected = request.expected.clone();
        match probe::hear(line, request).await {
            None => (Reached::Silent, SwapState::Unknown, None),
            Some((status, body)) => {
                let swap = probe::judge(spec, &expected, status, &body);
                (Reached::Answered, swap, probe::said(&body))
            }
        }
    });
    let path_bytes = spec.spool_path.as_os_str().len();
    let swap_files_max = match &swap {
        SwapState::Works(facts) => {
            Some(FormFacts::files_told_max(path_bytes)).filter(|told| *told < facts.files_max)
        }
        _ => None,
    };
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(PoolAnswer { swap, reached, said, milliseconds, swap_files_max })
}

impl Reached {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Closed(error.to_string()),
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

impl PoolAnswer {
    /// Whether a file was put in place.
    #[must_use]
    pub const fn swaps(&self) -> bool {
        matches!(self.swap, SwapState::Works(_))
    }

    /// Why not, or what should be looked at although it works.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match &self.swap {
            SwapState::Unknown | SwapState::Overridden | SwapState::Failed => &[],
            SwapState::Works(facts) => &facts.warnings,
            SwapState::Broken(findings) => findings,
        }
    }

    /// The delivery an ordinary form gets where `configured` is, for a script with these
    /// `.user.ini` files on its way.
    #[must_use]
    pub fn delivery(&self, configured: Delivery, user_ini: &str) -> UploadDelivery {
        let swap = self.swap.clone().under(user_ini.as_bytes());
        let (delivery, reason) = probe::decide(configured, &swap, FormFacts::default());
        UploadDelivery { delivery, reason: reason.map(probe::Reason::text) }
    }
}

impl UploadRoute {
    const fn file_service() -> Self {
        Self {
            site: None,
            chosen: Chosen::Nobody,
            rule: None,
            answer: UploadAnswer::Files,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

fn pick(door: &Door, host: Option<&str>) -> (Option<Rc<Site>>, Chosen) {
    let all = door.sites.all();
    let Some(host) = host else {
        let rest = door.sites.find(b"");
        let chosen = match (all.len(), rest) {
            (1, _) => Chosen::Only,
            (_, Some(_)) => Chosen::CatchAll,
            _ => Chosen::First,
        };
        return (rest.or_else(|| all.first()).cloned(), chosen);
    };
    match door.sites.find(host.as_bytes()) {
        None => (None, Chosen::Nobody),
        Some(site) if site.takes_every_host() => (Some(Rc::clone(site)), Chosen::CatchAll),
        Some(site) => (Some(Rc::clone(site)), Chosen::Host),
    }
}

/// What answers, and the rule whose settings hold: that of the script, else that of the path.
fn answer(
    door: &Rc<Door>,
    site: &Rc<Site>,
    host: Option<&str>,
    target: &str,
    client: IpAddr,
) -> (UploadAnswer, Option<usize>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ask = ask(host, target, client);
    let reply = match site.route(door, &ask, Patience::Spent) {
        Way::Script(script) => {
            let answer = UploadAnswer::Script {
                name: text(&script.name),
                filename: text(&script.filename),
                path_info: text(&script.path_info),
                user_ini: text(&script.user_ini),
                delivery: script.settings.delivery,
                upload_bytes_max: script.settings.upload_bytes_max,
                file_bytes_max: script.settings.file_bytes_max,
                authorize: script.settings.authorize.as_deref().map(text),
            };
            return (answer, script.settings.rule);
        }
        Way::Reply(reply) => {
            let field = reply.fields.iter().find(|(name, _)| *name == "location");
            let location = field.map(|(_, value)| text(value));
            UploadAnswer::Reply { status: reply.status, location }
        }
        // Nobody posts to a file.
        Way::File(_) | Way::Tick => UploadAnswer::Reply { status: 405, location: None },
    };
    let path = decode_path(split(ask.target).0);
    (reply, path.ok().and_then(|path| site.rule_of(path.as_str().as_bytes())))
}

fn ask<'a>(host: Option<&'a str>, target: &'a str, client: IpAddr) -> Ask<'a> {
    Ask {
        method: Method::Post,
        method_name: "POST",
        target: target.as_bytes(),
        host: host.unwrap_or_default().as_bytes(),
        headers: &Form,
        interest: Interest::NONE.with(Interest::CONTENT_TYPE),
        peer: client,
        length: None,
        wire: Wire {
            local: &|| SocketAddr::from(([127, 0, 0, 1], 443)),
            remote: SocketAddr::new(client, 0),
            secure: true,
            protocol: "HTTP/1.1",
        },
    }
}

/// A door nobody comes to: only its sites are asked.
fn door(config: &Config, specs: &[SiteSpec], root_fd: i32) -> io::Result<Door> {
    let board = Scoreboard::private()?;
    let slot = board.slot(0);
    let root = menshen_sys::inherit::copy(root_fd)?;
    let root = Arc::new(Root::new(root)?);
    let spool = Spool::idle(Arc::clone(&root), "0", false);
    let limits = config.limits.clone();
    let files = Files::new(board, slot, 0);
    let nothing = Secrets { ticket_key: [0; 32], token_digest: [0; 32], cookie_key: [0; 32] };
    Ok(Door {
        posture: None,
        sites: Sites::new(config, specs, &files)?,
        files,
        pools: Vec::new(),
        notes: Notes::new("explain".into()),
        log: Log::new(None, slot, "explain".into()),
        https_port: 443,
        challenges: None,
        trusted: Vec::new(),
        watch: Rc::new(Watch::default()),
        drain: tokio::sync::Notify::new(),
        cut: crate::relay::Cut::default(),
        tunnel: None,
        bucket: None,
        uploads: Uploads::new(config.uploads.clone(), rustix::fs::Mode::empty()),
        places: Door::all_places(),
        date: <_>::default(),
        boundaries: <_>::default(),
        window_budget: Cell::new(0),
        authority: Authority::new(&nothing, Vec::new(), Links::default(), 1, 1),
        shared: Arc::new(Shared {
            root,
            spool,
            board,
            durable: false,
            entries_max: 0,
            hooks: None,
        }),
        limits,
        slot,
    })
}

/// The fields of a browser's form.
struct Form;

impl Headers for Form {
    fn get(&self, name: &str) -> Option<&[u8]> {
        (name == "content-type").then_some(FORM_TYPE)
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        self.get(name).into_iter().for_each(f);
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        f(b"content-type", FORM_TYPE);
    }
}

const FORM_TYPE: &[u8] = b"multipart/form-data; boundary=form";
