//! One client's session from the end of its login to its own end: a command is read, answered from
//! the cache or by the server, and only then the next one is read.
//!
//! Because commands are handled strictly one after another, an answer from the cache never
//! overtakes the server's. What a command does to the session, to the tables and to the cache is
//! decided in `sql_core::session` and `sql_core::judge`; here the bytes move, in an order that makes
//! those decisions true:
//!
//! 1. a write is pending ([`writes`]) before its bytes go to the server, and settled before the last
//!    packet of its reply goes to the client ([`settle`]);
//! 2. a fill is stamped before its SELECT goes to the server, and the catalog its tables were found
//!    with must still be the current one after the stamp ([`plan`]);
//! 3. a snapshot's moment is taken before the read that opens it is sent.
//!
//! How it can fail, and what follows: the client is gone in mid-statement (a write's reply is
//! awaited and settled; otherwise the server link is closed), the server is gone (the client's link
//! is closed; what is pending stays so until the server's thread is gone, see [`writes`]), the task
//! is dropped at a drain's end (as if the server were gone), an own statement fails (the session is
//! relayed and not cached).

mod answer;
mod door;
mod execute;
mod hit;
mod interned;
mod own;
mod plan;
mod query;
mod relay;
mod settle;
mod writes;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use menshen_sql_core::lexer::Server;
use menshen_sql_core::session::{Intent, Protocol, Serving, Session};
use menshen_sql_core::surface::Locals;
use menshen_sql_core::wire::command::ChangeUser;
use menshen_sql_core::wire::{Capabilities, Command, Prepared, Reply};

pub use door::{Door, DoorParts};
pub use interned::Interned;
pub use writes::Parked;

use execute::Bindings;
use plan::Plan;
use writes::Writes;

use crate::link::{Broken, HEADER_BYTES, Link, Packet, Side, either};

/// What login has found out and agreed on.
#[derive(Debug)]
pub struct Opened {
    /// The server's version text of its greeting.
    pub version: Vec<u8>,
    /// The server's id of the connection.
    pub thread_id: u64,
    /// What holds on the client's link.
    pub client_capabilities: Capabilities,
    /// What holds on the server's link.
    pub server_capabilities: Capabilities,
    /// The account as the client named it.
    pub user: Vec<u8>,
    /// What the server knows of the client's address: it decides which account a name means.
    pub host: Vec<u8>,
    /// The default database.
    pub database: Option<Vec<u8>>,
    /// Status word of the OK packet.
    pub status: u16,
}

/// Why a session is over.
#[derive(Debug)]
pub enum Over {
    /// The client said goodbye.
    Quit,
    /// The client's link has ended or failed.
    Client(Option<io::Error>),
    /// The server's link has ended or failed.
    Server(Option<io::Error>),
    /// The server sent what no reply can be.
    Protocol(&'static str),
}

/// One session.
#[derive(Debug)]
pub struct Connection {
    door: Arc<Door>,
    thread: usize,
    client: Link,
    server: Link,
    client_capabilities: Capabilities,
    server_capabilities: Capabilities,
    user: Vec<u8>,
    host: Vec<u8>,
    account: Option<u32>,
    session: Session,
    locals: Locals,
    prepared: Prepared,
    bindings: Bindings,
    writes: Writes,
    /// The command under way: its packet as it came, or the head of a long one.
    command: Vec<u8>,
    /// The command that was last answered from the cache, if the server has run none since.
    ghost: Vec<u8>,
    /// Keys of executions, and rewritten commands.
    scratch: Vec<u8>,
    /// When the server was last sent anything.
    used: Instant,
}

/// What of a command is still to be passed on behind [`Connection::command`].
#[derive(Debug, Clone, Copy)]
struct Rest {
    bytes: usize,
    continues: bool,
}

impl Connection {
    /// A session whose login has ended with OK, which the client has got.
    #[must_use]
    pub fn new(
        door: Arc<Door>,
        thread: usize,
        client: Link,
        server: Link,
        opened: Opened,
    ) -> Self {
        let session = Session::new(
            Server::of(&opened.version),
            (opened.client_capabilities & Capabilities::SHAPING).0,
            door.transactions,
            opened.database.as_deref(),
            opened.status,
        );
        let orphans = door.foreign.orphans.clone();
        let writes = Writes::new(door.versions, orphans, opened.thread_id);
        let locals = Locals::new(&door.globals());
        Self {
            door,
            thread,
            client,
            server,
            client_capabilities: opened.client_capabilities,
            server_capabilities: opened.server_capabilities,
            user: opened.user,
            host: opened.host,
            account: None,
            session,
            locals,
            prepared: Prepared::new(PREPARED_BYTES_MAX),
            bindings: Bindings::default(),
            writes,
            command: Vec::new(),
            ghost: Vec::new(),
            scratch: Vec::new(),
            used: Instant::now(),
        }
    }

    /// Serves it to its end.
    pub async fn run(mut self) -> Over {
        match self.serve().await {
            Ok(never) => match never {},
            Err(over) => {
                self.client.finish();
                over
            }
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, Over> {
        self.track().await?;
        loop {
            let packet = self.next().await?;
            let rest = self.take(packet);
            let command = std::mem::take(&mut self.command);
            let done = self.handle(&command, packet, rest).await;
            if self.command.capacity() == 0 && command.capacity() <= COMMAND_KEPT {
                self.command = command;
            }
            done?;
        }
    }

    /// Waits for the next command. What the server says unasked (it shuts down, the connection was
    /// killed) is passed on, and ends the session.
    async fn next(&mut self) -> Result<Packet, Over> {
        if self.client.bytes().is_empty()
            && either(&mut self.client, &mut self.server).await == Side::Server
        {
            let last_words = self.server.bytes().to_vec();
            self.client.send(&last_words).await.map_err(|error| Over::Client(Some(error)))?;
            return Err(Over::Server(None));
        }
        let packet = self.client.packet(self.door.inspect_bytes_max).await;
        packet.map_err(|error| Over::Client(Some(error)))?.ok_or(Over::Client(None))
    }

    /// Moves the command's packet (or its head) into `command`.
    fn take(&mut self, packet: Packet) -> Rest {
        let held = HEADER_BYTES + packet.held.min(packet.length);
        self.command.clear();
        self.command.extend_from_slice(self.client.bytes().get(..held).unwrap_or_default());
        self.client.consume(held);
        Rest { bytes: packet.wire_bytes() - held, continues: packet.continues() }
    }

    async fn handle(&mut self, bytes: &[u8], packet: Packet, rest: Rest) -> Result<(), Over> {
        let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
        let whole = rest.bytes == 0 && !rest.continues && packet.sequence == 0;
        let command = Command::parse(payload);
        match command {
            Command::Query(text) if whole => self.query(text, bytes).await,
            Command::Query(text) => {
                let plan = self.plan_head(text);
                self.forward(bytes, rest, Reply::of(&command), plan).await
            }
            Command::Prepare(text) => self.prepare(text, bytes, rest).await,
            Command::Execute(execute) if whole => self.execute(&execute, bytes).await,
            Command::Execute(_) | Command::Bulk(_) => self.bulk(&command, bytes, rest).await,
            Command::LongData { statement, .. } => {
                self.prepared.long_data(statement);
                self.pass(bytes, rest).await
            }
            Command::Close(statement) => {
                self.prepared.close(statement);
                self.bindings.close(statement);
                self.pass(bytes, rest).await
            }
            Command::Reset(statement) => {
                self.prepared.reset(statement);
                self.forward(bytes, rest, Reply::of(&command), Plan::nothing()).await
            }
            Command::InitDb(name) => {
                let ended = self.exchange(bytes, rest, Reply::One, Plan::nothing()).await?;
                if ended.is_ok() && self.session.serving() == UNTRACKED {
                    self.session.schema(name);
                }
                Ok(())
            }
            Command::ResetConnection => {
                let ended = self.exchange(bytes, rest, Reply::One, Plan::nothing()).await?;
                self.begin_anew(ended.is_ok(), None).await
            }
            Command::ChangeUser(fields) => self.change_user(fields, bytes, rest).await,
            Command::Quit => {
                // Whether the server still hears it does not matter.
                let _ = self.server.send(bytes).await;
                Err(Over::Quit)
            }
            Command::Dump(_) => {
                self.send(bytes, rest).await?;
                self.copy().await
            }
            _ if Reply::of(&command) == Reply::None => self.pass(bytes, rest).await,
            _ => self.forward(bytes, rest, Reply::of(&command), Plan::nothing()).await,
        }
    }

    async fn forward(
        &mut self,
        bytes: &[u8],
        rest: Rest,
        reply: Reply,
        plan: Plan,
    ) -> Result<(), Over> {
        self.exchange(bytes, rest, reply, plan).await.map(|_| ())
    }

    /// Passes on a command that has no reply.
    async fn pass(&mut self, bytes: &[u8], rest: Rest) -> Result<(), Over> {
        self.send(bytes, rest).await
    }

    /// Sends a command to the server, what is not yet read of it straight from the client.
    async fn send(&mut self, bytes: &[u8], rest: Rest) -> Result<(), Over> {
        self.used = Instant::now();
        self.server.send(bytes).await.map_err(|error| Over::Server(Some(error)))?;
        let Rest { mut bytes, mut continues } = rest;
        loop {
            self.client.pass(&mut self.server, bytes).await.map_err(broken)?;
            if !continues {
                return Ok(());
            }
            let next = self.client.packet(0).await.map_err(|error| Over::Client(Some(error)))?;
            let next = next.ok_or(Over::Client(None))?;
            (bytes, continues) = (next.wire_bytes(), next.continues());
        }
    }

    async fn change_user(
        &mut self,
        fields: &[u8],
        bytes: &[u8],
        rest: Rest,
    ) -> Result<(), Over> {
        let named = ChangeUser::parse(fields, self.client_capabilities);
        let named = named.map(|it| (it.user.to_vec(), it.database.to_vec()));
        let ended = self.exchange(bytes, rest, Reply::Auth, Plan::nothing()).await?;
        let database = match named {
            Ok((user, database)) if ended.is_ok() => {
                self.user = user;
                Some(database)
            }
            _ => None,
        };
        self.begin_anew(ended.is_ok(), database.as_deref()).await
    }

    /// The session is as after a login, if the server said OK.
    async fn begin_anew(&mut self, ok: bool, database: Option<&[u8]>) -> Result<(), Over> {
        if !ok {
            return Ok(());
        }
        let kept = self.session.database().map(<[u8]>::to_vec);
        let settled = self.session.reset(database.or(kept.as_deref()), self.session.status());
        self.writes.apply(&settled);
        self.prepared.clear();
        self.bindings.clear();
        self.ghost.clear();
        self.account = None;
        self.locals = Locals::new(&self.door.globals());
        self.track().await
    }

    /// Interns the session's fingerprint, if it has changed; the number for a key.
    fn key_number(&mut self, protocol: Protocol) -> Option<u32> {
        if self.session.fingerprint().is_none() {
            self.scratch.clear();
            self.session.write_fingerprint(&mut self.scratch);
            let number = self.door.fingerprints.intern(&self.scratch)?;
            self.session.set_fingerprint(number);
        }
        self.session.key_number(protocol)
    }

    /// The number of who asks, for the rights an entry was verified with: name and address, what
    /// roles it has taken, and the privileges it logged in under, since global ones are looked up
    /// at login only.
    fn account_number(&mut self) -> Option<u32> {
        if self.account.is_none() {
            let mut text = self.door.versions.epoch().to_le_bytes().to_vec();
            for part in [self.user.as_slice(), &self.host, self.session.role()] {
                text.extend_from_slice(&part.len().to_le_bytes());
                text.extend_from_slice(part);
            }
            self.account = self.door.accounts.intern(&text);
        }
        self.account
    }
}

fn broken(broken: Broken) -> Over {
    match broken {
        Broken::Source(error) => Over::Client(Some(error)),
        Broken::Sink(error) => Over::Server(Some(error)),
    }
}

const UNTRACKED: Serving = Serving::No(menshen_sql_core::judge::Reason::NoTracking);

/// Bytes of texts of prepared statements kept a session.
const PREPARED_BYTES_MAX: usize = 4 << 20;
/// The buffer of a command stays with its session up to this size.
const COMMAND_KEPT: usize = 8 << 10;

#[expect(unused_imports, reason = "documentation links")]
use Intent as _;

#[cfg(test)]
mod tests;
