//! From a request's head to what will be done: routing, authorisation, conditions, ranges.
//!
//! Everything here is decided while the head is still borrowed from the receive buffer; what comes
//! out owns little. Authorisation comes before any look at the disk, so a stranger cannot learn
//! which names exist.

mod bucket;
mod file;
mod link;
mod zip;

use std::net::IpAddr;
use std::sync::Arc;

use menshen_base::Counter;
use menshen_net::clock;
use menshen_web_core::conditional::{Outcome, Purpose, Strength, Validators, evaluate};
use menshen_web_core::fields::{Digests, Lang, Wanted, language, wanted_digest};
use menshen_web_core::head::{Interest, Method};
use menshen_web_core::multipart::{Multipart, MultipartLimits, boundary_of};
use menshen_web_core::target::{SafePath, decode_path, encode_path, query_value, split};

use crate::ask::Ask;
use crate::auth::{Authority, Grant, Reach, Refusal};
use crate::door::Door;
use crate::fault::Fault;
use crate::files::{Found, etag_of};
use crate::job::Job;
use crate::links::{Linked, link_of};
use crate::page::{self, Page};
use crate::php::asking::Asking;
use crate::php::call::Call;
use crate::reply::Reply;
use crate::root::{Expect, Kind, Replace, Seen, kind_of};
use crate::sink::{Form, Put, Sink};
use crate::site::Way;
use crate::uploads::{Errand, Scope};
use crate::zip::Question;

pub(crate) use file::{FileAnswer, Span, not_modified, unsatisfiable};
pub(crate) use link::{beside, mark};

/// What will be done.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Answer from memory.
    Reply(Box<Reply>),
    /// Send a file or a part of it.
    File(FileAnswer),
    /// Wait for one tick of the file system's clock, then plan again: the file changed so
    /// recently that its tag would be weak.
    Tick,
    /// Ask the bucket.
    Bucket(Box<crate::bucket::Errand>, Wanted),
    /// Receive a body.
    Receive(Sink),
    /// Have PHP answer.
    Php(Box<Call>),
    /// Ask PHP whether a body may come, then receive it.
    Asked(Box<Asking>),
    /// Work on a blocking thread.
    Job(Box<Job>, Wanted),
    /// Something about an upload that can be resumed.
    Upload(Box<Errand>),
    /// What a signed link opened the way for.
    Linked(Box<Linked>),
    /// Look through a folder, then send it as a zip file.
    Zip(Box<Question>),
}

/// Whether the caller would wait a tick for a strong tag, or has waited already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    Once,
    Spent,
}

impl Door {
    /// Plans the answer to `ask`.
    pub(crate) fn plan(&self, ask: &Ask<'_>, patience: Patience) -> Plan {
        if split(ask.target).0 == FORMS_SCRIPT {
            return static_part(ask, page::forms_script());
        }
        if let Some(site) = self.sites.find(ask.host) {
            if let Some(plan) = self.at_uploads(ask, Some(site)) {
                return plan;
            }
            return match site.route(self, ask, patience) {
                Way::Reply(reply) => Plan::Reply(reply),
                Way::File(answer) => Plan::File(answer),
                Way::Tick => Plan::Tick,
                Way::Script(script) => self
                    .resumable_call(ask, script)
                    .unwrap_or_else(|script| self.for_php(ask, script)),
            };
        }
        if let Some(plan) = self.at_uploads(ask, None) {
            return plan;
        }
        self.route(ask, patience).unwrap_or_else(|stop| self.stopped(stop, ask))
    }

    /// The answer of a plan that stopped early.
    pub(crate) fn stopped(&self, stop: Stop, ask: &Ask<'_>) -> Plan {
        match stop {
            Stop::Fault(fault) => Reply::fault(fault, ask.wanted()).into(),
            Stop::Refusal(refusal) => self.refuse(refusal, ask).into(),
            Stop::Reply(reply) => (*reply).into(),
        }
    }

    fn route(&self, ask: &Ask<'_>, patience: Patience) -> Result<Plan, Stop> {
        let (raw, query) = split(ask.target);
        if matches!(ask.method, Method::Connect | Method::Trace | Method::Patch | Method::Other) {
            return Err(not_allowed(ask, ALLOWED));
        }
        if ask.method == Method::Options {
            return Ok(Reply::new(204).text("allow", ALLOWED).into());
        }
        if let Some(name) = raw.strip_prefix(OWN) {
            return self.own(ask, name);
        }
        let path = decode_path(raw).map_err(|error| {
            use menshen_web_core::target::PathError;
            match error {
                PathError::NameTooLong | PathError::TooLong => Fault::NameTooLong,
                PathError::Reserved => Fault::NotFound,
                other => Fault::BadPath(other.reason()),
            }
        })?;
        if let Some(link) = link_of(query) {
            return self.by_link(ask, &path, link, patience);
        }
        if let Some(bucket) = &self.bucket {
            return self.at_bucket(ask, &path, bucket);
        }
        match ask.method {
            Method::Get | Method::Head => self.get(ask, &path, patience),
            Method::Put => self.put(ask, &path),
            Method::Post => self.post(ask, &path),
            Method::Delete => self.delete(ask, &path),
            Method::Move => self.rename(ask, &path),
            Method::Mkcol => {
                self.may_write(ask, &path, Reach::Itself)?;
                Ok(Plan::Job(
                    Box::new(Job::MakeFolder { path: path.as_str().into() }),
                    ask.wanted(),
                ))
            }
            _ => Err(not_allowed(ask, ALLOWED)),
        }
    }

    /// The door's own paths: the page's parts and the session.
    fn own(&self, ask: &Ask<'_>, name: &[u8]) -> Result<Plan, Stop> {
        if let Some(part) = name.strip_prefix(b"page/").and_then(page::part) {
            return Ok(static_part(ask, part));
        }
        if let Some(rest) = name.strip_prefix(b"drop/") {
            return self.drop_box(ask, rest);
        }
        if name != b"session" {
            return Err(Fault::NotFound.into());
        }
        match ask.method {
            Method::Post => {
                let now = clock::unix_s();
                self.authority.token(ask, now)?;
                let cookie = self.authority.session_begin(now);
                Ok(Reply::new(204).with("set-cookie", cookie.into_bytes()).into())
            }
            Method::Delete => {
                let cookie = Authority::session_end();
                Ok(Reply::new(204).with("set-cookie", cookie.into_bytes()).into())
            }
            _ => Err(not_allowed(ask, "POST, DELETE")),
        }
    }

    fn get(&self, ask: &Ask<'_>, path: &SafePath<'_>, patience: Patience) -> Result<Plan, Stop> {
        let judged = self.judge(ask, path, Reach::Inside);
        let (_, query) = split(ask.target);
        if path.is_dir() {
            if let Some(plan) = self.zip(ask, path, query)? {
                return judged.map(|_grant| plan);
            }
            return self.list(ask, path, judged);
        }
        judged?;
        match self.files.open(&self.shared.root, path.as_str().as_bytes())? {
            Found::File(file) if file.too_fresh() && patience == Patience::Once => Ok(Plan::Tick),
            Found::File(file) => Ok(self.file(ask, file)),
            Found::Directory => {
                let mut location = Vec::new();
                encode_path(path.as_str().as_bytes(), &mut location);
                location.push(b'/');
                if query_value(query, "zip").is_some() {
                    location.push(b'?');
                    location.extend_from_slice(query);
                }
                // Not for ever: the name may be a file's tomorrow.
                let reply = Reply::new(308).text("cache-control", "private, no-cache");
                Ok(reply.with("location", location).into())
            }
        }
    }

    fn list(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        judged: Result<Grant, Stop>,
    ) -> Result<Plan, Stop> {
        let text = path.as_str();
        if ask.wanted() != Wanted::Html {
            let job = Job::ListJson { path: text.into(), grant: judged? };
            return Ok(Plan::Job(Box::new(job), ask.wanted()));
        }
        let lang = ask.headers.get("accept-language").map_or(Lang::En, language);
        match judged {
            Ok(grant) => {
                let job = Job::ListPage { path: text.into(), grant, lang };
                Ok(Plan::Job(Box::new(job), Wanted::Html))
            }
            // The page itself is no secret: it asks for the token. Nothing is said of the path.
            Err(Stop::Refusal(_)) => {
                Ok(Page { lang, path: text, rows: "", state: "locked", access: "read" }
                    .reply()
                    .into())
            }
            Err(stop) => Err(stop),
        }
    }

    fn put(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<Plan, Stop> {
        self.may_write(ask, path, Reach::Itself)?;
        self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
        self.check_content(ask, path)?;
        if let Some(plan) = self.resumable_put(ask, path)? {
            return Ok(plan);
        }
        self.receive_put(ask, path)
    }

    /// A PUT of whoever may.
    fn receive_put(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<Plan, Stop> {
        self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
        self.check_content(ask, path)?;
        let expect = self.expectation(ask, path, Existing::File)?;
        Ok(Plan::Receive(Sink::Put(self.begin_put(ask, path, expect)?)))
    }

    /// Whether the content of a PUT is one that can be stored.
    fn check_content(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<(), Stop> {
        if path.is_dir() {
            return Err(Fault::IsDirectory.into());
        }
        if ask.interest.has(Interest::CONTENT_RANGE) {
            // RFC 9110 §14.4: storing a part as if it were the whole would lose data.
            return Err(Fault::BadRequest("partial PUT (Content-Range) is not supported").into());
        }
        if ask.interest.has(Interest::CONTENT_ENCODING) {
            return Err(Reply::trouble(
                415,
                "content encodings are not supported",
                "Send the file as it is.",
                ask.wanted(),
            )
            .into());
        }
        Ok(())
    }

    fn begin_put(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        expect: Expect,
    ) -> Result<Box<Put>, Stop> {
        let mut promised = Digests::default();
        let mut broken = false;
        for name in ["repr-digest", "content-digest"] {
            ask.headers.for_each(name, &mut |line| broken |= promised.add_line(line).is_err());
        }
        if broken {
            return Err(Fault::BadRequest("a digest field is malformed").into());
        }
        let wants = ask.headers.get("want-repr-digest").and_then(wanted_digest);
        let largest = self.limits.upload_bytes_max;
        let spool = &self.shared.spool;
        let upload = spool
            .begin(path.as_str().as_bytes(), ask.length, largest, promised, wants)
            .inspect_err(|&fault| self.count_fault(fault))?;
        Ok(Box::new(Put { upload, expect, wanted: ask.wanted() }))
    }

    fn post(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<Plan, Stop> {
        if let Some(plan) = self.zip_selection(ask, path, split(ask.target).1)? {
            // It changes nothing: who may read may ask.
            return self.judge(ask, path, Reach::Inside).map(|_grant| plan);
        }
        self.may_write(ask, path, Reach::Inside)?;
        self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
        if !path.is_dir() {
            return Err(not_allowed(ask, ALLOWED_FILE));
        }
        Ok(Plan::Receive(Sink::Form(self.receive_form(ask, path)?)))
    }

    /// The type of a form with files.
    fn form_type<'a>(&self, ask: &Ask<'a>) -> Result<&'a [u8], Stop> {
        let kind = ask.headers.get("content-type").unwrap_or_default();
        let essence = kind.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        if essence.eq_ignore_ascii_case(b"multipart/form-data") {
            return Ok(kind);
        }
        let hint = "Use multipart/form-data here, or PUT with the file's name.";
        Err(Reply::trouble(415, "not a form", hint, ask.wanted()).into())
    }

    /// A form with files for the folder `path`.
    fn receive_form(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<Box<Form>, Stop> {
        let kind = self.form_type(ask)?;
        let boundary = boundary_of(kind)
            .map_err(|_| Fault::BadRequest("the form's boundary is missing or malformed"))?;
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let limits = MultipartLimits {
            parts_max: size(self.limits.parts_max),
            part_head_bytes_max: size(self.limits.part_head_bytes_max),
        };
        let form = Form {
            shared: Arc::clone(&self.shared),
            parser: Multipart::new(&boundary, limits),
            folder: path.as_str().into(),
            largest: self.limits.upload_bytes_max,
            wanted: ask.wanted(),
            namer: self.namer(ask, Scope::Files),
            current: None,
            done: Vec::new(),
        };
        Ok(Box::new(form))
    }

    fn delete(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<Plan, Stop> {
        self.may_write(ask, path, Reach::Itself)?;
        let expect = self.expectation(ask, path, Existing::Any)?;
        let job = Job::Remove { path: path.as_str().into(), expect };
        Ok(Plan::Job(Box::new(job), ask.wanted()))
    }

    fn rename(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<Plan, Stop> {
        self.may_write(ask, path, Reach::Itself)?;
        let destination = ask
            .headers
            .get("destination")
            .ok_or(Fault::BadRequest("MOVE needs a Destination field"))?;
        let target = destination_path(destination, ask.host)
            .ok_or(Fault::BadRequest("the Destination is not on this server"))?;
        let to = decode_path(target).map_err(|error| Fault::BadPath(error.reason()))?;
        self.may_write(ask, &to, Reach::Itself)?;
        let replace = match ask.headers.get("overwrite") {
            Some(b"F" | b"f") => Replace::Never,
            _ => Replace::Allowed,
        };
        let expect = self.expectation(ask, path, Existing::Any)?;
        let (from, to) = (path.as_str().into(), to.as_str().into());
        let job = Job::Rename { from, expect, to, replace };
        Ok(Plan::Job(Box::new(job), ask.wanted()))
    }

    /// Conditions of a write, as what must still hold when it takes effect.
    pub(crate) fn expectation(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        existing: Existing,
    ) -> Result<Expect, Stop> {
        let conditional = ask.interest.has(Interest::CONDITIONS);
        if !conditional && existing == Existing::Any {
            return Ok(Expect::Anything);
        }
        let stat = self.shared.root.look(path.as_str().as_bytes())?;
        if existing == Existing::File && stat.as_ref().and_then(kind_of) == Some(Kind::Directory) {
            return Err(Fault::IsDirectory.into());
        }
        if !conditional {
            return Ok(Expect::Anything);
        }
        let etag = stat.as_ref().map(etag_of);
        let current = etag.as_ref().zip(stat.as_ref()).map(|(etag, stat)| Validators {
            etag: etag.opaque(),
            etag_strength: Strength::Strong,
            mtime_unix_s: stat.st_mtime,
            mtime_strength: Strength::Weak,
        });
        if evaluate(ask.headers, Purpose::Write, current.as_ref()) != Outcome::Proceed {
            return Err(Fault::Precondition.into());
        }
        Ok(match &stat {
            None => Expect::Nothing,
            Some(stat) => Expect::Same(Some(Seen::of(stat))),
        })
    }

    fn judge(&self, ask: &Ask<'_>, path: &SafePath<'_>, reach: Reach) -> Result<Grant, Stop> {
        Ok(self.authority.judge(ask, path.as_str().as_bytes(), reach, clock::unix_s())?)
    }

    fn may_write(&self, ask: &Ask<'_>, path: &SafePath<'_>, reach: Reach) -> Result<(), Stop> {
        match self.judge(ask, path, reach)? {
            Grant::Write => Ok(()),
            // Readable by anybody, and nobody said who they are.
            Grant::Read => Err(Refusal::Missing.into()),
        }
    }

    pub(crate) fn refuse(&self, refusal: Refusal, ask: &Ask<'_>) -> Reply {
        let wanted = ask.wanted();
        let hint = "Send the owner token as `Authorization: Bearer TOKEN`; \
                    menshen prints it at its start.";
        let reply = match refusal {
            Refusal::Missing => Reply::trouble(401, "no token", hint, wanted),
            Refusal::Wrong => {
                self.slot.add(Counter::AuthFailed, 1);
                Reply::trouble(401, "wrong token", hint, wanted)
            }
            Refusal::TooMany { retry_after_s } => {
                self.slot.add(Counter::LimitAuth, 1);
                let text = "too many wrong tokens from this address";
                return Reply::trouble(429, text, "Wait, then try again.", wanted)
                    .with("retry-after", retry_after_s.to_string().into_bytes());
            }
            Refusal::ForeignSite => {
                return Reply::trouble(403, "the request came from another site", "", wanted);
            }
        };
        // Browsers would open a password box for Basic; other clients need to be told of it.
        let from_page = ask.interest.has(Interest::SEC_FETCH_SITE.with(Interest::ORIGIN));
        let challenge = if from_page {
            "Bearer realm=\"menshen\""
        } else {
            "Bearer realm=\"menshen\", Basic realm=\"menshen\", charset=\"UTF-8\""
        };
        reply.text("www-authenticate", challenge)
    }

    /// Counts limits that a fault stands for.
    pub(crate) fn count_fault(&self, fault: Fault) {
        match fault {
            Fault::TooLarge => self.slot.add(Counter::LimitUpload, 1),
            Fault::FieldsTooLarge => self.slot.add(Counter::LimitPhpFields, 1),
            Fault::Quota | Fault::QuotaNever => self.slot.add(Counter::LimitQuota, 1),
            Fault::Full => self.slot.add(Counter::StorageFull, 1),
            Fault::Shed { .. } => self.slot.add(Counter::UploadsRefused, 1),
            Fault::Form(error) if error.is_limit() => self.slot.add(Counter::LimitParts, 1),
            _ => {}
        }
    }

    /// The client behind a peer, for HTTP requests.
    pub(crate) fn client_of(&self, peer: IpAddr, ask: &Ask<'_>) -> IpAddr {
        if self.trusted.is_empty() { peer } else { self.client(peer, ask.headers) }
    }
}

/// The redirect of a plain-HTTP listener to HTTPS on `port`.
pub(crate) fn redirect(ask: &Ask<'_>, port: u16) -> Reply {
    let (host, _port) = menshen_web_core::head::host_parts(ask.host);
    if host.is_empty() {
        return Reply::fault(Fault::BadRequest("no host to redirect to"), Wanted::Either);
    }
    let mut location = b"https://".to_vec();
    location.extend_from_slice(host);
    if port != 443 {
        location.extend_from_slice(format!(":{port}").as_bytes());
    }
    // `*` and an authority are no paths.
    location.extend_from_slice(if ask.target.starts_with(b"/") { ask.target } else { b"/" });
    Reply::new(308).with("location", location)
}

/// What may be in the way of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    File,
    Any,
}

/// Why planning stopped early.
#[derive(Debug)]
pub(crate) enum Stop {
    Fault(Fault),
    Refusal(Refusal),
    Reply(Box<Reply>),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Reply> for Stop {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

impl From<Reply> for Plan {
    fn from(reply: Reply) -> Self {
        Self::Reply(Box::new(reply))
    }
}

/// A part that is compiled in: the same for everybody, of every host.
fn static_part(ask: &Ask<'_>, part: &'static page::Part) -> Plan {
    if !matches!(ask.method, Method::Get | Method::Head) {
        return refused_method(ask, "GET, HEAD").into();
    }
    let current = Validators {
        etag: part.etag().as_bytes(),
        etag_strength: Strength::Strong,
        mtime_unix_s: 0,
        mtime_strength: Strength::Weak,
    };
    let unchanged = ask.interest.has(Interest::IF_NONE_MATCH)
        && evaluate(ask.headers, Purpose::Read, Some(&current)) == Outcome::NotModified;
    if unchanged { part.not_modified() } else { part.reply() }.into()
}

fn not_allowed(ask: &Ask<'_>, allowed: &'static str) -> Stop {
    refused_method(ask, allowed).into()
}

fn refused_method(ask: &Ask<'_>, allowed: &'static str) -> Reply {
    Reply::trouble(405, "the method is not allowed here", "", ask.wanted()).text("allow", allowed)
}

/// The path of a Destination: a path, or a URL of this very host.
fn destination_path<'d>(destination: &'d [u8], host: &[u8]) -> Option<&'d [u8]> {
    if destination.starts_with(b"/") {
        return Some(split(destination).0);
    }
    let rest =
        destination.strip_prefix(b"https://").or_else(|| destination.strip_prefix(b"http://"))?;
    let slash = rest.iter().position(|&b| b == b'/')?;
    let (authority, path) = rest.split_at(slash);
    authority.eq_ignore_ascii_case(host).then(|| split(path).0)
}

const OWN: &[u8] = b"/.menshen/";
const FORMS_SCRIPT: &[u8] = b"/.menshen/upload.js";
const ALLOWED: &str = "GET, HEAD, PUT, POST, DELETE, MOVE, MKCOL, OPTIONS";
const ALLOWED_FILE: &str = "GET, HEAD, PUT, DELETE, MOVE, MKCOL, OPTIONS";

#[cfg(test)]
mod tests;
