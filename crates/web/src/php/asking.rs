//! The application is asked before the first byte of an upload: may it come, how large may it be,
//! which script is it for (`authorize`; `docs/decisions/0050-asked-before-the-first-byte.md`).
//!
//! The question is one request to the script that the configuration names, with the head of the
//! upload's and no body; it waits for its place at PHP as any other. An answer 2xx allows the
//! upload; every other one is the client's. What tells the script that it is the door that asks
//! are parameters without `HTTP_`, which no field of a request can become.
//!
//! How it fails, always closed: no place at PHP (503), PHP down or dead (502), silent (504), a
//! script that is not there, says a limit that is none or names what is no script (502). Nothing
//! of the body was read by then, and nothing is kept.

use std::rc::Rc;

use menshen_base::Counter;
use menshen_upload_core::Create;
use menshen_web_core::fastcgi::push_param;
use menshen_web_core::fields::Wanted;
use menshen_web_core::fields::structured::{Bare, dictionary};
use menshen_web_core::head::Method;
use menshen_web_core::target::split;

use super::answer::{Left, Streaming};
use super::call::Call;
use super::head::{AnswerHead, Named};
use super::kept::Kept;
use super::params::pairs;
use super::plan::{SMALL_BODY_BYTES, essence};
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::plan::{Plan, Stop};
use crate::reply::Reply;
use crate::sink::{ForPhp, Sink};
use crate::site::{Script, Site};
use crate::uploads::{Answered, RequestHead};

/// A question, ready to be put.
#[derive(Debug)]
pub(crate) struct Question(Box<Call>);

/// What it is about, as far as the client says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    /// Bytes of the whole.
    pub(crate) length: Option<u64>,
    pub(crate) name: Option<&'a [u8]>,
    pub(crate) kind: Option<&'a [u8]>,
}

/// An answer that allows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// The script that said so.
    pub(crate) by: Vec<u8>,
    /// Bytes of the largest body; `None`: what holds anyway.
    pub(crate) largest: Option<u64>,
    /// Path and query of the script that gets it instead.
    pub(crate) to: Option<Vec<u8>>,
}

/// What an answer holds a request to; by default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds<'a> {
    /// Bytes of the body, and of each file that it names.
    pub(crate) largest: Option<u64>,
    /// Whose word files must have that it names.
    pub(crate) allowed_by: Option<&'a [u8]>,
}

/// An upload that comes in one request, and the question about it.
#[derive(Debug)]
pub(crate) struct Asking {
    question: Box<Question>,
    head: RequestHead,
    length: Option<u64>,
    script: Box<Script>,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unclear {
    #[error("its Upload-Limit is malformed")]
    Limit,
    #[error("it sent the upload to what is no script of the site")]
    Target,
    #[error("it named a file")]
    File,
}

impl Door {
    /// The plan of a request that brings an upload; the script comes back where nobody is asked.
    pub(super) fn asked_first(
        &self,
        ask: &Ask<'_>,
        script: Box<Script>,
    ) -> Result<Plan, Box<Script>> {
        let by = script.settings.authorize.clone().filter(|_| brings_upload(ask));
        let Some(by) = by else { return Err(script) };
        // Everything that would be refused of it anyway is refused unasked.
        if let Err(reply) = self.php_call(ask, script.clone()) {
            return Ok(Plan::Reply(reply));
        }
        let about = About { length: ask.length, name: None, kind: ask.headers.get("content-type") };
        Ok(match self.question(ask, &script.site, &by, about) {
            Err(stop) => self.stopped(stop, ask),
            Ok(question) => {
                let (head, length) = (RequestHead::entire(ask), ask.length);
                Plan::Asked(Box::new(Asking { question, head, length, script }))
            }
        })
    }

    /// The question about an upload, for the script `by` of `site`.
    pub(crate) fn question(
        &self,
        ask: &Ask<'_>,
        site: &Rc<Site>,
        by: &[u8],
        about: About<'_>,
    ) -> Result<Box<Question>, Stop> {
        let (_, query) = split(ask.target);
        let pool = site.pool.and_then(|number| self.pools.get(number));
        let (Some(script), Some(pool)) = (site.named_script(by, query)?, pool) else {
            self.notes.tell("finding php-authorize error: there is no such script", by);
            return Err(unanswered(ask.wanted()).into());
        };
        pool.saw(&script);
        let Some(mut pairs) = pairs(ask, &script.place()) else {
            return Err(Fault::HeaderTooLarge.into());
        };
        push_param(b"CONTENT_TYPE", b"", &mut pairs);
        let length: &[u8] = if ask.method == Method::Post { b"0" } else { b"" };
        push_param(b"CONTENT_LENGTH", length, &mut pairs);
        push_param(b"MENSHEN_ASK", b"upload", &mut pairs);
        let length = about.length.map(|length| length.to_string().into_bytes());
        let told = [
            (&b"MENSHEN_UPLOAD_LENGTH"[..], length.as_deref()),
            (b"MENSHEN_UPLOAD_NAME", about.name),
            (b"MENSHEN_UPLOAD_TYPE", about.kind),
        ];
        for (name, value) in told {
            if let Some(value) = value.filter(|value| value.len() <= VALUE_BYTES_MAX) {
                push_param(name, value, &mut pairs);
            }
        }
        Ok(Box::new(Question(Box::new(Call {
            pool: Rc::clone(pool),
            script,
            pairs,
            content_type: Vec::new(),
            body: None,
            namer: None,
            held: Vec::new(),
            client: ask.peer,
            kept: Kept::default(),
            wanted: ask.wanted(),
        }))))
    }
}

impl<'a> About<'a> {
    /// What the request says that makes an upload.
    pub(crate) fn of(create: &'a Create, length: Option<u64>, kind: Option<&'a [u8]>) -> Self {
        Self { length, name: create.file_name.as_deref(), kind }
    }
}

impl Question {
    /// Puts it.
    ///
    /// # Errors
    /// The answer for the client: the application's own, or why there is none.
    pub(crate) async fn put(self: Box<Self>, door: &Rc<Door>) -> Result<Allowed, Reply> {
        let call = self.0;
        let (wanted, by) = (call.wanted, call.script.name.clone());
        let site = Rc::clone(&call.script.site);
        door.slot.add(Counter::PhpAsked, 1);
        let mut streaming = call.run_kept(door).await.map_err(|failure| failure.reply(wanted))?;
        if !(200..300).contains(&streaming.status()) {
            door.slot.add(Counter::PhpDenied, 1);
            return Err(denied(streaming, wanted).await);
        }
        let understood = streaming.take_head().ok_or(Unclear::Limit).and_then(read);
        // Whatever else it says is nobody's.
        streaming.leave(Left::Served);
        let (largest, to) = understood.map_err(|unclear| tell(door, unclear, &by, wanted))?;
        if let Some(to) = &to {
            let found = site.targeted_script(to);
            let found = found.map_err(|fault| Reply::fault(fault, wanted))?;
            found.ok_or_else(|| tell(door, Unclear::Target, &by, wanted))?;
        }
        Ok(Allowed { by, largest, to })
    }
}

impl Asking {
    /// Asks, and gives what the body goes to.
    ///
    /// # Errors
    /// The answer, when it may not come.
    pub(crate) async fn begin(self: Box<Self>, door: &Rc<Door>) -> Result<Sink, Reply> {
        let Self { question, head, length, script } = *self;
        let allowed = question.put(door).await?;
        let planned = head.asked(length, |ask| {
            let fault = |fault| Box::new(Reply::fault(fault, ask.wanted()));
            let script = match &allowed.to {
                Some(to) => {
                    let found = script.site.targeted_script(to).map_err(fault)?;
                    found.ok_or_else(|| fault(Fault::NotFound))?
                }
                None => script,
            };
            let bounds = Bounds { largest: allowed.largest, allowed_by: Some(&allowed.by) };
            let (intake, call) = door.php_call_within(ask, script, bounds)?;
            Ok((intake.ok_or_else(|| fault(Fault::Storage))?, call))
        });
        let (intake, call) = planned.map_err(|reply: Box<Reply>| *reply)?;
        Ok(Sink::Php(Box::new(ForPhp { intake, call })))
    }
}

/// Whether the application wants to be asked: what may hold a file, and what is large.
fn brings_upload(ask: &Ask<'_>) -> bool {
    if ask.length == Some(0) {
        return false;
    }
    let kind = ask.headers.get("content-type").unwrap_or_default();
    ask.method == Method::Put
        || ask.length.is_none_or(|length| length > SMALL_BODY_BYTES)
        || essence(kind).eq_ignore_ascii_case(b"multipart/form-data")
}

/// The limit and the target of an answer.
fn read(head: AnswerHead) -> Result<(Option<u64>, Option<Vec<u8>>), Unclear> {
    let to = match head.offload.map(|offloaded| offloaded.name) {
        Some(Named::Accel(to)) => Some(to),
        Some(Named::Sendfile(_)) => return Err(Unclear::File),
        None => None,
    };
    Ok((largest(&head.lines)?, to))
}

/// `max-size` of `Upload-Limit`; of members it does not know it thinks nothing, as the draft wants
/// it.
fn largest(lines: &[u8]) -> Result<Option<u64>, Unclear> {
    let mut field = Vec::new();
    for line in lines.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(value) = line.strip_prefix(b"upload-limit:") {
            if !field.is_empty() {
                field.extend_from_slice(b", ");
            }
            field.extend_from_slice(value.trim_ascii());
        }
    }
    let mut largest = None;
    for member in dictionary(&field) {
        let member = member.map_err(|_| Unclear::Limit)?;
        if member.key == b"max-size" {
            let Some(Bare::Integer(bytes)) = member.value else { return Err(Unclear::Limit) };
            largest = Some(u64::try_from(bytes).map_err(|_| Unclear::Limit)?);
        }
    }
    Ok(largest)
}

/// The application's own answer, marked as such: who sent the upload need not try again.
async fn denied(streaming: Box<Streaming>, wanted: Wanted) -> Reply {
    match Answered::heard(streaming).await {
        Ok(answered) => answered.reply().text(DENIED, "application"),
        Err(_) => unanswered(wanted),
    }
}

fn tell(door: &Door, unclear: Unclear, by: &[u8], wanted: Wanted) -> Reply {
    door.slot.add(Counter::PhpFailed, 1);
    door.notes.tell(&format!("finding php-authorize error: {unclear}"), by);
    unanswered(wanted)
}

fn unanswered(wanted: Wanted) -> Reply {
    let text = "the application did not say whether the upload may come";
    let hint = "The operator finds the reason in the log of menshen.";
    Reply::trouble(502, text, hint, wanted)
}

/// A field that says whose answer it is.
const DENIED: &str = "menshen-denied";
/// What of a name or type the script is told, bytes; longer ones it is not.
const VALUE_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests;
