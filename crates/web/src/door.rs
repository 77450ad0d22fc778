//! The web door of one worker: everything its connections share.
//!
//! One thread, so plain cells; what blocking threads need is in [`Shared`].

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use menshen_base::Counter;
use menshen_base::pace::PaceLimits;
use menshen_config::{Limits, Network};
use menshen_net::{Watch, clock};
use menshen_sys::posture::PostureView;
use menshen_sys::scoreboard::TRANSFERS_MAX;
use menshen_sys::{Scoreboard, Slot, TransferKind};
use menshen_web_core::head::{HeadLimits, Headers};
use menshen_web_core::response::{DATE_BYTES, http_date};

use crate::auth::Authority;
use crate::bucket::Bucket;
use crate::challenges::Challenges;
use crate::fault::Fault;
use crate::files::Files;
use crate::hooks::Hooks;
use crate::log::Log;
use crate::notes::Notes;
use crate::php::Pool;
use crate::root::Root;
use crate::site::Sites;
use crate::spool::Spool;
use crate::tunnel::Tunnel;
use crate::uploads::Uploads;

/// What every connection of a worker uses.
pub(crate) struct Door {
    pub(crate) limits: Limits,
    pub(crate) slot: Slot,
    pub(crate) shared: Arc<Shared>,
    pub(crate) files: Files,
    pub(crate) sites: Sites,
    /// In the order of the worker's specification.
    pub(crate) pools: Vec<Rc<Pool>>,
    pub(crate) notes: Notes,
    pub(crate) authority: Authority,
    pub(crate) log: Log,
    pub(crate) watch: Rc<Watch>,
    pub(crate) trusted: Vec<Network>,
    pub(crate) https_port: u16,
    /// What certificate authorities ask for; `None` when nobody orders.
    pub(crate) challenges: Option<Arc<Challenges>>,
    /// Rung when the worker begins to drain.
    pub(crate) drain: tokio::sync::Notify,
    /// Rung when it has drained for as long as it may.
    pub(crate) cut: crate::relay::Cut,
    /// The tunnel worker; `None` without a tunnel door.
    pub(crate) tunnel: Option<Tunnel>,
    /// Where the file service keeps its files, if not in the served folder.
    pub(crate) bucket: Option<Rc<Bucket>>,
    /// Uploads that can be resumed.
    pub(crate) uploads: Uploads,
    pub(crate) places: RefCell<Vec<usize>>,
    pub(crate) date: Cell<(u64, [u8; DATE_BYTES])>,
    pub(crate) boundaries: Cell<u64>,
    /// Bytes HTTP/2 windows of this worker may still grow by.
    pub(crate) window_budget: Cell<u64>,
    /// Which steps against memory shortage hold; `None`: no watch runs.
    pub(crate) posture: Option<PostureView>,
}

/// What also runs on blocking threads.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) root: Arc<Root>,
    pub(crate) spool: Spool,
    pub(crate) board: Scoreboard,
    pub(crate) durable: bool,
    pub(crate) entries_max: usize,
    /// Who is told of uploads; `None`: nobody.
    pub(crate) hooks: Option<Hooks>,
}

/// A transfer shown by `menshen status` while it lasts.
pub(crate) struct Transfer {
    door: Rc<Door>,
    place: Option<usize>,
    done: Cell<u64>,
    counter: Counter,
}

impl Door {
    /// Limits of request heads.
    pub(crate) fn head_limits(&self) -> HeadLimits {
        let size = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        HeadLimits {
            head_bytes_max: size(self.limits.head_bytes_max),
            headers_max: size(self.limits.headers_max),
            target_bytes_max: size(self.limits.target_bytes_max),
        }
    }

    /// Minimum rates while a body moves.
    pub(crate) fn pace(&self) -> PaceLimits {
        PaceLimits {
            stall_ms: self.limits.stall_seconds_max.saturating_mul(1000),
            rate_min_bytes_per_s: self.limits.rate_bytes_per_second_min,
            grace_ms: self.limits.rate_grace_seconds.saturating_mul(1000),
        }
    }

    /// Now as an HTTP date; made once a second.
    pub(crate) fn date(&self) -> [u8; DATE_BYTES] {
        let now = clock::unix_s();
        let (at, text) = self.date.get();
        if at == now {
            return text;
        }
        let text = http_date(i64::try_from(now).unwrap_or(i64::MAX));
        self.date.set((now, text));
        text
    }

    /// A boundary for `multipart/byteranges`: unlikely in any file, different each time.
    pub(crate) fn boundary(&self) -> String {
        let count = self.boundaries.get();
        self.boundaries.set(count + 1);
        format!("menshen-{:016x}{count:08x}", clock::micros().wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Who the client is: behind a trusted proxy, the last address of `X-Forwarded-For` that is
    /// not a trusted proxy itself.
    pub(crate) fn client(&self, peer: IpAddr, headers: &dyn Headers) -> IpAddr {
        if !self.trusts(peer) {
            return peer;
        }
        let mut chain = Vec::new();
        headers.for_each("x-forwarded-for", &mut |line| {
            chain.extend(line.split(|&b| b == b',').map(<[u8]>::to_vec));
        });
        let addresses = chain
            .iter()
            .rev()
            .take(PROXIES_MAX)
            .map_while(|word| std::str::from_utf8(word).ok()?.trim().parse::<IpAddr>().ok());
        let mut client = peer;
        for address in addresses {
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    /// Whether a new upload may begin now.
    ///
    /// # Errors
    /// While memory is short; nothing of its body should be read then.
    pub(crate) fn takes_uploads(&self) -> Result<(), Fault> {
        let refuses = self.posture.and_then(|posture| posture.refuses_uploads());
        refuses.map_or(Ok(()), |seconds| {
            let retry_after_s = u32::try_from(seconds).unwrap_or(u32::MAX);
            Err(Fault::Shed { retry_after_s })
        })
    }

    /// Counts an answer.
    pub(crate) fn count_status(&self, status: u16) {
        self.slot.add(Counter::Requests, 1);
        let class = match status / 100 {
            2 => Counter::Status2xx,
            3 => Counter::Status3xx,
            4 => Counter::Status4xx,
            _ => Counter::Status5xx,
        };
        self.slot.add(class, 1);
    }

    /// Shows a transfer; when all places are taken it is only counted.
    pub(crate) fn transfer(
        self: &Rc<Self>,
        kind: TransferKind,
        total: Option<u64>,
        path: &[u8],
    ) -> Transfer {
        // Tunnels last: they leave room for what comes and goes.
        let kept = if kind == TransferKind::Tunnel { TRANSFERS_MAX / 2 } else { 0 };
        let mut places = self.places.borrow_mut();
        let place = if places.len() > kept { places.pop() } else { None };
        drop(places);
        if let Some(place) = place {
            self.slot.transfer_begin(place, kind, clock::unix_ms(), total, path);
        }
        let counter = match kind {
            TransferKind::Upload => Counter::BytesIn,
            TransferKind::Download | TransferKind::Tunnel => Counter::BytesOut,
        };
        Transfer { door: Rc::clone(self), place, done: Cell::new(0), counter }
    }

    /// All places for transfers, at the start.
    pub(crate) fn all_places() -> RefCell<Vec<usize>> {
        RefCell::new((0..TRANSFERS_MAX).rev().collect())
    }

    /// Whether `address` is a trusted proxy.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| contains(network, address))
    }
}

impl Transfer {
    /// `bytes` more moved.
    pub(crate) fn moved(&self, bytes: u64) {
        self.moved_as(self.counter, bytes);
    }

    /// Likewise, in a direction that is not the only one.
    pub(crate) fn moved_as(&self, counter: Counter, bytes: u64) {
        let done = self.done.get() + bytes;
        self.done.set(done);
        self.door.slot.add(counter, bytes);
        if let Some(place) = self.place {
            self.door.slot.transfer_moved(place, done);
        }
    }

    /// Bytes moved so far.
    pub(crate) fn done(&self) -> u64 {
        self.done.get()
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.door.slot.transfer_end(place);
            self.door.places.borrow_mut().push(place);
        }
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Door")
    }
}

/// Whether `address` is in `network`; IPv4 addresses written as IPv6 ones are IPv4 addresses.
pub(crate) fn contains(network: &Network, address: IpAddr) -> bool {
    let bits = u32::from(network.prefix);
    match (network.address.to_canonical(), address.to_canonical()) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => {
            let shift = 32_u32.saturating_sub(bits);
            net.to_bits().checked_shr(shift).unwrap_or(0)
                == ip.to_bits().checked_shr(shift).unwrap_or(0)
        }
        (IpAddr::V6(net), IpAddr::V6(ip)) => {
            let shift = 128_u32.saturating_sub(bits);
            net.to_bits().checked_shr(shift).unwrap_or(0)
                == ip.to_bits().checked_shr(shift).unwrap_or(0)
        }
        _ => false,
    }
}

const PROXIES_MAX: usize = 16;

#[cfg(test)]
mod tests;
