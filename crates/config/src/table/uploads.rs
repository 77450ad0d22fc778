//! Rows of `[uploads]`.

use menshen_base::Counter;

use super::hook::HOOKS;
use super::{Kind, Number, NumberPlace, Row, Unit};

/// Keys of `[uploads]`.
pub(super) const UPLOADS: &[Row] = &[
    Row {
        name: "uploads.enabled",
        kind: Kind::Switch(|config| &mut config.uploads.enabled),
        default: "true",
        example: "false",
        help: "whether uploads can be resumed after a cut",
        detail: "At `/.menshen/uploads/`, and where a PUT or a POST for a script asks for it.",
        counter: None,
        tried: &["resumable", "tus", "enable"],
    },
    Row {
        name: "uploads.unfinished_hours",
        kind: Kind::Number(Number {
            min: 1,
            max: 8760,
            zero: None,
            unit: Unit::Count("hours"),
            place: NumberPlace::Small(|config| &mut config.uploads.unfinished_hours),
        }),
        default: "24",
        example: "168",
        help: "time an unfinished upload is kept after its last byte",
        detail: "",
        counter: None,
        tried: &["expire", "expiration", "upload_cleanup", "max_age"],
    },
    Row {
        name: "uploads.answered_hours",
        kind: Kind::Number(Number {
            min: 1,
            max: 8760,
            zero: None,
            unit: Unit::Count("hours"),
            place: NumberPlace::Small(|config| &mut config.uploads.answered_hours),
        }),
        default: "24",
        example: "1",
        help: "time the answer to a finished upload is kept for a client that lost it",
        detail: "",
        counter: None,
        tried: &["finished_hours", "replay_hours"],
    },
    Row {
        name: "uploads.unfinished_bytes_max",
        kind: Kind::Number(Number {
            min: 1 << 20,
            max: 1 << 60,
            zero: Some("no limit"),
            unit: Unit::Bytes,
            place: NumberPlace::Large(|config| &mut config.uploads.unfinished_bytes_max),
        }),
        default: "0",
        example: "\"100GiB\"",
        help: "bytes all unfinished uploads together may hold",
        detail: "Counted apart for files and for the PHP sites. A new upload beyond it is answered \
                 507; those that are under way go on.",
        counter: Some(Counter::LimitUnfinishedBytes),
        tried: &["quota", "unfinished_bytes", "max_bytes"],
    },
    Row {
        name: "uploads.uploads_per_owner_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 1_000_000,
            zero: None,
            unit: Unit::Count("uploads"),
            place: NumberPlace::Small(|config| &mut config.uploads.uploads_per_owner_max),
        }),
        default: "1000",
        example: "20",
        help: "unfinished uploads of one owner",
        detail: "On a site the owner is a browser, by its cookie. Strangers of one address have no \
                 more either, and ten times as many finished ones. All owners together have \
                 10,000.",
        counter: Some(Counter::LimitUploadsPerOwner),
        tried: &["uploads_max", "max_uploads"],
    },
    Row {
        name: "uploads.append_bytes_max",
        kind: Kind::Number(Number {
            min: 64 << 10,
            max: 1 << 60,
            zero: Some("no limit"),
            unit: Unit::Bytes,
            place: NumberPlace::Large(|config| &mut config.uploads.append_bytes_max),
        }),
        default: "0",
        example: "\"64MiB\"",
        help: "bytes of one request that appends",
        detail: "Told to clients, which then send larger uploads in pieces. To be set below the \
                 limit of a proxy in front.",
        counter: Some(Counter::LimitAppendBytes),
        tried: &["chunk_size", "max_append_size", "client_max_body_size"],
    },
    Row {
        name: "uploads.hook",
        kind: Kind::Tables(&HOOKS),
        default: "[]",
        example: "[{ url = \"https://app.example/hooks/files\" }]",
        help: "who is told of uploads, and of files that came and went",
        detail: "",
        counter: None,
        tried: &["hooks", "webhook", "webhooks", "notify", "hooks_http"],
    },
];
