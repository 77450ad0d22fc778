//! From a script that was found to a request for PHP; decided while the head is borrowed.

use std::rc::Rc;
use std::sync::Arc;

use menshen_base::Counter;
use menshen_config::model::Delivery;
use menshen_web_core::fastcgi::push_param;
use menshen_web_core::head::{Interest, Method};
use menshen_web_core::multipart::boundary_of;

use super::asking::Bounds;
use super::call::Call;
use super::intake::{FormUse, Intake, IntakeLimits};
use super::kept::Kept;
use super::params::{Place, pairs};
use super::spool::PhpSpool;
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::plan::Plan;
use crate::reply::Reply;
use crate::sink::{ForPhp, Sink};
use crate::site::Script;
use crate::uploads::{Scope, host_of};

impl Door {
    /// A request for `script`.
    pub(crate) fn for_php(&self, ask: &Ask<'_>, script: Box<Script>) -> Plan {
        let script = match self.asked_first(ask, script) {
            Ok(plan) => return plan,
            Err(script) => script,
        };
        match self.php_call(ask, script) {
            Err(reply) => Plan::Reply(reply),
            Ok((None, call)) => Plan::Php(call),
            Ok((Some(intake), call)) => Plan::Receive(Sink::Php(Box::new(ForPhp { intake, call }))),
        }
    }

    /// The request, and where its body goes; `None` without one.
    ///
    /// # Errors
    /// The answer, when PHP is not to be asked.
    pub(crate) fn php_call(
        &self,
        ask: &Ask<'_>,
        script: Box<Script>,
    ) -> Result<(Option<Intake>, Box<Call>), Box<Reply>> {
        self.php_call_within(ask, script, Bounds::default())
    }

    /// The same, held to what the application said of it.
    ///
    /// # Errors
    /// The answer, when PHP is not to be asked.
    pub(crate) fn php_call_within(
        &self,
        ask: &Ask<'_>,
        script: Box<Script>,
        bounds: Bounds<'_>,
    ) -> Result<(Option<Intake>, Box<Call>), Box<Reply>> {
        let Some(pool) = script.site.pool.and_then(|number| self.pools.get(number)) else {
            return Err(Box::new(Reply::fault(Fault::NotFound, ask.wanted())));
        };
        pool.saw(&script);
        let body = match self.intake(ask, &script, pool, bounds) {
            Ok(body) => body,
            Err(fault) => {
                self.count_fault(fault);
                return Err(Box::new(Reply::fault(fault, ask.wanted())));
            }
        };
        let content_type = ask.headers.get("content-type").unwrap_or_default().to_vec();
        let pairs =
            pairs(ask, &script.place()).filter(|_| content_type.len() <= CONTENT_TYPE_BYTES_MAX);
        let Some(mut pairs) = pairs else {
            self.slot.add(Counter::LimitHeadBytes, 1);
            return Err(Box::new(Reply::fault(Fault::HeaderTooLarge, ask.wanted())));
        };
        if body.is_none() {
            push_param(b"CONTENT_TYPE", &content_type, &mut pairs);
            let length: &[u8] = if ask.method == Method::Post { b"0" } else { b"" };
            push_param(b"CONTENT_LENGTH", length, &mut pairs);
        }
        let namer = body.as_ref().and_then(|_| self.namer(ask, Scope::Site(host_of(ask))));
        let call = Box::new(Call {
            pool: Rc::clone(pool),
            script,
            pairs,
            content_type,
            body: None,
            namer: namer.map(|namer| namer.allowed_by(bounds.allowed_by)),
            held: Vec::new(),
            client: ask.peer,
            kept: Kept::of(ask),
            wanted: ask.wanted(),
        });
        Ok((body, call))
    }

    /// Where the body goes; `None` without one. What is refused is refused before a byte of it.
    fn intake(
        &self,
        ask: &Ask<'_>,
        script: &Script,
        pool: &Rc<super::Pool>,
        bounds: Bounds<'_>,
    ) -> Result<Option<Intake>, Fault> {
        if ask.length == Some(0) {
            return Ok(None);
        }
        // What a page posts costs no more than the page; what is larger is an upload.
        if ask.length.is_none_or(|length| length > SMALL_BODY_BYTES) {
            self.takes_uploads()?;
        }
        let settings = &script.settings;
        let body_bytes_max = match settings.upload_bytes_max {
            0 => self.limits.upload_bytes_max,
            own => own,
        };
        if bounds.largest == Some(0) {
            return Err(Fault::TooLarge);
        }
        let within = |limit: u64| match bounds.largest {
            Some(largest) if limit == 0 || largest < limit => largest,
            _ => limit,
        };
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let limits = IntakeLimits {
            body_bytes_max: within(body_bytes_max),
            file_bytes_max: within(settings.file_bytes_max),
            fields_bytes_max: self.limits.php_fields_bytes_max,
            parts_max: size(self.limits.parts_max),
            part_head_bytes_max: size(self.limits.part_head_bytes_max),
        };
        let spool = Arc::clone(&pool.spool);
        // Only of a POST PHP takes a form apart itself; all else it hands to the script as it is.
        let kind = ask.headers.get("content-type").unwrap_or_default();
        let essence = essence(kind);
        let is_form = ask.method == Method::Post
            && ask.interest.has(Interest::CONTENT_TYPE)
            && essence.eq_ignore_ascii_case(b"multipart/form-data");
        let told_of = settings.delivery == Delivery::Fields && ask.method == Method::Post;
        if told_of && essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") {
            // PHP would take it for the fields that tell of files.
            return Err(Fault::NotAForm);
        }
        if !is_form {
            return Intake::raw(spool, ask.length, limits).map(Some);
        }
        let boundary = boundary_of(kind)
            .map_err(|_| Fault::BadRequest("the form's boundary is missing or malformed"))?;
        let (spool, purpose) = match (settings.delivery, script.fields()) {
            (Delivery::Fields, Some((fields, folder))) => {
                let spool = match folder.zip(fields.store.as_deref()) {
                    Some((folder, path)) => script.store_spool(|| {
                        let beside = PhpSpool::beside(folder, path, &spool)?;
                        beside.collect();
                        Ok(beside)
                    })?,
                    None => spool,
                };
                (spool, FormUse::fields(fields))
            }
            (Delivery::Replay, _) => (spool, FormUse::Replay),
            _ => (spool, FormUse::Files),
        };
        let form = Intake::form(spool, &boundary, ask.length, limits, purpose)?;
        let names = self.uploads.settings.enabled;
        Ok(Some(if names { form.naming_uploads() } else { form }))
    }
}

impl Script {
    /// What of it goes into the parameters.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            filename: &self.filename,
            name: &self.name,
            document_uri: &self.document_uri,
            path_info: &self.path_info,
            query: &self.query,
            root: &self.site.document_root,
            user_ini: &self.user_ini,
            accel_mapping: &self.site.accel_mapping,
        }
    }
}

/// What PHP takes for the type: it cuts at a blank as well, so that `multipart/form-data x` is a
/// form to it. Whatever it would take apart must have been taken apart here.
pub(super) fn essence(kind: &[u8]) -> &[u8] {
    let cut = |byte: &u8| matches!(byte, b';' | b',' | b' ');
    kind.split(cut).next().unwrap_or_default().trim_ascii()
}

/// Up to this announced length a body is no upload, bytes: forms without files, calls of scripts.
pub(super) const SMALL_BODY_BYTES: u64 = 64 << 10;

/// What of a media type fits into one FastCGI record with its name.
const CONTENT_TYPE_BYTES_MAX: usize = 65_000;

#[cfg(test)]
mod tests;
