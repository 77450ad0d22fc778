//! Rows of `[s3]`.

use menshen_base::Counter;

use super::{Kind, Number, NumberPlace, Row, Text, Unit};
use crate::model::Config;
use crate::parse::s3;

/// A row of a number that fits 32 bits.
const fn number(
    (min, max): (u64, u64),
    unit: Unit,
    place: fn(&mut Config) -> &mut u32,
) -> Kind<Config> {
    Kind::Number(Number { min, max, zero: None, unit, place: NumberPlace::Small(place) })
}

/// Keys of `[s3]`.
pub(super) const S3: &[Row] = &[
    Row {
        name: "s3.endpoint",
        kind: Kind::Text(Text {
            form: "`http://` or `https://` URL, only host and port, or `\"\"`",
            put: |config, text| s3::endpoint(text).map(|url| config.s3.endpoint = url),
        }),
        default: "\"\"",
        example: "\"http://127.0.0.1:3900\"",
        help: "where the object store is that the file service keeps its files in",
        detail: "Empty: files are in `web.root`. Sites stay on local disks. Over `http://` \
                 everybody on the way reads along.",
        counter: None,
        tried: &["url", "endpoint_url", "host", "server", "address"],
    },
    Row {
        name: "s3.bucket",
        kind: Kind::Text(Text {
            form: "name of a bucket",
            put: |config, text| s3::bucket(text).map(|name| config.s3.bucket = name),
        }),
        default: "\"\"",
        example: "\"files\"",
        help: "the bucket, which must be there",
        detail: "",
        counter: None,
        tried: &["bucket_name", "name"],
    },
    Row {
        name: "s3.prefix",
        kind: Kind::Text(Text {
            form: "beginning of keys, without slashes at its ends",
            put: |config, text| s3::prefix(text).map(|prefix| config.s3.prefix = prefix),
        }),
        default: "\"\"",
        example: "\"front\"",
        help: "what the keys of all files begin with",
        detail: "What else is in the bucket is neither seen nor touched then. Nodes that share \
                 files share the prefix.",
        counter: None,
        tried: &["path", "folder", "object_prefix", "root"],
    },
    Row {
        name: "s3.region",
        kind: Kind::Text(Text {
            form: "word",
            put: |config, text| s3::region(text).map(|region| config.s3.region = region),
        }),
        default: "\"us-east-1\"",
        example: "\"garage\"",
        help: "the region that requests are signed for",
        detail: "",
        counter: None,
        tried: &["location", "aws_region", "s3_region"],
    },
    Row {
        name: "s3.path_style",
        kind: Kind::Switch(|config| &mut config.s3.path_style),
        default: "true",
        example: "false",
        help: "whether the bucket stands in the path of URLs, not in the host's name",
        detail: "",
        counter: None,
        tried: &["force_path_style", "use_path_style", "virtual_host_style"],
    },
    Row {
        name: "s3.credentials",
        kind: Kind::OptionalPath(|config| &mut config.s3.credentials),
        default: "\"\"",
        example: "\"/etc/menshen/s3-key\"",
        help: "file with the access key and its secret",
        detail: "Lines `aws_access_key_id = …` and `aws_secret_access_key = …`, or the key in the \
                 first line and the secret in the second. Read by the guard with its own rights. \
                 Empty: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if it is set, \
                 `AWS_SESSION_TOKEN` of the guard's environment.",
        counter: None,
        tried: &["access_key", "secret_key", "access_key_id", "key", "secret", "profile"],
    },
    Row {
        name: "s3.roots",
        kind: Kind::OptionalPath(|config| &mut config.s3.roots),
        default: "\"\"",
        example: "\"/etc/menshen/house-roots.pem\"",
        help: "PEM roots the server's certificate is checked against",
        detail: "Empty: the system's. For a store inside the house.",
        counter: None,
        tried: &["ca", "ca_file", "ca_bundle"],
    },
    Row {
        name: "s3.part_bytes",
        kind: Kind::Number(Number {
            min: 5 << 20,
            max: 64 << 20,
            zero: None,
            unit: Unit::Bytes,
            place: NumberPlace::Large(|config| &mut config.s3.part_bytes),
        }),
        default: "8388608",
        example: "\"16MiB\"",
        help: "bytes of an upload that are collected before they are sent as a part",
        detail: "More where a long upload would have too many parts.",
        counter: None,
        tried: &["part_size", "chunk_size", "min_part_size"],
    },
    Row {
        name: "s3.buffers_max",
        kind: number((2, 10_000), Unit::Count("parts"), |config| &mut config.s3.buffers_max),
        default: "32",
        example: "8",
        help: "parts that all uploads of one worker hold in memory together",
        detail: "An upload needs one, and one more while a part is on its way. Who has none waits, \
                 and after a minute is answered 503. Memory: `workers` times this times \
                 `s3.part_bytes`.",
        counter: Some(Counter::LimitS3Buffers),
        tried: &["buffers", "max_buffered_parts", "memory"],
    },
    Row {
        name: "s3.tries_max",
        kind: number((1, 100), Unit::Count("attempts"), |config| &mut config.s3.tries_max),
        default: "4",
        example: "2",
        help: "attempts of one request before it has failed",
        detail: "Also how often in a row a download that broke off is taken up again.",
        counter: None,
        tried: &["retries", "max_attempts", "max_retries"],
    },
    Row {
        name: "s3.connect_seconds_max",
        kind: number((1, 300), Unit::Seconds, |config| &mut config.s3.connect_seconds_max),
        default: "5",
        example: "2",
        help: "time until a connection to the server stands",
        detail: "",
        counter: None,
        tried: &["connect_timeout"],
    },
    Row {
        name: "s3.first_byte_seconds_max",
        kind: number((1, 3600), Unit::Seconds, |config| &mut config.s3.first_byte_seconds_max),
        default: "30",
        example: "10",
        help: "time from the end of a request to the head of its answer",
        detail: "",
        counter: None,
        tried: &["timeout", "read_timeout"],
    },
    Row {
        name: "s3.idle_seconds_max",
        kind: number((1, 3600), Unit::Seconds, |config| &mut config.s3.idle_seconds_max),
        default: "20",
        example: "10",
        help: "time without a byte while bytes are on their way",
        detail: "",
        counter: None,
        tried: &["stall_timeout"],
    },
    Row {
        name: "s3.retry_seconds",
        kind: number((1, 3600), Unit::Seconds, |config| &mut config.s3.retry_seconds),
        default: "5",
        example: "1",
        help: "what clients are told to wait while the bucket is away",
        detail: "Requests are answered 503 at once then; the bucket is asked again as often.",
        counter: None,
        tried: &["retry_after"],
    },
    Row {
        name: "s3.orphan_hours",
        kind: number((1, 8760), Unit::Count("hours"), |config| &mut config.s3.orphan_hours),
        default: "24",
        example: "72",
        help: "age at which what a killed node left of an upload is removed",
        detail: "",
        counter: None,
        tried: &["cleanup_hours", "abort_incomplete_multipart_upload"],
    },
];
