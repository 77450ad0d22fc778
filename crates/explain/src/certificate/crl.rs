//! A certificate revocation list (RFC 5280 §5): is a serial number on it, and is it the issuer's?
//!
//! Lists of public authorities have millions of entries, so it is walked, never held as a table.
//! Takes any bytes; it fails when they are no list.

use menshen_explain_core::certificate::Certificate;

use super::der::{self, BIT_STRING, ENUMERATED, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE};
use super::signed::signed;

/// What a list says about one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CrlAnswer {
    /// The list is signed by the issuer of the certificate.
    pub(super) signed: bool,
    /// It says that it is of another issuer (an indirect list, or the wrong one).
    pub(super) foreign: bool,
    /// When it was made.
    pub(super) this_update: i64,
    /// When the next one is due.
    pub(super) next_update: Option<i64>,
    /// Entries in it.
    pub(super) entries: usize,
    /// The entry of the certificate.
    pub(super) revoked: Option<Revoked>,
}

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Revoked {
    /// When.
    pub(super) at: i64,
    /// Why, by the names of RFC 5280 §5.3.1.
    pub(super) reason: Option<&'static str>,
}

/// Looks for `leaf` in a list, DER or PEM.
pub(super) fn look_up(bytes: &[u8], leaf: &Certificate, issuer: &Certificate) -> Option<CrlAnswer> {
    let decoded;
    let bytes = if bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        decoded = super::input::pem_blocks(bytes, "X509 CRL").into_iter().next()?;
        &decoded
    } else {
        bytes
    };
    let mut list = Reader::new(bytes).expect(SEQUENCE)?.inside();
    let body = list.expect(SEQUENCE)?;
    let algorithm = list.expect(SEQUENCE)?;
    let signature = list.expect(BIT_STRING)?;
    let mut fields = body.inside();
    fields.optional(INTEGER);
    fields.expect(SEQUENCE)?;
    let name = fields.expect(SEQUENCE)?;
    let this_update = der::time(&fields.next()?)?;
    let next_update = match fields.peek() {
        Some(der::UTC_TIME | der::GENERALIZED_TIME) => Some(der::time(&fields.next()?)?),
        _ => None,
    };
    let mut answer = CrlAnswer {
        signed: signed(&issuer.spki, algorithm.whole, body.whole, signature.content),
        foreign: name.whole != issuer.subject.der,
        this_update,
        next_update,
        entries: 0,
        revoked: None,
    };
    let serial = serial_of(leaf)?;
    if let Some(entries) = fields.optional(SEQUENCE) {
        let mut entries = entries.inside();
        while !entries.is_empty() {
            let mut entry = entries.expect(SEQUENCE)?.inside();
            let number = entry.expect(INTEGER)?;
            answer.entries += 1;
            if number.content == serial {
                let at = der::time(&entry.next()?)?;
                let reason = entry.optional(SEQUENCE).and_then(|e| reason_of(e.inside()));
                answer.revoked = Some(Revoked { at, reason });
            }
        }
    }
    Some(answer)
}

/// The serial number's octets as they are in the certificate.
pub(super) fn serial_of(certificate: &Certificate) -> Option<&[u8]> {
    let mut body = Reader::new(&certificate.der).expect(SEQUENCE)?.inside();
    let mut fields = body.expect(SEQUENCE)?.inside();
    fields.optional(0xa0);
    Some(fields.expect(INTEGER)?.content)
}

/// The name of a reason code (RFC 5280 §5.3.1).
pub(super) fn reason_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "unspecified",
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => return None,
    })
}

fn reason_of(mut extensions: Reader<'_>) -> Option<&'static str> {
    while !extensions.is_empty() {
        let mut extension = extensions.expect(SEQUENCE)?.inside();
        let oid = extension.expect(OID)?;
        let _critical = extension.optional(1);
        let value = extension.expect(OCTET_STRING)?;
        if oid.content == REASON_CODE {
            let code = value.inside().expect(ENUMERATED)?.content;
            return reason_name(*code.first()?);
        }
    }
    None
}

/// 2.5.29.21.
const REASON_CODE: [u8; 3] = [0x55, 0x1d, 0x15];

#[cfg(test)]
mod tests {
    //! Lists that are none; real ones are in the live tests.
    use proptest::prelude::*;

    use super::*;

    fn certificate() -> Certificate {
        let pem = include_bytes!("../../tests/cards/good.pem");
        super::super::input::certificates(pem).unwrap().remove(0)
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let one = certificate();
            prop_assert_eq!(look_up(&bytes, &one, &one), None);
            let list = der::wrap(SEQUENCE, &der::wrap(SEQUENCE, &bytes));
            prop_assert_eq!(look_up(&list, &one, &one), None);
        }
    }

    #[test]
    fn serial_numbers_are_as_encoded() {
        assert_eq!(serial_of(&certificate()), Some(&[0x10, 0x01][..]));
    }
}
