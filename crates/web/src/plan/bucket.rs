//! What a request to the file service comes to where its files are in a bucket: the same rules of
//! permission, names and methods as for a folder; only the looking comes later, since it takes a
//! request of its own.

use std::rc::Rc;

use menshen_web_core::fields::{Digests, Lang, Wanted, language, wanted_digest};
use menshen_web_core::head::Method;
use menshen_web_core::link::Deed;
use menshen_web_core::link::tally::Want;
use menshen_web_core::multipart::{Multipart, MultipartLimits, boundary_of};
use menshen_web_core::target::{SafePath, decode_path, query_value, split};

use super::{ALLOWED, ALLOWED_FILE, Plan, Stop, destination_path, not_allowed};
use crate::ask::Ask;
use crate::auth::{Grant, Reach};
use crate::bucket::{
    Bucket, ByLink, Change, Errand, Fetch, Form, Intake, Kept, List, Put, Said, Shown, Upload,
    key_of,
};
use crate::door::Door;
use crate::fault::Fault;
use crate::links::sink::{Inner, LinkSink};
use crate::links::{Linked, Take};
use crate::page::Page;
use crate::reply::Reply;
use crate::root::Replace;
use crate::sink::Sink;
use crate::uploads::speaks;

impl Door {
    /// A request for `path`, without a link.
    pub(super) fn at_bucket(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        bucket: &Rc<Bucket>,
    ) -> Result<Plan, Stop> {
        let text = || path.as_str().to_owned();
        match ask.method {
            Method::Post if wants_zip(ask, path) => {
                self.judge(ask, path, Reach::Inside)?;
                Err(no_zip(ask))
            }
            Method::Get | Method::Head => self.get_object(ask, path),
            Method::Put => {
                self.may_write(ask, path, Reach::Itself)?;
                self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
                self.check_content(ask, path)?;
                if let Some(plan) = self.resumable_put(ask, path)? {
                    return Ok(plan);
                }
                let put = self.put_object(ask, path, bucket)?;
                Ok(Plan::Receive(Sink::Bucket(Box::new(put))))
            }
            Method::Post => {
                self.may_write(ask, path, Reach::Inside)?;
                self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
                if !path.is_dir() {
                    return Err(not_allowed(ask, ALLOWED_FILE));
                }
                let form = self.form_for_bucket(ask, path, bucket)?;
                Ok(Plan::Receive(Sink::Bucket(Box::new(form))))
            }
            Method::Delete => {
                self.may_write(ask, path, Reach::Itself)?;
                Ok(errand(Change::Remove { path: text(), kept: Kept::of(ask) }, ask))
            }
            Method::Move => self.move_object(ask, path),
            Method::Mkcol => {
                self.may_write(ask, path, Reach::Itself)?;
                Ok(errand(Change::MakeFolder { path: text() }, ask))
            }
            _ => Err(not_allowed(ask, ALLOWED)),
        }
    }

    fn get_object(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<Plan, Stop> {
        let judged = self.judge(ask, path, Reach::Inside);
        if !path.is_dir() {
            judged?;
            return Ok(fetch(ask, path, None));
        }
        if wants_zip(ask, path) {
            judged?;
            return Err(no_zip(ask));
        }
        let lang = lang_of(ask);
        let shown = match judged {
            Ok(grant) if ask.wanted() == Wanted::Html => Shown::Page(grant, lang),
            Ok(grant) => Shown::Json(grant),
            // The page itself is no secret: it asks for the token. Nothing is said of the path.
            Err(Stop::Refusal(_)) if ask.wanted() == Wanted::Html => {
                let page =
                    Page { lang, path: path.as_str(), rows: "", state: "locked", access: "read" };
                return Ok(page.reply().into());
            }
            Err(stop) => return Err(stop),
        };
        Ok(list(ask, path, shown))
    }

    fn move_object(&self, ask: &Ask<'_>, path: &SafePath<'_>) -> Result<Plan, Stop> {
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
        let (from, to) = (path.as_str().to_owned(), to.as_str().to_owned());
        let (kept, wanted) = (Kept::of(ask), ask.wanted());
        Ok(errand(Change::Move { from, to, kept, replace, wanted }, ask))
    }

    fn put_object(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        bucket: &Rc<Bucket>,
    ) -> Result<Intake, Stop> {
        let mut promised = Digests::default();
        let mut broken = false;
        for name in ["repr-digest", "content-digest"] {
            ask.headers.for_each(name, &mut |line| broken |= promised.add_line(line).is_err());
        }
        if broken {
            return Err(Fault::BadRequest("a digest field is malformed").into());
        }
        let said = Said {
            length: ask.length,
            largest: self.limits.upload_bytes_max,
            promised,
            wanted: ask.headers.get("want-repr-digest").and_then(wanted_digest),
        };
        let upload = Upload::new(bucket, key_of(path.as_str()), said);
        let upload = upload.inspect_err(|&fault| self.count_fault(fault))?;
        Ok(Intake::Put(Box::new(Put {
            upload,
            path: path.as_str().to_owned(),
            kept: Kept::of(ask),
            wanted: ask.wanted(),
            seen: None,
        })))
    }

    fn form_for_bucket(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        bucket: &Rc<Bucket>,
    ) -> Result<Intake, Stop> {
        let kind = self.form_type(ask)?;
        let boundary = boundary_of(kind)
            .map_err(|_| Fault::BadRequest("the form's boundary is missing or malformed"))?;
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let limits = MultipartLimits {
            parts_max: size(self.limits.parts_max),
            part_head_bytes_max: size(self.limits.part_head_bytes_max),
        };
        Ok(Intake::Form(Box::new(Form {
            bucket: Rc::clone(bucket),
            parser: Multipart::new(&boundary, limits),
            folder: path.as_str().into(),
            largest: self.limits.upload_bytes_max,
            wanted: ask.wanted(),
            current: None,
            done: Vec::new(),
            held: 0,
            share: None,
        })))
    }

    /// A request for `path` with a link that is good for it.
    pub(super) fn linked_object(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        (claims, link): (menshen_web_core::link::Claims, &[u8]),
        (deed, bucket): (Deed, &Rc<Bucket>),
    ) -> Result<Plan, Stop> {
        match deed {
            Deed::Get if wants_zip(ask, path) => Err(no_zip(ask)),
            Deed::Get if path.is_dir() && ask.wanted() == Wanted::Html => {
                let link = String::from_utf8_lossy(link).into_owned();
                let shown = Shown::Shared { top: claims.path, link, lang: lang_of(ask) };
                Ok(list(ask, path, shown))
            }
            Deed::Get if path.is_dir() => Ok(list(ask, path, Shown::Json(Grant::Read))),
            Deed::Get => Ok(fetch(ask, path, Some(ByLink { claims, peer: ask.peer }))),
            Deed::Put | Deed::Drop if ask.method != Method::Put || speaks(ask) => {
                let hint = "Send the file whole, by PUT.";
                let text = "no uploads in pieces by a link to a bucket";
                Err(Reply::trouble(501, text, hint, ask.wanted()).into())
            }
            Deed::Put | Deed::Drop => {
                self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
                self.check_content(ask, path)?;
                let put = self.put_object(ask, path, bucket)?;
                let take = Take::of(&claims, Want::Store { files: Some(1), bytes: ask.length });
                let inner = Inner::Bucket(Box::new(put));
                let plan = Plan::Receive(Sink::Link(Box::new(LinkSink::new(inner))));
                if take.is_none() {
                    return Ok(plan);
                }
                Ok(Plan::Linked(Box::new(Linked { plan, rate: 0, wanted: ask.wanted(), take })))
            }
        }
    }
}

/// Whether a folder, or some of it, is asked for as a zip file.
fn wants_zip(ask: &Ask<'_>, path: &SafePath<'_>) -> bool {
    path.is_dir() && query_value(split(ask.target).1, "zip").is_some()
}

/// A zip file, whose length would have to be known before it is sent.
fn no_zip(ask: &Ask<'_>) -> Stop {
    let hint = "Fetch its files one by one, or sync the bucket with a tool of S3.";
    Reply::trouble(501, "a folder in a bucket is not sent as a zip file", hint, ask.wanted()).into()
}

/// A drop-box, which needs new names that are taken and kept in one step.
pub(super) fn no_drop_box(ask: &Ask<'_>) -> Stop {
    let hint = "Ask for a link for one file instead.";
    Reply::trouble(501, "there are no drop-boxes in a bucket", hint, ask.wanted()).into()
}

fn fetch(ask: &Ask<'_>, path: &SafePath<'_>, link: Option<ByLink>) -> Plan {
    let (_, query) = split(ask.target);
    let fetch = Fetch {
        path: path.as_str().to_owned(),
        query: if link.is_some() || query_value(query, "zip").is_some() {
            query.to_vec()
        } else {
            Vec::new()
        },
        kept: Kept::of(ask),
        is_head: ask.method == Method::Head,
        wanted: ask.wanted(),
        link,
    };
    Plan::Bucket(Box::new(Errand::Fetch(fetch)), ask.wanted())
}

fn list(ask: &Ask<'_>, path: &SafePath<'_>, shown: Shown) -> Plan {
    let list = List { path: path.as_str().to_owned(), shown };
    Plan::Bucket(Box::new(Errand::List(list)), ask.wanted())
}

fn errand(change: Change, ask: &Ask<'_>) -> Plan {
    Plan::Bucket(Box::new(Errand::Change(change)), ask.wanted())
}

fn lang_of(ask: &Ask<'_>) -> Lang {
    ask.headers.get("accept-language").map_or(Lang::En, language)
}
