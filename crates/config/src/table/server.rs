//! Rows of the whole server, the web door, certificates and `/metrics`.

use super::rests::{EXPIRES, QUOTAS};
use super::{
    Kind, List, Number, NumberPlace, REQUIRED, Row, Section, Text, Texts, Unit, WORKERS_MAX, Word,
    site,
};
use crate::model::{Access, Config, PlainMode, PublicPath};
use crate::parse::{acme, text};

/// Keys before the first table, in the order of sample and reference.
pub(super) const ALL: &[Row] = &[
    Row {
        name: "state",
        kind: Kind::Path(|config| &mut config.state),
        default: "\".menshen\"",
        example: "\"/var/lib/menshen\"",
        help: "folder for token, certificates, scoreboard and log",
        detail: "A relative path starts at the folder of this file. It must lie neither inside \
                 a folder that is served (`web.root`, the `root` of a site) nor around it: what \
                 lies there can be downloaded.",
        counter: None,
        tried: &["state_dir", "data", "data_dir", "state_directory"],
    },
    Row {
        name: "user",
        kind: Kind::User(|config| &mut config.user),
        default: "\"\"",
        example: "\"www-data\"",
        help: "user the workers become when menshen is started as root",
        detail: "Empty: the owner of the first site's `root`, or of `web.root`, unless that is \
                 root; else `nobody`, or `www-data` where PHP runs.",
        counter: None,
        tried: &["run_as", "username", "uid"],
    },
    Row {
        name: "workers",
        kind: Kind::Number(Number {
            min: 1,
            max: WORKERS_MAX,
            zero: Some("one per processor"),
            unit: Unit::Count("processes"),
            place: NumberPlace::Small(|config| &mut config.workers),
        }),
        default: "0",
        example: "4",
        help: "worker processes that share every port",
        detail: "",
        counter: None,
        tried: &["worker_processes", "processes", "threads", "num_workers"],
    },
    Row {
        name: "site",
        kind: Kind::Tables(&site::SITES),
        default: "[]",
        example: "[{ hosts = [\"example.test\"], root = \"public\" }]",
        help: "host names with a folder of their own, and how their PHP is reached",
        detail: "Requests for hosts that no site names go to `web.root`.",
        counter: None,
        tried: &["server", "sites", "vhost", "virtual_host", "host"],
    },
];

/// Keys of `[web]`.
pub(super) const WEB: &[Row] = &[
    Row {
        name: "web.listen",
        kind: Kind::Addresses(|config| &mut config.web.listen),
        default: "[\":8443\"]",
        example: "[\"192.0.2.7:443\", \"[2001:db8::7]:443\"]",
        help: "HTTPS addresses",
        detail: "`\":8443\"` is every address of both families: `\"0.0.0.0:8443\"` and \
                 `\"[::]:8443\"`. `[::]` alone takes IPv6 only. Host names are not looked up. \
                 Port 0 takes a free port.",
        counter: None,
        tried: &["port", "bind", "address", "addresses", "https_listen", "host"],
    },
    Row {
        name: "web.plain_listen",
        kind: Kind::Addresses(|config| &mut config.web.plain_listen),
        default: "[]",
        example: "[\":8080\"]",
        help: "plain-HTTP addresses",
        detail: "",
        counter: None,
        tried: &["http_listen", "http_port", "listen_plain"],
    },
    Row {
        name: "web.plain",
        kind: Kind::Words(&[
            Word {
                word: "redirect",
                help: "answers 308 to the HTTPS address",
                choose: |config| config.web.plain = PlainMode::Redirect,
            },
            Word {
                word: "serve",
                help: "answers as HTTPS does; for use behind a TLS load balancer or on loopback",
                choose: |config| config.web.plain = PlainMode::Serve,
            },
        ]),
        default: "\"redirect\"",
        example: "\"serve\"",
        help: "what the plain-HTTP addresses do",
        detail: "",
        counter: None,
        tried: &["redirect", "https_redirect", "plain_mode"],
    },
    Row {
        name: "web.root",
        kind: Kind::Path(|config| &mut config.web.root),
        default: "\"files\"",
        example: "\"/srv/files\"",
        help: "the folder that is served",
        detail: "A relative path starts at the folder of this file.",
        counter: None,
        tried: &["document_root", "docroot", "directory", "dir", "folder"],
    },
    Row {
        name: "web.trusted_proxies",
        kind: Kind::Networks(|config| &mut config.web.trusted_proxies),
        default: "[]",
        example: "[\"10.0.0.0/8\", \"::1\"]",
        help: "networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed",
        detail: "Without them the address of the connection counts. On a plain-HTTP address, a \
                 proxy's word that its client came by `https` means serving, also in `redirect` \
                 mode; that it came by `http` means a redirect.",
        counter: None,
        tried: &["set_real_ip_from", "real_ip", "proxies", "trusted"],
    },
    Row {
        name: "web.durable",
        kind: Kind::Switch(|config| &mut config.web.durable),
        default: "true",
        example: "false",
        help: "whether an upload is flushed to the disk before it is acknowledged",
        detail: "`false` is faster, and a power cut may lose uploads that were acknowledged.",
        counter: None,
        tried: &["fsync", "sync", "flush"],
    },
    Row {
        name: "web.http2",
        kind: Kind::Switch(|config| &mut config.web.http2),
        default: "true",
        example: "false",
        help: "whether HTTP/2 is offered",
        detail: "",
        counter: None,
        tried: &["h2", "http_2"],
    },
    Row {
        name: "web.access_log",
        kind: Kind::Log(|config| &mut config.web.access_log),
        default: "\"access.log\"",
        example: "\"stdout\"",
        help: "where access-log lines go: `\"off\"`, `\"stdout\"` or a file",
        detail: "A relative path starts at the state folder. A file that is really named `off` \
                 is written `\"./off\"`.",
        counter: None,
        tried: &["log", "access", "logfile", "log_file"],
    },
    Row {
        name: "web.public",
        kind: Kind::Tables(&List {
            section: Section {
                name: "web.public",
                help: "a folder open without token",
                rows: PUBLIC,
            },
            most: 128,
            start: || PublicPath { path: String::new(), access: Access::Read },
            name_of: |public| public.path.clone(),
            place: |config: &mut Config| &mut config.web.public,
        }),
        default: "[]",
        example: "[{ path = \"/pub/\", access = \"read\" }]",
        help: "folders open without token",
        detail: "Everything else needs the owner token or a session made from it.",
        counter: None,
        tried: &["allow", "anonymous", "open", "public_paths"],
    },
    Row {
        name: "web.quota",
        kind: Kind::Tables(&QUOTAS),
        default: "[]",
        example: "[{ path = \"/team/\", bytes_max = \"10GiB\" }]",
        help: "how much may rest in folders",
        detail: "",
        counter: None,
        tried: &["quotas", "limit", "space"],
    },
    Row {
        name: "web.expire",
        kind: Kind::Tables(&EXPIRES),
        default: "[]",
        example: "[{ path = \"/tmp/\", age_seconds_max = 604800 }]",
        help: "folders whose files are deleted after a time",
        detail: "",
        counter: None,
        tried: &["expires", "expiry", "clean", "cleanup", "tmpfiles"],
    },
];

const PUBLIC: &[Row<PublicPath>] = &[
    Row {
        name: "web.public.path",
        kind: Kind::Text(Text {
            form: "folder as in a URL, from `/` to `/`",
            put: |public, text| text::folder(text).map(|path| public.path = path),
        }),
        default: REQUIRED,
        example: "\"/pub/\"",
        help: "the folder, with everything below it",
        detail: "",
        counter: None,
        tried: &["folder", "prefix"],
    },
    Row {
        name: "web.public.access",
        kind: Kind::Words(&[
            Word {
                word: "read",
                help: "download and list",
                choose: |public| public.access = Access::Read,
            },
            Word {
                word: "write",
                help: "download, list, upload, rename and delete",
                choose: |public| public.access = Access::Write,
            },
        ]),
        default: "\"read\"",
        example: "\"write\"",
        help: "what is open there",
        detail: "",
        counter: None,
        tried: &["rights", "permissions", "mode"],
    },
];

/// Keys of `[tls]`.
pub(super) const TLS: &[Row] = &[
    Row {
        name: "tls.certificate",
        kind: Kind::OptionalPath(|config| &mut config.tls.certificate),
        default: "\"\"",
        example: "\"/etc/menshen/fullchain.pem\"",
        help: "PEM certificate chain, leaf first",
        detail: "Needs `tls.key`. Empty: the development CA in the state folder issues one.",
        counter: None,
        tried: &["ssl_certificate", "cert", "cert_file", "fullchain", "chain"],
    },
    Row {
        name: "tls.key",
        kind: Kind::OptionalPath(|config| &mut config.tls.key),
        default: "\"\"",
        example: "\"/etc/menshen/privkey.pem\"",
        help: "PEM private key of the certificate",
        detail: "Needs `tls.certificate`. It must not lie inside a folder that is served.",
        counter: None,
        tried: &["ssl_certificate_key", "private_key", "key_file", "privkey"],
    },
    Row {
        name: "tls.names",
        kind: Kind::Names(|config| &mut config.tls.names),
        default: "[\"localhost\"]",
        example: "[\"files.example.test\", \"192.0.2.7\"]",
        help: "host names and addresses the development certificate covers",
        detail: "Not together with `tls.certificate`: that one brings its own names.",
        counter: None,
        tried: &["server_name", "hosts", "domains", "hostnames", "domain"],
    },
    Row {
        name: "tls.from",
        kind: Kind::Texts(Texts {
            form: "list of files and folders",
            needs: "",
            clear: |config| config.tls.from.clear(),
            add: |config, text| acme::path(text).map(|path| config.tls.from.push(path)),
        }),
        default: "[]",
        example: "[\"/etc/letsencrypt/live/example.com\", \"/etc/menshen/certificates\"]",
        help: "files and folders with certificates and keys",
        detail: "Which key belongs to which certificate is found out; of several certificates for \
                 one name and kind of key the one that ends last is served. A folder is read with \
                 the folders in it. None may lie inside a folder that is served.",
        counter: None,
        tried: &["folder", "directory", "certificates", "files", "dir", "store"],
    },
    Row {
        name: "tls.acme",
        kind: Kind::Texts(Texts {
            form: "list of host names, possibly with `*.` in front",
            needs: "",
            clear: |config| config.tls.acme.clear(),
            add: |config, text| {
                acme::name(text).and_then(|name| text::once(&mut config.tls.acme, name))
            },
        }),
        default: "[]",
        example: "[\"example.com\", \"www.example.com\"]",
        help: "names to get certificates for, and to renew them in time",
        detail: "Each name has a certificate of its own, so one that fails delays no other. \
                 Names with `*.` need `acme.dns_hook`. Whom \
                 they are got from is said in `[acme]`; by naming one here you agree to the terms \
                 of that authority. Until the first one is there the development CA's is served.",
        counter: None,
        tried: &["auto", "letsencrypt", "lets_encrypt", "autocert", "managed", "issue"],
    },
];

/// Keys of `[admin]`.
pub(super) const ADMIN: &[Row] = &[Row {
    name: "admin.listen",
    kind: Kind::Loopback(|config| &mut config.admin),
    default: "\"127.0.0.1:8444\"",
    example: "\"[::1]:9100\"",
    help: "loopback address of `/metrics`, or `\"off\"`",
    detail: "Where it is written in the file, failing to bind it is an error; the default steps \
             aside with a warning when the address is taken.",
    counter: None,
    tried: &["metrics", "metrics_listen", "prometheus", "admin_listen"],
}];
