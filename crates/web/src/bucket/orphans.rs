//! Multipart uploads of plain bodies whose worker was killed: each is named by a marker in our
//! folder from its beginning to its end, so that any node can give it up later.
//!
//! Never touched: uploads without a marker. They are those of other programs, and those that can be
//! resumed, which have a state of their own.

use bytes::Bytes;
use menshen_s3::{Client, Condition, Content, Error, Labels};

/// Notes that the multipart upload `id` to `key` is under way.
pub(super) async fn mark(client: &Client, note: &str, key: &str, id: &str) -> Result<(), Error> {
    let content = Content::whole(Bytes::from(format!("{id}\n{key}")));
    let marker = marker(note);
    client.put(&marker, content, &Condition::Always, Labels::default()).await.map(drop)
}

/// It has ended. Nobody waits for it: a marker without an upload does no harm.
pub(super) fn forget(client: &Client, note: &str) {
    let (client, marker) = (client.clone(), marker(note));
    tokio::spawn(async move {
        let _ = client.delete(&marker).await;
    });
}

/// Gives up what was begun more than `orphan_s` seconds before `now` (unix seconds) and never
/// ended; how many.
///
/// # Errors
/// The bucket's.
pub(super) async fn collect(client: &Client, now: u64, orphan_s: u64) -> Result<usize, Error> {
    let (mut removed, mut after) = (0, None);
    loop {
        let page = client.list(FOLDER, None, after.as_deref()).await?;
        for entry in &page.entries {
            let written = u64::try_from(entry.modified).unwrap_or(0);
            if written.saturating_add(orphan_s) > now {
                continue;
            }
            let marker = client.get(&entry.key, None, None).await?.whole(MARKER_BYTES_MAX).await?;
            let text = String::from_utf8_lossy(&marker);
            if let Some((id, key)) = text.split_once('\n') {
                client.abort(key, id).await?;
            }
            client.delete(&entry.key).await?;
            removed += 1;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(removed),
        }
    }
}

fn marker(note: &str) -> String {
    format!("{FOLDER}{note}")
}

const FOLDER: &str = ".menshen/puts/";
/// An id and a key have 1,024 each.
const MARKER_BYTES_MAX: usize = 4096;
