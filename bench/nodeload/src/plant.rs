//! Faults made on purpose in the bucket, each of which the checker has to find: else its silence
//! before means nothing.

use crate::bucket::Bucket;
use crate::check::{self, Kept};
use crate::counts::Counts;
use crate::fleet::{Fleet, name};
use crate::upload::Upload;

/// The faults, and whether each was found; `fleet` counts for them alone. At least three files.
///
/// # Errors
/// A fault could not be planted.
pub fn run(
    mut fleet: Fleet,
    bucket: &Bucket,
    kept: &[Kept],
    piece: u64,
) -> Result<Vec<(&'static str, bool)>, String> {
    let [first, second, third, ..] = kept else {
        return Err("too few files rest to plant faults in".to_owned());
    };
    let told = |error: menshen_s3::Error| error.to_string();
    let mut faults = Vec::new();

    fleet.counts = Counts::default();
    let whole = bucket.bytes(&name(first.index)).map_err(told)?;
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    bucket.put(&name(first.index), &changed).map_err(told)?;
    faults.push(("a bit of a file changed", !check::is_intact(&fleet, bucket, first)));
    bucket.put(&name(first.index), &whole[1..]).map_err(told)?;
    faults.push(("a byte of a file missing", !check::is_intact(&fleet, bucket, first)));
    let other = bucket.bytes(&name(third.index)).map_err(told)?;
    bucket.put(&name(first.index), &other).map_err(told)?;
    faults.push(("a file in another one's place", !check::is_intact(&fleet, bucket, first)));
    bucket.put(&name(first.index), &whole).map_err(told)?;
    faults.push(("a file written twice", !check::whole(&fleet, bucket, kept)));

    // From here on it is the only one that is not as it was.
    let mut rest: Vec<Kept> = kept.to_vec();
    for entry in bucket.list(&name(first.index)).map_err(told)? {
        rest[0].mark = (entry.etag, entry.modified);
    }
    if !check::whole(&fleet, bucket, &rest) {
        return Err(format!("the bucket was not as before: {}", fleet.counts.told()["shown"]));
    }
    let copy = format!("{}-copy", name(second.index));
    bucket.put(&copy, &whole).map_err(told)?;
    faults.push(("a file there twice", !check::whole(&fleet, bucket, &rest)));
    bucket.remove(&copy).map_err(told)?;
    bucket.remove(&name(second.index)).map_err(told)?;
    faults.push(("a file gone", !check::whole(&fleet, bucket, &rest)));
    rest.remove(1);
    if !check::whole(&fleet, bucket, &rest) {
        return Err(format!("the bucket was not as before: {}", fleet.counts.told()["shown"]));
    }
    bucket.begin("stray").map_err(told)?;
    faults.push(("a multipart upload left", !check::whole(&fleet, bucket, &rest)));
    faults.push(("acknowledged bytes forgotten", forgotten(&fleet, bucket, piece)?));
    Ok(faults)
}

/// An upload's state is put back to what it was before a piece that was acknowledged.
fn forgotten(fleet: &Fleet, bucket: &Bucket, piece: u64) -> Result<bool, String> {
    let mut upload = Upload::new(fleet, PLANTED, 3 * piece, 0);
    if !upload.piece(0, piece) {
        return Err("no piece was taken".to_owned());
    }
    let id = upload.place().and_then(|place| place.rsplit('/').next()).unwrap_or_default();
    let folder = format!("{FOLDER}/{id}/");
    let (_, before) = state(bucket, &folder)?;
    if !upload.piece(0, piece) {
        return Err("no second piece was taken".to_owned());
    }
    let (key, _) = state(bucket, &folder)?;
    if upload.look(1).is_none_or(|offset| offset != 2 * piece) {
        return Err(format!("two pieces are not there: {}", fleet.counts.told()["shown"]));
    }
    let violations = fleet.counts.violations();
    bucket.put(&key, &before).map_err(|e| e.to_string())?;
    upload.look(1);
    Ok(fleet.counts.violations() > violations)
}

/// The newest state in an upload's folder: its key and its bytes.
fn state(bucket: &Bucket, folder: &str) -> Result<(String, Vec<u8>), String> {
    let entries = bucket.list(folder).map_err(|e| e.to_string())?;
    let states = entries.into_iter().map(|entry| entry.key).filter(|key| key.ends_with("state"));
    let key = states.max().ok_or_else(|| format!("no state in {folder}"))?;
    let bytes = bucket.bytes(&key).map_err(|e| e.to_string())?;
    Ok((key, bytes))
}

const FOLDER: &str = ".menshen/uploads";
/// Far from all other files.
const PLANTED: usize = 9001;
