//! The control account's connections: the schema is read, the binary log followed and writes of
//! unknown outcome watched with them. One thread of their own, so sessions never wait for them.
//!
//! How it fails: without an account, or with one that the server refuses, the gate stays closed and
//! the state says why. The thread ends when [`Foreign::stop`] is called; what it held in the
//! versions is let go first.

mod auth;
mod client;
pub(crate) mod rights;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use menshen_config::{SqlSpec, WithoutBinlog};
use menshen_sql_core::versions::{Change, Slot, Versions};
use tokio::sync::oneshot;

pub use client::{Account, Client, ClientError, Row};

use crate::catalog::{self, CatalogCell, CatalogKeeper};
use crate::follow::{self, FollowSettings, FollowState, Follower, Gate, OffReason, Rule, Shared};
use crate::orphans::{self, Orphans};
use crate::upstream::{Origin, Upstream};

/// What the control account does.
#[derive(Clone, Debug)]
pub struct ControlSettings {
    /// The server. It is never told another address than the door's own.
    pub upstream: Upstream,
    /// The account; `None`: there is none, and nothing is cached.
    pub account: Option<Account>,
    /// What holds when the binary log cannot be followed.
    pub without_binlog: WithoutBinlog,
    /// Age of entries under `ttl`.
    pub ttl: Duration,
    /// Time without a word from the server after which the stream counts as broken.
    pub silence: Duration,
    /// The replica's number; `None`: chosen at random.
    pub server_id: Option<u32>,
    /// Tables and views that are read; with more nothing is cached.
    pub tables_max: usize,
    /// Whether foreign events are settled; they are.
    pub rule: Rule,
}

impl ControlSettings {
    /// As the configuration says.
    #[must_use]
    pub fn of(spec: &SqlSpec, upstream: Upstream) -> Self {
        let config = &spec.config;
        let account = config.control_user.as_ref().map(|user| Account {
            user: user.clone(),
            password: spec.control_password.as_ref().map(|it| it.0.clone()).unwrap_or_default(),
        });
        Self {
            upstream: Upstream { origin: Origin::Hidden, ..upstream },
            account,
            without_binlog: config.without_binlog,
            ttl: Duration::from_millis(config.ttl_ms.into()),
            silence: Duration::from_millis(config.follow_silence_ms_max.max(300).into()),
            server_id: None,
            tables_max: TABLES_MAX,
            rule: Rule::Settle,
        }
    }
}

/// What sessions have of all this.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// The schema.
    pub catalog: Arc<CatalogCell>,
    /// Who reads it again.
    pub keeper: CatalogKeeper,
    /// Who follows the binary log.
    pub follower: Follower,
    /// Who waits for writes of unknown outcome.
    pub orphans: Orphans,
    /// Whether there is a control account.
    watched: bool,
    thread: Arc<Mutex<Option<Running>>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Foreign {
    /// Whether writes of unknown outcome are not known to be over. Without a control account nobody
    /// can tell, and nothing is cached that could be wrong: what they touched stays pending.
    #[must_use]
    pub fn writes_left(&self) -> bool {
        self.watched && self.orphans.left() > 0
    }

    /// Ends the thread and waits for that; slots it held are let go. Later calls do nothing.
    pub fn stop(&self) {
        let running = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { stop, thread }) = running {
            // A thread that has ended already hears nothing.
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

/// Starts the thread. Without a control account the gate stays closed.
///
/// # Errors
/// The system gives no thread.
pub fn start(settings: ControlSettings, versions: Versions) -> std::io::Result<Foreign> {
    let state = match settings.account {
        Some(_) => FollowState::Behind,
        None => FollowState::Off(OffReason {
            code: "control-account-missing",
            claim: "there is no control account, so writes of others cannot be seen".to_owned(),
            hint: "set sql.control_user and sql.control_password_file",
        }),
    };
    let (shared, refreshes) = Shared::new(versions, state);
    let catalog = Arc::new(CatalogCell::default());
    let (keeper, asks) = CatalogKeeper::new(Arc::clone(&catalog));
    let (orphans, arrive) = Orphans::new();
    let foreign = Foreign {
        catalog: Arc::clone(&catalog),
        keeper: keeper.clone(),
        follower: Follower::new(Arc::clone(&shared)),
        orphans,
        watched: settings.account.is_some(),
        thread: Arc::default(),
    };
    let Some(account) = settings.account else { return Ok(foreign) };
    let upstream = settings.upstream;
    let follow_settings = FollowSettings {
        upstream: upstream.clone(),
        account: account.clone(),
        without_binlog: settings.without_binlog,
        ttl: settings.ttl,
        silence: settings.silence,
        server_id: settings.server_id,
        rule: settings.rule,
    };
    let tables_max = settings.tables_max;
    let (stop, stopped) = oneshot::channel();
    let work = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async {
            let connect = async || Client::connect(&upstream, &account).await.ok();
            let keep = catalog::run(Arc::clone(&catalog), asks, connect, tables_max);
            let over = |slots: &[Slot]| shared.end(slots, Change::Happened);
            let look = orphans::run(arrive, over, connect);
            let follow = follow::run(
                Arc::clone(&shared),
                catalog.clone(),
                keeper,
                follow_settings,
                refreshes,
            );
            let stop = async {
                let _ = stopped.await;
            };
            // Only the stop ends before the others: these end when all handles are gone.
            first_of(first_of(follow, stop), async {
                both(keep, look).await;
            })
            .await;
        });
        shared.lost(FollowState::Behind, Gate::Closed);
    };
    let thread = std::thread::Builder::new().name("sql-control".to_owned()).spawn(work)?;
    let running = Running { stop, thread };
    *foreign.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    Ok(foreign)
}

/// Runs both until one is done.
pub(crate) async fn first_of<T>(
    left: impl Future<Output = T>,
    right: impl Future<Output = T>,
) -> T {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| match left.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(done),
        Poll::Pending => right.as_mut().poll(cx),
    })
    .await
}

/// Runs both until both are done.
async fn both(left: impl Future<Output = ()>, right: impl Future<Output = ()>) {
    let (mut left, mut right) = (pin!(left), pin!(right));
    let (mut left_done, mut right_done) = (false, false);
    poll_fn(|cx| {
        left_done = left_done || left.as_mut().poll(cx).is_ready();
        right_done = right_done || right.as_mut().poll(cx).is_ready();
        if left_done && right_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Tables and views that are read: some hundred bytes each.
const TABLES_MAX: usize = 50_000;
