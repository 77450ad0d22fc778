//! An upload that is whole, as an object.

use std::ops::Range;

use menshen_s3::{Client, Object};

use super::{Inner, State};
use crate::{Error, Record};

/// An upload that is whole.
#[derive(Debug)]
pub struct S3Whole {
    /// What is known of it.
    pub record: Record,
    /// Where its bytes are, under the client's prefix.
    pub key: String,
    /// The object's tag.
    pub etag: String,
    /// Whether there was an object under the name before, as far as could be seen.
    pub has_replaced: bool,
    client: Client,
}

impl S3Whole {
    /// Begins to read a range of it, or all; only while it is the object that was completed.
    ///
    /// # Errors
    /// By cause.
    pub async fn read(&self, range: Option<Range<u64>>) -> Result<Object, menshen_s3::Error> {
        self.client.get(&self.key, range, Some(&self.etag)).await
    }

    /// Bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.record.offset
    }
}

impl Inner {
    pub(super) fn whole(&self, state: &State) -> Result<S3Whole, Error> {
        Ok(S3Whole {
            record: state.record.clone(),
            key: state.home(),
            etag: state.done.clone().ok_or(Error::Storage)?,
            has_replaced: state.has_replaced,
            client: self.ledger.client().clone(),
        })
    }
}
