//! Distinguished names: the attributes in order and the RFC 4514 text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::oid;

/// A distinguished name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Name {
    /// The attributes in the order of the certificate (RFC 4514 text has them reversed).
    pub attributes: Vec<Attribute>,
    /// RFC 4514 text: most specific first, special characters escaped; empty for an empty name.
    pub text: String,
    /// The encoded name; two names are the same here when these are.
    #[serde(skip)]
    pub der: Vec<u8>,
}

/// One attribute of a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attribute {
    /// Its type.
    pub oid: String,
    /// Short name of the type, such as `CN`; the OID where it has none here.
    pub name: String,
    /// Its value as text; `#` and hexadecimal where it is no text.
    pub value: String,
    /// In the same relative name as the one before (joined by `+`).
    pub joined: bool,
}

impl Name {
    /// The last value of the type with this short name, such as `CN`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().rev().find(|attribute| attribute.name == name);
        found.map(|attribute| attribute.value.as_str())
    }

    /// Whether it has the type with this short name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// The parsed name in this crate's form.
pub(super) fn read(parsed: &X509Name<'_>) -> Name {
    let mut attributes = Vec::new();
    for relative in parsed.iter_rdn() {
        for (index, attribute) in relative.iter().enumerate() {
            let oid = attribute.attr_type().to_id_string();
            let name = oid::named(oid::ATTRIBUTES, &oid).map_or_else(|| oid.clone(), String::from);
            let value = value(attribute);
            attributes.push(Attribute { oid, name, value, joined: index > 0 });
        }
    }
    Name { text: text(&attributes), attributes, der: parsed.as_raw().to_vec() }
}

/// The value as text, by its string type.
fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    if let Ok(text) = attribute.as_str() {
        return text.to_string();
    }
    let octets = attribute.as_slice();
    let decoded = match attribute.attr_value().tag().0 {
        // TeletexString: in practice Latin-1.
        20 => Some(octets.iter().map(|octet| char::from(*octet)).collect()),
        // UniversalString: UTF-32.
        28 => octets
            .chunks(4)
            .map(|unit| <[u8; 4]>::try_from(unit).ok().map(u32::from_be_bytes))
            .map(|unit| unit.and_then(char::from_u32))
            .collect::<Option<String>>(),
        // BMPString: UTF-16.
        30 => {
            let units = octets
                .chunks(2)
                .map(|unit| unit.iter().fold(0u16, |sum, octet| (sum << 8) | u16::from(*octet)));
            char::decode_utf16(units).collect::<Result<String, _>>().ok()
        }
        _ => None,
    };
    decoded.unwrap_or_else(|| format!("#{}", oid::hex(octets)))
}

/// RFC 4514 §2: relative names in reverse, joined ones with `+`.
fn text(attributes: &[Attribute]) -> String {
    let mut relatives: Vec<String> = Vec::new();
    for attribute in attributes {
        let one = format!("{}={}", attribute.name, escaped(&attribute.value));
        match relatives.last_mut().filter(|_| attribute.joined) {
            Some(last) => *last = format!("{last}+{one}"),
            None => relatives.push(one),
        }
    }
    relatives.reverse();
    relatives.join(",")
}

/// RFC 4514 §2.4; control characters as octets in hexadecimal, which the RFC allows for any.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let last = value.chars().count().saturating_sub(1);
    for (index, letter) in value.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', letter]),
            ' ' if index == 0 || index == last => out.push_str("\\ "),
            '#' if index == 0 => out.push_str("\\#"),
            letter if letter.is_control() => {
                let mut buffer = [0; 4];
                for octet in letter.encode_utf8(&mut buffer).bytes() {
                    out.push_str(&format!("\\{octet:02X}"));
                }
            }
            letter => out.push(letter),
        }
    }
    out
}
