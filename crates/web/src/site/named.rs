//! Scripts that the configuration or the application names: one to be asked about an upload, one
//! that gets it, one that is told of events.
//!
//! Whoever named it meant it, so rules that keep clients away (`open`, `allow`) do not hold; where
//! PHP does not run it does not run for these either, and nothing outside of the site is reached.

use std::rc::Rc;

use menshen_web_core::script::candidates;
use menshen_web_core::target::{decode_path, split};

use super::route::is_hidden;
use super::{Script, Site};
use crate::fault::Fault;

impl Site {
    /// The script at `path`, decoded, with this query; `None`: there is none that may run.
    pub(crate) fn named_script(
        self: &Rc<Self>,
        path: &[u8],
        query: &[u8],
    ) -> Result<Option<Box<Script>>, Fault> {
        if is_hidden(path) || self.pool.is_none() {
            return Ok(None);
        }
        for end in candidates(path) {
            let (name, path_info) = path.split_at(end);
            let place = self.place(name);
            if place.internal {
                return Ok(None);
            }
            let found = self.scripts.borrow_mut().find(place, name)?;
            let Some(user_ini) = found else { continue };
            let settings = self.rules.find(name);
            return Ok(settings.php.then(|| {
                Box::new(Script {
                    site: Rc::clone(self),
                    settings: Rc::clone(settings),
                    filename: [&place.php, place.rest(name)].concat(),
                    name: name.to_vec(),
                    path_info: path_info.to_vec(),
                    query: query.to_vec(),
                    document_uri: path.to_vec(),
                    user_ini,
                })
            }));
        }
        Ok(None)
    }

    /// The same of a target as it stands in a field: a path, percent-encoded, perhaps with a
    /// query. What no request could name names nothing.
    pub(crate) fn targeted_script(
        self: &Rc<Self>,
        target: &[u8],
    ) -> Result<Option<Box<Script>>, Fault> {
        let (path, query) = split(target);
        match decode_path(path) {
            Ok(path) => self.named_script(path.as_str().as_bytes(), query),
            Err(_) => Ok(None),
        }
    }

    /// The script that is asked about uploads where no rule says otherwise.
    pub(crate) fn authorize(&self) -> Option<&[u8]> {
        self.rules.plain().authorize.as_deref()
    }
}

#[cfg(test)]
mod tests;
