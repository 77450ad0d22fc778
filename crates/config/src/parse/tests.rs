//! Tests of `parse`.

use proptest::prelude::*;

use super::{TEXT_BYTES_MAX, parse};
use crate::model::{Access, AccessLog, Config, Network, PlainMode};
use crate::{Colour, check, render, sample};

mod acme;
mod sites;
mod sql;
mod tunnel;

fn messages(text: &str) -> Vec<String> {
    parse(text).problems.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn a_whole_file() {
    let text = r#"
state = "/var/lib/menshen"
user = "www-data"
workers = 4
[web]
listen = [":443", "[2001:db8::7]:8443"]
plain_listen = ["127.0.0.1:80"]
plain = "serve"
root = "/srv/files"
trusted_proxies = ["10.0.0.0/8", "::1"]
durable = false
http2 = false
access_log = "stdout"
[[web.public]]
path = "/pub/"
[[web.public]]
path = "/drop/"
access = "write"
[tls]
certificate = "c.pem"
key = "k.pem"
[admin]
listen = "off"
[limits]
upload_bytes_max = "10GiB"
idle_seconds_max = 30
"#;
    let parsed = parse(text);
    assert_eq!(parsed.problems, []);
    let config = parsed.config.unwrap();
    assert_eq!(config.state.to_str(), Some("/var/lib/menshen"));
    assert_eq!(config.user.as_deref(), Some("www-data"));
    assert_eq!(config.workers, 4);
    let listen: Vec<String> = config.web.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["0.0.0.0:443", "[::]:443", "[2001:db8::7]:8443"]);
    assert_eq!(config.web.plain, PlainMode::Serve);
    assert_eq!(config.web.public[0].access, Access::Read);
    assert_eq!(config.web.public[1].path, "/drop/");
    assert_eq!(config.web.public[1].access, Access::Write);
    let proxy = Network { address: "10.0.0.0".parse().unwrap(), prefix: 8 };
    assert_eq!(config.web.trusted_proxies[0], proxy);
    assert!(!config.web.durable && !config.web.http2);
    assert_eq!(config.web.access_log, AccessLog::Stdout);
    assert_eq!(config.tls.certificate.unwrap().to_str(), Some("c.pem"));
    assert!(config.admin.explicit && config.admin.listen.is_none());
    assert_eq!(config.limits.upload_bytes_max, 10 << 30);
    assert_eq!(config.limits.idle_seconds_max, 30);
}

#[test]
fn dotted_keys_and_inline_tables_are_the_same() {
    let header = parse("[web]\nroot = \"a\"\npublic = [{ path = \"/p/\" }]\n").config.unwrap();
    for text in [
        "web.root = \"a\"\nweb.public = [{ path = \"/p/\" }]\n",
        "web = { root = \"a\", public = [{ path = \"/p/\" }] }\n",
        "[web]\nroot = 'a'\n[[web.public]]\npath = '/p/'\n",
    ] {
        assert_eq!(parse(text).config.as_ref(), Some(&header), "{text}");
    }
    assert_ne!(header, Config::default());
}

#[test]
fn lines_may_end_in_any_way_and_a_mark_may_come_first() {
    let config = parse("workers = 2\n[web]\nhttp2 = false\n").config;
    assert!(config.is_some());
    assert_eq!(parse("\u{feff}workers = 2\r\n[web]\r\nhttp2 = false").config, config);
}

#[test]
fn one_mistake_makes_one_problem() {
    for text in [
        "workers = \n",
        "workers = two\n",
        "[limits]\nparts_max = [1, 2\nranges_max = 3\nheaders_max = 10\n",
        "[web]\nroot = files\n",
        "[web\nlisten = [\":1\"]\n",
        "[[web.public]\npath = \"/a/\"\npath = \"/b/\"\n",
        "[web]\nlisten = [\n  \":443\",\ndurable = false\n",
        "[web]\nlisten = [\n  \":443\",\n[[web.public]]\npath = \"/\"\n",
        "[web]\nlisten = [\":443\"\n[tls]\nnames = [\"a\"]\n",
        "[tls]\ncertificate = c.pem\nkey = \"k.pem\"\n",
        "[tls]\ncertificate \"c.pem\"\nkey = \"k.pem\"\n",
        "[tls]\ncertificate = 1\nkey = \"k.pem\"\n",
        "[limits]\nhead_bytes_max = \"1M\"\ntarget_bytes_max = 65536\n",
        "[[web.public]]\npath = /pub/\n",
        "[[web.public]]\npath = 1\n",
        "[[web.public]]\npth = \"/pub/\"\npath = \"/pub/\"\n",
        "[webb]\nlisten = [\":1\"]\nroot = \"x\"\n",
        "workers = 1\nworkers = 200\n",
        "[web]\nhttp2 = true\n[web]\ndurable = 3\n",
        "[web]\nlisten = [\":443\", \":443\"]\n",
        "[web]\nlisten = [\":443\"]\nplain_listen = [\":443\"]\n",
        "[[site]]\nhosts = [\"a\", \"A\"]\n[[site]]\n",
        "[[site]]\nhosts = [\"a/\"]\n[[site]]\n",
        "[[site]]\n[[site]]\nhosts = a\n",
        "[[site]]\nphp = \"mangaed\"\nphp_root = \"/a\"\n\
         [[site.rule]]\npath = \"/\"\nscript = \"/a.php\"\n",
        "[[site]]\n[[site.rule]]\npath = \"/\"\npass = [\"a\"]\ndelivery = \"feilds\"\n",
        "[[site]]\n[[site.rule]]\npath = /\n",
        "[[site]]\n[[site.mount]]\npth = \"/a/\"\nroot = \"a\"\n",
        "[[site]]\n[[site.redirect]]\nfrom = \"/a\"\nto = \"/a\"\n",
        "[site]\nroot = \"a\"\n[[site.rule]]\npath = \"/\"\n",
        "[[site]\nroot = \"a\"\nphp = 3\n",
        "[[site]]\nheaders = { X-A = 1.5 }\n",
        "[[site]]\nroot = \".menshen/a\"\n",
        "[[php.pool]]\naddress = \"9000\"\n[[site]]\nphp = \"127.0.0.1:9000\"\n",
        "[[php.pool]]\naddress = \"127.0.0.1:9000\"\n[[site]]\nphp = \"9000\"\n",
    ] {
        let parsed = parse(text);
        assert_eq!(parsed.problems.len(), 1, "{text}\n{:#?}", parsed.problems);
        assert_eq!(parsed.config, None, "{text}");
    }
}

#[test]
fn a_warning_leaves_a_configuration() {
    for text in [
        "[web]\ntrusted_proxies = [\"10.1.1.1/8\"]\n",
        "[web]\nlisten = [\":8444\"]\n",
        "[web]\nplain = \"serve\"\n",
        "[limits]\nhead_bytes_max = \"2KiB\"\n",
        "[[web.public]]\npath = \"/\"\naccess = \"write\"\n",
        "[[site]]\nphp_root = \"/a\"\n",
        "[[site]]\ntry = [\"=404\", \"$path\"]\n",
        "[[php.pool]]\naddress = \"127.0.0.1:9000\"\n",
        "[php]\nsettings.post_max_size = \"1G\"\n",
        "[[site]]\nphp = \"managed\"\n[[site.rule]]\npath = \"/\"\ndelivery = \"fields\"\n\
         store = \"public/in\"\n",
    ] {
        let parsed = parse(text);
        assert!(parsed.config.is_some(), "{text}");
        assert_eq!(parsed.problems.len(), 1, "{text}");
    }
}

#[test]
fn quotas_and_expiries_that_are_no_good_are_told() {
    for (text, part) in [
        ("[[web.expire]]\npath = \"/\"\nage_seconds_max = 60\n", "everything that is served"),
        (
            "[[site]]\nhosts = [\"a.test\"]\nroot = \"files/tmp/site\"\n\
             [[web.expire]]\npath = \"/tmp/\"\nage_seconds_max = 60\n",
            "files of the site",
        ),
        (
            "[[site]]\nhosts = [\"a.test\"]\nroot = \"files/tmp\"\n\
             [[web.expire]]\npath = \"/tmp/deep/\"\nage_seconds_max = 60\n",
            "files of the site",
        ),
    ] {
        let told = messages(text);
        assert!(told.iter().any(|message| message.contains(part)), "{text}: {told:?}");
        assert!(parse(text).config.is_some(), "a warning: {text}");
    }
    for text in [
        "[[web.expire]]\npath = \"/tmp/\"\n",
        "[[web.expire]]\npath = \"/tmp/\"\nage_seconds_max = 1\n",
        "[[web.quota]]\nbytes_max = 5\n",
        "[[web.quota]]\npath = \"/team/\"\n",
        "[[web.quota]]\npath = \"/team/\"\nbytes_max = 0\n",
        "[[web.quota]]\npath = \"team\"\nbytes_max = 5\n",
    ] {
        assert_eq!(parse(text).config, None, "{text}");
    }
    let good = "[[web.quota]]\npath = \"/team/\"\nbytes_max = \"1GiB\"\n\
        [[web.expire]]\npath = \"/tmp/\"\nage_seconds_max = 60\n";
    assert_eq!(messages(good), [""; 0]);
}

#[test]
fn what_does_not_go_with_a_bucket_is_told() {
    let bucket = "[s3]\nendpoint = \"https://s3.example\"\nbucket = \"files\"\n";
    assert_eq!(messages(bucket), [""; 0]);
    for (more, part, refused) in [
        ("[[web.quota]]\npath = \"/team/\"\nbytes_max = 5\n", "neither counted", true),
        ("[[web.expire]]\npath = \"/tmp/\"\nage_seconds_max = 60\n", "neither counted", true),
        ("[[uploads.hook]]\nurl = \"https://a.example/\"\n", "hooks are told nothing", false),
    ] {
        let text = format!("{bucket}{more}");
        let told = messages(&text);
        assert!(told.iter().any(|message| message.contains(part)), "{text}: {told:?}");
        assert_eq!(parse(&text).config.is_none(), refused, "{text}");
    }
    let alone = "[s3]\nendpoint = \"https://s3.example\"\n";
    assert!(messages(alone).iter().any(|message| message.contains("without s3.bucket")));
}

#[test]
fn the_default_admin_address_steps_aside_and_a_written_one_does_not() {
    let stepped = parse("[web]\nlisten = [\"0.0.0.0:8444\"]\n").config.unwrap();
    assert_eq!(stepped.admin.listen, None);
    let other_family = parse("[web]\nlisten = [\"[::]:8444\"]\n").config.unwrap();
    assert!(other_family.admin.listen.is_some());
    let text = "[web]\nlisten = [\"0.0.0.0:8444\"]\n[admin]\nlisten = \"127.0.0.1:8444\"\n";
    assert_eq!(messages(text).len(), 1);
    assert_eq!(parse(text).config, None);
}

#[test]
fn port_zero_is_another_port_each_time() {
    let text = "[web]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\nplain_listen = [\":0\"]\n";
    assert_eq!(messages(text), [""; 0]);
}

#[test]
fn the_longest_text_is_read_and_a_longer_one_is_not() {
    let comment = "#".repeat(TEXT_BYTES_MAX);
    assert!(parse(&comment).config.is_some());
    let parsed = parse(&format!("{comment}#"));
    assert_eq!(parsed.config, None);
    assert_eq!(parsed.problems[0].line, 0);
}

#[test]
fn a_list_too_long_is_one_problem() {
    let entries = |count: usize| {
        let entries: Vec<String> = (1..=count).map(|port| format!("\":{port}\"")).collect();
        format!("[web]\nlisten = [{}]\n", entries.join(","))
    };
    assert!(parse(&entries(128)).config.is_some());
    assert_eq!(messages(&entries(129)), ["web.listen has 129 entries"]);
    for (outer, table, key, most) in [
        ("", "site", "root = \"r\"\nhosts = [\"hN\"]", 256),
        ("[[site]]\n", "site.mount", "root = \"r\"\npath = \"/N/\"", 256),
        ("[[site]]\n", "site.rule", "path = \"/N\"", 256),
        ("[[site]]\n", "site.redirect", "to = \"/x\"\nfrom = \"/N\"", 256),
    ] {
        let tables = |count: usize| {
            let table = |n: usize| format!("[[{table}]]\n{}\n", key.replace('N', &n.to_string()));
            outer.to_owned() + &(0..count).map(table).collect::<String>()
        };
        assert_eq!(messages(&tables(most)), [""; 0]);
        assert_eq!(messages(&tables(most + 1)), [format!("{table} has {} entries", most + 1)]);
    }
    let settings = |count: usize| {
        let lines: String = (0..count).map(|n| format!("x.s{n} = {n}\n")).collect();
        format!("[php.settings]\n{lines}")
    };
    // The table in it is an entry too.
    assert_eq!(parse(&settings(127)).config.unwrap().php.settings.len(), 127);
    assert_eq!(messages(&settings(128)), ["php.settings has 129 entries"]);
}

#[test]
fn hostile_texts_end_soon() {
    for text in [
        "[".repeat(TEXT_BYTES_MAX),
        "a=[".repeat(TEXT_BYTES_MAX / 3),
        "a.".repeat(TEXT_BYTES_MAX / 2),
        "x = 1\n".repeat(TEXT_BYTES_MAX / 6),
        (0..TEXT_BYTES_MAX / 10).map(|i| format!("k{i:06}=1\n")).collect(),
        "= \n".repeat(TEXT_BYTES_MAX / 3),
        format!("[web]\nlisten = [{}", "1,".repeat(TEXT_BYTES_MAX / 3)),
        format!("[web]\nlisten = [{}", "1 ".repeat(TEXT_BYTES_MAX / 3)),
        format!("x = {{{}", "a ".repeat(TEXT_BYTES_MAX / 3)),
        (0..TEXT_BYTES_MAX / 10).map(|i| format!("k{i:06}=\n")).collect(),
        "[a\nb = [\n".repeat(TEXT_BYTES_MAX / 10),
        "b = [\n".repeat(TEXT_BYTES_MAX / 10),
        "[a]\n".repeat(TEXT_BYTES_MAX / 10),
        "[[site]]\n".repeat(TEXT_BYTES_MAX / 9),
        format!("[[site]]\n{}", "[[site.rule]]\n".repeat(TEXT_BYTES_MAX / 15)),
        "[[site]]\nx=1\n".repeat(TEXT_BYTES_MAX / 13),
        format!(
            "[[site]]\n{}",
            (0..TEXT_BYTES_MAX / 10).map(|i| format!("k{i:06}=1\n")).collect::<String>()
        ),
        format!(
            "[[site]]\nheaders = {{{}}}",
            (0..TEXT_BYTES_MAX / 12).map(|i| format!("h{i:06}=1,")).collect::<String>()
        ),
        format!(
            "[php.settings]\n{}",
            (0..TEXT_BYTES_MAX / 12).map(|i| format!("a.h{i:06}=1\n")).collect::<String>()
        ),
        format!("[php.settings]\n{}=1", "a.".repeat(75) + "a"),
    ] {
        let start = std::time::Instant::now();
        let checked = check(text.as_bytes(), "m.toml", Colour::Plain);
        assert!(checked.config.is_none() && checked.problems.len() <= 201);
        assert!(checked.report.len() < 200_000, "{}", checked.report.len());
        // A debug build on a busy machine; quadratic work would take minutes.
        assert!(start.elapsed().as_secs() < 20, "{:?}: {}", start.elapsed(), &text[..20]);
    }
}

fn check_invariants(text: &str) {
    let parsed = parse(text);
    let errors = parsed.problems.iter().any(|p| p.severity == menshen_base::Severity::Error);
    assert_eq!(parsed.config.is_none(), errors);
    for problem in &parsed.problems {
        assert!(problem.span.start <= text.len());
        assert!(!problem.message.is_empty() && !problem.message.ends_with('.'));
        let shown = render(problem, "m.toml", text, Colour::Plain);
        assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
        assert!(shown.ends_with('\n'));
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "\\PC{0,200}") {
        check_invariants(&text);
    }

    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let checked = check(&bytes, "m.toml", Colour::Ansi);
        prop_assert!(checked.config.is_none() || str::from_utf8(&bytes).is_ok());
    }

    /// The sample with its keys alive and a few bytes changed reaches far more than noise does.
    #[test]
    fn a_spoilt_sample_is_read(
        edits in proptest::collection::vec(
            (any::<prop::sample::Index>(), "[\\PC\n\t\\[\\]\"=#.-]"),
            1..6,
        ),
    ) {
        let alive = |line: &str| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ if line.starts_with("# ") => String::new(),
            _ => format!("{line}\n"),
        };
        let text: String = sample().lines().map(alive).collect();
        assert!(parse(&text).config.is_some());
        let mut text: Vec<char> = text.chars().collect();
        for (index, with) in edits {
            let at = index.index(text.len());
            text[at] = with.chars().next().unwrap();
        }
        check_invariants(&text.into_iter().collect::<String>());
    }

    /// Every written whole number is either stored as it is or refused.
    #[test]
    fn numbers_are_stored_or_refused(number in any::<i64>()) {
        let config = parse(&format!("limits.upload_bytes_max = {number}\n")).config;
        let fits = (0..=1 << 50).contains(&number);
        prop_assert_eq!(config.is_some(), fits);
        if let Some(config) = config {
            prop_assert_eq!(i64::try_from(config.limits.upload_bytes_max).unwrap(), number);
        }
    }
}
