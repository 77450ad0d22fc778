//! PPP frames of one side (RFC 1661, 1334, 1994, 2759, 3078): counted, and told when they are
//! rare.
//!
//! Address and control octets and the first octet of a protocol may be missing on any frame. Data
//! is counted only. What cannot be read is counted nowhere and does no harm.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::way::shown;
use crate::tunnel::calls::{Negotiation, Ppp};
use crate::tunnel::methods::name;

/// Counts a frame; what it says, if that is worth an event.
pub(super) fn take(ppp: &mut Ppp, frame: &[u8], at_us: u64) -> Option<String> {
    let frame = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
    let (protocol, rest) = match frame {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return None,
    };
    match protocol {
        IPV4 | IPV6 => {
            ppp.clear += 1;
            (ppp.clear == 1).then(|| "first frame with IP, in clear".to_string())
        }
        MPPE => {
            ppp.encrypted += 1;
            (ppp.encrypted == 1).then(|| "first encrypted frame".to_string())
        }
        LCP => lcp(ppp, rest, at_us),
        PAP => pap(ppp, rest),
        CHAP => chap(ppp, rest),
        CCP => ccp(ppp, rest, at_us),
        IPCP => {
            let (code, body) = control(rest)?;
            if code == 1 {
                ppp.asks_address |= options(body).any(|(kind, value)| kind == 3 && value == [0; 4]);
            }
            plain("IPCP", &mut ppp.ipcp, code, at_us)
        }
        IPV6CP => {
            let (code, _) = control(rest)?;
            plain("IPV6CP", &mut ppp.ipv6cp, code, at_us)
        }
        other => Some(format!("frame of protocol {other:#06x}")),
    }
}

fn lcp(ppp: &mut Ppp, packet: &[u8], at_us: u64) -> Option<String> {
    let (code, body) = control(packet)?;
    let auth = || options(body).find(|(kind, _)| *kind == 3).map(|(_, value)| name(value));
    match code {
        1 => {
            let said = plain("LCP", &mut ppp.lcp, code, at_us)?;
            let Some(auth) = auth() else { return Some(said) };
            let said = format!("{said}, asks for {auth}");
            ppp.asks(auth);
            return Some(said);
        }
        3 | 4 => {
            let said = plain("LCP", &mut ppp.lcp, code, at_us)?;
            let Some(auth) = auth() else { return Some(said) };
            let verb = if code == 3 { "wants" } else { "refuses" };
            let said = format!("{said}, {verb} {auth}");
            // Who agreed before, and negotiates anew, has a method in common, and looks for others.
            match ppp.lcp.acks {
                0 => ppp.refused_auth = Some(auth),
                _ => ppp.looks_for_auth_us = ppp.looks_for_auth_us.or(Some(at_us)),
            }
            return Some(said);
        }
        5 => {
            let text = shown(body);
            let said = match text.is_empty() {
                true => "LCP Terminate-Request".to_string(),
                false => format!("LCP Terminate-Request: {text}"),
            };
            ppp.terminated.get_or_insert((at_us, text));
            return Some(said);
        }
        9 => ppp.echo_requests = ppp.echo_requests.saturating_add(1),
        10 => ppp.echo_replies = ppp.echo_replies.saturating_add(1),
        _ => return plain("LCP", &mut ppp.lcp, code, at_us),
    }
    None
}

fn ccp(ppp: &mut Ppp, packet: &[u8], at_us: u64) -> Option<String> {
    let (code, body) = control(packet)?;
    match code {
        1 => {
            let bits = options(body).find(|(kind, _)| *kind == 18);
            let mppe = bits.and_then(|(_, value)| value.first_chunk::<4>());
            ppp.mppe = mppe.map(|bits| strengths(u32::from_be_bytes(*bits)));
            let said = plain("CCP", &mut ppp.ccp, code, at_us)?;
            Some(match &ppp.mppe {
                Some(mppe) => format!("{said}, MPPE {mppe}"),
                None => said,
            })
        }
        14 => {
            ppp.resets = ppp.resets.saturating_add(1);
            (ppp.resets == 1).then(|| "CCP Reset-Request".to_string())
        }
        15 => None,
        _ => plain("CCP", &mut ppp.ccp, code, at_us),
    }
}

fn pap(ppp: &mut Ppp, packet: &[u8]) -> Option<String> {
    let (code, body) = control(packet)?;
    match code {
        1 => {
            ppp.authenticates = ppp.authenticates.saturating_add(1);
            Some("PAP Authenticate-Request".to_string())
        }
        2 => {
            ppp.accepted_auth = true;
            Some("PAP Authenticate-Ack".to_string())
        }
        3 => {
            let text = shown(body.get(1..).unwrap_or_default());
            ppp.denied = Some(text.clone());
            Some(format!("PAP Authenticate-Nak: {text}"))
        }
        _ => None,
    }
}

/// Names and messages, never challenges and responses: who has those can look for the password.
fn chap(ppp: &mut Ppp, packet: &[u8]) -> Option<String> {
    let (code, body) = control(packet)?;
    match code {
        1 | 2 => {
            ppp.authenticates = ppp.authenticates.saturating_add(1);
            let length = usize::from(*body.first()?);
            let name = shown(body.get(length + 1..).unwrap_or_default());
            let word = if code == 1 { "Challenge" } else { "Response" };
            Some(format!("CHAP {word} of {name}"))
        }
        3 => {
            ppp.accepted_auth = true;
            Some("CHAP Success".to_string())
        }
        4 => {
            let text = without_challenge(body);
            ppp.denied = Some(text.clone());
            Some(format!("CHAP Failure: {text}"))
        }
        _ => None,
    }
}

/// `E=691 R=1 C=… V=0 M=Access denied` without its challenge, which is no news.
fn without_challenge(text: &[u8]) -> String {
    let words = text.split(|octet| *octet == b' ').filter(|word| !word.starts_with(b"C="));
    shown(&words.collect::<Vec<_>>().join(&b' '))
}

fn plain(name: &str, negotiation: &mut Negotiation, code: u8, at_us: u64) -> Option<String> {
    let count = |number: &mut u32| *number = number.saturating_add(1);
    let word = match code {
        1 => {
            count(&mut negotiation.requests);
            negotiation.first_request_us.get_or_insert(at_us);
            negotiation.last_request_us = Some(at_us);
            "Configure-Request"
        }
        2 => {
            count(&mut negotiation.acks);
            "Configure-Ack"
        }
        3 => {
            count(&mut negotiation.naks);
            "Configure-Nak"
        }
        4 => {
            count(&mut negotiation.rejects);
            "Configure-Reject"
        }
        5 => "Terminate-Request",
        6 => "Terminate-Ack",
        7 => "Code-Reject",
        8 => "Protocol-Reject",
        11 => return None,
        _ => return None,
    };
    Some(format!("{name} {word}"))
}

/// Code and body of a packet of any control protocol.
fn control(packet: &[u8]) -> Option<(u8, &[u8])> {
    let ([code, _, l1, l2], rest) = packet.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_be_bytes([*l1, *l2])).checked_sub(4)?;
    Some((*code, rest.get(..length.min(rest.len()))?))
}

/// Options: type and value. Ends at the first that cannot be.
fn options(mut body: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    core::iter::from_fn(move || {
        let [kind, length, ..] = *body else { return None };
        let (option, rest) = body.split_at_checked(usize::from(length))?;
        let value = option.get(2..)?;
        body = rest;
        Some((kind, value))
    })
}

fn strengths(bits: u32) -> String {
    let names = [(0x40, "128"), (0x80, "56"), (0x20, "40"), (0x0100_0000, "stateless")];
    let names = names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name);
    names.collect::<Vec<_>>().join(" ")
}

const IPV4: u16 = 0x0021;
const IPV6: u16 = 0x0057;
const MPPE: u16 = 0x00fd;
const IPCP: u16 = 0x8021;
const IPV6CP: u16 = 0x8057;
const CCP: u16 = 0x80fd;
const LCP: u16 = 0xc021;
const PAP: u16 = 0xc023;
const CHAP: u16 = 0xc223;

#[cfg(test)]
mod tests {
    //! Who suggests another method, and what the end of a link means after that.
    use super::*;
    use crate::tunnel::Report;
    use crate::tunnel::calls::{Call, Control};
    use crate::tunnel::capture::{Counts, Facts};

    /// LCP of one side: its code, with a method in option 3 or the text of an end.
    fn lcp(ppp: &mut Ppp, at_us: u64, code: u8, method: Option<&[u8]>, text: &[u8]) {
        let option =
            method.map(|method| [&[3, u8::try_from(method.len()).unwrap() + 2], method].concat());
        let body = [option.unwrap_or_default(), text.to_vec()].concat();
        let packet =
            [&[0xff, 3, 0xc0, 0x21, code, 1, 0, u8::try_from(body.len()).unwrap() + 4], &body[..]]
                .concat();
        take(ppp, &packet, at_us);
    }

    /// A server that ends the link because another method was suggested, before or after LCP was
    /// open; the code of the verdict.
    fn verdict(is_probe: bool) -> &'static str {
        let (ms2, pap): (&[u8], &[u8]) = (&[0xc2, 0x23, 0x81], &[0xc0, 0x23]);
        let mut call = Call::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 0);
        let answered = Control {
            syn_ack_us: Some(1),
            answered_us: Some(2),
            call_result: Some((1, 0, 0)),
            ..Control::default()
        };
        (call.control, call.client_id, call.server_id) = (Some(answered), Some(0), Some(7));
        for way in [&mut call.to_server, &mut call.to_client] {
            (way.packets, way.frames) = (5, 5);
        }
        let (client, server) = (&mut call.to_server.ppp, &mut call.to_client.ppp);
        lcp(server, 10, 1, Some(ms2), &[]);
        lcp(client, 11, 1, None, &[]);
        lcp(server, 12, 2, None, &[]);
        if is_probe {
            lcp(client, 13, 2, Some(ms2), &[]);
            lcp(server, 20, 1, Some(ms2), &[]);
        }
        lcp(client, 21, 3, Some(pap), &[]);
        lcp(server, 22, 5, None, b"no way");
        assert_eq!(client.refused_auth.is_some(), !is_probe);
        assert_eq!(client.looks_for_auth_us, is_probe.then_some(21));
        assert_eq!(server.asked_auth, ["MS-CHAPv2"]);
        let counts = Counts { last_us: 30, ..Counts::default() };
        Report::new(Facts { counts, calls: alloc::vec![call] }).calls[0].verdict.finding.code
    }

    #[test]
    fn who_had_agreed_and_looks_for_other_methods_is_not_to_blame() {
        assert_eq!(verdict(true), "tunnel-lcp-only");
        assert_eq!(verdict(false), "tunnel-no-common-auth");
    }
}
