//! Rules of PPP: what the ends said of passwords, encryption and the end.

use alloc::format;
use alloc::string::{String, ToString};

use super::{Case, Rule, Verdict, seconds};
use crate::tunnel::Side;
use crate::tunnel::calls::Ppp;

/// Causes that PPP itself tells.
pub(super) const RULES: &[Rule] = &[works, password, encryption, authentication, terminated];
/// What is left when GRE is not to blame.
pub(super) const OUTCOMES: &[Rule] = &[no_agreement, lcp_only];

const SIDES: [Side; 2] = [Side::Client, Side::Server];

fn works(case: &Case<'_>) -> Option<Verdict> {
    let (client, server) = (&case.call.to_server.ppp, &case.call.to_client.ppp);
    let data = |ppp: &Ppp| ppp.clear + ppp.encrypted > 0;
    let agreed = client.ipcp.acks > 0 && server.ipcp.acks > 0;
    let both = data(client) && data(server);
    if !agreed && !both {
        return None;
    }
    let amount = |side: Side| {
        let way = case.call.sent_by(side);
        let ppp = &way.ppp;
        format!(
            "{} frames, {} octets; IP frames: {} clear, {} encrypted",
            way.frames, way.octets, ppp.clear, ppp.encrypted
        )
    };
    let verdict = case.is("tunnel-works").evidence("client to server", "GRE", amount(Side::Client));
    let verdict = verdict.evidence("server to client", "GRE", amount(Side::Server));
    let ended = SIDES.iter().find_map(|side| {
        let (at_us, text) = case.call.ended_by(*side)?;
        Some(format!("by the {} after {}: {text}", side.word(), lasted(case, at_us)))
    });
    Some(match ended {
        Some(ended) => verdict.evidence("end", "LCP Terminate-Request", ended),
        None => verdict,
    })
}

fn password(case: &Case<'_>) -> Option<Verdict> {
    let (side, text) = SIDES.iter().find_map(|side| {
        let denied = case.call.sent_by(*side).ppp.denied.as_ref()?;
        Some((side, denied))
    })?;
    let verdict = case.is("tunnel-auth-refused");
    let verdict = verdict.evidence("refusal", &format!("message of the {}", side.word()), text);
    Some(match code(text) {
        Some(words) => verdict.evidence("E", "RFC 2759 §6", words),
        None => verdict,
    })
}

/// What the E= of MS-CHAP says.
fn code(text: &str) -> Option<&'static str> {
    let number = text.split(' ').find_map(|word| word.strip_prefix("E="))?;
    Some(match number {
        "646" => "restricted logon hours",
        "647" => "account disabled",
        "648" => "password expired",
        "649" => "no permission to dial in",
        "691" => "authentication failure",
        "709" => "error changing the password",
        _ => return None,
    })
}

/// By what pppd says when it ends, and by what CCP shows where it says nothing.
fn encryption(case: &Case<'_>) -> Option<Verdict> {
    let said = said(case);
    let texts = [
        ("peer negotiation failed", "tunnel-mppe-strength"),
        ("peer refused", "tunnel-mppe-refused"),
        ("not available", "tunnel-mppe-no-key"),
    ];
    let (side, text) = said.iter().flatten().find(|(_, text)| text.contains("MPPE required"))?;
    let (_, code) = texts.iter().find(|(end, _)| text.contains(end))?;
    let mut verdict = case.is(code);
    verdict = verdict.evidence("LCP Terminate-Request", &format!("of the {}", side.word()), *text);
    for side in SIDES {
        let ppp = &case.call.sent_by(side).ppp;
        if let Some(mppe) = &ppp.mppe {
            verdict = verdict.evidence("MPPE", &format!("asked for by the {}", side.word()), mppe);
        }
    }
    Some(verdict)
}

fn authentication(case: &Case<'_>) -> Option<Verdict> {
    let refused = SIDES
        .into_iter()
        .find_map(|side| Some((side, case.call.sent_by(side).ppp.refused_auth.as_ref()?)));
    let said = said(case);
    let text = said.iter().flatten().find(|(_, text)| text.contains("refused to authenticate"));
    let authenticated = SIDES.iter().any(|side| case.call.sent_by(*side).ppp.authenticates > 0);
    let ended = said.iter().any(Option::is_some);
    if text.is_none() && (refused.is_none() || authenticated || !ended) {
        return None;
    }
    let mut verdict = case.is("tunnel-no-common-auth");
    for side in SIDES {
        let asked = &case.call.sent_by(side).ppp.asked_auth;
        if !asked.is_empty() {
            let place = format!("LCP Configure-Request of the {}", side.word());
            verdict = verdict.evidence("asks for", &place, asked.join(", then "));
        }
    }
    if let Some((side, auth)) = refused {
        let place = format!("LCP of the {}", side.word());
        verdict = verdict.evidence("has or refuses", &place, auth);
    }
    if let Some((side, text)) = text {
        let place = format!("LCP Terminate-Request of the {}", side.word());
        verdict = verdict.evidence("end", &place, *text);
    }
    Some(verdict)
}

fn terminated(case: &Case<'_>) -> Option<Verdict> {
    let said = said(case);
    let (side, text) = said.iter().flatten().next()?;
    let text = if text.is_empty() { "without a reason" } else { text };
    let place = format!("LCP Terminate-Request of the {}", side.word());
    let verdict = case.is("tunnel-ppp-terminated").evidence("reason", &place, text);
    // An end that hears nothing ends with these words too: then it is GRE's fault.
    let heard = case.call.reacts(Side::Client) && case.call.reacts(Side::Server);
    heard.then_some(verdict)
}

fn no_agreement(case: &Case<'_>) -> Option<Verdict> {
    let (client, server) = (&case.call.to_server.ppp.lcp, &case.call.to_client.ppp.lcp);
    let refused = client.naks + client.rejects + server.naks + server.rejects;
    if client.acks > 0 && server.acks > 0 || refused < ROUNDS {
        return None;
    }
    let value = format!("{refused} Configure-Naks and Configure-Rejects");
    Some(case.is("tunnel-lcp-no-agreement").evidence("LCP", "both ends", value).with_counts(case))
}

fn lcp_only(case: &Case<'_>) -> Option<Verdict> {
    let both = SIDES.iter().all(|side| case.call.sent_by(*side).ppp.lcp.acks > 0);
    both.then(|| case.is("tunnel-lcp-only").with_counts(case))
}

/// Why each side ended PPP, if it did.
fn said<'a>(case: &'a Case<'_>) -> [Option<(Side, &'a str)>; 2] {
    SIDES.map(|side| {
        let (_, text) = case.call.ended_by(side)?;
        Some((side, text))
    })
}

fn lasted(case: &Case<'_>, at_us: u64) -> String {
    seconds(at_us.saturating_sub(case.call.began_us)).to_string()
}

/// Options go to and fro this often between ends that never agree.
const ROUNDS: u32 = 10;
