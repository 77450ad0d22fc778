//! Rows of `[[site.rule]]`.

use super::super::{
    INHERITED, Kind, Number, NumberPlace, Pairs, REQUIRED, Row, Text, Texts, Unit, Word,
};
use super::PIB;
use crate::model::{Delivery, Fields, Rule};
use crate::parse::{headers, pool, template, text};

/// All keys, in the order of sample and reference.
pub(super) const ROWS: &[Row<Rule>] = &[
    Row {
        name: "site.rule.path",
        kind: Kind::Text(Text {
            form: "path as in a URL; with a `/` at its end everything below it, else just this \
                   path",
            put: |rule, text| text::url_path(text).map(|path| rule.path = path),
        }),
        default: REQUIRED,
        example: "\"/uploads/\"",
        help: "where the rule holds",
        detail: "",
        counter: None,
        tried: &["location", "prefix", "match"],
    },
    Row {
        name: "site.rule.open",
        kind: Kind::Switch(|rule| &mut rule.open),
        default: "true",
        example: "false",
        help: "whether clients are answered at all; `false`: 404",
        detail: "",
        counter: None,
        tried: &["internal", "deny", "enabled", "hidden"],
    },
    Row {
        name: "site.rule.allow",
        kind: Kind::Networks(|rule| &mut rule.allow),
        default: "[]",
        example: "[\"10.0.0.0/8\"]",
        help: "networks that are answered; empty: all",
        detail: "Others get 403.",
        counter: None,
        tried: &["allow_from", "networks", "require", "allowed"],
    },
    Row {
        name: "site.rule.php",
        kind: Kind::Switch(|rule| &mut rule.php),
        default: "true",
        example: "false",
        help: "whether PHP runs here; in folders that take uploads it should not",
        detail: "",
        counter: None,
        tried: &["fastcgi_pass", "engine", "php_flag", "scripts"],
    },
    Row {
        name: "site.rule.script",
        kind: Kind::Text(Text {
            form: "path of a `.php` file as in a URL, or `\"\"` for none",
            put: |rule, text| pool::script(text).map(|script| rule.script = script),
        }),
        default: "\"\"",
        example: "\"/upload.php\"",
        help: "a script that answers everything here",
        detail: "",
        counter: None,
        tried: &["upload_pass", "handler", "script_name", "rewrite"],
    },
    Row {
        name: "site.rule.delivery",
        kind: Kind::Words(&[
            Word {
                word: "auto",
                help: "`swap` where the pool allows it, else `replay`",
                choose: |rule| rule.delivery = Some(Delivery::Auto),
            },
            Word {
                word: "swap",
                help: "the spooled file takes the place of PHP's own temporary file",
                choose: |rule| rule.delivery = Some(Delivery::Swap),
            },
            Word {
                word: "fields",
                help: "form fields tell of each file, see `fields`",
                choose: |rule| rule.delivery = Some(Delivery::Fields),
            },
            Word {
                word: "replay",
                help: "the form is sent again, file and all; always works",
                choose: |rule| rule.delivery = Some(Delivery::Replay),
            },
        ]),
        default: INHERITED,
        example: "\"swap\"",
        help: "how a finished upload is handed to PHP",
        detail: "",
        counter: None,
        tried: &["upload_mode", "deliver"],
    },
    Row {
        name: "site.rule.upload_bytes_max",
        kind: Kind::Number(Number {
            min: 1,
            max: PIB,
            zero: Some("no limit"),
            unit: Unit::Bytes,
            place: NumberPlace::Instead(|rule| &mut rule.upload_bytes_max),
        }),
        default: INHERITED,
        example: "\"10GiB\"",
        help: "size of a request body",
        detail: "More is answered 413.",
        counter: None,
        tried: &["client_max_body_size", "post_max_size", "upload_max_body_size"],
    },
    Row {
        name: "site.rule.file_bytes_max",
        kind: Kind::Number(Number {
            min: 1,
            max: PIB,
            zero: Some("no limit"),
            unit: Unit::Bytes,
            place: NumberPlace::Instead(|rule| &mut rule.file_bytes_max),
        }),
        default: INHERITED,
        example: "\"1GiB\"",
        help: "size of one file of a form",
        detail: "",
        counter: None,
        tried: &["upload_max_file_size", "upload_max_filesize"],
    },
    Row {
        name: "site.rule.authorize",
        kind: Kind::Text(Text {
            form: "path of a `.php` file as in a URL, or `\"\"` for none",
            put: |rule, text| {
                pool::script(text).map(|script| rule.authorize = Some(script.unwrap_or_default()))
            },
        }),
        default: INHERITED,
        example: "\"/may.php\"",
        help: "a script that is asked about each upload before its first byte",
        detail: "",
        counter: None,
        tried: &["auth_request", "forward_auth", "pre_create", "preauthorize"],
    },
    Row {
        name: "site.rule.headers",
        kind: Kind::Pairs(Pairs {
            form: "table of field names with texts",
            switches: None,
            clear: |rule| rule.headers.clear(),
            add: |rule, name, value| headers::add(&mut rule.headers, name, value),
        }),
        default: "{}",
        example: "{ Cache-Control = \"max-age=86400\" }",
        help: "fields added to every answer here, beside the site's",
        detail: "",
        counter: None,
        tried: &["add_header", "header", "expires"],
    },
    Row {
        name: "site.rule.fields",
        kind: Kind::Texts(Texts {
            form: "list of `\"NAME = VALUE\"`, with variables",
            needs: "entry, such as \"$field_name.path = $path\"",
            clear: |rule| details(rule).templates.clear(),
            add: |rule, text| template::read(text).map(|read| details(rule).templates.push(read)),
        }),
        default: "[\"$field_name.name = $file_name\", \"$field_name.type = $content_type\", \
                  \"$field_name.path = $path\", \"$field_name.size = $size\"]",
        example: "[\"$field_name.path = $path\", \"$field_name.hash = $sha256\"]",
        help: "form fields made of each file, with `delivery = \"fields\"`",
        detail: "Variables: `$field_name`, `$file_name`, `$content_type`, `$path`, `$size`, \
                 `$number`, `$sha256`, `$sha512`, `$sha1`, `$md5`, `$crc32`; `${size}` where a \
                 letter follows, `$$` for a dollar. PHP turns a dot in the name of a field into \
                 `_`.",
        counter: None,
        tried: &[
            "upload_set_form_field",
            "upload_aggregate_form_field",
            "set_form_field",
            "templates",
        ],
    },
    Row {
        name: "site.rule.pass",
        kind: Kind::Texts(Texts {
            form: "list of names, with `*` for anything",
            needs: "",
            clear: |rule| details(rule).pass.clear(),
            add: |rule, text| template::pattern(text).map(|name| details(rule).pass.push(name)),
        }),
        default: "[]",
        example: "[\"submit\", \"descr*\"]",
        help: "which ordinary form fields reach PHP, with `delivery = \"fields\"`; empty: all",
        detail: "",
        counter: None,
        tried: &["upload_pass_form_field", "pass_form_field", "pass_fields"],
    },
    Row {
        name: "site.rule.cleanup",
        kind: Kind::Texts(Texts {
            form: "list of statuses and ranges of them",
            needs: "",
            clear: |rule| details(rule).cleanup.clear(),
            add: |rule, text| template::statuses(text).map(|one| details(rule).cleanup.push(one)),
        }),
        default: "[]",
        example: "[\"400\", \"500-599\"]",
        help: "answers of PHP that delete the stored files, with `delivery = \"fields\"`",
        detail: "",
        counter: None,
        tried: &["upload_cleanup", "delete_on"],
    },
    Row {
        name: "site.rule.tame_arrays",
        kind: Kind::Switch(|rule| &mut details(rule).tame_arrays),
        default: "false",
        example: "true",
        help: "whether `[]` at the end of a field's name is left out of names made of it",
        detail: "With `delivery = \"fields\"`.",
        counter: None,
        tried: &["upload_tame_arrays"],
    },
    Row {
        name: "site.rule.store",
        kind: Kind::OptionalPath(|rule| &mut details(rule).store),
        default: "\"\"",
        example: "\"/srv/incoming\"",
        help: "the folder where files rest, with `delivery = \"fields\"`",
        detail: "A relative path starts at the folder of this file. Empty: in the spool, and \
                 what PHP does not move is removed after the answer.",
        counter: None,
        tried: &["upload_store", "upload_dir", "upload_path", "folder"],
    },
];

/// Details of the `fields` delivery; which keys may be written without it is checked later.
fn details(rule: &mut Rule) -> &mut Fields {
    rule.fields.get_or_insert_default()
}
