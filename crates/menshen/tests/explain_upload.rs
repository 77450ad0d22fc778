//! `menshen explain upload` against real pools: its own, and a foreign one without our scripts.
//! Left out where no php-fpm is installed; `CI` requires it.

use crate::support::{fpm, live, peers};

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use fpm::Fpm;
use live::{Live, command};
use serde_json::Value;

/// A server with `sites` and folders with scripts for them.
fn serve(sites: &str) -> Live {
    // As root the foreign pool's user, else whoever runs the test.
    let user = if rustix::process::geteuid().is_root() { "user = \"nobody\"\n" } else { "" };
    let folder = live::folder(&format!("workers = 1\n{user}"));
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    for name in ["public/up", "public/uploads", "other"] {
        fs::create_dir_all(folder.path().join(name)).unwrap();
    }
    for name in ["public/index.php", "public/up/take.php", "public/uploads/evil.php", "other/a.php"]
    {
        fs::write(folder.path().join(name), "<?php echo 1;").unwrap();
    }
    fs::write(folder.path().join("public/plain.txt"), "plain").unwrap();
    let settings = folder.path().join("menshen.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, format!("{text}{sites}")).unwrap();
    let command = command(folder.path(), &["serve"]);
    Live::start_command(folder, command)
}

fn text(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Exit code and JSON.
fn explain(live: &Live, arguments: &[&str]) -> (i32, Value) {
    let output = live.run(&[&["explain", "upload", "--json"], arguments].concat());
    let code = output.status.code().unwrap();
    (code, serde_json::from_str(&text(&output)).unwrap())
}

fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn spooled(folder: &Path) -> usize {
    fs::read_dir(folder.join(".menshen/php/spool")).unwrap().count()
}

const MANAGED: &str = r#"
[[site]]
hosts = ["app.test"]
root = "public"
php = "managed"
upload_bytes_max = "1GiB"

[[site.rule]]
path = "/up/"
delivery = "fields"
file_bytes_max = "3MiB"

[[site.rule]]
path = "/uploads/"
php = false

[[site.rule]]
path = "/inside/"
script = "/up/take.php"
allow = ["10.1.0.0/16"]
delivery = "replay"
authorize = "/index.php"

[[site.redirect]]
from = "/old/"
to = "/up/"

[[site.redirect]]
from = "/lost"
to = "/up/take.php"
status = 303
"#;

#[test]
fn a_managed_pool_takes_uploads_by_swap() {
    if peers::find("php-fpm8.2").is_none() {
        return;
    }
    let live = serve(MANAGED);
    let (code, report) = explain(&live, &["/index.php/some/where?x=1"]);
    assert_eq!((code, codes(&report)), (0, vec![]), "{report:#}");
    assert_eq!(report["delivery"]["configured"], "auto");
    assert_eq!(report["delivery"]["result"], "swap");
    assert_eq!(report["answer"]["script"], "/index.php");
    assert_eq!(report["answer"]["path_info"], "/some/where");
    assert_eq!(report["site"]["chosen"], "only");
    assert_eq!(report["limits"]["upload_bytes_max"], 1_u64 << 30);
    assert_eq!(report["self_test"]["outcome"], "works");
    let pool = &report["pool"];
    assert_eq!(pool["php"]["post_max_size"], (1_u64 << 30).to_string());
    assert!(pool["php"]["php"].as_str().unwrap().starts_with("8."), "{pool}");
    assert!(pool["address"].as_str().unwrap().ends_with("/php/run/fpm-1.sock"), "{pool}");
    assert_eq!(spooled(live.folder.path()), 0, "the test left its file");
    assert!(!live.path("public/.menshen-spool").exists());
    // Names of all fields: whoever reads them relies on these.
    assert_eq!(
        keys(&report),
        [
            "answer",
            "delivery",
            "findings",
            "limits",
            "pool",
            "question",
            "rule",
            "self_test",
            "site"
        ]
    );
    let rows = [
        ("answer", "authorize filename kind location path_info script status"),
        ("delivery", "configured configured_by reason result swap_files_max"),
        (
            "limits",
            "file_bytes_max part_head_bytes_max parts_max php_fields_bytes_max upload_bytes_max",
        ),
        ("pool", "address managed php spool user workers workers_assumed"),
        ("question", "host path"),
        ("self_test", "milliseconds outcome"),
        ("site", "chosen hosts number root"),
    ];
    for (row, names) in rows {
        assert_eq!(keys(&report[row]).join(" "), names, "{row}");
    }
    let output = live.run(&["explain", "upload", "https://app.test/index.php"]);
    assert_eq!(output.status.code(), Some(0));
    let text = text(&output);
    for part in ["POST /index.php at app.test", "result     swap: ", "it names the host", "8.2"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\x1b'), "{text}");

    // A reload that changes the pool moves its socket.
    let settings = fs::read_to_string(live.path("menshen.toml")).unwrap();
    let changed = format!("{settings}\n[php]\nchildren = 3\n");
    fs::write(live.path("menshen.toml"), changed).unwrap();
    assert_eq!(live.run(&["reload"]).status.code(), Some(0));
    let (code, report) = explain(&live, &["/"]);
    assert_eq!((code, report["pool"]["workers"].as_u64()), (0, Some(3)), "{report:#}");
    assert!(report["pool"]["address"].as_str().unwrap().ends_with("/fpm-2.sock"));
}

#[test]
fn another_user_is_told_how_to_ask() {
    if peers::find("php-fpm8.2").is_none() || !rustix::process::geteuid().is_root() {
        return;
    }
    use std::os::unix::process::CommandExt;
    let live = serve(MANAGED);
    // Where the other user can start it, whatever the folder of the build is like.
    let program = live.path("menshen");
    fs::copy(env!("CARGO_BIN_EXE_menshen"), &program).unwrap();
    let mut command = std::process::Command::new(program);
    command.current_dir(live.folder.path()).uid(1).gid(1);
    let output = command.args(["explain", "upload", "/index.php"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = text(&output);
    assert!(text.contains("[explain-not-permitted]") && text.contains("sudo"), "{text}");
    assert!(text.contains("result     not known"), "{text}");
}

#[test]
fn rules_decide_and_what_runs_no_script_says_why() {
    if peers::find("php-fpm8.2").is_none() {
        return;
    }
    let live = serve(MANAGED);
    let (code, report) = explain(&live, &["/up/take.php"]);
    assert_eq!((code, codes(&report)), (0, vec![]), "{report:#}");
    assert_eq!(report["rule"], "/up/");
    assert_eq!(report["delivery"]["configured_by"], "rule");
    assert_eq!(report["delivery"]["result"], "fields");
    assert_eq!(report["limits"]["file_bytes_max"], 3 << 20);
    let (code, report) = explain(&live, &["/inside/x"]);
    assert_eq!((code, codes(&report)), (0, vec!["upload-insiders"]), "{report:#}");
    assert_eq!(report["answer"]["authorize"], "/index.php");
    assert_eq!(report["answer"]["script"], "/up/take.php");
    assert_eq!(report["delivery"]["result"], "replay");
    let table = [
        ("/uploads/evil.php", 404, "upload-php-off"),
        ("/plain.txt", 405, "upload-static"),
        ("/old/take.php", 308, "upload-redirected"),
        ("/lost", 303, "upload-redirected"),
        ("/.hidden", 404, "upload-not-found"),
    ];
    for (path, status, finding) in table {
        let (code, report) = explain(&live, &[path]);
        assert_eq!((code, codes(&report)), (1, vec![finding]), "{path}: {report:#}");
        assert_eq!(report["answer"]["status"], status, "{path}");
        assert!(report["delivery"].is_null() && report["pool"].is_null(), "{path}");
    }
    let (_, report) = explain(&live, &["/old/take.php"]);
    assert_eq!(report["answer"]["location"], "/up/take.php");
    let (code, report) = explain(&live, &["/x.php", "--site", "elsewhere.test"]);
    assert_eq!((code, codes(&report)), (1, vec!["upload-file-service"]), "{report:#}");
    let wrong = live.run(&["explain", "upload", "x.php"]);
    assert_eq!(wrong.status.code(), Some(2));
    let wrong = live.run(&["explain", "upload", "/x", "--config", "missing.toml"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_foreign_pool_without_our_script_is_told_which_line_it_needs() {
    let Some(foreign) = Fpm::start(2, "listen.mode = 0666") else { return };
    let site = format!(
        "[[site]]\nhosts = [\"one.test\"]\nroot = \"public\"\nphp = \"unix:{}\"\n\
         [[site]]\nroot = \"other\"\nphp = \"unix:{}\"\n",
        foreign.socket().display(),
        foreign.folder.path().join("nobody.sock").display(),
    );
    let live = serve(&site);
    let (code, report) = explain(&live, &["/", "--site", "one.test"]);
    assert_eq!(code, 1, "{report:#}");
    assert_eq!(report["delivery"]["result"], "replay");
    assert_eq!(report["self_test"]["outcome"], "broken");
    assert_eq!(report["pool"]["workers_assumed"], true);
    let found = codes(&report);
    assert_eq!(found[0], "php-shim-missing", "{report:#}");
    // Replayed, PHP's own limit of 8M holds.
    assert!(found.contains(&"php-limit-below"), "{report:#}");
    let line = "php_admin_value[auto_prepend_file] = ";
    let prepend = live.path(".menshen/php/prepend.php");
    let hint = report["findings"][0]["hint"].as_str().unwrap();
    assert!(hint.contains(&format!("{line}{}", prepend.display())), "{hint}");
    let output = live.run(&["explain", "upload", "http://one.test/"]);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(text.contains("result     replay: swap does not work with this pool"), "{text}");
    assert!(text.contains(line), "{text}");
    assert_eq!(spooled(live.folder.path()), 0);

    if rustix::process::geteuid().is_root() {
        fs::set_permissions(foreign.socket(), Permissions::from_mode(0o600)).unwrap();
        let (code, report) = explain(&live, &["/", "--site", "one.test"]);
        assert_eq!((code, codes(&report)), (111, vec!["php-socket-closed"]), "{report:#}");
    }

    // The other site takes all other hosts, and nobody listens for it.
    let (code, report) = explain(&live, &["/a.php", "--site", "x.test"]);
    assert_eq!((code, codes(&report)), (111, vec!["php-unreachable"]), "{report:#}");
    assert_eq!(report["site"]["chosen"], "catch-all");
    assert!(report["delivery"]["result"].is_null());
}

#[test]
fn a_user_ini_that_could_take_the_script_away_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let prepend = folder.path().join("state/php/prepend.php");
    // PHP runs nothing while it is missing; the server writes its own.
    fs::create_dir_all(prepend.parent().unwrap()).unwrap();
    fs::write(&prepend, "<?php").unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let settings = format!(
        "listen.mode = 0666\nphp_value[auto_prepend_file] = {0}/state/php/prepend.php\n\
         php_admin_value[upload_tmp_dir] = {0}/state/php/spool\n",
        folder.path().display()
    );
    let Some(foreign) = Fpm::start(2, &settings) else { return };
    let site = format!(
        "[[site]]\nroot = \"public\"\nphp = \"unix:{}\"\n[php]\nfolder = \"{}\"\n",
        foreign.socket().display(),
        prepend.parent().unwrap().display(),
    );
    let live = serve(&site);
    let (code, report) = explain(&live, &["/index.php"]);
    assert_eq!((code, codes(&report)), (1, vec!["php-prepend-unlocked"]), "{report:#}");
    assert_eq!(report["delivery"]["result"], "swap");
    fs::write(live.path("public/up/.user.ini"), "memory_limit = 64M\n").unwrap();
    let (code, report) = explain(&live, &["/up/take.php"]);
    assert_eq!((code, codes(&report)[0]), (1, "php-user-ini"), "{report:#}");
    assert_eq!(report["delivery"]["result"], "replay");
    let found = report["findings"][0]["evidence"][0]["value"].as_str().unwrap();
    assert!(found.ends_with("/public/up/.user.ini"), "{found}");
}

#[test]
fn without_a_server_nothing_is_made() {
    let folder = live::folder("");
    fs::create_dir(folder.path().join("public")).unwrap();
    fs::write(folder.path().join("public/up.php"), "<?php").unwrap();
    let explain = |arguments: &[&str]| {
        let arguments = [&["explain", "upload", "/up.php", "--json"], arguments].concat();
        let output = command(folder.path(), &arguments).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), report)
    };
    let (code, report) = explain(&[]);
    assert_eq!((code, codes(&report)), (1, vec!["upload-file-service"]), "{report:#}");
    let (code, report) = explain(&["--php", "public"]);
    assert_eq!((code, codes(&report)), (111, vec!["php-folder-missing"]), "{report:#}");
    assert!(!folder.path().join(".menshen").exists());
    let (_, report) = explain(&["--php", "public", "--state", "elsewhere"]);
    let spool = report["pool"]["spool"].as_str().unwrap();
    assert!(spool.ends_with("/elsewhere/php/spool"), "{spool}");
}
