//! The exchange that authenticates, after the login and after `COM_CHANGE_USER`: packets relayed
//! both ways in whatever order they come, until OK or ERR.
//!
//! Of what passes it understands which plugin is asked for, and the full authentication of
//! `caching_sha2_password`, whose form depends on whether a link is private
//! (MySQL source documentation, "Caching_sha2_password information"):
//!
//! | client's link | server's link | the password goes |
//! |---|---|---|
//! | open | open | encrypted with the server's key, as it is |
//! | private | private | in the clear, as it is |
//! | private | open | in the clear to the door, which asks the server for its key |
//! | open | private | encrypted with the door's key, in the clear to the server |
//!
//! How it fails: see [`Ended`].

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use menshen_sql_core::wire::Command;
use menshen_sql_core::wire::auth::{AuthPacket, CACHING_SHA2, REQUEST_KEY, Sha2, UNIX_SOCKET};
use menshen_sql_core::wire::command::ChangeUser;
use menshen_sql_core::wire::greeting::Greeting;
use menshen_sql_core::wire::login::Login;

use super::sha2::Password;
use super::{Denial, Ended, Entered, Entrance, LOGIN_BYTES_MAX, Received, deny, send};
use crate::link::{Link, Packet, Side};

/// Where an exchange stands.
#[derive(Debug)]
pub struct Exchange {
    scramble: Vec<u8>,
    is_sha2: bool,
    step: Step,
    /// Sequence numbers of the last packet on each link.
    at_client: u8,
    at_server: u8,
}

#[derive(Debug)]
enum Step {
    /// Whatever comes is passed on.
    Relay,
    /// The server has asked the client for the password itself.
    Full,
    /// The client has been given the door's key.
    OwnKey,
    /// The server has been asked for its key, to encrypt this with it.
    ServerKey(Password),
}

impl Exchange {
    /// After the login's packet with these sequence numbers.
    pub(super) fn after_login(
        greeting: &Greeting,
        login: &Login,
        at_client: u8,
        at_server: u8,
    ) -> Self {
        let plugin = login.plugin.as_deref().unwrap_or(&greeting.plugin);
        Self {
            scramble: greeting.scramble.clone(),
            is_sha2: plugin == CACHING_SHA2,
            step: Step::Relay,
            at_client,
            at_server,
        }
    }

    /// The sequence number of the next packet to the client.
    pub(super) const fn next_to_client(&self) -> u8 {
        self.at_client.wrapping_add(1)
    }

    /// Relays until the server's OK, whose payload it returns and which the client is not sent.
    pub(super) async fn run(
        &mut self,
        entrance: &Entrance,
        client: &mut Link,
        server: &mut Link,
    ) -> Result<Vec<u8>, Ended> {
        loop {
            let (side, heard) = match turn(client, server).await {
                Ok(heard) => heard,
                Err(ended) => return Err(deny(client, self.next_to_client(), ended).await),
            };
            let step = match side {
                Side::Server => {
                    self.at_server = heard.sequence;
                    if let [0, ..] = heard.payload[..] {
                        return Ok(heard.payload);
                    }
                    self.hear_server(client, server, heard.payload).await
                }
                Side::Client => {
                    self.at_client = heard.sequence;
                    self.hear_client(entrance, client, server, heard.payload).await
                }
            };
            if let Err(ended) = step {
                return Err(deny(client, self.next_to_client(), ended).await);
            }
        }
    }

    async fn hear_server(
        &mut self,
        client: &mut Link,
        server: &mut Link,
        payload: Vec<u8>,
    ) -> Result<(), Ended> {
        let mut refused = false;
        match AuthPacket::parse(&payload) {
            AuthPacket::Err => refused = true,
            AuthPacket::Switch { plugin, .. } if OS_USER.contains(&plugin) => {
                return Err(Ended::Denied(Denial::SocketPlugin));
            }
            AuthPacket::Switch { plugin, data } => {
                self.is_sha2 = plugin == CACHING_SHA2;
                self.scramble = data.strip_suffix(&[0]).unwrap_or(data).to_vec();
                self.step = Step::Relay;
            }
            AuthPacket::More(data) if self.is_sha2 => match (Sha2::read(data), &self.step) {
                (Sha2::Key(pem), Step::ServerKey(password)) => {
                    let sealed = password.encrypted(pem, &self.scramble);
                    let broken = || Ended::Server(io::ErrorKind::InvalidData.into());
                    let sealed = sealed.ok_or_else(broken)?;
                    self.step = Step::Relay;
                    return self.send_server(server, &sealed).await;
                }
                (Sha2::Full, _) => self.step = Step::Full,
                _ => {}
            },
            _ => {}
        }
        self.send_client(client, &payload).await?;
        if refused { Err(Ended::Refused) } else { Ok(()) }
    }

    async fn hear_client(
        &mut self,
        entrance: &Entrance,
        client: &mut Link,
        server: &mut Link,
        payload: Vec<u8>,
    ) -> Result<(), Ended> {
        let private = (client.is_private(), server.is_private());
        match (std::mem::replace(&mut self.step, Step::Relay), private) {
            (Step::Full, (_, true)) if payload == REQUEST_KEY => {
                let lost = || Ended::Server(io::ErrorKind::Other.into());
                let pem = entrance.key.public_pem().await.ok_or_else(lost)?;
                let mut answer = Vec::with_capacity(pem.len() + 1);
                AuthPacket::encode_more(&pem, &mut answer);
                self.step = Step::OwnKey;
                return self.send_client(client, &answer).await;
            }
            (Step::Full, (true, false)) if payload != REQUEST_KEY => {
                if let Some(password) = Password::from_clear(&payload) {
                    self.step = Step::ServerKey(password);
                    return self.send_server(server, REQUEST_KEY).await;
                }
            }
            (Step::Full, (false, true)) if payload.len() >= RSA_BLOCK_MIN => {
                return Err(Ended::Denied(Denial::ForeignKey));
            }
            (Step::OwnKey, _) => {
                let password = entrance.key.open(&payload, &self.scramble);
                let password = password.ok_or(Ended::Denied(Denial::ForeignKey))?;
                return self.send_server(server, password.clear()).await;
            }
            // A client that speaks while the server's key is awaited: the server will refuse it.
            _ => {}
        }
        self.send_server(server, &payload).await
    }

    async fn send_client(&mut self, client: &mut Link, payload: &[u8]) -> Result<(), Ended> {
        self.at_client = self.at_client.wrapping_add(1);
        send(client, self.at_client, payload).await.map_err(Ended::Client)
    }

    async fn send_server(&mut self, server: &mut Link, payload: &[u8]) -> Result<(), Ended> {
        self.at_server = self.at_server.wrapping_add(1);
        send(server, self.at_server, payload).await.map_err(Ended::Server)
    }
}

/// Relays `COM_CHANGE_USER`, whose packet lies whole at the front of the client's link, and the
/// exchange it begins. `entered` then tells of the new account; the client does not know yet, as
/// after a login: [`Entered::welcome`].
///
/// # Errors
/// See [`Ended`]; the client has been told. The session is over then, but for [`Ended::Refused`]:
/// the server goes on with the former account, of which `entered` then tells again.
pub async fn change_user(
    entrance: &Entrance,
    entered: &mut Entered,
    client: &mut Link,
    server: &mut Link,
    command: Packet,
) -> Result<(), Ended> {
    let handshake = Ended::Denied(Denial::Handshake);
    let Command::ChangeUser(rest) = Command::parse(client.payload(command)) else {
        return Err(deny(client, command.sequence.wrapping_add(1), handshake).await);
    };
    let Ok(change) = ChangeUser::parse(rest, entered.client) else {
        return Err(deny(client, command.sequence.wrapping_add(1), handshake).await);
    };
    let user = std::mem::replace(&mut entered.user, change.user.to_vec());
    let database = std::mem::replace(&mut entered.database, change.database.to_vec());
    let charset = entered.charset;
    entered.charset = change.charset.unwrap_or(charset);
    let exchange = &mut entered.exchange;
    exchange.is_sha2 = change.plugin.is_some_and(|plugin| plugin == CACHING_SHA2);
    exchange.step = Step::Relay;
    (exchange.at_client, exchange.at_server) = (command.sequence, command.sequence);
    let wire = command.wire_bytes();
    let sent = server.send(client.bytes().get(..wire).unwrap_or_default()).await;
    client.consume(wire);
    if let Err(error) = sent {
        let next = exchange.next_to_client();
        return Err(deny(client, next, Ended::Server(error)).await);
    }
    match exchange.run(entrance, client, server).await {
        Ok(ok) => entered.ok = ok,
        Err(Ended::Refused) => {
            (entered.user, entered.database, entered.charset) = (user, database, charset);
            return Err(Ended::Refused);
        }
        Err(ended) => return Err(ended),
    }
    entered.sequence = exchange.next_to_client();
    match entrance.impostors.check(server, &entered.user, entered.server).await {
        Ok(_) => Ok(()),
        Err(ended) => Err(deny(client, entered.sequence, ended).await),
    }
}

/// The next packet of either; the server's first.
async fn turn(client: &mut Link, server: &mut Link) -> Result<(Side, Received), Ended> {
    let (side, packet) = poll_fn(|cx| {
        if let Poll::Ready(packet) = server.poll_packet(cx, LOGIN_BYTES_MAX) {
            return Poll::Ready((Side::Server, packet));
        }
        client.poll_packet(cx, LOGIN_BYTES_MAX).map(|packet| (Side::Client, packet))
    })
    .await;
    let (link, ended): (_, fn(io::Error) -> Ended) = match side {
        Side::Client => (client, Ended::Client),
        Side::Server => (server, Ended::Server),
    };
    match packet {
        Ok(Some(packet)) if packet.is_whole() => {
            let payload = link.payload(packet).to_vec();
            link.consume(packet.wire_bytes());
            Ok((side, Received { sequence: packet.sequence, payload }))
        }
        Ok(Some(_)) => Err(ended(io::ErrorKind::InvalidData.into())),
        Ok(None) => Err(ended(io::ErrorKind::UnexpectedEof.into())),
        Err(error) => Err(ended(error)),
    }
}

/// Plugins that ask the kernel who is at the other end of the socket.
const OS_USER: [&[u8]; 2] = [UNIX_SOCKET, b"auth_socket"];
/// The block of an RSA key of 1024 bits, the smallest that any server makes.
const RSA_BLOCK_MIN: usize = 128;
