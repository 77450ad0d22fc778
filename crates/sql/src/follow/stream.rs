//! The follower's connections: the replica's stream, and the one that asks how far the server is.

mod binlog;
mod end;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use menshen_config::WithoutBinlog;
use menshen_sql_core::follow::{Follow, Position, Settling};

use super::{FollowState, Gate, OffReason, Refreshes, Shared};
use crate::catalog::{CatalogCell, CatalogKeeper, Refreshed, ServerFacts};
use crate::control::{Account, Client, ClientError, first_of, rights};
use crate::upstream::Upstream;

/// How to follow.
#[derive(Clone, Debug)]
pub(crate) struct FollowSettings {
    pub(crate) upstream: Upstream,
    pub(crate) account: Account,
    pub(crate) without_binlog: WithoutBinlog,
    pub(crate) ttl: Duration,
    pub(crate) silence: Duration,
    /// `None`: chosen at random.
    pub(crate) server_id: Option<u32>,
    pub(crate) rule: Rule,
}

/// Whether foreign events are settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// As they must be.
    #[default]
    Settle,
    /// Not at all, which is wrong: for the test that shows what the rule is for.
    Never,
}

/// What ended one run of the stream.
enum Ended {
    /// Another try may help.
    Broken,
    /// It cannot be followed.
    Off(OffReason),
}

impl From<ClientError> for Ended {
    fn from(error: ClientError) -> Self {
        let off = |code, hint| Self::Off(OffReason { code, claim: error.to_string(), hint });
        match &error {
            ClientError::Server { code: 1045 | 1698 | 1044 | 1130, .. } => off(
                "control-login-refused",
                "check sql.control_user, its password file and the host it may come from",
            ),
            ClientError::Plugin(_) | ClientError::Exposed => off(
                "control-login-unsafe",
                "use a unix socket or sql.upstream_tls, or another plugin for the account",
            ),
            ClientError::Server { .. }
            | ClientError::Upstream(_)
            | ClientError::Garbled
            | ClientError::Slow
            | ClientError::Long => Self::Broken,
        }
    }
}

impl From<std::io::Error> for Ended {
    fn from(_: std::io::Error) -> Self {
        Self::Broken
    }
}

/// Follows until dropped.
pub(crate) async fn run(
    shared: Arc<Shared>,
    cell: Arc<CatalogCell>,
    keeper: CatalogKeeper,
    settings: FollowSettings,
    mut refreshes: Refreshes,
) {
    let run = Run { shared, cell, keeper, settings };
    let mut pause = PAUSE_MIN;
    loop {
        let began = std::time::Instant::now();
        let ended = run.once(&mut refreshes).await;
        if began.elapsed() > Duration::from_secs(10) {
            pause = PAUSE_MIN;
        }
        match ended {
            Ended::Broken => run.shared.lost(FollowState::Behind, Gate::Closed),
            Ended::Off(reason) => {
                run.shared.lost(FollowState::Off(reason.clone()), Gate::Closed);
                run.alone(reason, &mut refreshes).await;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

struct Run {
    shared: Arc<Shared>,
    cell: Arc<CatalogCell>,
    keeper: CatalogKeeper,
    settings: FollowSettings,
}

impl Run {
    async fn connect(&self) -> Result<Client, ClientError> {
        Client::connect(&self.settings.upstream, &self.settings.account).await
    }

    async fn once(&self, refreshes: &mut Refreshes) -> Ended {
        match self.follow(refreshes).await {
            Err(ended) => ended,
            Ok(never) => match never {},
        }
    }

    async fn follow(&self, refreshes: &mut Refreshes) -> Result<std::convert::Infallible, Ended> {
        let mut asker = self.connect().await?;
        let facts = ServerFacts::read(&mut asker).await?;
        let settling = self.check(&mut asker, &facts).await?;
        let start = settle::start(&mut asker, settling).await?;
        let replica = self.connect().await?;
        let stream = binlog::Stream::begin(replica, &start, &facts, &self.settings).await?;
        self.begin(&facts, settling, &start);
        while refreshes.try_recv().is_ok() {}
        // The catalog is read behind the place where the stream starts, so no DDL falls between.
        let opened = async {
            if self.keeper.read_all().await == Refreshed::Unknown {
                return Err(Ended::Off(self.unreadable()));
            }
            // What happened before the stream's start is not in it: who read something then must
            // not take what is read from now on for the same.
            self.shared.end_of_gap();
            self.shared.turn(FollowState::Following, Gate::Open);
            settle::run(&self.shared, &mut asker, &self.settings).await
        };
        let read = stream.run(&self.shared, &self.cell);
        let refresh = self.refresh(refreshes);
        let ends = async {
            let connect = async || self.connect().await.ok();
            let asks = async { Ok(end::run(&self.shared, connect, facts.server().dialect).await) };
            let reset = async {
                self.shared.was_reset().await;
                Err(Ended::Broken)
            };
            first_of(asks, reset).await
        };
        match first_of(first_of(opened, read), first_of(refresh, ends)).await {
            Ok(never) => match never {},
            Err(ended) => Err(ended),
        }
    }

    fn begin(&self, facts: &ServerFacts, settling: Settling, start: &settle::Start) {
        let position = Position::of(start.file.as_bytes(), start.position);
        let mut machine = super::locked(&self.shared.machine);
        match machine.follow.as_mut() {
            Some(follow) => follow.restart(facts.server(), settling, position),
            None => machine.follow = Some(Follow::new(facts.server(), settling, position)),
        }
        machine.heard = Some(std::time::Instant::now());
        machine.is_reset = false;
    }

    async fn refresh(&self, refreshes: &mut Refreshes) -> Result<std::convert::Infallible, Ended> {
        loop {
            let Some((number, scopes)) = refreshes.recv().await else {
                std::future::pending::<()>().await;
                continue;
            };
            self.keeper.refresh(scopes).await;
            self.shared.with(|follow, _, out| follow.refreshed(number, out));
        }
    }

    /// What forbids to follow this server; how its events settle.
    async fn check(&self, asker: &mut Client, facts: &ServerFacts) -> Result<Settling, Ended> {
        let off = |code, claim: &str, hint| {
            Err(Ended::Off(OffReason { code, claim: claim.to_owned(), hint }))
        };
        let missing = rights::missing(asker).await?;
        if !missing.is_empty() {
            let claim = format!("the control account lacks {}", missing.join(", "));
            return off("control-rights-missing", &claim, rights::HINT);
        }
        if !facts.is_on("log_bin") {
            return off("binlog-off", "the server writes no binary log", BINLOG_HINT);
        }
        let logs_replicated =
            facts.is_on("log_slave_updates") || facts.is_on("log_replica_updates");
        if facts.is_on("wsrep_on") && !logs_replicated {
            let claim = "writes of other nodes of the cluster are not in the binary log";
            return off("galera-not-logged", claim, UPDATES_HINT);
        }
        if !logs_replicated && replicates(asker).await? {
            let claim = "the server is a replica and does not log what it replicates";
            return off("replica-not-logged", claim, UPDATES_HINT);
        }
        if self.settings.rule == Rule::Never {
            return Ok(Settling::Never);
        }
        let snapshot = asker.query(settle::SNAPSHOT, 4).await?;
        if snapshot.len() == 2 {
            return Ok(Settling::Snapshot);
        }
        if facts.variable("gtid_mode") != "ON" {
            let claim = "the server has no GTIDs, so nobody can tell when an event is visible";
            return off("gtid-off", claim, "set gtid_mode=ON on the server");
        }
        Ok(Settling::Executed)
    }

    fn unreadable(&self) -> OffReason {
        OffReason {
            code: "catalog-unreadable",
            claim: "the server's schema could not be read, or has too many tables".to_owned(),
            hint: "see whether the control account can read information_schema",
        }
    }

    /// Without a binary log, as configured: until something changes, then the caller tries again.
    async fn alone(&self, reason: OffReason, refreshes: &mut Refreshes) {
        let gate = match self.settings.without_binlog {
            WithoutBinlog::Refuse => Gate::Closed,
            WithoutBinlog::SoleDoor => Gate::Open,
            WithoutBinlog::Ttl => Gate::Young(self.settings.ttl),
        };
        let catalog_usable = reason.code == "binlog-off"
            || matches!(reason.code, "galera-not-logged" | "replica-not-logged" | "gtid-off");
        if gate == Gate::Closed || !catalog_usable {
            return tokio::time::sleep(LOOK_AGAIN).await;
        }
        while refreshes.try_recv().is_ok() {}
        if self.keeper.read_all().await == Refreshed::Unknown {
            return;
        }
        let Ok(mut asker) = self.connect().await else { return };
        // What happened before this moment is not known.
        self.shared.versions.bump(&[menshen_sql_core::versions::Slot::EVERYTHING]);
        loop {
            let sole = self.settings.without_binlog == WithoutBinlog::SoleDoor;
            match self.cell.load().scheduled() {
                Some(event) if sole => {
                    let name =
                        |part: &[u8]| String::from_utf8_lossy(part).escape_debug().to_string();
                    let claim = format!(
                        "the event {}.{} writes past the door",
                        name(event.0),
                        name(event.1)
                    );
                    let hint = "switch the event scheduler or the event off, or the binary log on";
                    let state = OffReason { code: "scheduler-on", claim, hint };
                    self.shared.turn(FollowState::Off(state), Gate::Closed);
                }
                _ => self.shared.turn(FollowState::Off(reason.clone()), gate),
            }
            tokio::time::sleep(ALONE).await;
            let Ok(facts) = ServerFacts::read(&mut asker).await else { break };
            let scheduler = facts.variable("event_scheduler") == "ON";
            if facts.is_on("log_bin") != (reason.code != "binlog-off") {
                break;
            }
            if scheduler != self.cell.load().scheduler() {
                // Events are read with the schema.
                self.keeper.read_all().await;
                self.shared.versions.bump(&[menshen_sql_core::versions::Slot::EVERYTHING]);
            }
        }
        self.shared.turn(FollowState::Behind, Gate::Closed);
        self.shared.versions.bump(&[menshen_sql_core::versions::Slot::EVERYTHING]);
    }
}

/// Whether threads of a replica run. One that is configured but stopped shows in its status, which
/// the account may not be allowed to see.
async fn replicates(asker: &mut Client) -> Result<bool, ClientError> {
    let running = "SELECT 1 FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Slave%' \
         OR (USER='system user' AND COMMAND IN ('Connect', 'Query', 'Replica_SQL')) LIMIT 1";
    if !asker.query(running, 1).await?.is_empty() {
        return Ok(true);
    }
    for status in ["SHOW ALL SLAVES STATUS", "SHOW REPLICA STATUS"] {
        match asker.query(status, 100).await {
            Ok(rows) => return Ok(!rows.is_empty()),
            Err(ClientError::Server { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

const BINLOG_HINT: &str =
    "switch it on (log_bin), or set sql.without_binlog to \"sole-door\" or \"ttl\"";
const UPDATES_HINT: &str = "set log_slave_updates=ON on the server";
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// When a server that cannot be followed is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How often a server without binary log is looked at.
const ALONE: Duration = Duration::from_secs(1);
