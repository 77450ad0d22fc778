//! Heads of resumable uploads: tus 1.0.0 (core and creation), and the IETF's resumable uploads
//! (draft-ietf-httpbis-resumable-upload).
//!
//! Only what an upload without trouble needs; it must never be used to judge a server.

/// In which words an upload is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// tus 1.0.0.
    Tus,
    /// The IETF's.
    Rufh,
}

impl Dialect {
    /// The request that makes an upload of `size` bytes below `path`, for the file `uINDEX`.
    pub(crate) fn creation(self, path: &str, index: usize, size: usize) -> String {
        let fields = match self {
            Self::Tus => format!(
                "Tus-Resumable: 1.0.0\r\nUpload-Length: {size}\r\nUpload-Metadata: filename {}\r\n",
                base64(format!("u{index}").as_bytes())
            ),
            Self::Rufh => format!(
                "Upload-Draft-Interop-Version: {INTEROP}\r\nUpload-Complete: ?0\r\n\
                 Upload-Length: {size}\r\n\
                 Content-Disposition: attachment; filename=\"u{index}\"\r\n"
            ),
        };
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: 0\r\n\r\n")
    }

    /// The head of the request that adds `bytes` at `offset`.
    pub(crate) fn append(self, place: &str, offset: usize, bytes: usize, is_last: bool) -> String {
        let fields = match self {
            Self::Tus => {
                "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n".into()
            }
            Self::Rufh => format!(
                "Upload-Draft-Interop-Version: {INTEROP}\r\nUpload-Complete: ?{}\r\n\
                 Content-Type: application/partial-upload\r\n",
                u8::from(is_last)
            ),
        };
        format!(
            "PATCH {place} HTTP/1.1\r\nHost: localhost\r\n{fields}Upload-Offset: {offset}\r\n\
             Content-Length: {bytes}\r\n\r\n"
        )
    }
}

/// RFC 4648 section 4, padded.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or(0)));
        let bits = three[0] << 16 | three[1] << 8 | three[2];
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            let letter = ALPHABET.get(usize::try_from(index).unwrap_or(0)).copied();
            let letter = letter.filter(|_| place <= chunk.len()).unwrap_or(b'=');
            text.push(char::from(letter));
        }
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Interop version that is spoken.
const INTEROP: u8 = 8;

#[cfg(test)]
mod tests {
    //! base64 as others write it.
    use super::*;

    #[test]
    fn base64_is_padded() {
        // RFC 4648 section 10.
        let known =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (plain, coded) in known {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
