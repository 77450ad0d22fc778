//! Rows of `[acme]` and `[[acme.directory]]`.

use super::{Kind, List, Number, NumberPlace, REQUIRED, Row, Section, Text, Texts, Unit};
use crate::model::{AcmeDirectory, Config};
use crate::parse::acme;

/// Keys of `[acme]`.
pub(super) const ACME: &[Row] = &[
    Row {
        name: "acme.challenges",
        kind: Kind::Texts(Texts {
            form: "list of `\"tls-alpn-01\"`, `\"http-01\"` and `\"dns-01\"`",
            needs: "way to prove a name",
            clear: |config| config.acme.challenges.clear(),
            add: |config, text| acme::challenge(text).map(|kind| config.acme.challenges.push(kind)),
        }),
        default: "[\"tls-alpn-01\", \"http-01\", \"dns-01\"]",
        example: "[\"dns-01\"]",
        help: "ways to prove a name, the preferred one first",
        detail: "`tls-alpn-01` needs port 443 of the name to lead to `web.listen`, `http-01` port \
                 80 to `web.plain_listen`, `dns-01` needs `acme.dns_hook`. A way that failed gives \
                 place to the next one at the next try. Names with `*.` can be proved by `dns-01` \
                 only.",
        counter: None,
        tried: &["challenge", "challenge_types", "validation"],
    },
    Row {
        name: "acme.dns_hook",
        kind: Kind::OptionalPath(|config| &mut config.acme.dns_hook),
        default: "\"\"",
        example: "\"/etc/menshen/dns-hook\"",
        help: "program that sets and removes TXT records",
        detail: "It is called as `HOOK set NAME VALUE` and `HOOK remove NAME VALUE`, where NAME is \
                 like `_acme-challenge.example.com`, and reads `acme.dns_secret` on standard \
                 input. It ends with 0 when the record is set. It never runs as root.",
        counter: None,
        tried: &["hook", "dns_exec", "dns_command", "exec"],
    },
    Row {
        name: "acme.dns_secret",
        kind: Kind::OptionalPath(|config| &mut config.acme.dns_secret),
        default: "\"\"",
        example: "\"/etc/menshen/dns-secret\"",
        help: "file whose contents `acme.dns_hook` reads on standard input",
        detail: "It may be readable by root only. 64 KiB at most.",
        counter: None,
        tried: &["dns_credentials", "dns_token", "credentials"],
    },
    Row {
        name: "acme.dns_wait_seconds",
        kind: Kind::Number(Number {
            min: 1,
            max: 3600,
            zero: Some("no wait"),
            unit: Unit::Seconds,
            place: NumberPlace::Small(|config| &mut config.acme.dns_wait_seconds),
        }),
        default: "10",
        example: "60",
        help: "seconds between the end of `acme.dns_hook` and the look of the authority",
        detail: "",
        counter: None,
        tried: &["dns_propagation_seconds", "propagation_delay", "dns_delay"],
    },
    Row {
        name: "acme.email",
        kind: Kind::Text(Text {
            form: "mail address, or `\"\"`",
            put: |config, text| acme::email(text).map(|email| config.acme.email = email),
        }),
        default: "\"\"",
        example: "\"admin@example.com\"",
        help: "contact the authority is told",
        detail: "",
        counter: None,
        tried: &["mail", "contact"],
    },
    Row {
        name: "acme.user",
        kind: Kind::User(|config| &mut config.acme.user),
        default: "\"\"",
        example: "\"menshen-acme\"",
        help: "user the keeper and `acme.dns_hook` run as when menshen is started as root",
        detail: "Empty: the user of the workers.",
        counter: None,
        tried: &["run_as"],
    },
    Row {
        name: "acme.directory",
        kind: Kind::Tables(&DIRECTORIES),
        default: "[]",
        example: "[{ url = \"https://acme.example/directory\" }]",
        help: "authorities, the preferred one first; without any, Let's Encrypt",
        detail: "An authority that fails gives place to the next one at the next try.",
        counter: None,
        tried: &["server", "ca", "authority", "directories"],
    },
];

const DIRECTORIES: List<Config, AcmeDirectory> = List {
    section: Section { name: "acme.directory", help: "an ACME authority", rows: DIRECTORY },
    most: 8,
    start: || AcmeDirectory {
        url: String::new(),
        profile: None,
        eab_kid: None,
        eab_key: None,
        roots: None,
    },
    name_of: |directory| directory.url.clone(),
    place: |config| &mut config.acme.directories,
};

const DIRECTORY: &[Row<AcmeDirectory>] = &[
    Row {
        name: "acme.directory.url",
        kind: Kind::Text(Text {
            form: "`https://` URL",
            put: |directory, text| acme::url(text).map(|url| directory.url = url),
        }),
        default: REQUIRED,
        example: "\"https://acme-v02.api.letsencrypt.org/directory\"",
        help: "URL of its directory (RFC 8555 §7.1.1)",
        detail: "",
        counter: None,
        tried: &["directory", "server", "address", "endpoint"],
    },
    Row {
        name: "acme.directory.profile",
        kind: Kind::Text(Text {
            form: "name of a profile, or `\"\"`",
            put: |directory, text| acme::word(text).map(|word| directory.profile = word),
        }),
        default: "\"\"",
        example: "\"shortlived\"",
        help: "certificate profile to ask for",
        detail: "Empty: the authority's default.",
        counter: None,
        tried: &["cert_profile"],
    },
    Row {
        name: "acme.directory.eab_kid",
        kind: Kind::Text(Text {
            form: "key identifier, or `\"\"`",
            put: |directory, text| acme::word(text).map(|word| directory.eab_kid = word),
        }),
        default: "\"\"",
        example: "\"kid-1\"",
        help: "key identifier of an external account binding (RFC 8555 §7.3.4)",
        detail: "Needs `eab_key`.",
        counter: None,
        tried: &["kid", "eab_key_id"],
    },
    Row {
        name: "acme.directory.eab_key",
        kind: Kind::OptionalPath(|directory| &mut directory.eab_key),
        default: "\"\"",
        example: "\"/etc/menshen/eab-key\"",
        help: "file with the key of the binding, in base64url as the authority gave it",
        detail: "Needs `eab_kid`.",
        counter: None,
        tried: &["hmac", "eab_hmac_key", "eab_hmac"],
    },
    Row {
        name: "acme.directory.roots",
        kind: Kind::OptionalPath(|directory| &mut directory.roots),
        default: "\"\"",
        example: "\"/etc/menshen/authority-roots.pem\"",
        help: "PEM roots its own HTTPS is checked against",
        detail: "Empty: the system's. For an authority inside the house.",
        counter: None,
        tried: &["root", "ca_file", "ca_bundle", "trusted_roots"],
    },
];
