//! Rows of `[php]` and `[[php.pool]]`.

use std::path::PathBuf;

use super::{Kind, List, Number, NumberPlace, Pairs, REQUIRED, Row, Section, Text, Unit};
use crate::model::{Config, EXTERNAL_WORKERS, ExternalPool, PhpAddress};
use crate::parse::pool;
use crate::worker::POOLS_MAX;

/// Keys of `[php]`.
pub(super) const PHP: &[Row] = &[
    Row {
        name: "php.program",
        kind: Kind::OptionalPath(|config| &mut config.php.program),
        default: "\"\"",
        example: "\"/usr/sbin/php-fpm8.2\"",
        help: "the php-fpm that sites with `php = \"managed\"` are run by",
        detail: "Empty: the newest that is installed.",
        counter: None,
        tried: &["fpm", "binary", "php_fpm", "executable"],
    },
    Row {
        name: "php.children",
        kind: Kind::Number(Number {
            min: 1,
            max: 10_000,
            zero: Some("twice the processors, at least 4"),
            unit: Unit::Count("processes"),
            place: NumberPlace::Small(|config| &mut config.php.children),
        }),
        default: "0",
        example: "8",
        help: "worker processes of the managed php-fpm",
        detail: "",
        counter: None,
        tried: &["max_children", "pm_max_children", "processes"],
    },
    Row {
        name: "php.settings",
        kind: Kind::Pairs(Pairs {
            form: "table of `php.ini` names with values",
            switches: Some(["0", "1"]),
            clear: |config| config.php.settings.clear(),
            add: |config, name, value| pool::setting(&mut config.php.settings, name, value),
        }),
        default: "{}",
        example: "{ memory_limit = \"256M\", \"opcache.enable\" = true }",
        help: "settings of the managed php-fpm that scripts cannot change",
        detail: "",
        counter: None,
        tried: &["ini", "php_admin_value", "php_value", "php_ini", "env"],
    },
    Row {
        name: "php.folder",
        kind: Kind::Path(|config| &mut config.php.folder),
        default: "\"php\"",
        example: "\"/var/spool/menshen\"",
        help: "folder for requests and answers at rest, with what PHP is given of menshen",
        detail: "A relative path starts at the state folder.",
        counter: None,
        tried: &["spool", "dir", "upload_tmp_dir", "temp"],
    },
    Row {
        name: "php.pool",
        kind: Kind::Tables(&POOLS),
        default: "[]",
        example: "[{ address = \"127.0.0.1:9000\", workers = 20 }]",
        help: "what is known of a php-fpm that menshen did not start",
        detail: "",
        counter: None,
        tried: &["pools", "upstream", "fpm_pool"],
    },
];

pub(super) const POOLS: List<Config, ExternalPool> = List {
    section: Section { name: "php.pool", help: "a php-fpm that menshen did not start", rows: POOL },
    most: POOLS_MAX,
    start: || ExternalPool {
        address: PhpAddress::Unix(PathBuf::new()),
        workers: EXTERNAL_WORKERS,
        status_listen: None,
        status_path: None,
    },
    name_of: |pool| pool.address.to_string(),
    place: |config| &mut config.php.pools,
};

const POOL: &[Row<ExternalPool>] = &[
    Row {
        name: "php.pool.address",
        kind: Kind::Text(Text {
            form: "`\"unix:/PATH\"` or `\"ADDRESS:PORT\"`",
            put: |pool, text| pool::address(text).map(|address| pool.address = address),
        }),
        default: REQUIRED,
        example: "\"unix:/run/php/php8.2-fpm.sock\"",
        help: "its address, as sites name it",
        detail: "",
        counter: None,
        tried: &["listen", "socket", "server"],
    },
    Row {
        name: "php.pool.workers",
        kind: Kind::Number(Number {
            min: 1,
            max: 10_000,
            zero: None,
            unit: Unit::Count("processes"),
            place: NumberPlace::Small(|pool| &mut pool.workers),
        }),
        default: "5",
        example: "20",
        help: "its worker processes: `pm.max_children` of the pool",
        detail: "No more requests than this are with it at once.",
        counter: None,
        tried: &["children", "max_children", "pm_max_children"],
    },
    Row {
        name: "php.pool.status_listen",
        kind: Kind::Text(Text {
            form: "`\"unix:/PATH\"`, `\"ADDRESS:PORT\"`, or `\"\"` for none",
            put: |pool, text| pool::optional_address(text).map(|at| pool.status_listen = at),
        }),
        default: "\"\"",
        example: "\"unix:/run/php/status.sock\"",
        help: "where its status is asked: `pm.status_listen` of the pool",
        detail: "Empty: at `address`.",
        counter: None,
        tried: &["pm_status_listen", "status_address"],
    },
    Row {
        name: "php.pool.status_path",
        kind: Kind::Text(Text {
            form: "path as in a URL, or `\"\"` for none",
            put: |pool, text| pool::status_path(text).map(|path| pool.status_path = path),
        }),
        default: "\"\"",
        example: "\"/status\"",
        help: "path of its status: `pm.status_path` of the pool",
        detail: "Empty: its status is never asked.",
        counter: None,
        tried: &["pm_status_path", "status"],
    },
];
