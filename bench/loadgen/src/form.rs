//! A form with one file, named `f`, as a browser sends it (RFC 7578).
//!
//! The boundary is fixed: it must never be used with contents that might hold it.

/// The request's header line, with its line end.
pub(crate) const CONTENT_TYPE: &str =
    "Content-Type: multipart/form-data; boundary=BoUnDaRy123456789\r\n";
/// What goes behind the file's bytes.
pub(crate) const AFTER: &str = "\r\n--BoUnDaRy123456789--\r\n";

/// What goes before the bytes of this connection's file.
pub(crate) fn before(index: usize) -> String {
    format!(
        "--BoUnDaRy123456789\r\n\
         Content-Disposition: form-data; name=\"f\"; filename=\"u{index}.bin\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
}
