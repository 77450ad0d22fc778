//! From a request to what answers it: redirect, rule, `try`, script or file.
//!
//! The path is decoded once and taken byte for byte (RFC 3986 §3.3). What a name means is decided
//! by what lies beneath the folder at that moment and by nothing else: a script is a regular file
//! that ends in `.php`, and what only resembles one is neither run nor sent.

use std::borrow::Cow;
use std::rc::Rc;

use menshen_config::model::{QueryPiece, Try};
use menshen_web_core::head::Method;
use menshen_web_core::script::{candidates, is_forbidden_source, is_script_name};
use menshen_web_core::target::{PathError, decode_path, encode_path, split, tidied};

use super::coding::Chosen;
use super::place::Place;
use super::{Settings, Site};
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::files::{Dress, Found};
use crate::plan::{FileAnswer, Patience};
use crate::reply::Reply;
use crate::root::Kind;

/// What answers a request.
#[derive(Debug)]
pub(crate) enum Way {
    /// An answer from memory.
    Reply(Box<Reply>),
    /// A file or a part of it.
    File(FileAnswer),
    /// Wait for one tick of the file system's clock, then route again: a file changed so recently
    /// that its tag would be weak, or is being compressed.
    Tick,
    /// A script.
    Script(Box<Script>),
}

/// A script, found, with what it has to be told.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) site: Rc<Site>,
    pub(crate) settings: Rc<Settings>,
    /// `SCRIPT_FILENAME`: absolute, as PHP sees it.
    pub(crate) filename: Vec<u8>,
    /// `SCRIPT_NAME`: its path in the site, decoded.
    pub(crate) name: Vec<u8>,
    /// `PATH_INFO`: what follows the script's name in the path, decoded; often empty.
    pub(crate) path_info: Vec<u8>,
    /// `QUERY_STRING`, which a `try` entry may have made.
    pub(crate) query: Vec<u8>,
    /// `DOCUMENT_URI`: the path that is run, decoded.
    pub(crate) document_uri: Vec<u8>,
    /// `.user.ini` files PHP reads for it, absolute, as PHP sees them, joined by `:`.
    pub(crate) user_ini: Rc<[u8]>,
}

/// One request on its way.
struct Trip<'t> {
    site: &'t Rc<Site>,
    door: &'t Door,
    ask: &'t Ask<'t>,
    patience: Patience,
    /// The path as the client sent it.
    raw: &'t [u8],
    /// The path decoded.
    path: &'t [u8],
    naming: Naming,
    query: &'t [u8],
    settings: Rc<Settings>,
}

/// What the request's path may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// Files and scripts of the site.
    Files,
    /// None of them, by its form (`/wiki/AC%2FDC`, `//`); a front controller may know it.
    /// Without one, this is wrong with it.
    Nothing(Fault),
}

/// Who named what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The client, so the rule of what is found holds too.
    Client,
    /// The configuration: whoever wrote it meant it.
    Configuration,
}

/// Why a trip ended early.
enum Stop {
    Fault(Fault),
    Reply(Box<Reply>),
}

impl Site {
    /// What answers `ask`.
    pub(crate) fn route(self: &Rc<Self>, door: &Door, ask: &Ask<'_>, patience: Patience) -> Way {
        let (raw, query) = split(ask.target);
        let plain = self.rules.plain();
        if matches!(ask.method, Method::Connect | Method::Trace) {
            return reply(not_allowed(ask), plain);
        }
        if ask.method == Method::Options && raw == b"*" {
            return reply(Reply::new(204).text("allow", ALLOWED), plain);
        }
        let decoded = decode_path(raw);
        let tidy;
        let (path, naming) = match &decoded {
            Ok(path) => (path.as_str().as_bytes(), Naming::Files),
            Err(error) => match tidied(raw) {
                Some(path) => {
                    tidy = path;
                    (&tidy[..], Naming::Nothing(unreadable(*error)))
                }
                None => return reply(Reply::fault(unreadable(*error), ask.wanted()), plain),
            },
        };
        let settings = Rc::clone(self.rules.find(path));
        let mut trip = Trip { site: self, door, ask, patience, raw, path, naming, query, settings };
        match trip.way() {
            Ok(Way::Reply(answer)) => reply(*answer, &trip.settings),
            Ok(way) => way,
            Err(Stop::Fault(fault)) => reply(Reply::fault(fault, ask.wanted()), &trip.settings),
            Err(Stop::Reply(answer)) => reply(*answer, &trip.settings),
        }
    }

    /// The folder that is shown at `path`.
    pub(super) fn place(&self, path: &[u8]) -> &Place {
        let shown = |place: &&Place| {
            path.starts_with(&place.path) || place.path.strip_suffix(b"/") == Some(path)
        };
        // The document root is the last and shown at every path.
        self.places.iter().find(shown).unwrap_or(&self.places[self.places.len() - 1])
    }
}

impl<'t> Trip<'t> {
    fn way(&mut self) -> Result<Way, Stop> {
        if !self.settings.open {
            return Err(Fault::NotFound.into());
        }
        let files = self.naming == Naming::Files;
        let moved = files.then(|| self.site.redirects.find(self.path, self.query)).flatten();
        if let Some((status, location)) = moved {
            return Ok(Way::Reply(Box::new(Reply::new(status).with("location", location))));
        }
        self.admit()?;
        if is_hidden(self.path) || self.site.place(self.path).internal {
            return Err(Fault::NotFound.into());
        }
        if let Some(script) = self.settings.script.clone() {
            let found = self.configured(&script, self.query)?;
            return found.ok_or(Stop::Fault(Fault::NotFound));
        }
        let site = Rc::clone(self.site);
        for entry in &site.tries {
            let found = match entry {
                Try::Path if self.naming != Naming::Files => self.script_before()?,
                Try::Path => self.asked()?,
                Try::Other { path, query } => {
                    let query = self.query_of(query.as_deref());
                    self.configured(path.as_bytes(), &query)?
                }
                Try::Status(status) => Some(self.status(*status)),
            };
            if let Some(way) = found {
                return Ok(way);
            }
        }
        Err(match self.naming {
            Naming::Files => Fault::NotFound.into(),
            Naming::Nothing(fault) => fault.into(),
        })
    }

    /// `$path`: the path itself.
    fn asked(&mut self) -> Result<Option<Way>, Stop> {
        let path = self.path;
        if let Some(way) = self.script_in(path, self.query, Origin::Client)? {
            return Ok(Some(way));
        }
        if path.ends_with(b"/") {
            return self.index(path, self.query, Origin::Client);
        }
        let place = self.site.place(path);
        if place.path.len() > path.len() {
            return self.slash(path);
        }
        if is_forbidden_source(last(path)) {
            return match place.kind(place.rest(path))? {
                Some(Kind::File) => Err(Fault::NotFound.into()),
                Some(Kind::Directory) => self.slash(path),
                None => Ok(None),
            };
        }
        self.file(path, Origin::Client)
    }

    /// A path that the configuration names.
    fn configured(&mut self, path: &[u8], query: &[u8]) -> Result<Option<Way>, Stop> {
        if let Some(way) = self.script_in(path, query, Origin::Configuration)? {
            return Ok(Some(way));
        }
        if path.ends_with(b"/") {
            return self.index(path, query, Origin::Configuration);
        }
        if is_forbidden_source(last(path)) {
            return Ok(None);
        }
        self.file(path, Origin::Configuration)
    }

    /// The script in `path`, with what follows it as path info; the first that is a regular file.
    fn script_in(
        &mut self,
        path: &[u8],
        query: &[u8],
        origin: Origin,
    ) -> Result<Option<Way>, Stop> {
        for end in candidates(path) {
            let (name, path_info) = path.split_at(end);
            let place = self.site.place(name);
            let found = self.site.scripts.borrow_mut().find(place, name)?;
            let Some(user_ini) = found else { continue };
            self.under_rule_of(name, origin)?;
            if self.site.pool.is_none() || !self.site.rules.find(name).php {
                return Err(Fault::NotFound.into());
            }
            return Ok(Some(self.run(place, name, path_info, query, user_ini)));
        }
        Ok(None)
    }

    /// A script that the path names in plain letters, with something odd only behind it.
    fn script_before(&mut self) -> Result<Option<Way>, Stop> {
        let plain = candidates(self.path).any(|end| {
            let behind = self.raw.strip_prefix(&self.path[..end]);
            behind.is_some_and(|rest| rest.starts_with(b"/"))
        });
        if plain { self.script_in(self.path, self.query, Origin::Client) } else { Ok(None) }
    }

    /// The first file of the index in the directory `path`.
    fn index(&mut self, path: &[u8], query: &[u8], origin: Origin) -> Result<Option<Way>, Stop> {
        let Some((name, kind)) = self.index_name(path)? else { return Ok(None) };
        if kind == IndexKind::Script {
            return self.script_in(&name, query, origin);
        }
        self.file(&name, origin)
    }

    fn index_name(&self, path: &[u8]) -> Result<Option<(Vec<u8>, IndexKind)>, Stop> {
        let place = self.site.place(path);
        for entry in &self.site.index {
            let name = [path, entry].concat();
            if is_script_name(entry) {
                let runs = self.site.pool.is_some() && self.site.rules.find(&name).php;
                if runs && self.site.scripts.borrow_mut().find(place, &name)?.is_some() {
                    return Ok(Some((name, IndexKind::Script)));
                }
            } else if !is_forbidden_source(entry)
                && place.kind(place.rest(&name))? == Some(Kind::File)
            {
                return Ok(Some((name, IndexKind::Static)));
            }
        }
        Ok(None)
    }

    /// 308 to the directory `path` with its slash, if it has an index.
    fn slash(&mut self, path: &[u8]) -> Result<Option<Way>, Stop> {
        let folder = [path, b"/"].concat();
        self.under_rule_of(&folder, Origin::Client)?;
        if self.index_name(&folder)?.is_none() {
            return Ok(None);
        }
        let mut location = Vec::new();
        encode_path(&folder, &mut location);
        if !self.query.is_empty() {
            location.push(b'?');
            location.extend_from_slice(self.query);
        }
        // Not for ever: the name may be a file's tomorrow.
        let reply = Reply::new(308).text("cache-control", "no-cache").with("location", location);
        Ok(Some(Way::Reply(Box::new(reply))))
    }

    /// The static file `path`.
    fn file(&mut self, path: &[u8], origin: Origin) -> Result<Option<Way>, Stop> {
        let place = self.site.place(path);
        let rest = place.rest(path);
        self.under_rule_of(path, origin)?;
        let dress = Dress::Site(Rc::clone(&self.settings.extra));
        let file = match place.files.open_as(&place.root, rest, &dress) {
            Ok(Found::File(file)) => file,
            Ok(Found::Directory) if origin == Origin::Client => return self.slash(path),
            Ok(Found::Directory) | Err(Fault::NotFound | Fault::NotDirectory) => return Ok(None),
            Err(fault) => return Err(fault.into()),
        };
        if !matches!(self.ask.method, Method::Get | Method::Head) {
            return Err(Stop::Reply(Box::new(not_allowed(self.ask))));
        }
        if file.too_fresh() && self.patience == Patience::Once {
            return Ok(Some(Way::Tick));
        }
        let file = match self.site.gzips.choose(place, rest, file, self.ask, self.patience) {
            Chosen::File(file) => file,
            Chosen::Tick => return Ok(Some(Way::Tick)),
        };
        Ok(Some(match self.door.read(self.ask, file) {
            Ok(answer) => Way::File(answer),
            Err(reply) => Way::Reply(Box::new(reply)),
        }))
    }

    /// The request comes under the rule of what its path led to, where that rule is narrower: a
    /// rule for `/admin.php` also holds for `/admin.php/x`.
    fn under_rule_of(&mut self, name: &[u8], origin: Origin) -> Result<(), Stop> {
        let rule = self.site.rules.find(name);
        if origin == Origin::Configuration || !rule.outweighs(&self.settings) {
            return Ok(());
        }
        self.settings = Rc::clone(rule);
        if !self.settings.open {
            return Err(Fault::NotFound.into());
        }
        self.admit()
    }

    fn admit(&self) -> Result<(), Stop> {
        if self.settings.admits(self.ask.peer) { Ok(()) } else { Err(Fault::Forbidden.into()) }
    }

    fn run(
        &self,
        place: &Place,
        name: &[u8],
        path_info: &[u8],
        query: &[u8],
        user_ini: Rc<[u8]>,
    ) -> Way {
        Way::Script(Box::new(Script {
            site: Rc::clone(self.site),
            settings: Rc::clone(&self.settings),
            filename: [&place.php, place.rest(name)].concat(),
            name: name.to_vec(),
            path_info: path_info.to_vec(),
            query: query.to_vec(),
            document_uri: [name, path_info].concat(),
            user_ini,
        }))
    }

    /// The query of a `try` entry.
    fn query_of(&self, template: Option<&[QueryPiece]>) -> Cow<'t, [u8]> {
        let Some(pieces) = template else { return Cow::Borrowed(self.query) };
        let piece = |piece: &'_ QueryPiece| match piece {
            QueryPiece::Text(text) => text.as_bytes().to_vec(),
            QueryPiece::Path => self.raw.to_vec(),
            QueryPiece::Query => self.query.to_vec(),
        };
        pieces.iter().flat_map(piece).collect()
    }

    fn status(&self, status: u16) -> Way {
        let text = menshen_web_core::response::reason_phrase(status).to_ascii_lowercase();
        let reply = Reply::trouble(status, &text, "", self.ask.wanted());
        Way::Reply(Box::new(reply))
    }
}

/// What a file of the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IndexKind {
    Script,
    Static,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn reply(reply: Reply, settings: &Settings) -> Way {
    Way::Reply(Box::new(settings.extra.add_to(reply)))
}

fn not_allowed(ask: &Ask<'_>) -> Reply {
    let text = "the method is not allowed here";
    Reply::trouble(405, text, "", ask.wanted()).text("allow", ALLOWED)
}

fn unreadable(error: PathError) -> Fault {
    match error {
        PathError::NameTooLong | PathError::TooLong => Fault::NameTooLong,
        PathError::Reserved => Fault::NotFound,
        other => Fault::BadPath(other.reason()),
    }
}

/// Whether a segment begins with a dot, but for `/.well-known/` (RFC 8615).
pub(super) fn is_hidden(path: &[u8]) -> bool {
    let path = path.strip_prefix(WELL_KNOWN).unwrap_or(path);
    path.windows(2).any(|pair| pair == b"/.") || path.starts_with(b".")
}

/// The last segment.
fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or_default()
}

/// What static files take.
const ALLOWED: &str = "GET, HEAD";
const WELL_KNOWN: &[u8] = b"/.well-known/";

#[cfg(test)]
mod tests;
