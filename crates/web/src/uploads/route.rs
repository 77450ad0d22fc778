//! From a request's head to what it wants of an upload; decided while the head is borrowed.
//!
//! On the file service the right to make an upload is the right to write where it will land; on a
//! site anybody may, within the limits, as anybody may send a form. Going on with one takes the
//! same owner. Nothing is read from a disk here but what PUT looks at as well.

use std::rc::Rc;

use menshen_net::clock;
use menshen_store::{Destination, Id, Order, Record};
use menshen_upload_core::{
    Concat, Content, Create, Dialect, End, Intent, Offer, Place, Refusal, Refused, Spoken, read,
};
use menshen_web_core::head::{Interest, Method};
use menshen_web_core::target::{SafePath, decode_path, encode_path, split};

use super::begin::{Caller, Creation, Errand, What};
use super::landing::Landing;
use super::reply::{Known, refused, sent};
use super::request::RequestHead;
use super::said::{Said, Terms};
use super::{Scope, checks, owner};
use crate::ask::Ask;
use crate::auth::{Grant, Reach};
use crate::bucket::Kept;
use crate::door::Door;
use crate::fault::Fault;
use crate::php::asking::About;
use crate::plan::{Existing, Plan, Stop};
use crate::reply::Reply;
use crate::root::Expect;
use crate::site::{Script, Site};

impl Door {
    /// What is asked at the place of uploads; `None`: nothing, the request is somebody else's.
    pub(crate) fn at_uploads(&self, ask: &Ask<'_>, site: Option<&Site>) -> Option<Plan> {
        let rest = ask.target.strip_prefix(PREFIX)?;
        let (path, query) = split(rest);
        let id = match path {
            b"" | b"/" => None,
            [b'/', id @ ..] => Some(id),
            _ => return None,
        };
        let here = self.uploads.settings.enabled && site.is_none_or(|site| site.pool.is_some());
        if !here {
            return None;
        }
        let scope = site.map_or(Scope::Files, |_| Scope::Site(host_of(ask)));
        Some(self.asked(ask, query, id, scope).unwrap_or_else(|stop| self.stopped(stop, ask)))
    }

    /// A PUT that wants to be resumable; `None`: it does not.
    pub(crate) fn resumable_put(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
    ) -> Result<Option<Plan>, Stop> {
        if !self.uploads.settings.enabled || !speaks(ask) {
            return Ok(None);
        }
        let spoken = match read(ask.method, ask.headers, ask.length, Place::Elsewhere) {
            Ok(Some(spoken)) => spoken,
            Ok(None) => return Ok(None),
            Err(refusal) => return Ok(Some(self.misspoken(refusal, ask))),
        };
        let Spoken { dialect, intent: Intent::Create(create) } = spoken else { return Ok(None) };
        let caller = self.caller(ask, &Scope::Files);
        let open = self.authority.public(path.as_str().as_bytes(), Reach::Itself);
        let owner = caller.owner.filter(|_| open != Some(Grant::Write));
        let id = Id::random().map_err(|_| Fault::Storage)?;
        let mut record = self.record(ask, id, &create, owner, &Scope::Files);
        record.dialect = dialect.word().into();
        record.destination = self.file_destination(ask, path)?;
        let mut said = Said::new(&Scope::Files, &create.metadata, &create.concat);
        (said.upgraded, said.name) = (true, path.name().to_owned());
        said.wants(create.checks.want);
        record.metadata = said.json();
        let conditions = Kept::of(ask);
        let creation = Creation {
            record,
            create,
            credentials: None,
            question: None,
            by_link: None,
            conditions,
        };
        let what = What::Create(Box::new(creation));
        Ok(Some(self.errand(ask, Scope::Files, Some(dialect), caller, what)))
    }

    /// A request for a script that wants to be resumable; otherwise the script comes back.
    pub(crate) fn resumable_call(
        &self,
        ask: &Ask<'_>,
        script: Box<Script>,
    ) -> Result<Plan, Box<Script>> {
        let method = matches!(ask.method, Method::Post | Method::Put);
        if !method || !self.uploads.settings.enabled || !speaks(ask) {
            return Err(script);
        }
        let spoken = match read(ask.method, ask.headers, ask.length, Place::Elsewhere) {
            Ok(Some(spoken)) => spoken,
            Ok(None) => return Err(script),
            Err(refusal) => return Ok(self.misspoken(refusal, ask)),
        };
        let Spoken { dialect, intent: Intent::Create(create) } = spoken else {
            return Err(script);
        };
        let planned = self.call_upload(ask, script, dialect, create);
        Ok(planned.unwrap_or_else(|stop| self.stopped(stop, ask)))
    }

    fn call_upload(
        &self,
        ask: &Ask<'_>,
        script: Box<Script>,
        dialect: Dialect,
        create: Create,
    ) -> Result<Plan, Stop> {
        let own = script.settings.upload_bytes_max;
        let (site, settings) = (Rc::clone(&script.site), Rc::clone(&script.settings));
        // Everything that would be refused of the whole request is refused now.
        let length = whole_length(&create);
        let whole = Ask { length: length.or(Some(1)), ..*ask };
        self.php_call(&whole, script).map_err(Stop::Reply)?;
        self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
        let about = About::of(&create, length, ask.headers.get("content-type"));
        let by = settings.authorize.as_deref();
        let question = by.map(|by| self.question(ask, &site, by, about)).transpose()?;
        let scope = Scope::Site(host_of(ask));
        let caller = self.caller(ask, &scope);
        let id = Id::random().map_err(|_| Fault::Storage)?;
        let mut record = self.record(ask, id, &create, caller.owner, &scope);
        if own > 0 {
            record.largest = Some(own);
        }
        record.dialect = dialect.word().into();
        let head = RequestHead::of(ask).ok_or(Fault::HeaderTooLarge)?;
        let head = serde_json::to_vec(&head).map_err(|_| Fault::Storage)?;
        record.destination = Destination::Request { head };
        let mut said = Said::new(&scope, &create.metadata, &create.concat);
        said.upgraded = true;
        record.metadata = said.json();
        // The same request may make it whole.
        let credentials = ask.headers.get("authorization").map(<[u8]>::to_vec);
        let creation = Creation {
            record,
            create,
            credentials,
            question,
            by_link: None,
            conditions: Kept::default(),
        };
        let what = What::Create(Box::new(creation));
        Ok(self.errand(ask, scope, Some(dialect), caller, what))
    }

    fn asked(
        &self,
        ask: &Ask<'_>,
        query: &[u8],
        id: Option<&[u8]>,
        scope: Scope,
    ) -> Result<Plan, Stop> {
        let caller = self.caller(ask, &scope);
        let parsed = |id: &[u8]| Id::parse(id).map_err(|_| Stop::Fault(Fault::NotFound));
        if ask.method == Method::Get {
            let what = match id {
                None => What::List,
                Some(id) => What::State(parsed(id)?),
            };
            return Ok(self.errand(ask, scope, None, caller, what));
        }
        let place = if id.is_some() { Place::Upload } else { Place::Creation };
        let spoken = match read(ask.method, ask.headers, ask.length, place) {
            Ok(Some(spoken)) => spoken,
            Ok(None) => {
                let hint = "tus 1.0.0 and resumable uploads of HTTP are spoken here.";
                return Err(Reply::trouble(400, "not an upload", hint, ask.wanted()).into());
            }
            Err(refusal) => return Ok(self.misspoken(refusal, ask)),
        };
        let Spoken { dialect, intent } = spoken;
        let what = match (intent, id) {
            (Intent::Options, _) => {
                let offer = self.offer(&scope);
                return Ok(sent(dialect.options(place, &self.upload_limits(), offer)).into());
            }
            (Intent::Segment(_), None) if self.offer(&scope) == Offer::Streams => {
                return Ok(self.misspoken(Refused { dialect, refusal: Refusal::Unsupported }, ask));
            }
            (Intent::Segment(segment), None) if scope == Scope::Files => {
                return self.segment(ask, query, caller, segment);
            }
            (Intent::Create(create), _) => {
                return self.creation(ask, query, scope, caller, dialect, create);
            }
            (Intent::Append(append), Some(id)) => {
                let credentials = ask.headers.get("authorization").map(<[u8]>::to_vec);
                What::Append(parsed(id)?, Box::new(append), credentials)
            }
            (Intent::Look, Some(id)) => What::Look(parsed(id)?),
            (Intent::Cancel, Some(id)) => What::Cancel(parsed(id)?),
            _ => {
                let refusal = Refused { dialect, refusal: Refusal::Method(place) };
                return Ok(self.misspoken(refusal, ask));
            }
        };
        Ok(self.errand(ask, scope, Some(dialect), caller, what))
    }

    fn creation(
        &self,
        ask: &Ask<'_>,
        query: &[u8],
        scope: Scope,
        caller: Caller,
        dialect: Dialect,
        create: Create,
    ) -> Result<Plan, Stop> {
        self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
        let most = self.limits.upload_bytes_max;
        if most > 0 && whole_length(&create).is_some_and(|length| length > most) {
            let refusal = Refused { dialect, refusal: Refusal::TooLarge };
            return Ok(self.misspoken(refusal, ask));
        }
        let held = create.metadata.get("held").is_some();
        if self.offer(&scope) == Offer::Streams && (held || create.concat != Concat::None) {
            return Ok(self.misspoken(Refused { dialect, refusal: Refusal::Unsupported }, ask));
        }
        let question = match &scope {
            Scope::Site(_) => self.question_ahead(ask, &create, whole_length(&create))?,
            Scope::Files => None,
        };
        let id = Id::random().map_err(|_| Fault::Storage)?;
        let mut said = Said::new(&scope, &create.metadata, &create.concat);
        said.wants(create.checks.want);
        let (owner, destination) = match &scope {
            Scope::Site(_) => {
                // It names no file here, so any name is as good as another.
                let name = create.file_name.as_deref().unwrap_or_default();
                said.name = String::from_utf8_lossy(name).into_owned();
                (caller.owner, Destination::Held)
            }
            // For a form to come; only whoever may write anywhere may leave what has no place.
            Scope::Files if create.metadata.get("held").is_some() => match &caller.refusal {
                Some(refusal) => return Err(Stop::Refusal(*refusal)),
                None => {
                    said.name = Landing::of(&create, query)?.name.unwrap_or_default();
                    (caller.owner, Destination::Held)
                }
            },
            Scope::Files => {
                let landing = Landing::of(&create, query)?;
                said.name = landing.name.clone().unwrap_or_default();
                let mut raw = Vec::new();
                encode_path(landing.path(id.as_str()).as_bytes(), &mut raw);
                let path = decode_path(&raw).map_err(|error| Fault::BadPath(error.reason()))?;
                let open = self.authority.public(path.as_str().as_bytes(), Reach::Itself);
                if open != Some(Grant::Write)
                    && let Some(refusal) = &caller.refusal
                {
                    return Err(Stop::Refusal(*refusal));
                }
                (caller.owner, self.file_destination(ask, &path)?)
            }
        };
        let mut record = self.record(ask, id, &create, owner, &scope);
        record.dialect = dialect.word().into();
        record.destination = match create.concat {
            Concat::Partial => Destination::Part,
            _ => destination,
        };
        record.metadata = said.json();
        let conditions = Kept::of(ask);
        let creation =
            Creation { record, create, credentials: None, question, by_link: None, conditions };
        let what = What::Create(Box::new(creation));
        Ok(self.errand(ask, scope, Some(dialect), caller, what))
    }

    /// A file, under the conditions of the request.
    pub(super) fn file_destination(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
    ) -> Result<Destination, Stop> {
        let expect = match self.bucket {
            // It is asked later: that takes time.
            Some(_) => Expect::Anything,
            None => self.expectation(ask, path, Existing::File)?,
        };
        let terms = serde_json::to_vec(&Terms { expect }).map_err(|_| Fault::Storage)?;
        Ok(Destination::File { path: path.as_str().into(), terms })
    }

    pub(super) fn record(
        &self,
        ask: &Ask<'_>,
        id: Id,
        create: &Create,
        owner: Option<owner::Owner>,
        scope: &Scope,
    ) -> Record {
        // What nobody in particular owns, and sends nothing, holds its room for an hour at most.
        let stranger = Scope::Site(String::new());
        let first = if owner.is_none() { &stranger } else { scope };
        let mut record = Record::new(id, clock::unix_s(), self.uploads.first_expiry(first));
        let most = self.limits.upload_bytes_max;
        record.owner = owner;
        // A cookie is made by whoever likes.
        if owner.is_none() || *scope != Scope::Files {
            record.source = owner::source_of(ask.peer);
        }
        record.length = whole_length(create);
        record.largest = (most > 0).then_some(most);
        record.order = Order::Stream;
        record.promises = checks::of_digests(&create.checks.whole);
        if let Some(site) = self.sites.find(ask.host).filter(|_| *scope != Scope::Files) {
            record.share = site.uploads_share;
        }
        record
    }

    pub(super) fn errand(
        &self,
        ask: &Ask<'_>,
        scope: Scope,
        dialect: Option<Dialect>,
        caller: Caller,
        what: What,
    ) -> Plan {
        let creates = matches!(what, What::Create(_));
        let cookie = match scope {
            Scope::Site(_) if creates => owner::new_cookie(ask),
            _ => None,
        };
        Plan::Upload(Box::new(Errand {
            scope,
            dialect: dialect.unwrap_or(Dialect::Tus),
            caller,
            what,
            wanted: ask.wanted(),
            limits: self.upload_limits(),
            base: if dialect == Some(Dialect::Tus) { base(ask) } else { String::new() },
            cookie,
        }))
    }

    /// Who asks. A wrong token is only told where no right one is needed.
    pub(super) fn caller(&self, ask: &Ask<'_>, scope: &Scope) -> Caller {
        let peer = ask.peer;
        match scope {
            Scope::Site(_) => {
                Caller { owner: owner::of_cookie(ask), peer, refusal: None, challenge: None }
            }
            Scope::Files => match self.authority.owner(ask, clock::unix_s()) {
                Ok(()) => {
                    let owner = Some(owner::of_token());
                    Caller { owner, peer, refusal: None, challenge: None }
                }
                Err(refusal) => {
                    let challenge = Some(Box::new(self.refuse(refusal, ask)));
                    Caller { owner: None, peer, refusal: Some(refusal), challenge }
                }
            },
        }
    }

    pub(super) fn misspoken(&self, refused_: Refused, ask: &Ask<'_>) -> Plan {
        let Refused { dialect, refusal } = refused_;
        let known = Known::nothing(self.upload_limits());
        refused(dialect, refusal, &known, ask.wanted()).into()
    }
}

/// Scheme and host before the address of an upload, for programs: aiotus takes no other. A browser
/// gets a path, which is right also behind a proxy that does not say how it was reached.
fn base(ask: &Ask<'_>) -> String {
    if ask.interest.has(Interest::SEC_FETCH_SITE.with(Interest::ORIGIN)) {
        return String::new();
    }
    let scheme = if ask.wire.secure { "https" } else { "http" };
    format!("{scheme}://{}", String::from_utf8_lossy(ask.host))
}

/// Bytes of the whole, where the request says or shows it.
pub(super) fn whole_length(create: &Create) -> Option<u64> {
    create.length.or(match (create.end, create.content) {
        (End::Here, Content::Sized(n)) => Some(n),
        (End::Here, Content::None) => Some(0),
        _ => None,
    })
}

/// Whether a request may be one of the dialects at all: one look at its fields' names.
pub(crate) fn speaks(ask: &Ask<'_>) -> bool {
    let mut found = false;
    ask.headers.each(&mut |name, _| {
        found |= name.get(..7).is_some_and(|start| start.eq_ignore_ascii_case(b"upload-"));
    });
    found && !ask.interest.has(Interest::CONTENT_RANGE)
}

/// The host without its port, in lower case.
pub(crate) fn host_of(ask: &Ask<'_>) -> String {
    let (host, _) = menshen_web_core::head::host_parts(ask.host);
    String::from_utf8_lossy(host).to_ascii_lowercase()
}

const PREFIX: &[u8] = b"/.menshen/uploads";
