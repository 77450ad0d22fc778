//! One client's session from the end of its login to its own end: a command is read, answered from
//! the cache or by the server, and only then the next one is read.
//!
//! Because commands are handled strictly one after another, an answer from the cache never
//! overtakes the server's. What a command does to the session, to the tables and to the cache is
//! decided in `sql_core::session` and `sql_core::judge`; here the bytes move, in an order that
//! makes those decisions true:
//!
//! 1. a write is pending ([`writes`]) before its bytes go to the server, and settled before the
//!    last packet of its reply goes to the client ([`settle`]);
//! 2. a fill is stamped before its SELECT goes to the server, and the catalog its tables were found
//!    with must still be the current one after the stamp ([`plan`]);
//! 3. the earliest moment of a snapshot is noted before the first statement is sent with which the
//!    server may take it, the latest when a reply has come that proves it ([`plan`], [`settle`]).
//!
//! How it can fail, and what follows: the client is gone in mid-statement (a write's reply is
//! awaited and settled; otherwise the server link is closed), the server is gone (the client's link
//! is closed; what is pending stays so until the server's thread is gone, see [`writes`]), the task
//! is dropped at a drain's end (as if the server were gone), an own statement fails (the session is
//! relayed and not cached).

mod exchange;
mod execute;
mod explain;
mod fill;
mod hit;
mod interned;
mod opens;
mod own;
mod plan;
mod query;
mod settle;
mod shapes;
mod shared;
mod surface;
mod writes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use menshen_base::Counter;
use menshen_sql_core::judge::Reason;
use menshen_sql_core::lexer::Server;
use menshen_sql_core::session::{Protocol, Serving, Session, Settled};
use menshen_sql_core::surface::Locals;
use menshen_sql_core::versions::Slot;
use menshen_sql_core::wire::{Capabilities, Command, Prepared, Reply, Status};

pub use interned::Interned;
pub use shared::Shared;
pub use writes::Parked;

use exchange::Rest;
use execute::Bindings;
use plan::Plan;
use writes::Writes;

use crate::link::{HEADER_BYTES, Packet};
use crate::login::{Ended, change_user};
use crate::relay::{self, Heard, Left, next};
use crate::seat::Doing;

/// One session, from the end of its login.
#[derive(Debug)]
pub struct Connection<'a> {
    shared: Arc<Shared>,
    link: relay::Session<'a>,
    session: Session,
    /// The account as a number, and the privileges' epoch it is of.
    account: Option<u32>,
    epoch: u64,
    locals: Locals,
    prepared: Prepared,
    bindings: Bindings,
    writes: Writes,
    /// Of what is being written: the table's name, and the digest of the last statement.
    began: HashMap<Slot, (String, String)>,
    /// Tables locked for writing that do not count as written.
    locked: Vec<Slot>,
    /// The command under way: its packet as it came, or the head of a long one.
    command: Vec<u8>,
    /// The command that was last answered from the cache, if the server has run none since.
    ghost: Vec<u8>,
    /// Keys of executions, and rewritten commands.
    scratch: Vec<u8>,
    /// When the server was last sent anything.
    used: Instant,
    /// Hits since the session's `FLUSH STATUS`.
    session_hits: u64,
    /// The reply to the command under way is in the cache, but this transaction may not see it yet.
    unconfirmed: bool,
    /// The cache was of use in a transaction: when the next one's snapshot is taken, the follower
    /// is asked at once how far it is.
    confirms: bool,
}

/// Serves a session to its end. The client does not know yet that it has begun.
pub async fn run(shared: Arc<Shared>, link: relay::Session<'_>) -> Left {
    let mut connection = Connection::new(shared, link);
    let left = match connection.serve().await {
        Ok(never) => match never {},
        Err(left) => left,
    };
    connection.link.client.finish();
    left
}

impl<'a> Connection<'a> {
    fn new(shared: Arc<Shared>, link: relay::Session<'a>) -> Self {
        let entered = &link.entered;
        let session = Session::new(
            Server::of(&entered.greeting.version),
            (entered.client & Capabilities::SHAPING).0,
            shared.transactions,
            Some(&entered.database),
            entered.status().0,
        );
        let orphans = shared.foreign.orphans.clone();
        let writes = Writes::new(shared.versions, orphans, entered.greeting.thread_id.into());
        let locals = Locals::new(&shared.globals());
        let epoch = shared.versions.epoch();
        Self {
            shared,
            link,
            session,
            account: None,
            epoch,
            locals,
            prepared: Prepared::new(PREPARED_BYTES_MAX),
            bindings: Bindings::default(),
            writes,
            began: HashMap::new(),
            locked: Vec::new(),
            command: Vec::new(),
            ghost: Vec::new(),
            scratch: Vec::new(),
            used: Instant::now(),
            session_hits: 0,
            unconfirmed: false,
            confirms: false,
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, Left> {
        self.enter().await?;
        loop {
            let packet = self.next().await?;
            if let Command::ChangeUser(_) = Command::parse(self.link.client.payload(packet)) {
                self.change_user(packet).await?;
                continue;
            }
            let rest = self.take(packet);
            let command = std::mem::take(&mut self.command);
            let done = self.handle(&command, packet, rest).await;
            if command.capacity() <= COMMAND_KEPT {
                self.command = command;
            }
            done?;
        }
    }

    /// Waits for the next command. What the server says unasked (it shuts down, the connection was
    /// killed) is passed on, and ends the session.
    async fn next(&mut self) -> Result<Packet, Left> {
        let whole_max = self.shared.inspect_bytes_max;
        let relay::Session { client, server, seat, .. } = &mut self.link;
        if client.packet_held(whole_max).is_none() {
            let unfinished = self.session.is_unfinished();
            seat.does(if unfinished { Doing::Transaction } else { Doing::Rest });
            match next(client, server, seat).await {
                Heard::Client => {}
                Heard::Server => return Err(self.link.last_words().await),
                Heard::Leave(leave) => return Err(Left::Asked(leave)),
            }
            seat.does(Doing::Command);
        }
        let packet = client.packet(whole_max).await.map_err(|_| Left::Client)?;
        let packet = packet.ok_or(Left::Client)?;
        let (tally, thread) = self.link.tally;
        tally.add(thread, Counter::SqlCommands, 1);
        tally.add(thread, Counter::SqlBytesIn, packet.wire_bytes() as u64);
        Ok(packet)
    }

    /// Moves the command's packet (or its head) into `command`.
    fn take(&mut self, packet: Packet) -> Rest {
        let client = &mut self.link.client;
        let held = HEADER_BYTES + packet.held;
        self.command.clear();
        self.command.extend_from_slice(client.bytes().get(..held).unwrap_or_default());
        client.consume(held);
        Rest { bytes: packet.wire_bytes() - held, continues: packet.continues() }
    }

    async fn handle(&mut self, bytes: &[u8], packet: Packet, rest: Rest) -> Result<(), Left> {
        if self.session.is_unheard() {
            self.track().await?;
        }
        let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
        self.unconfirmed = false;
        let whole = rest == Rest::NOTHING && packet.sequence == 0;
        let command = Command::parse(payload);
        match command {
            Command::Query(text) if whole => self.query(text, bytes).await,
            Command::Query(_) => {
                let plan = if rest == Rest::NOTHING { Plan::unknown() } else { self.plan_head() };
                self.forward(bytes, rest, Reply::of(&command), plan).await
            }
            Command::Prepare(text) => self.prepare(text, bytes, rest).await,
            Command::Execute(execute) if whole => self.execute(&execute, bytes).await,
            Command::Execute(_) | Command::Bulk(_) => self.bulk(&command, bytes, rest).await,
            Command::LongData { statement, .. } => {
                self.prepared.long_data(statement);
                self.send(bytes, rest).await
            }
            Command::Close(statement) => {
                self.bindings.close(&self.prepared, statement);
                self.prepared.close(statement);
                self.send(bytes, rest).await
            }
            Command::Reset(statement) => {
                self.prepared.reset(statement);
                self.forward(bytes, rest, Reply::of(&command), Plan::nothing()).await
            }
            Command::InitDb(name) => {
                let ended = self.exchange(bytes, rest, Reply::One, Plan::nothing()).await?;
                if ended.status.is_some() && self.session.serving() == UNTRACKED {
                    self.session.schema(name);
                }
                Ok(())
            }
            Command::ResetConnection => {
                let plan = Plan { resets: true, ..Plan::nothing() };
                let ended = self.exchange(bytes, rest, Reply::One, plan).await?;
                if ended.status.is_some() { self.track().await } else { Ok(()) }
            }
            Command::Quit => {
                // Whether the server still hears it does not matter.
                let _ = self.link.server.send(bytes).await;
                self.link.server.finish();
                Err(Left::Quit)
            }
            _ if Reply::of(&command) == Reply::None => self.send(bytes, rest).await,
            Command::Dump(_) => {
                self.send(bytes, rest).await?;
                self.link.both_ways().await.map(|_| ())
            }
            _ => self.forward(bytes, rest, Reply::of(&command), Plan::nothing()).await,
        }
    }

    /// Sends a command to the server and its reply to the client.
    async fn forward(
        &mut self,
        bytes: &[u8],
        rest: Rest,
        reply: Reply,
        plan: Plan,
    ) -> Result<(), Left> {
        self.exchange(bytes, rest, reply, plan).await.map(|_| ())
    }

    /// `COM_CHANGE_USER`: another login on the same links.
    async fn change_user(&mut self, packet: Packet) -> Result<(), Left> {
        if !packet.is_whole() || packet.continues() {
            return Err(Left::Client);
        }
        let relay::Session { entrance, entered, client, server, .. } = &mut self.link;
        match change_user(entrance, entered, client, server, packet).await {
            Ok(()) => {}
            Err(Ended::Refused) => return self.go_on_refused().await,
            Err(_) => return Err(Left::Server),
        }
        let (database, status) = (self.link.entered.database.clone(), self.link.entered.status());
        self.begin_anew(Some(&database), status);
        self.track().await?;
        self.link.entered.welcome(&mut self.link.client);
        self.link.client.flush().await.map_err(|_| Left::Client)
    }

    /// After a refused `COM_CHANGE_USER`, which the client knows. A server that has not rolled back
    /// what was open is not understood.
    async fn go_on_refused(&mut self) -> Result<(), Left> {
        let settled = self.session.refused();
        self.forget(&settled);
        self.track().await?;
        if self.session.in_transaction() { Err(Left::Server) } else { Ok(()) }
    }

    /// The server has reset the session: what it had open is rolled back and forgotten.
    fn begin_anew(&mut self, database: Option<&[u8]>, status: Status) {
        let settled = self.session.reset(database, status.0);
        self.forget(&settled);
    }

    fn forget(&mut self, settled: &Settled) {
        self.count(settled);
        self.writes.apply(settled);
        self.began.clear();
        self.prepared.clear();
        self.bindings.clear();
        self.ghost.clear();
        self.forget_account();
        self.locals = Locals::new(&self.shared.globals());
    }

    /// Interns the session's fingerprint, if it has changed; the number for a key.
    fn key_number(&mut self, protocol: Protocol) -> Option<u32> {
        if self.session.fingerprint().is_none() {
            let mut text = Vec::with_capacity(512);
            self.session.write_fingerprint(&mut text);
            let Some(number) = self.shared.fingerprints.intern(&text) else {
                let (tally, thread) = self.link.tally;
                tally.add(thread, Counter::LimitSqlFingerprints, 1);
                return None;
            };
            self.session.set_fingerprint(number);
        }
        self.session.key_number(protocol)
    }

    /// The number of who asks, for the rights an entry was verified with: the account by its name
    /// and how the server sees it, the roles taken, and the privileges' epoch of its login (or of
    /// its last `USE`), since some rights are looked up only then.
    fn account_number(&mut self) -> Option<u32> {
        if self.account.is_none() {
            let mut text = self.epoch.to_le_bytes().to_vec();
            let entered = &self.link.entered;
            for part in [&entered.user, &self.link.host, self.session.role()] {
                text.extend_from_slice(&part.len().to_le_bytes());
                text.extend_from_slice(part);
            }
            self.account = self.shared.accounts.intern(&text);
        }
        self.account
    }

    fn forget_account(&mut self) {
        self.account = None;
        self.epoch = self.shared.versions.epoch();
    }

    const fn thread(&self) -> usize {
        self.link.tally.1
    }
}

const UNTRACKED: Serving = Serving::No(Reason::NoTracking);

/// Bytes of texts of prepared statements kept a session.
const PREPARED_BYTES_MAX: usize = 4 << 20;
/// The buffer of a command stays with its session up to this size.
const COMMAND_KEPT: usize = 8 << 10;
