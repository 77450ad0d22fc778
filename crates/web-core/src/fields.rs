//! Single header fields the door reads and writes: what is wanted, who asks, digests, names and
//! types of downloads.
//!
//! Every reader takes any bytes. None of them allocates more than its input is long, and none
//! turns a value it does not understand into permission.

pub use accept::{Lang, Wanted, language, wanted};
pub use credentials::{basic_password, bearer, cookie};
pub use digest::{Algorithm, DigestError, Digests, wanted_digest, write_digest};
pub use disposition::content_disposition_attachment;
pub use encoding::{Encoding, Encodings, accepted_encodings};
pub use media::media_type;

pub mod base64;
pub mod structured;

mod accept;
mod credentials;
mod digest;
mod disposition;
mod encoding;
mod media;
