//! What a request with a signed link comes to. Whoever shows one is judged by it alone: a session
//! or a public path beside it neither adds to it nor saves a link that is not good.
//!
//! Methods and paths come to the same plans as those of the owner; only the permission differs, and
//! that a counted link's use is taken first ([`Linked`]).

use aws_lc_rs::digest;
use menshen_base::Counter;
use menshen_net::clock;
use menshen_net::gate::network_of;
use menshen_web_core::fields::{Lang, Wanted, language};
use menshen_web_core::head::Method;
use menshen_web_core::link::tally::{Part, Want};
use menshen_web_core::link::{Claims, Deed};
use menshen_web_core::target::{SafePath, decode_path, encode_path, query_value, split};

use super::{FileAnswer, Patience, Plan, Span, Stop, not_allowed};
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::files::Found;
use crate::job::Job;
use crate::links::page::Drop;
use crate::links::sink::{HIDDEN, Inner, LinkSink, is_hidden};
use crate::links::{LinkRefusal, Linked, Take};
use crate::reply::Reply;
use crate::sink::Sink;
use crate::uploads::Fresh;

impl Door {
    /// A request for `path` with a link in its query.
    pub(super) fn by_link(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        link: &[u8],
        patience: Patience,
    ) -> Result<Plan, Stop> {
        let deed = match ask.method {
            Method::Get | Method::Head => Deed::Get,
            Method::Put => Deed::Put,
            Method::Post if query_value(split(ask.target).1, "zip").is_some() => Deed::Get,
            // Of an upload that can be resumed.
            Method::Post if ask.headers.get("tus-resumable").is_some() => Deed::Put,
            Method::Post if ask.headers.get("upload-complete").is_some() => Deed::Put,
            _ => return Err(not_allowed(ask, "GET, HEAD, PUT, OPTIONS")),
        };
        let claims = self.authority.by_link(link, deed, path, ask.peer, clock::unix_s());
        let claims = claims.map_err(|refusal| self.refuse_link(refusal, ask.wanted()))?;
        if patience == Patience::Once {
            self.slot.add(Counter::LinksTaken, 1);
        }
        if let Some(bucket) = &self.bucket {
            return self.linked_object(ask, path, (claims, link), (deed, bucket));
        }
        let query = split(ask.target).1;
        match deed {
            Deed::Get if ask.method == Method::Post => {
                let selection = self.zip_selection(ask, path, query)?;
                let plan = selection.ok_or_else(|| not_allowed(ask, "GET, HEAD, PUT, OPTIONS"))?;
                Ok(self.zip_by_link(ask, plan, &claims))
            }
            Deed::Get if path.is_dir() && query_value(query, "zip").is_some() => {
                let plan = self.zip(ask, path, query)?.ok_or(Fault::NotFound)?;
                Ok(self.zip_by_link(ask, plan, &claims))
            }
            Deed::Get if path.is_dir() => Ok(shared(ask, path, &claims, link)),
            Deed::Get => self.download(ask, path, &claims, link, patience),
            Deed::Put | Deed::Drop => {
                if ask.method == Method::Put {
                    self.check_content(ask, path)?;
                }
                let owned = path.clone().into_owned();
                if let Some(plan) = self.link_upload(ask, (link, &claims), Fresh::File(&owned))? {
                    return Ok(plan);
                }
                if ask.method != Method::Put {
                    return Err(not_allowed(ask, "GET, HEAD, PUT, OPTIONS"));
                }
                let Plan::Receive(Sink::Put(put)) = self.receive_put(ask, path)? else {
                    return Err(Fault::Storage.into());
                };
                Ok(stored(ask, &claims, Inner::Put(put), Some(1)))
            }
        }
    }

    /// A request below `/.menshen/drop/`; `rest` is what follows.
    pub(super) fn drop_box(&self, ask: &Ask<'_>, rest: &[u8]) -> Result<Plan, Stop> {
        if self.bucket.is_some() {
            return Err(super::bucket::no_drop_box(ask));
        }
        let slash = rest.iter().position(|&b| b == b'/');
        let (link, name) = slash.map_or((rest, None), |at| {
            let (link, name) = rest.split_at(at);
            (link, name.get(1..))
        });
        let refuse = |refusal| self.refuse_link(refusal, ask.wanted());
        let opened = self.authority.links().open(link).map_err(refuse)?;
        let folder = safe(&opened.path).ok_or_else(|| refuse(LinkRefusal::Invalid))?;
        let now = clock::unix_s();
        let claims = self.authority.by_link(link, Deed::Drop, &folder, ask.peer, now);
        let claims = claims.map_err(refuse)?;
        self.slot.add(Counter::LinksTaken, 1);
        let Some(name) = name else {
            let location = [b"/.menshen/drop/", link, b"/"].concat();
            let reply = Reply::new(308).text("referrer-policy", "no-referrer");
            return Ok(reply.with("location", location).into());
        };
        match (ask.method, name) {
            (Method::Get | Method::Head, b"") => Ok(self.box_page(ask, &claims).reply().into()),
            (Method::Post, b"") => {
                let to = Fresh::In(&folder);
                if let Some(plan) = self.link_upload(ask, (link, &claims), to)? {
                    return Ok(plan);
                }
                self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
                let mut form = self.receive_form(ask, &folder)?;
                // What a stranger brings names nothing that is here.
                form.namer = None;
                let page = Box::new(self.box_page(ask, &claims));
                Ok(stored(ask, &claims, Inner::NewForm(form, page), None))
            }
            (Method::Put, [_, ..]) => {
                let path = beside(&folder, name)?;
                self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
                // No conditions: they would tell what is there.
                self.check_content(ask, &path)?;
                let to = Fresh::New(&path);
                if let Some(plan) = self.link_upload(ask, (link, &claims), to)? {
                    return Ok(plan);
                }
                let put = self.begin_put(ask, &path, crate::root::Expect::Nothing)?;
                Ok(stored(ask, &claims, Inner::New(put), Some(1)))
            }
            (_, b"") => Err(not_allowed(ask, "GET, HEAD, POST")),
            _ => Err(not_allowed(ask, "PUT")),
        }
    }

    fn box_page(&self, ask: &Ask<'_>, claims: &Claims) -> Drop {
        let desk = self.authority.links().desk();
        let used = desk.zip(claims.id).and_then(|(desk, id)| desk.look(id).ok().flatten());
        Drop::new(lang_of(ask), claims, used.as_ref())
    }

    fn download(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        claims: &Claims,
        link: &[u8],
        patience: Patience,
    ) -> Result<Plan, Stop> {
        let file = match self.files.open(&self.shared.root, path.as_str().as_bytes())? {
            Found::File(file) if file.too_fresh() && patience == Patience::Once => {
                return Ok(Plan::Tick);
            }
            Found::File(file) => file,
            Found::Directory if claims.path.ends_with('/') => {
                let mut location = Vec::new();
                encode_path(path.as_str().as_bytes(), &mut location);
                location.extend_from_slice(b"/?menshen-link=");
                location.extend_from_slice(link);
                if query_value(split(ask.target).1, "zip").is_some() {
                    location.extend_from_slice(b"&zip");
                }
                let reply = Reply::new(308).text("cache-control", "no-store");
                return Ok(reply.with("location", location).into());
            }
            Found::Directory => return Err(Fault::NotFound.into()),
        };
        let plan = self.file(ask, file);
        let Plan::File(answer) = plan else { return Ok(plan) };
        let want = fetch(ask, path, &answer);
        let take = if ask.method == Method::Get { Take::of(claims, want) } else { None };
        let rate = claims.rate.unwrap_or(0);
        if take.is_none() && rate == 0 {
            return Ok(Plan::File(answer));
        }
        let plan = Plan::File(answer);
        Ok(Plan::Linked(Box::new(Linked { plan, rate, wanted: ask.wanted(), take })))
    }
}

/// What is in a folder below the link's.
fn shared(ask: &Ask<'_>, path: &SafePath<'_>, claims: &Claims, link: &[u8]) -> Plan {
    let wanted = ask.wanted();
    let path = path.as_str().to_owned();
    let job = if wanted == Wanted::Html {
        let link = String::from_utf8_lossy(link).into_owned();
        let top = claims.path.clone();
        Job::ListShared { path, top, link, lang: lang_of(ask) }
    } else {
        Job::ListJson { path, grant: crate::auth::Grant::Read }
    };
    Plan::Job(Box::new(job), wanted)
}

/// A body by a link; `files` is how many it brings, where that is known.
fn stored(ask: &Ask<'_>, claims: &Claims, inner: Inner, files: Option<u32>) -> Plan {
    let take = Take::of(claims, Want::Store { files, bytes: ask.length });
    let plan = Plan::Receive(Sink::Link(Box::new(LinkSink::new(inner))));
    if take.is_none() {
        return plan;
    }
    Plan::Linked(Box::new(Linked { plan, rate: 0, wanted: ask.wanted(), take }))
}

fn fetch(ask: &Ask<'_>, path: &SafePath<'_>, answer: &FileAnswer) -> Want {
    let size = answer.file.size;
    let (part, bytes) = match &answer.span {
        Span::Whole => (Part::Whole, size),
        Span::One(range) => (Part::Range, range.end.saturating_sub(range.start)),
        Span::Many(ranges) => {
            let lengths = ranges.iter().map(|range| range.end.saturating_sub(range.start));
            (Part::Range, lengths.fold(0, u64::saturating_add))
        }
    };
    let network = network_of(ask.peer).to_string();
    let mark = mark(&network, path.as_str().as_bytes(), answer.file.etag());
    Want::Fetch { mark, part, bytes, size }
}

/// Who asks for what: only enough of it to tell clients apart, and not to name them.
pub(crate) fn mark(network: &str, path: &[u8], etag: &[u8]) -> [u8; 8] {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(network.as_bytes());
    hash.update(b"\0");
    hash.update(path);
    hash.update(b"\0");
    hash.update(etag);
    let mut mark = [0; 8];
    mark.copy_from_slice(&hash.finish().as_ref()[..8]);
    mark
}

/// The path of a new file in a drop-box.
pub(crate) fn beside(folder: &SafePath<'_>, raw: &[u8]) -> Result<SafePath<'static>, Stop> {
    let bad = |error: menshen_web_core::target::PathError| Fault::BadPath(error.reason());
    let name = [b"/", raw].concat();
    let name = decode_path(&name).map_err(bad)?;
    if name.is_dir() || name.relative().contains('/') {
        return Err(Fault::BadPath("a drop-box has no folders").into());
    }
    if is_hidden(name.as_str().as_bytes()) {
        return Err(HIDDEN.into());
    }
    let path = [folder.as_str(), name.relative()].concat();
    safe(&path).ok_or_else(|| Fault::NameTooLong.into())
}

fn safe(path: &str) -> Option<SafePath<'static>> {
    let mut link = Vec::new();
    encode_path(path.as_bytes(), &mut link);
    decode_path(&link).ok().map(SafePath::into_owned)
}

fn lang_of(ask: &Ask<'_>) -> Lang {
    ask.headers.get("accept-language").map_or(Lang::En, language)
}

#[cfg(test)]
mod tests;
