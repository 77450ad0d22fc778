//! Every cause: what is claimed, and what to do.
//!
//! The live probe uses the same table. A code never changes its meaning.

use alloc::string::String;

use menshen_base::{Finding, Severity};

/// One cause.
#[derive(Debug, Clone, Copy)]
pub struct Cause {
    /// Its code.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The claim: lower case, no final period.
    pub claim: &'static str,
    /// What to do: whole sentences.
    pub hint: &'static str,
}

/// A finding of this cause, without evidence. A code that is not in the table makes a finding that
/// says so; a test walks all codes that are used.
#[must_use]
pub fn finding(code: &'static str, subject: String) -> Finding {
    let known = CAUSES.iter().find(|cause| cause.code == code);
    let (severity, claim, hint) = known
        .map_or((Severity::Error, code, ""), |cause| (cause.severity, cause.claim, cause.hint));
    Finding::new(code, severity, subject, claim).hint(hint)
}

const fn error(code: &'static str, claim: &'static str, hint: &'static str) -> Cause {
    Cause { code, severity: Severity::Error, claim, hint }
}

const fn warning(code: &'static str, claim: &'static str, hint: &'static str) -> Cause {
    Cause { code, severity: Severity::Warning, claim, hint }
}

const fn note(code: &'static str, claim: &'static str, hint: &'static str) -> Cause {
    Cause { code, severity: Severity::Note, claim, hint }
}

/// All of them, in the order of the way up.
pub const CAUSES: &[Cause] = &[
    error(
        "tunnel-ipv6-only",
        "the name has IPv6 addresses only, and PPTP goes over IPv4",
        "Give the server an IPv4 address, or use SSTP, which goes over both.",
    ),
    error(
        "tunnel-no-right",
        "this process may not send GRE: the right for raw sockets is missing",
        "Run it with sudo. In a container add the capability: docker run --cap-add NET_RAW; in a \
unit of systemd: AmbientCapabilities=CAP_NET_RAW.",
    ),
    error(
        "tunnel-no-route",
        "this host knows no way to the server",
        "Look at `ip route get ADDRESS`.",
    ),
    error(
        "tunnel-own-firewall-tcp",
        "this host's own firewall does not let TCP port 1723 out",
        "Look at its rules (`nft list ruleset`): let TCP 1723 and IP protocol 47 out.",
    ),
    error(
        "tunnel-own-firewall",
        "this host's own firewall forbids sending GRE (IP protocol 47)",
        "Let it out and in: nft add rule inet filter output ip protocol gre accept; the same for \
input.",
    ),
    error(
        "tunnel-own-firewall-in",
        "GRE of the server arrives at this host, and its own firewall drops it",
        "Let it in: nft add rule inet filter input ip protocol gre accept.",
    ),
    error(
        "tunnel-port-closed",
        "the server refuses TCP port 1723: nothing listens there",
        "Start the PPTP server, or ask for the right address. A filter can refuse in the same way.",
    ),
    error(
        "tunnel-port-filtered",
        "nothing answers on TCP port 1723",
        "A filter drops it, or the address is wrong. Let TCP 1723 and IP protocol 47 pass.",
    ),
    error(
        "tunnel-port-rejected",
        "a filter on the way rejects TCP port 1723",
        "Ask who runs the box that answered. SSTP goes over TCP 443, which is rarely rejected.",
    ),
    error(
        "tunnel-unreachable",
        "a router on the way cannot reach the server",
        "The address is wrong, the host is down, or its network has no way there: ask who runs \
the router that answered.",
    ),
    error(
        "tunnel-control-silent",
        "the server takes the connection on port 1723 and does not answer",
        "The program there hangs, or is no PPTP server. Look at it on the server.",
    ),
    error(
        "tunnel-not-pptp",
        "what answers on port 1723 does not speak PPTP",
        "Something else listens on this port of the server.",
    ),
    error(
        "tunnel-start-refused",
        "the server refuses the control connection",
        "The result code tells why; the server's log may tell more.",
    ),
    error(
        "tunnel-call-unanswered",
        "the server does not answer the request for a call",
        "The PPTP server hangs after the greeting: look at its log.",
    ),
    error(
        "tunnel-call-refused",
        "the server refuses the call",
        "The result code tells why; often all its calls are in use.",
    ),
    note(
        "tunnel-no-call",
        "the control connection came up and no call was asked for",
        "A probe does that, or the client ended before it came to a call.",
    ),
    error(
        "tunnel-gre-rejected",
        "a filter on the way rejects GRE (IP protocol 47)",
        "The box that answered does it: let IP protocol 47 pass there, both ways. Where that \
cannot be, as in clouds that carry no GRE: `menshen tunnel connect sstp://USER@HOST`.",
    ),
    error(
        "tunnel-gre-unreachable",
        "a router on the way cannot deliver GRE",
        "The way for GRE is another one than that for TCP: look at policy routing there.",
    ),
    error(
        "tunnel-server-without-gre",
        "the server's own system refuses GRE: no program there takes it",
        "The PPTP server has no GRE socket: it lacks the right (CAP_NET_RAW), or ended. One such \
answer right after the call was granted is usual and harmless.",
    ),
    error(
        "tunnel-client-without-gre",
        "the client's own system refuses GRE: no program there takes it",
        "The client has no GRE socket: it lacks the right (CAP_NET_RAW), or ended.",
    ),
    error(
        "tunnel-nat-without-helper",
        "a NAT on the client's side does not know whose the server's GRE is",
        "Switch on its PPTP helper (nftables: `ct helper pptp`, since Linux 4.7 not by itself), or \
connect with menshen, which passes such a NAT, or use SSTP.",
    ),
    error(
        "tunnel-gre-lost",
        "GRE goes out and none comes back: it is lost on its way out or on its way back",
        "Let IP protocol 47 pass on every filter between both ends, both ways; many clouds carry \
none. Over TCP 443: `menshen tunnel connect sstp://USER@HOST`.",
    ),
    error(
        "tunnel-gre-lost-out",
        "GRE from the client to the server is lost; the other way it passes",
        "A filter between here and the server drops IP protocol 47 towards it. Over TCP 443: \
`menshen tunnel connect sstp://USER@HOST`.",
    ),
    error(
        "tunnel-gre-lost-back",
        "GRE from the server to the client is lost; the other way it passes",
        "A filter between here and the client drops IP protocol 47 towards it, mostly the client's \
own: allow GRE from the server. Over TCP 443: `menshen tunnel connect sstp://USER@HOST`.",
    ),
    error(
        "tunnel-gre-not-arriving",
        "the server sends GRE and none of the client arrives",
        "A filter between the client and here drops IP protocol 47, or the client sends none: \
capture at the client.",
    ),
    error(
        "tunnel-server-sends-no-gre",
        "GRE of the client arrives at the server, and the server sends none",
        "On the server: does the PPTP server run with CAP_NET_RAW, does its firewall let IP \
protocol 47 in and out?",
    ),
    error(
        "tunnel-client-sends-no-gre",
        "GRE of the server arrives at the client, and the client sends none",
        "On the client: has the program CAP_NET_RAW, does the firewall let IP protocol 47 out?",
    ),
    error(
        "tunnel-server-ignores-gre",
        "GRE of the client arrives at the server and is not answered",
        "The server's own firewall drops IP protocol 47, or its PPP hangs.",
    ),
    error(
        "tunnel-client-ignores-gre",
        "GRE of the server arrives at the client and is not answered",
        "The client's own firewall drops IP protocol 47: allow it from the server.",
    ),
    error(
        "tunnel-wrong-call-id",
        "GRE comes with a call id that nobody was told",
        "A box on the way changes call ids in one place and not in the other (a PPTP helper that \
is half on), or an old call is still sending.",
    ),
    error(
        "tunnel-client-gave-up",
        "the client ended the call right after it was granted, before any GRE of it arrived",
        "Its own log tells why. A filter near it that rejects GRE looks like this from the server.",
    ),
    error(
        "tunnel-server-gave-up",
        "the server ended the call right after it granted it",
        "Its log tells why: its PPP could not start, or its GRE was refused.",
    ),
    warning(
        "tunnel-no-gre-captured",
        "a call was granted and no GRE is in the capture",
        "Capture with `tcpdump -s 0 'ip proto 47 or tcp port 1723 or icmp'`, on the interface of \
the way to the server; if GRE is missing then too, neither end sends any.",
    ),
    error(
        "tunnel-auth-refused",
        "the password was refused",
        "User name, password or domain is wrong, or the account may not dial in.",
    ),
    error(
        "tunnel-no-common-auth",
        "client and server have no way of authentication in common",
        "Allow MS-CHAPv2 on both ends.",
    ),
    error(
        "tunnel-mppe-strength",
        "both ends want encryption and no strength in common",
        "Allow 128 bit on both ends (pppd: `require-mppe-128`).",
    ),
    error(
        "tunnel-mppe-refused",
        "one end requires encryption and the other refuses it",
        "Allow MPPE with 128 bit there (pppd: `require-mppe-128` in place of `nomppe`).",
    ),
    error(
        "tunnel-mppe-no-key",
        "encryption is required, and the authentication that was used gives no key for it",
        "MPPE needs MS-CHAPv2; PAP and CHAP with MD5 have no key. With RADIUS: let it send \
MS-MPPE-Send-Key and MS-MPPE-Recv-Key.",
    ),
    error(
        "tunnel-ppp-terminated",
        "one end ended PPP before it was up",
        "The reason is what it said, and its log.",
    ),
    error(
        "tunnel-lcp-no-agreement",
        "both ends hear each other and LCP does not come to an end",
        "One end insists on an option the other refuses: see the events.",
    ),
    note(
        "tunnel-lcp-only",
        "GRE passes both ways and LCP is up; nothing after it is in the capture",
        "The way is good. If the tunnel does not come up, authentication is next to look at.",
    ),
    note("tunnel-works", "the tunnel works", ""),
    note(
        "tunnel-one-call-failed",
        "a call with another call id came up, and this one did not",
        "Some servers and NATs let only some call ids through; menshen tries both kinds.",
    ),
    note("tunnel-behind-nat", "a NAT is in the way: this host's address is a private one", ""),
    note("tunnel-mtu-fine", "packets as long as both ends take pass both ways", ""),
    warning(
        "tunnel-mtu-small",
        "small packets pass and large ones do not",
        "Lower the MTU in the tunnel: the longest packet that passed, less 40.",
    ),
    note(
        "tunnel-sstp-answers",
        "port 443 of the same host speaks SSTP",
        "It needs no GRE and is the safer one: `menshen tunnel connect sstp://USER@HOST`.",
    ),
    note("tunnel-sstp-absent", "port 443 of the same host does not speak SSTP", ""),
    warning(
        "tunnel-undecided",
        "the capture is too short to tell",
        "Capture from before the client dials until it gives up, about 40 seconds.",
    ),
];
