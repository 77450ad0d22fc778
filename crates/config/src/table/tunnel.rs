//! Rows of `[tunnel]` and `[tunnel.pptp]`.

use menshen_base::Counter;

use super::{Kind, Number, NumberPlace, Row, Text, Texts, Unit, Word};
use crate::model::Mppe;
use crate::parse::tunnel;

/// Keys of `[tunnel]`.
pub(super) const TUNNEL: &[Row] = &[
    Row {
        name: "tunnel.users",
        kind: Kind::OptionalPath(|config| &mut config.tunnel.users),
        default: "\"\"",
        example: "\"/etc/menshen/tunnel-users\"",
        help: "file of those who may come in",
        detail: "Without one there is no tunnel door. `menshen tunnel user NAME` prints a line for \
                 it: `name:nthash`, or with an own address `name:nthash:address`. The hash is as \
                 good as the password: the file should be root's alone. It is read again within \
                 seconds when it changes.",
        counter: None,
        tried: &["user", "passwords", "secrets", "chap_secrets", "accounts"],
    },
    Row {
        name: "tunnel.addresses",
        kind: Kind::Text(Text {
            form: "IPv4 network with a prefix length from 16 to 30",
            put: |config, text| tunnel::addresses(text).map(|at| config.tunnel.addresses = at),
        }),
        default: "\"10.77.0.0/24\"",
        example: "\"192.168.88.0/24\"",
        help: "network of which each client gets an address",
        detail: "Its first host address is our end of every tunnel. Nothing else may use it. \
                 What clients reach beyond this machine is for its own forwarding and firewall to \
                 say.",
        counter: Some(Counter::LimitTunnelAddresses),
        tried: &["pool", "remoteip", "localip", "address_pool", "ip_range", "network", "subnet"],
    },
    Row {
        name: "tunnel.dns",
        kind: Kind::Texts(Texts {
            form: "list of at most two IPv4 addresses",
            needs: "",
            clear: |config| config.tunnel.dns.clear(),
            add: |config, text| tunnel::dns(&mut config.tunnel.dns, text),
        }),
        default: "[]",
        example: "[\"10.77.0.1\"]",
        help: "name servers that clients are told",
        detail: "",
        counter: None,
        tried: &["ms_dns", "name_servers", "nameservers", "resolvers"],
    },
    Row {
        name: "tunnel.routes",
        kind: Kind::Texts(Texts {
            form: "list of IPv4 networks",
            needs: "",
            clear: |config| config.tunnel.routes.clear(),
            add: |config, text| tunnel::route(&mut config.tunnel.routes, text),
        }),
        default: "[]",
        example: "[\"192.168.1.0/24\"]",
        help: "networks that clients are told to reach through the tunnel",
        detail: "Told to those that ask by DHCP inside of the tunnel, as Windows does. Others \
                 decide by themselves; most send everything.",
        counter: None,
        tried: &["route", "push_routes", "networks"],
    },
    Row {
        name: "tunnel.sstp",
        kind: Kind::Switch(|config| &mut config.tunnel.sstp),
        default: "true",
        example: "false",
        help: "whether SSTP is served",
        detail: "On the addresses of `web.listen`, with the certificates of the web door, beside \
                 the sites.",
        counter: None,
        tried: &["https", "enable_sstp"],
    },
    Row {
        name: "tunnel.sessions_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 65533,
            zero: Some("as many as `addresses` has clients"),
            unit: Unit::Count("sessions"),
            place: NumberPlace::Small(|config| &mut config.tunnel.sessions_max),
        }),
        default: "0",
        example: "100",
        help: "sessions at once",
        detail: "",
        counter: Some(Counter::LimitTunnelSessions),
        tried: &["connections", "connections_max", "max_sessions", "max_connections", "sessions"],
    },
    Row {
        name: "tunnel.sessions_per_user_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 65533,
            zero: Some("any number"),
            unit: Unit::Count("sessions"),
            place: NumberPlace::Small(|config| &mut config.tunnel.sessions_per_user_max),
        }),
        default: "3",
        example: "1",
        help: "sessions of one user at once",
        detail: "Who comes back after a broken line may still have the old session for a minute.",
        counter: Some(Counter::LimitTunnelPerUser),
        tried: &["per_user", "sessions_per_user", "simultaneous_use"],
    },
    Row {
        name: "tunnel.half_open_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 65533,
            zero: None,
            unit: Unit::Count("calls"),
            place: NumberPlace::Small(|config| &mut config.tunnel.half_open_max),
        }),
        default: "256",
        example: "50",
        help: "calls at once that have not shown a password yet",
        detail: "",
        counter: Some(Counter::LimitTunnelHalfOpen),
        tried: &["half_open", "pending_max", "unauthenticated_max"],
    },
    Row {
        name: "tunnel.guesses_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 10000,
            zero: None,
            unit: Unit::Count("wrong passwords"),
            place: NumberPlace::Small(|config| &mut config.tunnel.guesses_max),
        }),
        default: "10",
        example: "3",
        help: "wrong passwords in a row from one address; twice as many for one name",
        detail: "Beyond it even the right one is refused. One more is allowed every ten seconds \
                 from the address, every minute for the name. A right one never counts, however \
                 many come at once.",
        counter: Some(Counter::LimitTunnelGuesses),
        tried: &[
            "auth_failures_per_minute_max",
            "guesses",
            "guesses_per_minute_max",
            "max_failures",
        ],
    },
    Row {
        name: "tunnel.idle_seconds_max",
        kind: Kind::Number(Number {
            min: 10,
            max: 31536000,
            zero: Some("never"),
            unit: Unit::Seconds,
            place: NumberPlace::Small(|config| &mut config.tunnel.idle_seconds_max),
        }),
        default: "0",
        example: "1800",
        help: "time without a packet after which a session ends",
        detail: "A peer that does not answer at all is noticed without it.",
        counter: Some(Counter::LimitTunnelIdle),
        tried: &["idle", "idle_timeout", "idle_time"],
    },
    Row {
        name: "tunnel.session_seconds_max",
        kind: Kind::Number(Number {
            min: 10,
            max: 31536000,
            zero: Some("any"),
            unit: Unit::Seconds,
            place: NumberPlace::Small(|config| &mut config.tunnel.session_seconds_max),
        }),
        default: "0",
        example: "43200",
        help: "longest session",
        detail: "",
        counter: Some(Counter::LimitTunnelSession),
        tried: &["session_timeout", "maxconnect", "max_connect_time"],
    },
    Row {
        name: "tunnel.rate_bytes_per_second_max",
        kind: Kind::Number(Number {
            min: 1024,
            max: 1 << 40,
            zero: Some("as fast as it goes"),
            unit: Unit::BytesPerSecond,
            place: NumberPlace::Large(|config| &mut config.tunnel.rate_bytes_per_second_max),
        }),
        default: "0",
        example: "\"1MiB\"",
        help: "most that a user's sessions together send, and receive, each direction",
        detail: "What is beyond it waits or is dropped, as on a slow line.",
        counter: Some(Counter::LimitTunnelRate),
        tried: &["rate", "bandwidth", "speed", "rate_limit", "shaper"],
    },
    Row {
        name: "tunnel.accounting",
        kind: Kind::OptionalPath(|config| &mut config.tunnel.accounting),
        default: "\"\"",
        example: "\"/var/log/menshen/tunnel.jsonl\"",
        help: "file that starts and ends of sessions are added to, a line of JSON each",
        detail: "It is opened by the guard, 0600. After it was moved away, `menshen reload` makes \
                 a new one.",
        counter: None,
        tried: &["accounting_file", "log", "session_log", "radius", "access_log"],
    },
    Row {
        name: "tunnel.drain_seconds_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 604800,
            zero: None,
            unit: Unit::Seconds,
            place: NumberPlace::Small(|config| &mut config.tunnel.drain_seconds_max),
        }),
        default: "3600",
        example: "60",
        help: "time that sessions go on as they were after a reload",
        detail: "Only a reload that changes something here counts. New sessions get the new \
                 configuration at once; those that are still open then are closed. When menshen \
                 stops, `limits.drain_seconds_max` holds.",
        counter: Some(Counter::LimitTunnelDrain),
        tried: &["drain", "drain_timeout", "grace"],
    },
];

/// Keys of `[tunnel.pptp]`.
pub(super) const PPTP: &[Row] = &[
    Row {
        name: "tunnel.pptp.listen",
        kind: Kind::Texts(Texts {
            form: "list of IPv4 `\"ADDRESS:PORT\"`",
            needs: "",
            clear: |config| config.tunnel.pptp.listen.clear(),
            add: |config, text| tunnel::listen(&mut config.tunnel.pptp.listen, text),
        }),
        default: "[]",
        example: "[\"0.0.0.0:1723\"]",
        help: "where clients of PPTP call; without any there is no PPTP",
        detail: "`\":1723\"` is every IPv4 address; clients call no other port. Packets come by \
                 GRE, IP protocol 47, which has no ports: a firewall must let it through.",
        counter: None,
        tried: &["bind_address", "port", "address", "bind"],
    },
    Row {
        name: "tunnel.pptp.mppe",
        kind: Kind::Words(&[
            Word {
                word: "require",
                help: "who does not encrypt with 128 bits is refused",
                choose: |config| config.tunnel.pptp.mppe = Mppe::Require,
            },
            Word {
                word: "allow",
                help: "128 bits where the client can, else nothing",
                choose: |config| config.tunnel.pptp.mppe = Mppe::Allow,
            },
            Word {
                word: "off",
                help: "nothing is encrypted",
                choose: |config| config.tunnel.pptp.mppe = Mppe::Off,
            },
        ]),
        default: "\"require\"",
        example: "\"allow\"",
        help: "whether packets over PPTP are encrypted",
        detail: "The cipher is RC4 with keys made from the password, without a check of what was \
                 changed on the way: whoever listens can break it. SSTP is encrypted by TLS.",
        counter: None,
        tried: &["encryption", "require_mppe", "mppe_128", "cipher"],
    },
];
