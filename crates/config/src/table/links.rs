//! Rows of `[links]`.

use menshen_base::Counter;

use super::{Kind, Number, NumberPlace, Row, Text, Unit};
use crate::parse::links;

/// Keys of `[links]`.
pub(super) const LINKS: &[Row] = &[
    Row {
        name: "links.enabled",
        kind: Kind::Switch(|config| &mut config.links.enabled),
        default: "true",
        example: "false",
        help: "whether signed links are made and taken",
        detail: "A link opens nothing without a key, and keys are made on this machine only.",
        counter: None,
        tried: &["enable", "on", "signed"],
    },
    Row {
        name: "links.keys",
        kind: Kind::Path(|config| &mut config.links.keys),
        default: "\"link-keys\"",
        example: "\"/etc/menshen/link-keys\"",
        help: "file with the keys that sign links",
        detail: "A relative path starts at the state folder. Made with a first key at the start; \
                 `menshen link key` changes it, a reload takes what it holds then. Servers that \
                 share the file take each other's links, but count their uses apart.",
        counter: None,
        tried: &["key", "key_file", "secret", "secure_link_secret"],
    },
    Row {
        name: "links.base",
        kind: Kind::Text(Text {
            form: "`\"https://NAME\"`, with a port where there is one, or `\"\"`",
            put: |config, text| links::base(text).map(|base| config.links.base = base),
        }),
        default: "\"\"",
        example: "\"https://files.example.com\"",
        help: "what links begin with: the address the world knows this door by",
        detail: "Empty: the first name of the certificate and the port of `web.listen`. Only \
                 `menshen link` asks for it: a link is good under every name of the file service.",
        counter: None,
        tried: &["url", "base_url", "host", "external_url", "public_url"],
    },
    Row {
        name: "links.expires_seconds_max",
        kind: Kind::Number(Number {
            min: 60,
            max: 3_200_000_000,
            zero: None,
            unit: Unit::Seconds,
            place: NumberPlace::Large(|config| &mut config.links.expires_seconds_max),
        }),
        default: "31622400",
        example: "2678400",
        help: "longest time that a link is made for",
        detail: "`menshen link key rotate` removes a key that was followed by another one that \
                 long ago: no link of it can be good any more.",
        counter: None,
        tried: &["expires_max", "max_age", "ttl", "expires"],
    },
    Row {
        name: "links.counted_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 1_000_000,
            zero: None,
            unit: Unit::Count("links"),
            place: NumberPlace::Small(|config| &mut config.links.counted_max),
        }),
        default: "10000",
        example: "100000",
        help: "links with a count or a budget that are in use at once",
        detail: "Each takes a small file until a day after its end. Another one beyond that is \
                 answered 503 at its first use.",
        counter: Some(Counter::LimitLinksCounted),
        tried: &["counters_max", "links_max", "max_links"],
    },
];
