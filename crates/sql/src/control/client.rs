//! A small client: login, statements with bounded results, and the replica's commands.
//!
//! It asks for no capability but those it needs, so replies have the old form with EOF packets. It
//! never shows a password, and what the server says of an error is cut and kept as bytes.
//!
//! How it fails: see [`ClientError`]. After any error but `Server` the connection is of no use.

use std::io;
use std::time::Duration;

use menshen_sql_core::wire::auth::{AuthPacket, Sha2};
use menshen_sql_core::wire::greeting::Greeting;
use menshen_sql_core::wire::lenenc::Fields;
use menshen_sql_core::wire::login::Login;
use menshen_sql_core::wire::{Capabilities, ErrPacket, build, packet};
use tokio::time::timeout;

use super::auth;
use crate::link::Link;
use crate::upstream::{Upstream, Visitor};

/// The account.
#[derive(Clone)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// Its password; empty: none.
    pub password: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Why a statement or login failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The connection.
    #[error("the connection to the server failed")]
    Upstream(#[from] io::Error),
    /// The server answered with an error.
    #[error("the server answered with error {code}")]
    Server {
        /// Its number.
        code: u16,
        /// Its message, made printable.
        message: String,
    },
    /// The server said what no server says.
    #[error("the server's answer was not understood")]
    Garbled,
    /// It took too long.
    #[error("the server took too long")]
    Slow,
    /// The result had more rows or bytes than are taken.
    #[error("the result was longer than is taken")]
    Long,
    /// The server asks for another way to log in.
    #[error("the server asks for the plugin {0}, which a control account cannot use")]
    Plugin(String),
    /// The password would have to be sent in clear.
    #[error("the server asks for the password on a connection that others can read")]
    Exposed,
}

/// A row: values, `None` is NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// A connection that is logged in.
#[derive(Debug)]
pub struct Client {
    link: Link,
    /// The server's version as it greeted.
    version: String,
    /// Warnings of the last result.
    warnings: u16,
}

impl Client {
    /// Connects and logs in.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn connect(upstream: &Upstream, account: &Account) -> Result<Self, ClientError> {
        match timeout(LOGIN_TIME, Self::login(upstream, account)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::Slow),
        }
    }

    /// The server's version as it greeted.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Warnings of the last statement that had a result.
    #[must_use]
    pub fn warnings(&self) -> u16 {
        self.warnings
    }

    /// Runs one statement and returns its rows, none for an OK.
    ///
    /// # Errors
    /// As [`ClientError`] says; after `Server` the connection goes on.
    pub async fn query(&mut self, text: &str, rows_max: usize) -> Result<Vec<Row>, ClientError> {
        match timeout(QUERY_TIME, self.rows(text, rows_max)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ClientError::Slow),
        }
    }

    /// Sends a command and waits for its OK.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn command(&mut self, code: u8, rest: &[u8]) -> Result<(), ClientError> {
        self.send(code, rest).await?;
        let reply = timeout(QUERY_TIME, self.payload()).await.map_err(|_| ClientError::Slow)??;
        match reply.first() {
            Some(0) => Ok(()),
            Some(0xff) => Err(refused(&reply)),
            _ => Err(ClientError::Garbled),
        }
    }

    /// Sends a command whose replies the caller reads from the link.
    ///
    /// # Errors
    /// What the connection said.
    pub async fn stream(mut self, code: u8, rest: &[u8]) -> Result<Link, ClientError> {
        self.send(code, rest).await?;
        Ok(self.link)
    }

    async fn login(upstream: &Upstream, account: &Account) -> Result<Self, ClientError> {
        let link = upstream.connect(Visitor::SELF).await?;
        let mut client = Self { link, version: String::new(), warnings: 0 };
        let greeting = client.payload().await?;
        let Ok(greeting) = Greeting::parse(&greeting) else {
            return Err(refused(&greeting));
        };
        client.version = String::from_utf8_lossy(&greeting.version).into_owned();
        let mut sequence = 1;
        let answer =
            auth::answer(&greeting.plugin, account.password.as_bytes(), &greeting.scramble);
        let login = Login {
            capabilities: WANTED & (greeting.capabilities | Capabilities::MYSQL),
            message_max: 1 << 24,
            charset: UTF8MB4,
            user: account.user.clone().into_bytes(),
            // Another plugin will be asked for by name.
            answer: answer.unwrap_or_default(),
            database: None,
            plugin: Some(greeting.plugin.clone()),
            attributes: None,
            rest: Vec::new(),
        };
        let mut login = login;
        if let Some(security) = &upstream.tls {
            let request = login.tls_request();
            login.capabilities = request.capabilities;
            let mut payload = Vec::new();
            request.encode(&mut payload);
            packet::push(client.link.output(), &mut sequence, &payload);
            client.link.flush().await?;
            client.link.connect_tls(security.config.clone(), security.name.clone()).await?;
        }
        let mut payload = Vec::new();
        login.encode(&mut payload);
        packet::push(client.link.output(), &mut sequence, &payload);
        client.link.flush().await?;
        client.authenticate(account, &greeting.plugin).await?;
        client.query(SESSION, 0).await?;
        Ok(client)
    }

    async fn authenticate(&mut self, account: &Account, plugin: &[u8]) -> Result<(), ClientError> {
        let mut plugin = plugin.to_vec();
        // Each step is the server's; a login has three at most.
        for _ in 0..STEPS_MAX {
            let (reply, mut sequence) = self.numbered().await?;
            let answer = match AuthPacket::parse(&reply) {
                AuthPacket::Ok => return Ok(()),
                AuthPacket::Err => return Err(refused(&reply)),
                AuthPacket::Switch { plugin: wanted, data } => {
                    plugin = wanted.to_vec();
                    let answer = auth::answer(wanted, account.password.as_bytes(), data);
                    answer.ok_or_else(|| ClientError::Plugin(shown(wanted)))?
                }
                AuthPacket::More(data) if plugin == b"caching_sha2_password" => {
                    match Sha2::read(data) {
                        Sha2::Fast => continue,
                        Sha2::Full if self.link.is_private() => {
                            [account.password.as_bytes(), &[0]].concat()
                        }
                        Sha2::Full | Sha2::Key(_) => return Err(ClientError::Exposed),
                    }
                }
                AuthPacket::OldSwitch | AuthPacket::More(_) | AuthPacket::Plugin(_) => {
                    return Err(ClientError::Plugin(shown(&plugin)));
                }
            };
            sequence = sequence.wrapping_add(1);
            packet::push(self.link.output(), &mut sequence, &answer);
            self.link.flush().await?;
        }
        Err(ClientError::Garbled)
    }

    async fn rows(&mut self, text: &str, rows_max: usize) -> Result<Vec<Row>, ClientError> {
        self.send(COM_QUERY, text.as_bytes()).await?;
        let head = self.payload().await?;
        let columns = match head.first() {
            Some(0) => return Ok(Vec::new()),
            Some(0xff) => return Err(refused(&head)),
            Some(0xfb) | None => return Err(ClientError::Garbled),
            Some(_) => Fields::new(&head).int().map_err(|_| ClientError::Garbled)?,
        };
        for _ in 0..columns {
            self.payload().await?;
        }
        self.payload().await?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        loop {
            let row = self.payload().await?;
            match row.first() {
                Some(0xfe) if row.len() < 9 => {
                    let count = row.get(1..3).and_then(<[u8]>::first_chunk);
                    self.warnings = count.map_or(0, |count| u16::from_le_bytes(*count));
                    return Ok(rows);
                }
                Some(0xff) => return Err(refused(&row)),
                _ => {}
            }
            bytes += row.len();
            if rows.len() >= rows_max || bytes > RESULT_MAX {
                return Err(ClientError::Long);
            }
            let mut fields = Fields::new(&row);
            let mut values = Row::new();
            while !fields.is_empty() {
                let value = fields.value().map_err(|_| ClientError::Garbled)?;
                values.push(value.map(<[u8]>::to_vec));
            }
            rows.push(values);
        }
    }

    async fn send(&mut self, code: u8, rest: &[u8]) -> Result<(), ClientError> {
        build::command(code, rest, self.link.output());
        Ok(self.link.flush().await?)
    }

    async fn payload(&mut self) -> Result<Vec<u8>, ClientError> {
        Ok(self.numbered().await?.0)
    }

    /// The next packet, and its number.
    async fn numbered(&mut self) -> Result<(Vec<u8>, u8), ClientError> {
        let packet = self.link.packet(PACKET_MAX).await?;
        let packet = packet.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        if !packet.is_whole() || packet.continues() {
            return Err(ClientError::Long);
        }
        let payload = self.link.payload(packet).to_vec();
        self.link.consume(packet.length + HEADER);
        Ok((payload, packet.sequence))
    }
}

fn refused(payload: &[u8]) -> ClientError {
    match ErrPacket::parse(payload) {
        Ok(error) => ClientError::Server { code: error.code, message: shown(error.message) },
        Err(_) => ClientError::Garbled,
    }
}

/// Foreign text that may be shown: printable, and not long.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.get(..TEXT_MAX).unwrap_or(text));
    text.chars().map(|one| if one.is_control() { '\u{fffd}' } else { one }).collect()
}

const WANTED: Capabilities = Capabilities(
    Capabilities::MYSQL.0
        | Capabilities::LONG_FLAG.0
        | Capabilities::PROTOCOL_41.0
        | Capabilities::TRANSACTIONS.0
        | Capabilities::SECURE_CONNECTION.0
        | Capabilities::PLUGIN_AUTH.0,
);

/// Statements on `information_schema` open tables and so meet their metadata locks: they give up
/// after a second rather than wait with an ALTER. Results are not turned by the server's defaults.
const SESSION: &str = "SET SESSION lock_wait_timeout=1, sql_mode='', wait_timeout=28800, \
     net_write_timeout=60, character_set_results=utf8mb4";

const COM_QUERY: u8 = 3;
/// `utf8mb4_general_ci`.
const UTF8MB4: u16 = 45;
const HEADER: usize = 4;
/// Packets of a login.
const STEPS_MAX: usize = 8;
/// Bytes of one packet that are taken: the definition of a view or routine.
const PACKET_MAX: usize = 8 << 20;
/// Bytes of one result that are taken.
const RESULT_MAX: usize = 256 << 20;
/// Characters of the server's messages that are kept.
const TEXT_MAX: usize = 300;
const LOGIN_TIME: Duration = Duration::from_secs(10);
/// The full reading of many tables takes its time.
const QUERY_TIME: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests;
