//! The php-fpm of our own and the scripts in front of every application: a real php-fpm, spoken to
//! directly. Left out where none is installed; `CI` requires it.
#![expect(clippy::print_stderr, reason = "a test left out says so")]

use crate::support::{fastcgi, live};

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastcgi::{Answer, FORM_TYPE, form, run};
use live::{Live, command, wait_for};
use menshen_sys::SlotState;
use menshen_sys::scoreboard::HeaderWord;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A menshen with `serve --php public`.
struct Php {
    live: Live,
}

impl Php {
    /// `None`: no php-fpm is installed here.
    fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// With further settings of PHP.
    fn start_with(ini: &str) -> Option<Self> {
        let folder = prepared("workers = 1", ini)?;
        let command = php_command(folder.path(), &["serve", "--php", "public"]);
        Some(Self { live: Live::start_command(folder, command) })
    }

    /// With a site of the configuration's and a program in between, which fails while there is a
    /// file `fail`.
    fn start_with_program() -> Option<Self> {
        let folder = prepared("workers = 1", "")?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let program = format!(
            "#!/bin/sh\ncase \"$*\" in *-i*|*-t*) ;; \
             *) test -e {} && {{ echo 'no way' >&2; exit 3; }};; \
             esac\nexec {} \"$@\"\n",
            path("fail"),
            installed()?.display()
        );
        fs::write(path("fpm"), program).unwrap();
        fs::set_permissions(path("fpm"), Permissions::from_mode(0o755)).unwrap();
        live::configure(folder.path(), &site("example.test"));
        let command = php_command(folder.path(), &["serve"]);
        Some(Self { live: Live::start_command(folder, command) })
    }

    fn socket(&self, number: u32) -> PathBuf {
        self.live.path(&format!(".menshen/php/run/fpm-{number}.sock"))
    }

    /// Writes `public/NAME` and runs it.
    fn run(&self, code: &str, parameters: &[(&str, &str)], body: &[u8]) -> Answer {
        let script = self.live.path("public/test.php");
        fs::write(&script, format!("<?php {code}")).unwrap();
        run(&self.socket(1), &script, parameters, body).unwrap()
    }

    /// A file of the spool, as a worker would write it.
    fn spooled(&self, name: &str, content: &[u8]) -> PathBuf {
        let spool = self.live.path(".menshen/php/spool");
        let path = spool.join(name);
        fs::write(&path, content).unwrap();
        let owner = fs::metadata(&spool).unwrap();
        chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The master of the pool.
    fn master(&self) -> Pid {
        let mut pids = children_of(self.live.pid()).into_iter();
        let pid = pids.find(|pid| is_fpm(*pid) && is_there(*pid));
        pid.expect("a php-fpm")
    }
}

/// The php-fpm to test with; `None`: there is none here.
fn installed() -> Option<PathBuf> {
    let all = fs::read_dir("/usr/sbin").into_iter().flatten().flatten().map(|entry| entry.path());
    let is_fpm = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"php-fpm"))
    };
    let found = all.into_iter().find(is_fpm);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "php-fpm is required in CI");
        eprintln!("skipped: no php-fpm");
    }
    found
}

/// A folder with a document root `public` and settings of PHP's own in `ini`.
fn prepared(head: &str, ini: &str) -> Option<TempDir> {
    installed()?;
    let folder = live::folder(head);
    // PHP's user has to come in.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    for name in ["public", "ini"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("ini/80-own.ini"), ini).unwrap();
    Some(folder)
}

/// A command whose php-fpm reads the settings in `ini` after the usual ones.
fn php_command(folder: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = command(folder, arguments);
    command.env("PHP_INI_SCAN_DIR", format!(":{}", folder.join("ini").display()));
    command.env("SECRET_OF_THE_GUARD", "seen");
    command
}

/// Settings with one managed site.
fn site(host: &str) -> String {
    format!(
        "workers = 1\n[php]\nprogram = \"fpm\"\nchildren = 3\n[[site]]\nhosts = [\"{host}\"]\n\
         root = \"public\"\nphp = \"managed\"\n"
    )
}

/// 48 bytes, as the gateway draws them.
fn token(letter: char) -> String {
    letter.to_string().repeat(48)
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_nonzero();
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.unwrap_or_default();
    children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn is_fpm(pid: Pid) -> bool {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    name.is_ok_and(|name| name.starts_with("php-fpm"))
}

fn is_there(pid: Pid) -> bool {
    // One that nobody waited for yet has ended all the same.
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").starts_with(" Z"))
}

#[test]
fn the_folder_is_open_to_php_and_the_secrets_are_not() {
    let Some(php) = Php::start() else { return };
    let print = php.live.printed();
    assert!(print.contains("\n  site      every host → "), "{print}");
    assert!(print.contains("/public, PHP ") && print.contains(" managed, "), "{print}");
    assert!(!print.contains("token="), "{print}");
    let mode = |name: &str| fs::metadata(php.live.path(name)).unwrap().mode() & 0o777;
    for name in ["owner-token", "ca-key.pem", "dev-key.pem", "scoreboard", "guard.pid"] {
        assert_eq!(mode(&format!(".menshen/{name}")) & 0o077, 0, "{name}");
    }
    assert_eq!(mode(".menshen/access.log") & 0o007, 0);
    let root = rustix::process::geteuid().is_root();
    assert_eq!(mode(".menshen"), if root { 0o711 } else { 0o700 });
    assert!(!php.live.path("files/none").exists());
    let answer = php.run(
        "echo json_encode([posix_geteuid(), @file_get_contents($_SERVER['T']), \
         getenv('SECRET_OF_THE_GUARD'), ini_get('upload_tmp_dir'), ini_get('expose_php')]);",
        &[("T", php.live.path(".menshen/owner-token").to_str().unwrap())],
        b"",
    );
    let tmp = php.live.path(".menshen/php/tmp");
    let owner = fs::metadata(&tmp).unwrap().uid();
    assert!(!root || owner != 0);
    let token = if root { "false".to_owned() } else { answer.body.clone() };
    let tmp = tmp.display().to_string().replace('/', "\\/");
    if root {
        assert_eq!(answer.body, format!("[{owner},{token},false,\"{tmp}\",\"\"]"));
    }
}

#[test]
fn files_of_the_spool_take_the_place_of_tokens_in_any_nesting() {
    let Some(php) = Php::start() else { return };
    let spooled = [php.spooled("one", b"first"), php.spooled("two", &[7; 100_000])];
    let third = php.spooled("three", b"");
    let path = |path: &Path, size: u64| format!(r#"{{"path":"{}","size":{size}}}"#, path.display());
    let entries = [
        ('a', path(&spooled[0], 5)),
        ('b', path(&spooled[1], 100_000)),
        ('c', path(&third, 0)),
        ('d', r#"{"error":1}"#.to_owned()),
        ('e', path(Path::new("/nonexistent/x"), 9)),
    ];
    let entries = entries.map(|(letter, entry)| format!("\"{}\":{entry}", token(letter)));
    let told = format!(r#"{{"nonce":"n-1","files":{{{}}}}}"#, entries.join(","));
    let body = form(&[
        ("plain", "ä.txt", token('a').as_bytes()),
        ("docs[]", "b", token('b').as_bytes()),
        ("deep[x][y]", "c", token('c').as_bytes()),
        ("deep[x][z]", "d", token('d').as_bytes()),
        ("gone", "e", token('e').as_bytes()),
        ("own", "f", token('f').as_bytes()),
        ("small", "g", b"48 are not here"),
        ("none", "", b""),
    ]);
    let answer = php.run(LOOK, &[FORM_TYPE, ("MENSHEN_FILES", &told)], &body);
    let file = |name: &str, size: u64, md5: &str| {
        format!(r#"["{name}",{size},0,[true,"{md5}",{size},"600",true]]"#)
    };
    let md5 = [
        "8b04d5e3775d298e78455efc5ca404d5",
        "a7943f2ac2d9b1a4b3ce9ef5ab2b4ad7",
        "d41d8cd98f00b204e9800998ecf8427e",
    ];
    let expected = [
        ("plain", file("ä.txt", 5, md5[0])),
        ("gone", r#"["e",0,7,null]"#.into()),
        ("z", r#"["d",0,1,null]"#.into()),
        ("y", file("c", 0, md5[2])),
        ("none", r#"["",0,4,null]"#.into()),
        ("copy", "true".into()),
        ("open", "10".into()),
        ("move", "true".into()),
        ("again", "false".into()),
        ("last_error", "false".into()),
    ];
    for (name, value) in expected {
        let part = format!("\"{name}\":{value}");
        assert!(answer.body.contains(&part), "{part} in {} {}", answer.body, answer.stderr);
    }
    assert!(answer.body.contains(r#""docs":["b",100000,0,[true,"#), "{}", answer.body);
    // What the gateway did not give a token for is PHP's own.
    assert!(answer.body.contains(r#""own":["f",48,0,[true,"#), "{}", answer.body);
    assert!(answer.body.contains(r#""small":["g",15,0,[true,"#), "{}", answer.body);
    assert!(answer.head.contains("X-Menshen-Swap: n-1 4 1"), "{}", answer.head);
    for path in spooled.iter().chain([&third]) {
        assert!(!path.exists(), "{} was moved", path.display());
    }
    let tmp = || fs::read_dir(php.live.path(".menshen/php/tmp")).unwrap();
    wait_for("PHP to remove what was not taken", || tmp().count() == 0);
}

#[test]
fn the_application_sees_nothing_of_the_scripts_in_front() {
    let Some(php) = Php::start() else { return };
    let code = "echo json_encode([array_keys(get_defined_vars()), \
        get_defined_functions()['user'], get_defined_constants(true)['user'] ?? [], \
        array_values(preg_grep('/menshen/i', array_merge(get_declared_classes(), \
        array_keys($_SERVER), array_keys($_ENV), array_keys($GLOBALS))))]);";
    // The script itself names the last one, which makes PHP fill it.
    let vars = r#"["_GET","_POST","_COOKIE","_FILES","_SERVER","_ENV"]"#;
    let want = format!("[{vars},[],[],[]]");
    let answer = php.run(code, &[], b"");
    assert_eq!(answer.body, want, "without anything to do");
    let user_ini = php.live.path("public/.user.ini");
    fs::write(php.live.path("public/first.php"), "<?php echo 'FIRST';").unwrap();
    fs::write(&user_ini, "auto_prepend_file = first.php\n").unwrap();
    let told = format!(r#"{{"nonce":"n","files":{{"{}":{{"error":6}}}}}}"#, token('a'));
    let parameters =
        [FORM_TYPE, ("MENSHEN_FILES", &*told), ("MENSHEN_USER_INI", user_ini.to_str().unwrap())];
    let answer = php.run(code, &parameters, &form(&[("f", "x", token('a').as_bytes())]));
    assert_eq!(answer.body, format!("FIRST{want}"), "with a swap and a chain");
    assert!(answer.head.contains("X-Menshen-Swap: n 1 0"), "{}", answer.head);
    // Whatever a client puts there cannot make it fail.
    for odd in
        ["", "null", "[]", "{\"files\":3}", "{\"nonce\":{}}", "\u{1}", "{\"files\":{\"x\":1}}"]
    {
        let answer = php.run("echo 'fine';", &[("MENSHEN_FILES", odd)], b"");
        assert_eq!((&*answer.body, &*answer.stderr), ("fine", ""), "{odd}");
    }
}

#[test]
fn the_prepend_that_would_have_run_still_runs() {
    let Some(php) = Php::start() else { return };
    let write = |name: &str, text: &str| fs::write(php.live.path(name), text).unwrap();
    fs::create_dir(php.live.path("public/sub")).unwrap();
    for name in ["ini", "top", "sub"] {
        let code = format!(
            "<?php $said = ($said ?? '') . '{name}' . json_encode(array_keys(get_defined_vars()));"
        );
        write(&format!("public/{name}.php"), &code);
    }
    let path = |name: &str| php.live.path(name).display().to_string();
    // One after the other; the pool reads its own settings anew at each reload.
    let vars = r#"["_GET","_POST","_COOKIE","_FILES","_SERVER"]"#;
    let said = |number, inis: &[&str]| {
        let script = php.live.path("public/show.php");
        fs::write(&script, "<?php echo $said ?? 'nothing';").unwrap();
        let list: Vec<String> = inis.iter().map(|name| path(name)).collect();
        let list = list.join(":");
        let mut parameters = vec![("DOCUMENT_ROOT", "/")];
        parameters.extend((!inis.is_empty()).then_some(("MENSHEN_USER_INI", &*list)));
        let answer = run(&php.socket(number), &script, &parameters, b"").unwrap();
        assert_eq!(answer.stderr, "");
        answer.body
    };
    let top = "public/.user.ini";
    let sub = "public/sub/.user.ini";
    write(top, "auto_prepend_file = \"top.php\"\n");
    assert_eq!(said(1, &[]), "nothing");
    assert_eq!(said(1, &[top]), format!("top{vars}"), "found beside the script");
    write(sub, &format!("; a comment\nauto_prepend_file={}\n", path("public/sub.php")));
    assert_eq!(said(1, &[top, sub]), format!("sub{vars}"), "the last one wins");
    write(sub, "memory_limit = 77M\n");
    assert_eq!(said(1, &[top, sub]), format!("top{vars}"), "one that does not set it");
    write(sub, "auto_prepend_file = none\n");
    assert_eq!(said(1, &[top, sub]), "nothing");
    write(sub, "auto_prepend_file =\n");
    assert_eq!(said(1, &[top, sub]), "nothing");
    let own = path(".menshen/php/prepend.php");
    write(sub, &format!("auto_prepend_file = {own}\n"));
    assert_eq!(said(1, &[top, sub]), "nothing", "ours, once is enough");
    write(sub, "auto_prepend_file = \"unclosed\n[");
    assert_eq!(said(1, &[top, sub]), format!("top{vars}"), "a broken file sets nothing");

    let ini = format!("auto_prepend_file = {}\n", path("public/ini.php"));
    write("ini/90-own.ini", &ini);
    assert_eq!(php.live.run(&["reload"]).status.code(), Some(0));
    wait_for("the changed pool", || php.socket(2).exists());
    assert_eq!(said(2, &[]), format!("ini{vars}"));
    assert_eq!(said(2, &[top]), format!("top{vars}"));
    write(top, "auto_prepend_file = none\n");
    assert_eq!(said(2, &[top]), "nothing");
}

#[test]
fn where_env_has_parameters_they_are_taken_out_of_it() {
    let Some(php) = Php::start_with("variables_order = EGPCS\n") else { return };
    let told = format!(r#"{{"nonce":"n","files":{{"{}":{{"error":6}}}}}}"#, token('a'));
    let parameters = [("MENSHEN_FILES", &*told), ("OTHER", "x")];
    let code = "echo json_encode([isset($_ENV['OTHER']), \
        preg_grep('/MENSHEN/', array_keys($_ENV)), \
        preg_grep('/MENSHEN/', array_keys($_SERVER))]);";
    assert_eq!(php.run(code, &parameters, b"").body, "[true,[],[]]");
}

#[test]
fn a_missing_prepend_is_as_fatal_as_ever() {
    let Some(php) = Php::start() else { return };
    let user_ini = php.live.path("public/.user.ini");
    fs::write(&user_ini, "auto_prepend_file = missing.php\n").unwrap();
    let answer = php.run("echo 'ran';", &[("MENSHEN_USER_INI", user_ini.to_str().unwrap())], b"");
    assert!(!answer.body.contains("ran"), "{answer:?}");
    assert!(answer.stderr.contains("missing.php"), "{answer:?}");
}

#[test]
fn the_probe_answers_the_gateway_alone() {
    let Some(php) = Php::start() else { return };
    let probe = php.live.path(".menshen/php/probe.php");
    let ask = |parameters: &[(&str, &str)], body: &[u8]| {
        run(&php.socket(1), &probe, parameters, body).unwrap()
    };
    let refused = ask(&[("HTTP_MENSHEN_PROBE", "1")], b"");
    assert!(refused.head.starts_with("Status: 404") && refused.body.is_empty(), "{refused:?}");
    let path = php.spooled("probe", b"hello");
    let told = format!(
        r#"{{"nonce":"n","files":{{"{}":{{"path":"{}","size":5}}}}}}"#,
        token('p'),
        path.display()
    );
    let parameters = [("MENSHEN_PROBE", "1"), FORM_TYPE, ("MENSHEN_FILES", &told)];
    let answer = ask(&parameters, &form(&[("file", "x", token('p').as_bytes())]));
    assert!(answer.head.contains("X-Menshen-Swap: n 1 0"), "{answer:?}");
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    for part in [
        r#""shim":"1""#,
        r#""prepend_locked":true"#,
        r#""disabled":[]"#,
        r#""file_uploads":true"#,
        &format!(r#""error":0,"size":5,"is_uploaded_file":true,"sha256":"{sha256}""#),
        r#""writable":true"#,
    ] {
        assert!(answer.body.contains(part), "{part} in {}", answer.body);
    }
}

#[test]
fn a_killed_master_is_replaced_and_no_request_is_lost() {
    let Some(php) = Php::start() else { return };
    let old = php.master();
    let children = children_of(old);
    assert!(children.len() >= 4, "{children:?}");
    // Asked while nobody serves: it waits in the queue.
    php.live.signal(Signal::STOP);
    [old].iter().chain(&children).for_each(|pid| kill_process(*pid, Signal::KILL).unwrap());
    wait_for("all to be dead", || !children.iter().chain([&old]).any(|pid| is_there(*pid)));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| php.run("echo 'served';", &[], b"").body);
        std::thread::sleep(Duration::from_millis(100));
        php.live.signal(Signal::CONT);
        assert_eq!(asked.join().unwrap(), "served");
    });
    wait_for("the old children to end", || !children.iter().any(|pid| is_there(*pid)));
    let new = php.master();
    assert_ne!(new, old);
    assert!(php.live.log().contains("was killed by signal 9 (SIGKILL)"), "{}", php.live.log());

    wait_for("all children", || children_of(new).len() == children.len());
    let child = children_of(new)[0];
    kill_process(child, Signal::KILL).unwrap();
    wait_for("another child", || {
        children_of(new).len() == children.len() && !children_of(new).contains(&child)
    });
    assert_eq!(php.master(), new);
    assert_eq!(php.run("echo 'served';", &[], b"").body, "served");
}

#[test]
fn the_children_of_a_killed_master_do_not_go_on() {
    let Some(php) = Php::start() else { return };
    let old = php.master();
    let children = children_of(old);
    kill_process(old, Signal::KILL).unwrap();
    wait_for("the old children to end", || !children.iter().any(|pid| is_there(*pid)));
    assert_eq!(php.run("echo 'served';", &[], b"").body, "served");
}

#[test]
fn nothing_is_left_after_a_stop_or_a_killed_guard() {
    for signal in [Signal::TERM, Signal::KILL] {
        let Some(mut php) = Php::start() else { return };
        let master = php.master();
        let all: Vec<Pid> = children_of(master).into_iter().chain([master]).collect();
        assert_eq!(php.run("echo 1;", &[], b"").body, "1");
        php.live.signal(signal);
        php.live.ended(Duration::from_secs(10));
        wait_for("every php-fpm to end", || !all.iter().any(|pid| is_there(*pid)));
        if signal == Signal::TERM {
            let left: Vec<_> =
                fs::read_dir(php.live.path(".menshen/php/run")).unwrap().flatten().collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

#[test]
fn a_stop_lets_a_script_finish() {
    let Some(mut php) = Php::start() else { return };
    let done = php.live.path("public/done");
    let folder = php.live.path("public");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
    let code = "fastcgi_finish_request(); sleep(1); file_put_contents(__DIR__ . '/done', 'x');";
    php.run(code, &[], b"");
    php.live.signal(Signal::TERM);
    assert!(php.live.ended(Duration::from_secs(15)).success());
    assert!(done.exists(), "{}", php.live.log());
}

#[test]
fn a_reload_leaves_an_unchanged_pool_alone_and_replaces_a_changed_one() {
    let Some(php) = Php::start() else { return };
    let old = php.master();
    let old_place = fs::metadata(php.socket(1)).unwrap().ino();
    assert_eq!(php.live.run(&["reload"]).status.code(), Some(0));
    assert_eq!(php.master(), old);
    assert_eq!(fs::metadata(php.socket(1)).unwrap().ino(), old_place);
    assert_eq!(php.run("echo ini_get('precision');", &[], b"").body, "14");

    fs::write(php.live.path("ini/90-own.ini"), "precision = 3\n").unwrap();
    assert_eq!(php.live.run(&["reload"]).status.code(), Some(0));
    let script = php.live.path("public/test.php");
    let answer = run(&php.socket(2), &script, &[], b"").unwrap();
    assert_eq!(answer.body, "3");
    wait_for("the old pool to end", || !is_there(old) && !php.socket(1).exists());
    assert_ne!(php.master(), old);
    assert_eq!(php.live.header(HeaderWord::ReloadsDone), 2);
    assert_eq!(php.live.workers(SlotState::Ready).len(), 1);
    let names = || -> BTreeSet<String> {
        let entries = fs::read_dir(php.live.path(".menshen/php/run")).unwrap().flatten();
        entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
    };
    let left = ["fpm-2.conf", "fpm-2.sock", "status-2.sock"].map(String::from).into();
    wait_for("nothing of the old pool", || names() == left);
}

#[test]
fn a_pool_that_does_not_start_leaves_the_door_open_and_says_why() {
    let Some(php) = Php::start_with_program() else { return };
    assert!(php.live.printed().contains("example.test → "), "{}", php.live.printed());
    assert_eq!(children_of(php.master()).len(), 3);
    fs::write(php.live.path("fail"), "").unwrap();
    // A reload leaves it alone, so nothing fails yet.
    assert_eq!(php.live.reload(&site("other.test")).status.code(), Some(0));
    kill_process(php.master(), Signal::KILL).unwrap();
    wait_for("the sockets to close", || !php.socket(1).exists());
    let log = php.live.log();
    assert!(log.contains("ended with exit code 3: no way; starting it again in "), "{log}");
    live::fetch(php.live.plain).unwrap();
    // It stands in nobody's way.
    assert_eq!(php.live.reload(&site("third.test")).status.code(), Some(0));
    // But no new pool that does not start replaces one that at least may come back.
    let changed = site("third.test").replace("children = 3", "children = 2");
    assert_eq!(php.live.reload(&changed).status.code(), Some(1));
    assert!(php.live.board().text().contains("PHP does not run"), "{}", php.live.board().text());
    fs::remove_file(php.live.path("fail")).unwrap();
    wait_for("the pool to come back", || php.socket(1).exists());
    assert_eq!(php.run("echo 1;", &[], b"").body, "1");
    assert_eq!(php.live.reload(&changed).status.code(), Some(0));
    let number = 3;
    wait_for("the changed pool alone", || php.socket(number).exists() && !php.socket(1).exists());
    wait_for("its two children", || children_of(php.master()).len() == 2);
}

#[test]
fn a_start_without_the_pool_is_a_finding() {
    let Some(folder) = prepared("", "") else { return };
    let fpm = folder.path().join("fpm");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *-i*|*-t*) exec {} \"$@\";; esac\necho broken >&2; exit 4\n",
        installed().unwrap().display()
    );
    fs::write(&fpm, text).unwrap();
    fs::set_permissions(&fpm, Permissions::from_mode(0o755)).unwrap();
    live::configure(folder.path(), &site("example.test"));
    let command = php_command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, command);
    let print = live.printed();
    assert!(print.contains("error: php: PHP does not run: php-fpm (pid "), "{print}");
    assert!(print.contains("ended with exit code 4: broken"), "{print}");
    live::fetch(live.plain).unwrap();
}

#[test]
fn a_missing_program_is_named_by_serve_and_check() {
    let folder = live::folder("");
    fs::create_dir(folder.path().join("public")).unwrap();
    live::configure(folder.path(), &site("example.test"));
    for (arguments, code) in [(&["serve"][..], 2), (&["check"], 2), (&["check", "--json"], 2)] {
        let output = command(folder.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(text.contains("php-fpm was not found"), "{text}");
        assert!(text.contains("php.program"), "{text}");
    }
    assert!(!folder.path().join(".menshen/php/run/fpm-1.conf").exists());
}

#[test]
fn a_folder_that_is_missing_or_holds_the_state_is_refused() {
    let folder = live::folder("");
    for (root, part) in [("nothing", "could not open the folder"), (".", "overlap")] {
        let output = command(folder.path(), &["serve", "--php", root]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(part), "{text}");
    }
    let output = command(folder.path(), &["serve", "--php", "a", "--root", "b"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Looks at every file and takes one of them away.
const LOOK: &str = r#"
        $out = [];
        $see = function ($name, $f) use (&$out) {
            $p = $f['tmp_name'];
            $out[$name] = [$f['name'], $f['size'], $f['error'], $p === '' ? null :
                [is_uploaded_file($p), md5_file($p), filesize($p), decoct(fileperms($p) & 0777),
                 fileowner($p) === posix_geteuid()]];
        };
        foreach (['plain', 'gone', 'own', 'small', 'none'] as $n) $see($n, $_FILES[$n]);
        $pick = function ($f, ...$keys) {
            foreach ($f as $k => $v) { foreach ($keys as $key) $v = $v[$key]; $f[$k] = $v; }
            return $f;
        };
        $see('docs', $pick($_FILES['docs'], 0));
        $see('y', $pick($_FILES['deep'], 'x', 'y'));
        $see('z', $pick($_FILES['deep'], 'x', 'z'));
        $to = sys_get_temp_dir() . '/menshen-test-' . getmypid();
        $p = $_FILES['docs']['tmp_name'][0];
        $out['copy'] = copy($p, "$to.1") && filesize("$to.1");
        $out['open'] = strlen(fread(fopen($p, 'rb'), 10));
        $out['move'] = move_uploaded_file($p, "$to.2") && chmod("$to.2", 0644) && !file_exists($p);
        $out['again'] = @move_uploaded_file($p, "$to.3");
        unlink("$to.1"); unlink("$to.2");
        $last = error_get_last();
        $out['last_error'] = $last !== null && strpos($last['file'], 'prepend');
        echo json_encode($out, JSON_UNESCAPED_UNICODE);
    "#;
