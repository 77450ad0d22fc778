//! What hooks are told of uploads.
//!
//! How it fails: what cannot be written down does not happen, and its client is told so.

use std::rc::Rc;

use menshen_hooks::{Kind, Promise};
use menshen_store::{Destination, Record};

use super::Scope;
use super::append::Way;
use super::request::RequestHead;
use crate::door::Door;
use crate::hooks::keep;
use crate::reply::Reply;

impl Way {
    /// A new upload is told of; where that cannot be written down, there is none.
    pub(super) async fn created(&self, door: &Rc<Door>, record: &Record) -> Result<(), Reply> {
        match self.promise(door, Kind::Created, record).await {
            Ok(promise) => {
                keep(promise).await;
                Ok(())
            }
            Err(reply) => {
                let _ = self.store.remove(&record.id).await;
                Err(reply)
            }
        }
    }

    /// Something is about to happen to an upload.
    pub(super) async fn promise(
        &self,
        door: &Rc<Door>,
        what: Kind,
        record: &Record,
    ) -> Result<Option<Promise>, Reply> {
        // Of files in a bucket hooks are told nothing, by whichever door they came.
        if door.shared.hooks.is_none() || self.bucket.is_some() {
            return Ok(None);
        }
        let target = match &record.destination {
            Destination::Request { head } => serde_json::from_slice::<RequestHead>(head).ok(),
            _ => None,
        };
        let target = target.as_ref().map(|head| head.target.as_slice());
        let host = match &self.scope {
            Scope::Files => "",
            Scope::Site(host) => host,
        };
        let promised = door.promise(what, record, target, host).await;
        promised.map_err(|fault| self.fault(door, fault))
    }
}
