//! Fields of resumable uploads: tus 1.0.0, and the IETF's resumable uploads. Only what a client
//! needs that goes on after failures.

use crate::wire::Head;

/// In which words an upload is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// tus 1.0.0.
    Tus,
    /// The IETF's.
    Rufh,
}

impl Dialect {
    /// Fields of every request.
    #[must_use]
    pub fn always(self) -> Vec<String> {
        match self {
            Self::Tus => vec!["Tus-Resumable: 1.0.0".to_owned()],
            Self::Rufh => vec![format!("Upload-Draft-Interop-Version: {INTEROP}")],
        }
    }

    /// Fields of the request that makes an upload of `size` bytes.
    #[must_use]
    pub fn creation(self, size: u64) -> Vec<String> {
        let mut fields = self.always();
        fields.push(format!("Upload-Length: {size}"));
        if self == Self::Rufh {
            fields.push("Upload-Complete: ?0".to_owned());
        }
        fields
    }

    /// Fields of the request that adds bytes at `offset`.
    #[must_use]
    pub fn append(self, offset: u64, is_last: bool) -> Vec<String> {
        let mut fields = self.always();
        fields.push(format!("Upload-Offset: {offset}"));
        match self {
            Self::Tus => fields.push("Content-Type: application/offset+octet-stream".to_owned()),
            Self::Rufh => {
                fields.push("Content-Type: application/partial-upload".to_owned());
                fields.push(format!("Upload-Complete: ?{}", u8::from(is_last)));
            }
        }
        fields
    }

    /// Whether an answer to what reaches the end says that the upload is whole. tus has no word
    /// for it: its end is its length.
    #[must_use]
    pub fn is_complete(self, head: &Head) -> bool {
        self == Self::Tus || head.field("upload-complete") == Some("?1")
    }
}

/// Interop version that is spoken.
const INTEROP: u8 = 8;
