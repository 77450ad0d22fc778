//! Why a request head was refused, and with which status; the status is the whole of what the
//! client is told beyond the reason, so a reason must never quote the request.

use core::fmt;

macro_rules! head_errors {
    ($($(#[$doc:meta])+ $variant:ident $status:literal $reason:literal;)+) => {
        /// Why a request head was refused. The connection must be closed after the answer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum HeadError { $($(#[$doc])+ $variant,)+ }

        impl HeadError {
            /// Every variant, for tables in tests and documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The status to answer with: 400, 414, 417, 431, 501 or 505.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// One line for the answer and the log: lower case, no final period.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$variant => $reason,)+ }
            }
        }
    };
}

head_errors! {
    /// A line ends in bare LF or CR, or more than one empty line leads.
    LineEnd 400 "a line of the request head does not end in CRLF";
    /// The request line is not three words.
    RequestLine 400 "the request line is malformed";
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version 505 "only HTTP/1.0 and HTTP/1.1 are spoken here";
    /// The target has none of the four forms, or not the one its method needs.
    Target 400 "the request target is malformed";
    /// The target exceeds its limit.
    TargetTooLong 414 "the request target is too long";
    /// A header name is not a token: space before the colon, line folding, control bytes.
    HeaderName 400 "a header name is malformed";
    /// A header value has control bytes.
    HeaderValue 400 "a header value has forbidden bytes";
    /// The head exceeds its limit.
    TooLarge 431 "the request head is too large";
    /// More header lines than the limit.
    TooManyHeaders 431 "the request has too many headers";
    /// HTTP/1.1 without `Host`.
    HostMissing 400 "the Host header is missing";
    /// More than one `Host`.
    HostRepeated 400 "the Host header is repeated";
    /// Not a host with optional port.
    HostInvalid 400 "the Host header is malformed";
    /// An absolute-form target that names another host than `Host`.
    HostMismatch 400 "the request target and the Host header name different hosts";
    /// `Content-Length` is not a number of bytes.
    LengthInvalid 400 "Content-Length is not a number";
    /// More than one `Content-Length`, equal or not.
    LengthRepeated 400 "Content-Length is repeated";
    /// `Content-Length` together with `Transfer-Encoding`.
    LengthWithCoding 400 "Content-Length and Transfer-Encoding exclude each other";
    /// A transfer coding other than `chunked`.
    CodingUnknown 501 "only the transfer coding chunked is implemented";
    /// `chunked` not last, repeated, or hidden by white space.
    CodingInvalid 400 "Transfer-Encoding is malformed";
    /// `Transfer-Encoding` in HTTP/1.0, whose readers ignore it.
    CodingInHttp10 400 "HTTP/1.0 has no Transfer-Encoding";
    /// An expectation other than `100-continue`.
    ExpectUnknown 417 "only the expectation 100-continue can be met";
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl core::error::Error for HeadError {}
