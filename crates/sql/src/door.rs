//! What all threads of a worker share.
//!
//! Nothing here waits; places are counted without a lock. It fails only where TLS cannot be set up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use menshen_config::{Sql, SqlSpec};

use crate::login::{Entrance, Impostors, OwnKey};
use crate::serve::Shared;
use crate::tally::Tally;
use crate::tls::{self, TlsProblem};
use crate::upstream::{Origin, Upstream};

/// The door, as all its threads see it.
#[derive(Debug)]
pub struct Door {
    /// The section `[sql]`.
    pub config: Sql,
    /// What logins need.
    pub entrance: Entrance,
    /// What the threads count.
    pub tally: Tally,
    /// What sessions with the cache share; none: sessions are only relayed.
    pub shared: Option<Arc<Shared>>,
    open: AtomicU32,
    open_max: u32,
}

/// A session's right to be there; dropping it gives it back.
#[derive(Debug)]
pub struct Pass(Arc<Door>);

impl Door {
    /// The door of a worker that may have `descriptors` open files and runs as the system user
    /// `own`, if its name is known. `now_unix`: seconds since 1970.
    ///
    /// # Errors
    /// A certificate, key or root that cannot be used.
    pub fn new(
        spec: &SqlSpec,
        descriptors: u64,
        own: Option<Vec<u8>>,
        now_unix: i64,
    ) -> Result<Self, TlsProblem> {
        let config = spec.config.clone();
        let origin = if config.upstream_proxy_protocol { Origin::Told } else { Origin::Hidden };
        let security = tls::for_upstream(&config, spec.upstream_ca_pem.as_deref())?;
        let pair = spec.certificate.as_ref();
        let entrance = Entrance {
            upstream: Upstream { address: config.upstream.clone(), tls: security, origin },
            tls: pair.map(|pair| tls::for_clients(pair, now_unix)).transpose()?,
            key: OwnKey::default(),
            impostors: Impostors::new(own, origin),
        };
        let threads = usize::try_from(spec.threads).unwrap_or(1);
        let automatic = descriptors.saturating_sub(DESCRIPTORS_KEPT).max(2) / 2;
        let open_max = match config.connections_max {
            0 => u32::try_from(automatic).unwrap_or(u32::MAX),
            set => set,
        };
        let (open, tally) = (AtomicU32::new(0), Tally::new(threads));
        Ok(Self { config, entrance, tally, shared: None, open, open_max })
    }

    /// The same door with a cache.
    #[must_use]
    pub fn with_cache(self, shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// Lets a session in; `None`: there are as many as there may be.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Pass> {
        let below = |open: u32| (open < self.open_max).then_some(open + 1);
        self.open.fetch_update(Relaxed, Relaxed, below).ok()?;
        Some(Pass(Arc::clone(self)))
    }

    /// Sessions that are there.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.load(Relaxed)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// Listeners, event loops, the control account's connections, what the guard left open.
const DESCRIPTORS_KEPT: u64 = 64;
