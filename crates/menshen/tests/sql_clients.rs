//! Clients of others, unmodified, through the sql door: the scripts of `tests/peers/sql`, and
//! MariaDB's own client and dump program. Each must do everything right, and be answered from the
//! cache for a part of it.

use crate::support::{mariadb, peers, sql_shop};

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mariadb::{BINLOG, text};
use sql_shop::Shop;

#[test]
fn clients_in_five_languages_before_a_server_with_a_binlog() {
    let Some(shop) = Shop::open(BINLOG, "") else { return };
    shop.until_it_serves();
    all(&shop);
}

#[test]
fn clients_in_five_languages_with_a_sole_door() {
    let Some(shop) = Shop::open(&["--skip-log-bin"], "without_binlog = \"sole-door\"") else {
        return;
    };
    shop.until_it_serves();
    all(&shop);
}

fn all(shop: &Shop) {
    let mut failed = Vec::new();
    for (name, command) in scripts() {
        let Some(mut command) = command else {
            skipped(name);
            continue;
        };
        let before = shop.hits();
        let port = shop.address.port().to_string();
        command.args([&shop.address.ip().to_string(), &port, "app", "secret", "shop"]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let hits = shop.hits() - before;
        if text(&output) != "ok\n" || hits == 0 {
            failed.push(format!("{name}: {hits} hits, {output:?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Each script's interpreter with the script; `None` where something of it is not installed.
fn scripts() -> Vec<(&'static str, Option<Command>)> {
    let with = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(peers::find(program)?);
        command.args(arguments).current_dir(folder());
        Some(command)
    };
    let php = |extension: &str, script| {
        let has = with("php", &["-r", &format!("exit((int) !extension_loaded('{extension}'));")])?;
        succeeds(has).then(|| with("php", &["-d", "mysqli.allow_local_infile=1", script]))?
    };
    let python = |module: &'static str| {
        let debian = Path::new("/usr/bin/python3");
        let mut has = Command::new(debian);
        has.args(["-c", &format!("import {module}")]);
        let mut command = Command::new(debian);
        command.current_dir(folder()).args(["client.py", module]);
        (debian.exists() && succeeds(has)).then_some(command)
    };
    let go = || {
        let driver = Path::new("/usr/share/gocode/src/github.com/go-sql-driver/mysql");
        let mut command = driver.exists().then(|| with("go", &["run", "go/main.go"]))??;
        command.envs([("GO111MODULE", "off"), ("GOPATH", "/usr/share/gocode"), ("GOFLAGS", "")]);
        Some(command)
    };
    vec![
        ("mysqli", php("mysqli", "mysqli.php")),
        ("PDO", php("pdo_mysql", "pdo.php")),
        ("PyMySQL", python("pymysql")),
        ("mysqlclient", python("MySQLdb")),
        ("go-sql-driver", go()),
    ]
}

#[test]
fn node_with_mysql2() {
    let (Some(npm), Some(node)) = (peers::find("npm"), peers::find("node")) else { return };
    let copy = tempfile::tempdir().unwrap();
    for file in ["package.json", "mysql2.mjs"] {
        std::fs::copy(folder().join(file), copy.path().join(file)).unwrap();
    }
    let mut install = Command::new(npm);
    install.current_dir(copy.path()).args(["install", "--no-package-lock", "--no-audit"]);
    if !succeeds(install) {
        skipped("mysql2 cannot be installed from npm and");
        return;
    }
    let Some(shop) = Shop::open(BINLOG, "") else { return };
    shop.until_it_serves();
    let before = shop.hits();
    let mut command = Command::new(node);
    command.current_dir(copy.path()).args(["mysql2.mjs", "127.0.0.1"]);
    command.args([&shop.address.port().to_string(), "app", "secret", "shop"]);
    let output = command.output().unwrap();
    assert_eq!(text(&output), "ok\n", "{output:?}");
    assert!(shop.hits() - before > 50, "one pool of 50 reads, and others");
}

#[test]
fn the_servers_own_client_and_a_dump_there_and_back() {
    let (tls, options) = certificate();
    let Some(shop) = Shop::open(BINLOG, &options) else { return };
    let Some(dump) = peers::find("mariadb-dump") else { return };
    shop.until_it_serves();
    let client = |arguments: &[&str]| {
        let mut command = shop.server.client_to(shop.address, "any", "");
        command.args(arguments).output().unwrap()
    };
    let status = text(&client(&["shop", "-e", "\\s"]));
    for part in ["Server version:", "10.", "Current database:\tshop", "any@"] {
        assert!(status.contains(part), "{part}: {status}");
    }

    // Statements of a megabyte each, with values of every kind.
    shop.server.sql(
        "USE shop; CREATE TABLE many (id INT PRIMARY KEY, d DATETIME(6), f DOUBLE, t TEXT, b BLOB) \
         ENGINE=InnoDB; INSERT INTO many SELECT seq, FROM_UNIXTIME(seq), seq/7, REPEAT('門\\'', \
         seq % 90), UNHEX(MD5(seq)) FROM seq_1_to_30000; CREATE VIEW dear AS SELECT id FROM many; \
         CREATE TRIGGER late AFTER INSERT ON goods FOR EACH ROW SET @x=1; CREATE DATABASE copy",
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.sql");
    let through = |address: std::net::SocketAddr, file: &Path| {
        let mut command = Command::new(&dump);
        command.args(["--no-defaults", "--host=127.0.0.1", "--user=any", "--skip-dump-date"]);
        command.args(["--routines", "--triggers", "--hex-blob", "--single-transaction", "shop"]);
        command.arg(format!("--port={}", address.port())).env("MYSQL_PWD", "");
        command.stdout(std::fs::File::create(file).unwrap());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        std::fs::read(file).unwrap()
    };
    let by_door = through(shop.address, &file);
    let straight = through(shop.server.address, &folder.path().join("straight.sql"));
    assert!(by_door.len() > 4 << 20, "a dump of {} bytes", by_door.len());
    assert!(by_door == straight, "the door changes nothing of a dump");

    let count = "SELECT COUNT(*), SUM(CRC32(CONCAT(id,d,f,t,HEX(b)))) FROM copy.many";
    let source = client(&["copy", "-e", &format!("source {}", file.display())]);
    assert!(source.status.success(), "{source:?}");
    let there = shop.server.sql(&count.replace("copy.", "shop."));
    assert_eq!(text(&client(&["-e", count])), there);
    // Loaded again over what is there, through standard input: what was stored is seen as old.
    assert_eq!(text(&client(&["-e", count])), there);
    client(&["-e", "DELETE FROM copy.many WHERE id > 9"]);
    assert_ne!(text(&client(&["-e", count])), there);
    let mut again = shop.server.client_to(shop.address, "any", "");
    let again = again.arg("copy").stdin(std::fs::File::open(&file).unwrap()).output().unwrap();
    assert!(again.status.success(), "{again:?}");
    assert_eq!(text(&client(&["-e", count])), there);

    // Compression is not offered, and the client goes on without.
    let compress = client(&["--compress", "-e", "SHOW STATUS LIKE 'Compression'"]);
    assert_eq!(text(&compress), "Compression\tOFF\n", "{compress:?}");
    let encrypted = client(&["--ssl", "-e", "SELECT COUNT(*) FROM shop.goods; \\s"]);
    let said = text(&encrypted);
    assert!(said.starts_with("3\n") && said.contains("SSL:\t\t\tCipher in use is"), "{said}");
    drop(tls);
}

#[test]
fn a_client_that_insists_on_tls_is_refused_by_a_door_without() {
    let Some(shop) = Shop::open(BINLOG, "") else { return };
    let mut command = shop.server.client_to(shop.address, "app", "secret");
    let output = command.args(["--ssl-verify-server-cert", "-e", "SELECT 1"]).output().unwrap();
    assert!(!output.status.success() && text(&output).is_empty(), "{output:?}");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("SSL"), "{error}");
}

/// A certificate of the door's own, and the lines of `[sql]` that name it.
fn certificate() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let lines = format!("certificate = \"{}\"\nkey = \"{}\"", cert.display(), key.display());
    (folder, lines)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/sql")
}

fn succeeds(mut command: Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn skipped(name: &str) {
    assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "{name} is not installed");
    eprintln!("SKIPPED: {name} is not installed");
}
