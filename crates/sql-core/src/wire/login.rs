//! The client's first packet: the request for TLS, or the login (`HandshakeResponse41`).
//!
//! Layout as read by the server (`parse_client_handshake_packet` in `sql/sql_acl.cc`), which takes
//! trailing fields that are missing as empty. The login of before 4.1 is refused.

use alloc::vec::Vec;
use core::fmt;

use super::lenenc::{Fields, push_nul, push_string};
use super::{Capabilities, Malformed};

/// The first packet of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// It wants TLS now; the login follows inside.
    Tls(TlsRequest),
    /// It logs in.
    Login(Login),
}

/// The request for TLS: the fixed head of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsRequest {
    /// What the client wants; must be the same in the login that follows.
    pub capabilities: Capabilities,
    /// The longest message it takes, in bytes.
    pub message_max: u32,
    /// Its character set: a collation id; the high byte stands in the first reserved byte.
    pub charset: u16,
}

/// A login.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// What the client wants.
    pub capabilities: Capabilities,
    /// The longest message it takes, in bytes.
    pub message_max: u32,
    /// Its character set: a collation id (MariaDB 11+ and MySQL 8 read two bytes of it).
    pub charset: u16,
    /// The account.
    pub user: Vec<u8>,
    /// The answer to the scramble. Secret.
    pub answer: Vec<u8>,
    /// The database.
    pub database: Option<Vec<u8>>,
    /// The plugin the answer was made by; `None`: not said.
    pub plugin: Option<Vec<u8>>,
    /// The connection attributes: length-encoded names and values one after another, unread; see
    /// [`Login::attributes`].
    pub attributes: Option<Vec<u8>>,
    /// What follows: the level of zstd, or anything of later protocols. Handed on as it is.
    pub rest: Vec<u8>,
}

/// Reads the payload of the first packet of a client.
///
/// # Errors
/// It is of before 4.1, or malformed.
pub fn parse(payload: &[u8]) -> Result<First, Malformed> {
    let mut fields = Fields::new(payload);
    let low = fields.u32()?;
    if low & Capabilities::PROTOCOL_41.low() == 0 {
        return Err(Malformed("login of before 4.1"));
    }
    let message_max = fields.u32()?;
    let charset = fields.u16()?;
    fields.bytes(18)?;
    let capabilities = Capabilities::from_halves(low, fields.u32()?);
    if fields.is_empty() && capabilities.has(Capabilities::SSL) {
        return Ok(First::Tls(TlsRequest { capabilities, message_max, charset }));
    }
    let user = fields.until_nul()?.to_vec();
    let answer = if capabilities.has(Capabilities::PLUGIN_AUTH_LENENC) {
        fields.string()?
    } else if capabilities.has(Capabilities::SECURE_CONNECTION) {
        let len = fields.u8()?;
        fields.bytes(usize::from(len))?
    } else {
        fields.until_nul_or_end()
    };
    let answer = answer.to_vec();
    let wants = |capability| capabilities.has(capability);
    let database = wants(Capabilities::CONNECT_WITH_DB).then(|| fields.until_nul_or_end().to_vec());
    let has_plugin = wants(Capabilities::PLUGIN_AUTH) && !fields.is_empty();
    let plugin = has_plugin.then(|| fields.until_nul_or_end().to_vec());
    let mut attributes = None;
    if wants(Capabilities::CONNECT_ATTRS) && !fields.is_empty() {
        attributes = Some(fields.string()?.to_vec());
    }
    let rest = fields.rest().to_vec();
    Ok(First::Login(Login {
        capabilities,
        message_max,
        charset,
        user,
        answer,
        database,
        plugin,
        attributes,
        rest,
    }))
}

impl TlsRequest {
    /// Appends its payload, 32 bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.capabilities.low().to_le_bytes());
        out.extend_from_slice(&self.message_max.to_le_bytes());
        out.extend_from_slice(&self.charset.to_le_bytes());
        out.extend_from_slice(&[0; 18]);
        out.extend_from_slice(&self.capabilities.high().to_le_bytes());
    }
}

impl Login {
    /// The request for TLS that goes before it.
    #[must_use]
    pub fn tls_request(&self) -> TlsRequest {
        let capabilities = self.capabilities | Capabilities::SSL;
        TlsRequest { capabilities, message_max: self.message_max, charset: self.charset }
    }

    /// Appends its payload. Fields are written as the capabilities say: an absent database under
    /// [`Capabilities::CONNECT_WITH_DB`] is an empty one, a database without it is left out. An
    /// answer that does not fit its form is cut short (255 bytes without
    /// [`Capabilities::PLUGIN_AUTH_LENENC`]), so that the server refuses it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let TlsRequest { message_max, charset, .. } = self.tls_request();
        let capabilities = self.capabilities;
        TlsRequest { capabilities, message_max, charset }.encode(out);
        push_nul(out, &self.user);
        if capabilities.has(Capabilities::PLUGIN_AUTH_LENENC) {
            push_string(out, &self.answer);
        } else if capabilities.has(Capabilities::SECURE_CONNECTION) {
            let len = u8::try_from(self.answer.len()).unwrap_or(u8::MAX);
            out.push(len);
            out.extend_from_slice(self.answer.get(..usize::from(len)).unwrap_or_default());
        } else {
            push_nul(out, &self.answer);
        }
        if capabilities.has(Capabilities::CONNECT_WITH_DB) {
            push_nul(out, self.database.as_deref().unwrap_or_default());
        }
        if let Some(plugin) = &self.plugin
            && capabilities.has(Capabilities::PLUGIN_AUTH)
        {
            push_nul(out, plugin);
        }
        if let Some(attributes) = &self.attributes
            && capabilities.has(Capabilities::CONNECT_ATTRS)
        {
            push_string(out, attributes);
        }
        out.extend_from_slice(&self.rest);
    }

    /// The connection attributes, name and value, up to the first that is malformed.
    pub fn attributes(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut fields = Fields::new(self.attributes.as_deref().unwrap_or_default());
        core::iter::from_fn(move || Some((fields.string().ok()?, fields.string().ok()?)))
    }
}

impl fmt::Debug for Login {
    /// Without the answer, which is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("capabilities", &self.capabilities)
            .field("charset", &self.charset)
            .field("answer_len", &self.answer.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
