//! Rows of `[[site]]` and of the tables in it.

use menshen_base::Counter;

use super::{
    Kind, List, Number, NumberPlace, Pairs, REQUIRED, Row, Section, Text, Texts, Unit, Word,
};
use crate::model::{Config, Delivery, Links, Mount, Redirect, Rule, Site};
use crate::parse::{headers, pool, text, tries};

mod rule;

/// All sites.
pub(super) const SITES: List<Config, Site> = List {
    section: Section {
        name: "site",
        help: "host names, a folder, and how its PHP is reached",
        rows: SITE,
    },
    most: LISTED_MAX,
    start: Site::default,
    name_of: |_| String::new(),
    place: |config| &mut config.sites,
};

const MOUNTS: List<Site, Mount> = List {
    section: Section { name: "site.mount", help: "another folder of the site", rows: MOUNT },
    most: LISTED_MAX,
    start: Mount::default,
    name_of: |mount| mount.path.clone(),
    place: |site| &mut site.mounts,
};

pub(super) const RULES: List<Site, Rule> = List {
    section: Section { name: "site.rule", help: "what differs below a path", rows: rule::ROWS },
    most: LISTED_MAX,
    start: || Rule::new(String::new()),
    name_of: |rule| rule.path.clone(),
    place: |site| &mut site.rules,
};

const REDIRECTS: List<Site, Redirect> = List {
    section: Section { name: "site.redirect", help: "a path that moved", rows: REDIRECT },
    most: LISTED_MAX,
    start: Redirect::default,
    name_of: |redirect| redirect.from.clone(),
    place: |site| &mut site.redirects,
};

const SITE: &[Row<Site>] = &[
    Row {
        name: "site.hosts",
        kind: Kind::Texts(Texts {
            form: "list of host names and addresses, without port",
            needs: "",
            clear: |site| site.hosts.clear(),
            add: |site, text| text::host(text).and_then(|host| text::once(&mut site.hosts, host)),
        }),
        default: "[]",
        example: "[\"example.test\", \"*.example.test\"]",
        help: "host names of the site",
        detail: "`*.` in front stands for one label of anything. Empty: every host that no other \
                 site names; at most one site can be that.",
        counter: None,
        tried: &["server_name", "names", "host", "domains", "domain", "server_names", "hostname"],
    },
    Row {
        name: "site.root",
        kind: Kind::Path(|site| &mut site.root),
        default: "\"public\"",
        example: "\"/srv/app/public\"",
        help: "the document root",
        detail: "A relative path starts at the folder of this file.",
        counter: None,
        tried: &["document_root", "docroot", "directory", "file_server", "folder", "web_root"],
    },
    Row {
        name: "site.php",
        kind: Kind::Text(Text {
            form: "`\"off\"`, `\"managed\"`, `\"unix:/PATH\"` or `\"ADDRESS:PORT\"`",
            put: |site, text| pool::backend(text).map(|php| site.php = php),
        }),
        default: "\"off\"",
        example: "\"managed\"",
        help: "how PHP is reached",
        detail: "`\"off\"`: not at all, and no `.php` file is ever sent. `\"managed\"`: by a \
                 php-fpm that menshen starts. Else by the php-fpm that listens at this socket or \
                 address.",
        counter: None,
        tried: &[
            "fastcgi_pass",
            "php_fastcgi",
            "fpm",
            "php_fpm",
            "fastcgi",
            "backend",
            "upstream",
            "proxy_pass",
        ],
    },
    Row {
        name: "site.php_root",
        kind: Kind::Text(Text {
            form: "absolute path, or `\"\"` for none",
            put: |site, text| pool::optional_absolute(text).map(|path| site.php_root = path),
        }),
        default: "\"\"",
        example: "\"/var/www/html\"",
        help: "the document root as PHP sees it, where that differs",
        detail: "For a php-fpm in a container or a chroot.",
        counter: None,
        tried: &["script_filename", "chroot", "fastcgi_root"],
    },
    Row {
        name: "site.index",
        kind: Kind::Texts(Texts {
            form: "list of file names",
            needs: "",
            clear: |site| site.index.clear(),
            add: |site, text| text::file_name(text).map(|name| site.index.push(name)),
        }),
        default: "[\"index.php\", \"index.html\"]",
        example: "[\"index.html\"]",
        help: "names tried in a directory, in order",
        detail: "",
        counter: None,
        tried: &["indexes", "directory_index", "index_files"],
    },
    Row {
        name: "site.try",
        kind: Kind::Texts(Texts {
            form: "list of `\"$path\"`, other paths, and statuses such as `\"=404\"`",
            needs: "entry, such as \"$path\"",
            clear: |site| site.tries.clear(),
            add: |site, text| tries::read(text).map(|one| site.tries.push(one)),
        }),
        default: "[\"$path\", \"/index.php\"]",
        example: "[\"$path\", \"/index.php?q=$path&$query\", \"=404\"]",
        help: "what a path is tried as, in order; the first that exists is served",
        detail: "`$path` alone is the path itself, a directory through its index. Another path \
                 keeps the query of the request, unless it has one of its own; in that, `$path` \
                 and `$query` stand for what the client sent.",
        counter: None,
        tried: &["try_files", "fallback", "front_controller", "rewrite", "fallback_resource"],
    },
    Row {
        name: "site.links",
        kind: Kind::Words(&[
            Word {
                word: "inside",
                help: "only to places inside of it",
                choose: |site| site.links = Links::Inside,
            },
            Word {
                word: "anywhere",
                help: "anywhere the workers may read",
                choose: |site| site.links = Links::Anywhere,
            },
        ]),
        default: "\"inside\"",
        example: "\"anywhere\"",
        help: "where symbolic links in the root may lead",
        detail: "",
        counter: None,
        tried: &["symlinks", "follow_symlinks", "disable_symlinks"],
    },
    Row {
        name: "site.compress",
        kind: Kind::Switch(|site| &mut site.compress),
        default: "true",
        example: "false",
        help: "whether static text is compressed",
        detail: "",
        counter: None,
        tried: &["gzip", "encode", "brotli", "compression"],
    },
    Row {
        name: "site.headers",
        kind: Kind::Pairs(Pairs {
            form: "table of field names with texts",
            switches: None,
            clear: |site| site.headers.clear(),
            add: |site, name, value| headers::add(&mut site.headers, name, value),
        }),
        default: "{}",
        example: "{ X-Frame-Options = \"SAMEORIGIN\" }",
        help: "fields added to every answer of the site",
        detail: "Not those that frame an answer, such as `Content-Length`: they are menshen's.",
        counter: None,
        tried: &["add_header", "header", "response_headers"],
    },
    Row {
        name: "site.delivery",
        kind: Kind::Words(&[
            Word {
                word: "auto",
                help: "`swap` where the pool allows it, else `replay`",
                choose: |site| site.delivery = Delivery::Auto,
            },
            Word {
                word: "swap",
                help: "the spooled file takes the place of PHP's own temporary file",
                choose: |site| site.delivery = Delivery::Swap,
            },
            Word {
                word: "replay",
                help: "the form is sent again, file and all; always works",
                choose: |site| site.delivery = Delivery::Replay,
            },
        ]),
        default: "\"auto\"",
        example: "\"replay\"",
        help: "how a finished upload is handed to PHP",
        detail: "A rule can say `fields` for a path.",
        counter: None,
        tried: &["upload_mode", "deliver"],
    },
    Row {
        name: "site.upload_bytes_max",
        kind: Kind::Number(Number {
            min: 1,
            max: PIB,
            zero: Some("no limit"),
            unit: Unit::Bytes,
            place: NumberPlace::Large(|site| &mut site.upload_bytes_max),
        }),
        default: "0",
        example: "\"10GiB\"",
        help: "size of a request body",
        detail: "More is answered 413. `limits.upload_bytes_max` holds as well.",
        counter: None,
        tried: &["client_max_body_size", "post_max_size", "max_size", "request_body"],
    },
    Row {
        name: "site.uploads_bytes_max",
        kind: Kind::Number(Number {
            min: 1 << 20,
            max: PIB,
            zero: Some("no limit"),
            unit: Unit::Bytes,
            place: NumberPlace::Large(|site| &mut site.uploads_bytes_max),
        }),
        default: "0",
        example: "\"50GiB\"",
        help: "bytes all unfinished uploads of the site together may hold",
        detail: "Those that can be resumed. A new one beyond it is answered 507; \
                 `uploads.unfinished_bytes_max` holds for all sites together.",
        counter: Some(Counter::LimitUnfinishedBytes),
        tried: &["quota", "uploads_max", "unfinished_bytes_max"],
    },
    Row {
        name: "site.file_bytes_max",
        kind: Kind::Number(Number {
            min: 1,
            max: PIB,
            zero: Some("no limit"),
            unit: Unit::Bytes,
            place: NumberPlace::Large(|site| &mut site.file_bytes_max),
        }),
        default: "0",
        example: "\"1GiB\"",
        help: "size of one file of a form",
        detail: "A larger one reaches PHP as an upload error, `UPLOAD_ERR_INI_SIZE`.",
        counter: None,
        tried: &["upload_max_filesize", "upload_max_file_size"],
    },
    Row {
        name: "site.authorize",
        kind: Kind::Text(Text {
            form: "path of a `.php` file as in a URL, or `\"\"` for none",
            put: |site, text| pool::script(text).map(|script| site.authorize = script),
        }),
        default: "\"\"",
        example: "\"/may.php\"",
        help: "a script that is asked about each upload before its first byte",
        detail: "Its answer 2xx allows the upload, any other one is the client's. Asked about \
                 forms with files, `PUT`, bodies above 64 KiB or of unknown length, and uploads \
                 that can be resumed, whichever script they are for.",
        counter: None,
        tried: &["auth_request", "forward_auth", "pre_create", "preauthorize"],
    },
    Row {
        name: "site.mount",
        kind: Kind::Tables(&MOUNTS),
        default: "[]",
        example: "[{ path = \"/media/\", root = \"/srv/media\" }]",
        help: "other folders of the site",
        detail: "",
        counter: None,
        tried: &["alias", "mounts", "folders"],
    },
    Row {
        name: "site.rule",
        kind: Kind::Tables(&RULES),
        default: "[]",
        example: "[{ path = \"/uploads/\", php = false }]",
        help: "what differs below a path; the longest matching path counts",
        detail: "",
        counter: None,
        tried: &["location", "rules", "handle", "route", "path"],
    },
    Row {
        name: "site.redirect",
        kind: Kind::Tables(&REDIRECTS),
        default: "[]",
        example: "[{ from = \"/old/\", to = \"/new/\" }]",
        help: "paths that moved; the longest matching one counts",
        detail: "",
        counter: None,
        tried: &["return", "redirects", "redir", "moved"],
    },
];

const MOUNT: &[Row<Mount>] = &[
    Row {
        name: "site.mount.path",
        kind: Kind::Text(Text {
            form: "folder as in a URL, from `/` to `/`",
            put: |mount, text| text::folder(text).map(|path| mount.path = path),
        }),
        default: REQUIRED,
        example: "\"/protected/\"",
        help: "where it is in URLs",
        detail: "",
        counter: None,
        tried: &["location", "prefix", "at"],
    },
    Row {
        name: "site.mount.root",
        kind: Kind::Path(|mount| &mut mount.root),
        default: REQUIRED,
        example: "\"/srv/files\"",
        help: "the folder",
        detail: "A relative path starts at the folder of this file.",
        counter: None,
        tried: &["alias", "folder", "directory", "dir"],
    },
    Row {
        name: "site.mount.internal",
        kind: Kind::Switch(|mount| &mut mount.internal),
        default: "false",
        example: "true",
        help: "whether clients are kept out",
        detail: "Only an answer of PHP leads there: `X-Accel-Redirect` by `path`, `X-Sendfile` \
                 by `root`.",
        counter: None,
        tried: &["protected", "private", "hidden"],
    },
];

const REDIRECT: &[Row<Redirect>] = &[
    Row {
        name: "site.redirect.from",
        kind: Kind::Text(Text {
            form: "path as in a URL; with a `/` at its end everything below it, else just this \
                   path",
            put: |redirect, text| text::url_path(text).map(|path| redirect.from = path),
        }),
        default: REQUIRED,
        example: "\"/old/\"",
        help: "the path that moved",
        detail: "",
        counter: None,
        tried: &["path", "location", "source"],
    },
    Row {
        name: "site.redirect.to",
        kind: Kind::Text(Text {
            form: "path, or `http://` or `https://` address",
            put: |redirect, text| text::target(text).map(|to| redirect.to = to),
        }),
        default: REQUIRED,
        example: "\"/new/\"",
        help: "where it moved",
        detail: "When `from` and `to` both end in `/`, the rest of the path is kept. The query \
                 always is.",
        counter: None,
        tried: &["target", "destination", "url", "location_to"],
    },
    Row {
        name: "site.redirect.status",
        kind: Kind::Choice(
            &[
                (301, "moved for good; clients may turn a POST into a GET"),
                (302, "elsewhere for now; clients may turn a POST into a GET"),
                (303, "see there, with a GET"),
                (307, "elsewhere for now, with the same method"),
                (308, "moved for good, with the same method"),
            ],
            |redirect| &mut redirect.status,
        ),
        default: "308",
        example: "302",
        help: "status of the answer",
        detail: "",
        counter: None,
        tried: &["code", "type", "permanent"],
    },
];

/// Most sites, and most mounts, rules and redirects of one: every request is compared with them.
const LISTED_MAX: usize = 256;

const PIB: u64 = 1 << 50;
