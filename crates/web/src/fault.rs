//! What can go wrong while a request is carried out, sorted by fault, each with its status.
//!
//! A fault never carries a path of this machine or a secret: its text goes to the client.

use menshen_web_core::multipart::MultipartError;
use rustix::io::Errno;

/// Why a request was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    // The client's.
    #[error("no such file or directory")]
    NotFound,
    #[error("not allowed")]
    Forbidden,
    #[error("a name in the path is too long")]
    NameTooLong,
    #[error("the path is not acceptable: {0}")]
    BadPath(&'static str),
    #[error("there is something of that name already")]
    Exists,
    #[error("a directory is in the way")]
    IsDirectory,
    #[error("a part of the path is not a directory")]
    NotDirectory,
    #[error("the directory is not empty")]
    NotEmpty,
    #[error("the two names are on different file systems")]
    OtherFileSystem,
    #[error("the file is not what the request's conditions say")]
    Precondition,
    #[error("the content does not match its digest")]
    Digest,
    #[error("only multipart/form-data is taken here")]
    NotAForm,
    #[error("{0}")]
    BadRequest(&'static str),
    #[error("the content is larger than this server takes")]
    TooLarge,
    #[error("the fields of the form are larger than this server takes")]
    FieldsTooLarge,
    #[error("a header field is larger than PHP takes")]
    HeaderTooLarge,
    #[error("{0}")]
    Form(MultipartError),
    #[error("another request has taken over this upload")]
    Fenced,
    /// A form names an upload that it cannot have.
    #[error("{0}")]
    Named(&'static str),
    /// More than was left of a signed link.
    #[error("this link takes no more than it has")]
    LinkSpent,
    /// More than a quota of the folder ever lets in.
    #[error("the file is larger than the quota of its folder")]
    QuotaNever,
    // This server's.
    #[error("the quota of the folder is used up")]
    Quota,
    #[error("no space left for the file")]
    Full,
    #[error("too busy, try again")]
    Busy,
    /// Memory is short; new uploads are taken again after so many seconds.
    #[error("memory is short, no new uploads for now")]
    Shed { retry_after_s: u32 },
    #[error("the tunnel door cannot be reached")]
    NoTunnel,
    #[error("the storage failed")]
    Storage,
    /// It is tried again after so many seconds.
    #[error("the storage cannot be reached")]
    Unavailable { retry_after_s: u32 },
}

impl Fault {
    /// The status that tells the client.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Forbidden => 403,
            Self::NameTooLong | Self::BadPath(_) | Self::Digest | Self::BadRequest(_) => 400,
            Self::Exists | Self::Precondition => 412,
            Self::NotAForm => 415,
            Self::IsDirectory | Self::NotDirectory | Self::NotEmpty => 409,
            Self::OtherFileSystem | Self::Fenced | Self::Named(_) => 409,
            Self::Form(error) if !error.is_limit() => 400,
            Self::TooLarge | Self::FieldsTooLarge | Self::LinkSpent => 413,
            Self::QuotaNever | Self::Form(_) => 413,
            Self::HeaderTooLarge => 431,
            Self::Full | Self::Quota => 507,
            Self::Busy | Self::NoTunnel | Self::Shed { .. } | Self::Unavailable { .. } => 503,
            Self::Storage => 500,
        }
    }

    /// What to do about it; empty when the text says all.
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::NameTooLong => {
                "A name may have up to 255 bytes; a Chinese character takes three."
            }
            Self::Shed { .. } => "Wait, then send it again; nothing of it was read.",
            Self::Full => "Free some space or ask the operator; nothing of this upload was kept.",
            Self::Quota => "Delete something there, or ask the operator.",
            Self::QuotaNever => "The limit is a web.quota in menshen.toml.",
            Self::Precondition => "Fetch the current version and try again.",
            Self::Digest => "The bytes changed on the way; send them again.",
            Self::NotEmpty => "Delete what is in it first.",
            Self::Named(_) => "Go back, choose the file again and send the form once more.",
            Self::TooLarge => "The limit is upload_bytes_max in menshen.toml.",
            Self::FieldsTooLarge => "The limit is php_fields_bytes_max in menshen.toml.",
            _ => "",
        }
    }

    /// Sorts a system error.
    pub(crate) fn from_errno(error: Errno) -> Self {
        match error {
            // NXIO and NODEV: a socket, or a device without a driver.
            Errno::NOENT | Errno::NXIO | Errno::NODEV => Self::NotFound,
            Errno::NOTDIR => Self::NotDirectory,
            // XDEV and LOOP: the path would leave the folder. To the world it is not there.
            Errno::XDEV | Errno::LOOP => Self::NotFound,
            Errno::ACCESS | Errno::PERM | Errno::ROFS => Self::Forbidden,
            Errno::NAMETOOLONG => Self::NameTooLong,
            Errno::EXIST => Self::Exists,
            Errno::ISDIR => Self::IsDirectory,
            Errno::NOTEMPTY | Errno::BUSY => Self::NotEmpty,
            Errno::INVAL => Self::BadPath("the file system refuses it"),
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Self::Full,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::Busy,
            _ => Self::Storage,
        }
    }
}
