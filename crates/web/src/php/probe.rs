//! Whether a pool can take files by `swap`, found out by swapping one; and which delivery follows.
//!
//! The door asks each pool at its start and now and then: [`request`] makes a request for
//! `probe.php` with one spooled file, [`judge`] reads what that script says. Nothing is believed
//! but the outcome: what the settings look like only explains a failure.
//!
//! [`decide`] is the one place where a delivery is chosen, for the server and for whoever explains.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use menshen_base::Finding;
use menshen_config::PoolSpec;
use menshen_config::model::Delivery;
use menshen_web_core::fastcgi::push_param;
use menshen_web_core::multipart::PartHead;

use crate::fault::Fault;
use crate::php::body::{Body, Content, FormFacts, Part};
use crate::php::delivery::{Delivered, How, TOLD_BYTES_MAX, random};
use crate::php::digests::{Digests, hex};
use crate::php::intake::Pile;
use crate::php::spool::{PhpSpool, Readers};

mod hear;
mod judge;

pub(crate) use self::hear::hear;
pub(crate) use self::judge::{judge, said};

/// What is known of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SwapState {
    /// Not asked yet, or it did not answer.
    Unknown,
    /// A file was swapped.
    Works(Facts),
    /// It was not: why, the most telling first.
    Broken(Vec<Finding>),
    /// A file was swapped, but a `.user.ini` on the way to the script may have PHP run another
    /// prepend script in the place of ours.
    Overridden,
    /// That happened a while ago, and PHP remembers such files for minutes.
    Failed,
}

/// What a pool says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// PHP's version.
    pub(crate) php: String,
    /// `max_file_uploads`.
    pub(crate) files_max: usize,
    /// Whether nothing but the pool's own settings can take the prepend script away.
    pub(crate) locked: bool,
    /// What works and yet should be looked at.
    pub(crate) warnings: Vec<Finding>,
}

/// A request that asks a pool.
#[derive(Debug)]
pub(crate) struct Probe {
    /// All FastCGI pairs, encoded, `CONTENT_LENGTH` and those of `body` included.
    pub(crate) pairs: Vec<u8>,
    /// The body.
    pub(crate) body: Delivered,
    /// What the answer is compared with.
    pub(crate) expected: Expected,
}

/// What a right answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Of the file.
    pub(crate) sha256: String,
    /// The spool's file system.
    pub(crate) device: u64,
    /// The user of this worker.
    pub(crate) user: u32,
}

/// Why it is not the delivery that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The pool has not been asked yet.
    Unknown,
    /// The pool cannot.
    Broken,
    /// A `.user.ini` may take the prepend script away.
    Overridden,
    /// The prepend script did not run a while ago.
    Failed,
    /// More files than can be told in one FastCGI record.
    TooManyFiles,
}

/// Chooses the delivery of a form: never [`Delivery::Auto`]. `configured` is the rule's or the
/// site's. The reason tells why `swap` was not possible where it was wanted.
pub(crate) fn decide(
    configured: Delivery,
    swap: &SwapState,
    form: FormFacts,
) -> (Delivery, Option<Reason>) {
    match configured {
        Delivery::Replay => return (Delivery::Replay, None),
        Delivery::Fields => return (Delivery::Fields, None),
        Delivery::Auto | Delivery::Swap => {}
    }
    let reason = match swap {
        SwapState::Unknown => Reason::Unknown,
        SwapState::Broken(_) => Reason::Broken,
        SwapState::Overridden => Reason::Overridden,
        SwapState::Failed => Reason::Failed,
        SwapState::Works(facts) => {
            let told = form.tokens.min(facts.files_max).saturating_mul(form.told_bytes);
            if told <= TOLD_BYTES_MAX {
                return (Delivery::Swap, None);
            }
            Reason::TooManyFiles
        }
    };
    // Without a token both bodies are the same, and there is nothing to explain.
    let reason = (form.is_unknown() || form.tokens > 0).then_some(reason);
    (Delivery::Replay, reason)
}

/// A request for the probe script of `pool`, whose spool is `spool`.
pub(crate) fn request(pool: &PoolSpec, spool: &Arc<PhpSpool>) -> Result<Probe, Fault> {
    let content: Vec<u8> = random::<32>()?.iter().copied().cycle().take(FILE_BYTES).collect();
    let sha256 = hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content).as_ref());
    let mut file = spool.named(Readers::Owner)?;
    file.write(&content)?;
    file.park();
    let head = PartHead {
        name: FIELD.into(),
        file_name: Some(b"probe.bin".into()),
        full_path: Some(b"probe.bin".into()),
        content_type: Some(b"application/octet-stream".into()),
    };
    let content = Content::Spooled { file, over: None };
    let part = Part { head, content, digests: Digests::default() };
    let body = Body::form(Arc::clone(spool), Pile::new(0, spool.reserve(None)), vec![part]);
    let body = body.deliver(How::Swap { files_max: 1 })?;
    let expected =
        Expected { sha256, device: spool.device()?, user: rustix::process::geteuid().as_raw() };
    let pairs = pairs(&pool.folder.join("probe.php"), &body);
    Ok(Probe { pairs, body, expected })
}

fn pairs(script: &Path, body: &Delivered) -> Vec<u8> {
    let mut pairs = body.params.clone();
    let script = script.as_os_str().as_bytes();
    let length = body.length.to_string();
    let known: [(&[u8], &[u8]); 17] = [
        (b"SCRIPT_FILENAME", script),
        (b"SCRIPT_NAME", b"/probe.php"),
        (b"REQUEST_URI", b"/probe.php"),
        (b"DOCUMENT_URI", b"/probe.php"),
        (b"QUERY_STRING", b""),
        (b"REQUEST_METHOD", b"POST"),
        (b"CONTENT_TYPE", body.content_type.as_deref().unwrap_or_default()),
        (b"CONTENT_LENGTH", length.as_bytes()),
        (b"SERVER_PROTOCOL", b"HTTP/1.1"),
        (b"GATEWAY_INTERFACE", b"CGI/1.1"),
        (b"SERVER_SOFTWARE", b"menshen"),
        (b"SERVER_NAME", b"localhost"),
        (b"SERVER_ADDR", b"127.0.0.1"),
        (b"SERVER_PORT", b"443"),
        (b"REMOTE_ADDR", b"127.0.0.1"),
        (b"REDIRECT_STATUS", b"200"),
        (b"MENSHEN_PROBE", b"1"),
    ];
    known.iter().for_each(|(name, value)| push_param(name, value, &mut pairs));
    pairs
}

impl Reason {
    /// For the log: what is the case, lower case, no period.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "the pool has not said yet whether swap works",
            Self::Broken => "swap does not work with this pool",
            Self::Overridden => "a .user.ini may take the prepend script away",
            Self::Failed => "the prepend script did not run a while ago",
            Self::TooManyFiles => "the form has more files than swap can tell of",
        }
    }
}

impl SwapState {
    /// The same for a script on whose way there are these `.user.ini` files. PHP runs one prepend
    /// script; unless ours is locked, that of a `.user.ini` is run instead.
    pub(crate) fn under(self, user_ini: &[u8]) -> Self {
        match self {
            Self::Works(facts) if !facts.locked && !user_ini.is_empty() => Self::Overridden,
            other => other,
        }
    }

    /// What [`How::Swap`] has to know.
    pub(crate) const fn files_max(&self) -> usize {
        match self {
            Self::Works(facts) => facts.files_max,
            _ => 0,
        }
    }
}

/// Name of the form field that carries the probe's file.
const FIELD: &[u8] = b"probe";
/// Size of the probe's file, bytes: more than a file that goes without a token may have.
const FILE_BYTES: usize = 4097;

#[cfg(test)]
mod tests;
