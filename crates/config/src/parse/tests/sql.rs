//! `[sql]`: a whole section, and what contradicts itself in it.

use menshen_base::Severity;

use super::parse;
use crate::model::{CacheType, Sql, SqlAddress, UpstreamTls, WithoutBinlog};
use crate::problem::code;

/// A section that says nothing doubtful.
const SOUND: &str = "[sql]\nlisten = [\"127.0.0.1:3307\"]\ncontrol_user = \"menshen\"\n\
                     control_password_file = \"pw\"\n";

fn problems(text: &str) -> Vec<(&'static str, Severity, String)> {
    let found = parse(text).problems.into_iter();
    found.map(|problem| (problem.code, problem.severity, problem.message)).collect()
}

#[test]
fn a_whole_section() {
    let text = r#"
[sql]
listen = ["127.0.0.1:3307", "unix:/run/menshen/sql.sock"]
socket_mode = "0660"
upstream = "unix:/run/mysqld/mysqld.sock"
upstream_tls = "verify"
upstream_ca = "ca.pem"
control_user = "menshen"
cache_type = "demand"
cache_bytes_max = "1GiB"
without_binlog = "ttl"
ttl_ms = 500
"#;
    let parsed = parse(text);
    assert_eq!(parsed.problems, []);
    let sql = parsed.config.unwrap().sql;
    assert!(sql.is_on());
    let shown: Vec<String> = sql.listen.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["127.0.0.1:3307", "unix:/run/menshen/sql.sock"]);
    assert_eq!(sql.upstream, SqlAddress::Unix("/run/mysqld/mysqld.sock".into()));
    assert_eq!((sql.socket_mode, sql.upstream_tls), (0o660, UpstreamTls::Verify));
    assert_eq!((sql.cache_type, sql.cache_bytes_max), (CacheType::Demand, 1 << 30));
    assert_eq!((sql.without_binlog, sql.ttl_ms), (WithoutBinlog::Ttl, 500));
}

#[test]
fn no_section_is_no_door() {
    let config = parse("").config.unwrap();
    assert!(!config.sql.is_on());
    assert_eq!(config.sql, Sql::default());
    assert_eq!(problems(SOUND), []);
}

#[test]
fn contradictions_are_refused() {
    for (more, part) in [
        ("upstream = \"127.0.0.1:3307\"", "takes the connections to sql.upstream"),
        ("certificate = \"c\"", "sql.certificate is set without sql.key"),
        ("key = \"c\"", "sql.key is set without sql.certificate"),
        ("without_binlog = \"ttl\"", "there is no sql.ttl_ms"),
        ("[web]\nlisten = [\":3307\"]", "share a port"),
        ("[admin]\nlisten = \"127.0.0.1:3307\"", "share a port"),
        ("key = \"files/k\"\ncertificate = \"c\"", "lies inside web.root"),
        ("socket_mode = \"abc\"", "no permission bits"),
        ("cache_bytes_max = 1000", "cache_bytes_max"),
    ] {
        let found = problems(&format!("{SOUND}{more}\n"));
        let [(_, severity, message)] = &found[..] else { panic!("{more}: {found:?}") };
        assert!(*severity == Severity::Error && message.contains(part), "{more}: {message}");
    }
    let alone = "[sql]\ncontrol_password_file = \"pw\"\nlisten = [\"unix:/a\"]\n";
    let found = problems(alone);
    let lonely = |(code, _, message): &(&str, Severity, String)| {
        *code == code::CONTRADICTION && message.contains("without sql.control_user")
    };
    assert!(found.iter().any(lonely), "{found:?}");
    let both = "[sql]\nlisten = [\":3306\"]\ncontrol_user = \"a\"\ncontrol_password_file = \"p\"\n\
                certificate = \"c\"\nkey = \"k\"\n";
    let found = problems(both);
    assert!(matches!(&found[..], [(code::CONTRADICTION, ..)]), "of all addresses one: {found:?}");
    let same = "[sql]\nlisten = [\"unix:/a\"]\nupstream = \"unix:/a\"\ncontrol_user = \"a\"\n";
    assert!(matches!(&problems(same)[..], [(code::CONTRADICTION, ..)]));
}

#[test]
fn doubtful_sections_are_told() {
    for (text, part) in [
        ("[sql]\nlisten = [\"unix:/a\"]\n", "the cache is off"),
        ("[sql]\nupstream = \"127.0.0.1:3310\"\n", "there is no sql door"),
        ("[sql]\nlisten = [\"unix:/a\"]\ncontrol_user = \"a\"\n", "has no password"),
    ] {
        let found = problems(text);
        let [(code::DOUBTFUL, _, message)] = &found[..] else { panic!("{text}: {found:?}") };
        assert!(message.contains(part), "{text}: {message}");
    }
    for (more, part) in [
        ("ttl_ms = 5", "has no effect unless without_binlog"),
        ("upstream_ca = \"ca\"", "has no effect unless upstream_tls"),
        ("upstream = \"192.0.2.1:3306\"", "unencrypted"),
        ("socket_mode = \"0600\"", "no effect"),
        ("cache_bytes_max = \"512KiB\"", "larger than sql.cache_bytes_max"),
    ] {
        let found = problems(&format!("{SOUND}{more}\n"));
        let [(code::DOUBTFUL, _, message)] = &found[..] else { panic!("{more}: {found:?}") };
        assert!(message.contains(part), "{more}: {message}");
    }
    let open = SOUND.replace("127.0.0.1:3307", "0.0.0.0:3307");
    assert!(matches!(&problems(&open)[..], [(code::DOUBTFUL, _, m)] if m.contains("TLS")));
    // Without a cache the account is of no use.
    let relay = "[sql]\nlisten = [\"unix:/a\"]\ncache_bytes_max = 0\n";
    assert_eq!(problems(relay), []);
}
