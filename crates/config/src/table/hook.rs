//! Rows of `[[uploads.hook]]`.

use super::{Kind, List, Number, NumberPlace, Row, Section, Text, Texts, Unit};
use crate::model::{Config, Hook};
use crate::parse::{hook, pool, text};

/// All hooks.
pub(super) const HOOKS: List<Config, Hook> = List {
    section: Section {
        name: "uploads.hook",
        help: "who is told of uploads, and of files that came and went",
        rows: HOOK,
    },
    most: 32,
    start: Hook::default,
    name_of: |hook| match &hook.php {
        Some(script) if hook.url.is_empty() && !hook.hosts.is_empty() => {
            format!("{script} of {}", hook.hosts.join(", "))
        }
        _ => hook.url.clone(),
    },
    place: |config| &mut config.uploads.hooks,
};

const HOOK: &[Row<Hook>] = &[
    Row {
        name: "uploads.hook.url",
        kind: Kind::Text(Text {
            form: "`http://` or `https://` URL, or `\"\"` for none",
            put: |hook, text| match text {
                "" => Ok(()),
                text => hook::url(text).map(|url| hook.url = url),
            },
        }),
        default: "\"\"",
        example: "\"https://app.example/hooks/files\"",
        help: "where events are posted as JSON",
        detail: "Any answer 2xx takes an event; redirects are not followed. Over `http://` \
                 everybody on the way reads along.",
        counter: None,
        tried: &["endpoint", "address", "target", "hooks_http"],
    },
    Row {
        name: "uploads.hook.php",
        kind: Kind::Text(Text {
            form: "path of a `.php` file as in a URL, or `\"\"` for none",
            put: |hook, text| pool::script(text).map(|script| hook.php = script),
        }),
        default: "\"\"",
        example: "\"/hooks/uploaded.php\"",
        help: "a script that is told instead, of the site whose event it is",
        detail: "Run without a request: the event is its body, `$_SERVER['MENSHEN_HOOK']` is set. \
                 `hosts` must name the sites.",
        counter: None,
        tried: &["script", "php_script", "file", "hooks_dir"],
    },
    Row {
        name: "uploads.hook.on",
        kind: Kind::Texts(Texts {
            form: "list of `\"created\"`, `\"finished\"` and `\"deleted\"`",
            needs: "an event",
            clear: |hook| hook.on.clear(),
            add: |hook, text| hook::event(text).and_then(|on| hook::once(&mut hook.on, on)),
        }),
        default: "[\"created\", \"finished\", \"deleted\"]",
        example: "[\"finished\"]",
        help: "what it is told of",
        detail: "created: a resumable upload. finished: a file has its name, or a PHP script has \
                 answered to a resumable upload. deleted: a file was removed, or a resumable \
                 upload given up by its client.",
        counter: None,
        tried: &["events", "enabled_events", "hooks_enabled_events"],
    },
    Row {
        name: "uploads.hook.hosts",
        kind: Kind::Texts(Texts {
            form: "list of host names and addresses, without port",
            needs: "",
            clear: |hook| hook.hosts.clear(),
            add: |hook, text| text::host(text).and_then(|host| text::once(&mut hook.hosts, host)),
        }),
        default: "[]",
        example: "[\"example.test\"]",
        help: "hosts of the sites it is told of",
        detail: "Empty: all sites and the file service.",
        counter: None,
        tried: &["sites", "host", "site"],
    },
    Row {
        name: "uploads.hook.path",
        kind: Kind::Text(Text {
            form: "beginning of a path as in a URL",
            put: |hook, text| text::url_path(text).map(|path| hook.path = path),
        }),
        default: "\"/\"",
        example: "\"/incoming/\"",
        help: "what paths it is told of begin with",
        detail: "",
        counter: None,
        tried: &["path_prefix"],
    },
    Row {
        name: "uploads.hook.timeout_seconds",
        kind: Kind::Number(Number {
            min: 1,
            max: 300,
            zero: None,
            unit: Unit::Seconds,
            place: NumberPlace::Small(|hook| &mut hook.timeout_seconds),
        }),
        default: "15",
        example: "5",
        help: "seconds the receiver has to answer",
        detail: "Then the event is tried again later.",
        counter: None,
        tried: &["timeout", "hooks_http_timeout"],
    },
    Row {
        name: "uploads.hook.secret",
        kind: Kind::OptionalPath(|hook| &mut hook.secret),
        default: "\"\"",
        example: "\"/etc/menshen/hook-secret\"",
        help: "file whose first line signs what is posted",
        detail: "HMAC-SHA-256 of the body, in hex, as `X-Hub-Signature-256: sha256=…`. Read by \
                 the guard with its own rights.",
        counter: None,
        tried: &["key", "hmac", "secret_file", "signing_secret"],
    },
    Row {
        name: "uploads.hook.roots",
        kind: Kind::OptionalPath(|hook| &mut hook.roots),
        default: "\"\"",
        example: "\"/etc/menshen/house-roots.pem\"",
        help: "PEM roots the receiver's certificate is checked against",
        detail: "Empty: the system's. For a receiver inside the house.",
        counter: None,
        tried: &["ca", "ca_file", "ca_bundle"],
    },
];
