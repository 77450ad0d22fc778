//! Uploads that a signed link opened the way for: a file under one name, or a new one in a
//! drop-box.
//!
//! The link is judged when the upload is made. From then on the upload's own address is the key,
//! as it is for strangers' uploads anywhere, within the link's networks and for as long as the
//! link's signing key is there: what began in time may end after the link has expired, as a plain
//! upload may, and removing the key ends it at once.
//!
//! A counted link's use and bytes are taken when the upload is made, written down with it, and
//! stay taken when it is a file; they are given back when it is removed or expires unfinished. So
//! it counts once, however often its requests break. A creation that comes again, since its answer
//! was lost, takes the place of the first: same link, name, length and network.
//!
//! How it fails: a worker that is killed between taking and writing down, or between removing and
//! giving back, leaves the use taken; a link never gives more than it says.

use std::net::IpAddr;

use menshen_hooks::Kind;
use menshen_store::{Destination, Id, Record, Stage};
use menshen_upload_core::{Concat, Intent, Place, Refusal, Refused, Spoken, read};
use menshen_web_core::head::Method;
use menshen_web_core::link::tally::{Taken, Want};
use menshen_web_core::link::{Claims, Denied, KeyId, LinkId, Network, Sealed};
use menshen_web_core::target::{SafePath, encode_path, split};
use serde::{Deserialize, Serialize};

use super::append::Way;
use super::begin::{Creation, What};
use super::landing::Landing;
use super::said::{Said, Terms};
use super::{Scope, owner, route};
use crate::ask::Ask;
use crate::bucket::Kept;
use crate::door::Door;
use crate::fault::Fault;
use crate::hooks::keep;
use crate::links::{LinkRefusal, Take};
use crate::plan::{Plan, Stop, beside};
use crate::reply::Reply;
use crate::root::Expect;

/// What a link allowed, kept with the upload; nothing of it opens anything by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByLink {
    /// The key that signed it.
    key: [u8; 4],
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    networks: Vec<String>,
    /// Of a drop-box: nothing is replaced, and nothing told of names.
    pub(super) fresh: bool,
    /// Of a counted link: which, and the uses and bytes that were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken: Option<([u8; 12], u32, u64)>,
}

/// Where an upload by a link lands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fresh<'p> {
    /// The file that the link names.
    File(&'p SafePath<'static>),
    /// A new file of this name in a drop-box.
    New(&'p SafePath<'static>),
    /// A new file in this drop-box, of the name that the request gives.
    In(&'p SafePath<'static>),
}

impl Door {
    /// The upload that a request with a good link asks for; `None`: it speaks of none that can be
    /// resumed.
    pub(crate) fn link_upload(
        &self,
        ask: &Ask<'_>,
        (link, claims): (&[u8], &Claims),
        to: Fresh<'_>,
    ) -> Result<Option<Plan>, Stop> {
        let speaks = route::speaks(ask) || ask.headers.get("tus-resumable").is_some();
        if !self.uploads.settings.enabled || !speaks {
            return Ok(None);
        }
        let place = if ask.method == Method::Post { Place::Creation } else { Place::Elsewhere };
        let spoken = match read(ask.method, ask.headers, ask.length, place) {
            Ok(Some(spoken)) => spoken,
            Ok(None) => return Ok(None),
            Err(refusal) => return Ok(Some(self.misspoken(refusal, ask))),
        };
        let Spoken { dialect, intent } = spoken;
        let refused = |refusal| Ok(Some(self.misspoken(Refused { dialect, refusal }, ask)));
        let Intent::Create(create) = intent else { return refused(Refusal::Method(place)) };
        self.takes_uploads().inspect_err(|&fault| self.count_fault(fault))?;
        if create.concat != Concat::None {
            let hint = "Send the file as one upload.";
            return Err(Reply::trouble(400, "no parts by a link", hint, ask.wanted()).into());
        }
        let (length, most) = (route::whole_length(&create), self.limits.upload_bytes_max);
        if most > 0 && length.is_some_and(|length| length > most) {
            return refused(Refusal::TooLarge);
        }
        let id = Id::random().map_err(|_| Fault::Storage)?;
        let (path, fresh) = match to {
            Fresh::File(path) => (path.clone(), false),
            Fresh::New(path) => (path.clone(), true),
            Fresh::In(folder) => {
                let landing = Landing::of(&create, split(ask.target).1)?;
                let mut name = Vec::new();
                encode_path(landing.name.as_deref().unwrap_or(id.as_str()).as_bytes(), &mut name);
                (beside(folder, &name)?, true)
            }
        };
        let owner = owner::of_link(link);
        let mut record = self.record(ask, id, &create, Some(owner), &Scope::Files);
        record.source = owner::source_of(ask.peer);
        record.expires = self.uploads.first_expiry(&Scope::Site(String::new()));
        record.dialect = dialect.word().into();
        record.destination =
            if fresh { new_file(&path)? } else { self.file_destination(ask, &path)? };
        let key = Sealed::read(link).map_err(|_| Fault::NotFound)?.key();
        let networks = claims.networks.iter().map(ToString::to_string).collect();
        let mut said = Said::new(&Scope::Files, &create.metadata, &create.concat);
        (said.upgraded, said.name) = (ask.method == Method::Put, path.name().to_owned());
        said.wants(create.checks.want);
        said.link = Some(ByLink { key: key.0, networks, fresh, taken: None });
        record.metadata = said.json();
        let take = Take::of(claims, Want::Store { files: Some(1), bytes: length });
        let what = What::Create(Box::new(Creation {
            record,
            create,
            credentials: None,
            question: None,
            by_link: Some(take),
            conditions: Kept::default(),
        }));
        let caller = self.caller(ask, &Scope::Files);
        Ok(Some(self.errand(ask, Scope::Files, Some(dialect), caller, what)))
    }

    /// Whether what the link opened is open still, for `peer`.
    pub(super) fn still_opens(&self, link: &ByLink, peer: IpAddr) -> Result<(), LinkRefusal> {
        self.knows_link(link)?;
        let here = |text: &String| text.parse::<Network>().is_ok_and(|one| one.contains(peer));
        if link.networks.is_empty() || link.networks.iter().any(here) {
            Ok(())
        } else {
            Err(LinkRefusal::Denied(Denied::Address))
        }
    }

    /// Whether its key is there still.
    pub(super) fn knows_link(&self, link: &ByLink) -> Result<(), LinkRefusal> {
        let known = self.authority.links().knows(KeyId(link.key));
        if known { Ok(()) } else { Err(LinkRefusal::Invalid) }
    }

    /// An upload is gone that was not a file yet: its room is free, its link may be used again.
    pub(super) async fn give_back(&self, record: &Record) {
        self.give_room_back(record).await;
        let unused = matches!(record.stage, Stage::Receiving | Stage::Whole);
        if let Some((id, count, bytes)) = taken_of(record).filter(|_| unused) {
            self.settle_use(LinkId(id), Taken::to_store(count, bytes), 0, 0).await;
        }
    }

    /// An upload has become a file of `size` bytes: no more of its link is used.
    pub(super) async fn used_up(&self, record: &Record, size: u64) {
        if let Some((id, count, bytes)) = taken_of(record).filter(|taken| taken.2 != size) {
            self.settle_use(LinkId(id), Taken::to_store(count, bytes), count, size).await;
        }
    }
}

impl Way {
    /// Takes the use of a link for a new upload, and writes down with it what was taken.
    pub(super) async fn take_link(
        &self,
        door: &std::rc::Rc<Door>,
        record: &mut Record,
        take: Option<Take>,
    ) -> Result<(), Reply> {
        self.displace(door, record).await?;
        let Some(take) = take else { return Ok(()) };
        let taken = door.take(take).await;
        let taken = taken.map_err(|refusal| door.refuse_link(refusal, self.wanted))?;
        let mut said = Said::of(record);
        if let Some(link) = &mut said.link {
            link.taken = Some((take.id.0, taken.count, taken.bytes));
        }
        record.metadata = said.json();
        if take.limits.bytes.is_some() && record.length.is_none() {
            let most = record.largest.unwrap_or(u64::MAX).min(taken.bytes);
            record.largest = Some(most);
        }
        Ok(())
    }

    /// Removes what an earlier creation of the same client made of the same file.
    async fn displace(&self, door: &std::rc::Rc<Door>, record: &Record) -> Result<(), Reply> {
        let Some(owner) = record.owner else { return Ok(()) };
        let all = self.store.list(&owner).await.map_err(|error| self.failed(&error))?;
        let name = Said::of(record).name;
        for one in all {
            let same = one.length == record.length
                && one.source == record.source
                && Said::of(&one).name == name;
            if same && matches!(one.stage, Stage::Receiving) {
                let promise = self.promise(door, Kind::Deleted, &one).await?;
                self.withdraw(door, &one.id).await;
                keep(promise).await;
            }
        }
        Ok(())
    }

    /// Removes an upload that comes to nothing; what was taken for it is given back.
    pub(super) async fn withdraw(&self, door: &std::rc::Rc<Door>, id: &Id) {
        if let Ok(gone) = self.store.take_out(id).await {
            door.give_back(&gone).await;
        }
    }
}

fn taken_of(record: &Record) -> Option<([u8; 12], u32, u64)> {
    Said::of(record).link.and_then(|link| link.taken)
}

/// A file that takes nobody's place.
fn new_file(path: &SafePath<'_>) -> Result<Destination, Fault> {
    let terms = serde_json::to_vec(&Terms { expect: Expect::Nothing });
    let terms = terms.map_err(|_| Fault::Storage)?;
    Ok(Destination::File { path: path.as_str().into(), terms })
}
