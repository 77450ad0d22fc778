//! Rows of `[[web.quota]]` and `[[web.expire]]`.

use menshen_base::Counter;

use super::{Kind, List, Number, NumberPlace, REQUIRED, Row, Section, Text, Unit};
use crate::model::{Config, Expire, Quota};
use crate::parse::text;

/// All quotas.
pub(super) const QUOTAS: List<Config, Quota> = List {
    section: Section {
        name: "web.quota",
        help: "how much may rest in a folder of the file service",
        rows: QUOTA,
    },
    most: 64,
    start: Quota::default,
    name_of: |quota| quota.path.clone(),
    place: |config| &mut config.web.quotas,
};

/// All expiries.
pub(super) const EXPIRES: List<Config, Expire> = List {
    section: Section {
        name: "web.expire",
        help: "a folder of the file service whose files are deleted after a time",
        rows: EXPIRE,
    },
    most: 64,
    start: || Expire { path: String::new(), age_seconds_max: 0 },
    name_of: |expire| expire.path.clone(),
    place: |config| &mut config.web.expires,
};

const QUOTA: &[Row<Quota>] = &[
    Row {
        name: "web.quota.path",
        kind: Kind::Text(Text {
            form: "folder as in a URL, from `/` to `/`",
            put: |quota, text| text::folder(text).map(|path| quota.path = path),
        }),
        default: REQUIRED,
        example: "\"/team/\"",
        help: "the folder, with everything below it",
        detail: "Of folders within each other, all that hold a file count it.",
        counter: None,
        tried: &["folder", "prefix", "dir"],
    },
    Row {
        name: "web.quota.bytes_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 1 << 60,
            zero: None,
            unit: Unit::Bytes,
            place: NumberPlace::Large(|quota| &mut quota.bytes_max),
        }),
        default: REQUIRED,
        example: "\"10GiB\"",
        help: "bytes of all files in it, those on their way included",
        detail: "Room is taken when an upload begins, so uploads at the same time never exceed \
                 it. What does not fit now is answered 507, what never can 413.",
        counter: Some(Counter::LimitQuota),
        tried: &["bytes", "size", "limit", "size_max", "max_bytes"],
    },
    Row {
        name: "web.quota.files_max",
        kind: Kind::Number(Number {
            min: 1,
            max: 1 << 40,
            zero: Some("no limit"),
            unit: Unit::Count("files"),
            place: NumberPlace::Large(|quota| &mut quota.files_max),
        }),
        default: "0",
        example: "10000",
        help: "files in it, those on their way included",
        detail: "",
        counter: Some(Counter::LimitQuota),
        tried: &["files", "count", "inodes", "max_files"],
    },
    Row {
        name: "web.quota.rescan_minutes",
        kind: Kind::Number(Number {
            min: 1,
            max: 10_080,
            zero: None,
            unit: Unit::Count("minutes"),
            place: NumberPlace::Small(|quota| &mut quota.rescan_minutes),
        }),
        default: "60",
        example: "10",
        help: "minutes between two counts of what is really there",
        detail: "What is written or deleted beside menshen is seen then, at the latest. Counted \
                 at the start as well.",
        counter: None,
        tried: &["rescan", "scan_minutes", "interval"],
    },
];

const EXPIRE: &[Row<Expire>] = &[
    Row {
        name: "web.expire.path",
        kind: Kind::Text(Text {
            form: "folder as in a URL, from `/` to `/`",
            put: |expire, text| text::folder(text).map(|path| expire.path = path),
        }),
        default: REQUIRED,
        example: "\"/tmp/\"",
        help: "the folder, with everything below it",
        detail: "Links are not followed, other file systems not entered, and folders stay. Of \
                 folders within each other, the shorter time counts.",
        counter: None,
        tried: &["folder", "prefix", "dir"],
    },
    Row {
        name: "web.expire.age_seconds_max",
        kind: Kind::Number(Number {
            min: 10,
            max: 3_200_000_000,
            zero: None,
            unit: Unit::Seconds,
            place: NumberPlace::Small(|expire| &mut expire.age_seconds_max),
        }),
        default: REQUIRED,
        example: "604800",
        help: "time a file is kept after it was last written, or got its name there",
        detail: "A week has 604800. It is looked every ten minutes, or ten times in the shortest \
                 such time.",
        counter: None,
        tried: &["days", "hours", "seconds", "max_age", "age_max", "keep", "ttl", "age"],
    },
];
