//! Hooks: receivers over HTTPS, events of sites, scripts of sites as receivers, and reloads that
//! change who is told. Receivers and php-fpm are real.

use crate::support::{counts, live, site, wire};

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use counts::count;
use live::{Live, wait_for};
use menshen_base::Counter;
use menshen_sys::SlotState;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use site::Site;
use wire::{ask, kill_worker, put};

const RUFH: &str = "Upload-Draft-Interop-Version: 8";

/// What a receiver heard: heads and bodies.
type Heard = Arc<Mutex<Vec<(String, Value)>>>;

/// Reads one request and answers 200.
fn serve(stream: &mut (impl Read + Write)) -> Option<(String, Value)> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    let heard = loop {
        if let Some(at) = wire::find(&bytes, b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if bytes.len() >= at + 4 + length?.parse::<usize>().unwrap() {
                break (head, serde_json::from_slice(&bytes[at + 4..]).unwrap());
            }
        }
        let got = stream.read(&mut piece).ok().filter(|&got| got > 0)?;
        bytes.extend_from_slice(&piece[..got]);
    };
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").ok()?;
    stream.flush().ok()?;
    Some(heard)
}

/// A receiver over plain HTTP.
fn receiver(listener: TcpListener) -> (SocketAddr, Heard) {
    let (at, heard) = (listener.local_addr().unwrap(), Heard::default());
    let told = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            told.lock().unwrap().extend(serve(&mut stream.unwrap()));
        }
    });
    (at, heard)
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn words(heard: &Heard, key: &str) -> Vec<String> {
    let heard = heard.lock().unwrap();
    heard.iter().map(|(_, body)| body[key].as_str().unwrap_or("-").to_owned()).collect()
}

/// A root, as PEM, and a server that it vouches for as `localhost`.
fn authority() -> (String, Arc<ServerConfig>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![leaf.der().clone()], key).unwrap();
    (root.pem(), Arc::new(config))
}

#[test]
fn receivers_over_https_are_checked_against_the_roots_of_the_hook() {
    let (roots, right) = authority();
    let (_, wrong) = authority();
    let listener = listener();
    let port = listener.local_addr().unwrap().port();
    let shown = Arc::new(Mutex::new(wrong));
    let (heard, refused) = (Heard::default(), Arc::new(Mutex::new(0)));
    let (config, told, failed) = (Arc::clone(&shown), Arc::clone(&heard), Arc::clone(&refused));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config.lock().unwrap());
            let tls = ServerConnection::new(config).unwrap();
            let mut stream = StreamOwned::new(tls, stream.unwrap());
            match serve(&mut stream) {
                Some(event) => told.lock().unwrap().push(event),
                None => *failed.lock().unwrap() += 1,
            }
        }
    });
    let settings = format!(
        "workers = 1\n[[uploads.hook]]\nurl = \"https://localhost:{port}/told\"\n\
         roots = \"roots.pem\"\ntimeout_seconds = 5"
    );
    let folder = live::folder(&settings);
    std::fs::write(folder.path().join("roots.pem"), roots).unwrap();
    let command = live::command(folder.path(), &["serve"]);
    let live = Live::start_command(folder, command);
    assert_eq!(put(live.plain, "/a", b"1").status, 201);
    wait_for("a try", || count(&live, Counter::HooksRetried) >= 1);
    wait_for("the wrong certificate to be refused", || *refused.lock().unwrap() >= 1);
    assert_eq!(heard.lock().unwrap().len(), 0, "nothing is told to somebody else");
    wait_for("a note", || live.log().contains("failed, tried again"));
    *shown.lock().unwrap() = right;
    wait_for("the event", || words(&heard, "path") == ["/a"]);
    wait_for("the gauge", || count(&live, Counter::HooksWaiting) == 0);
    let (head, _) = heard.lock().unwrap()[0].clone();
    assert!(head.contains(&format!("host: localhost:{port}")), "{head}");
}

/// A resumable upload to a script, made and ended; its answer's status.
fn upload(site: &Site, target: &str) -> u16 {
    // Without a version there is no interim answer.
    let fields = ["Upload-Complete: ?0", "Upload-Length: 6"];
    let made = ask(site.live.plain, "POST", target, &fields, b"abc");
    assert_eq!(made.status, 201, "{}\n{}", made.head, made.text());
    let kind = "Content-Type: application/partial-upload";
    let fields = [RUFH, kind, "Upload-Offset: 3", "Upload-Complete: ?1"];
    ask(site.live.plain, "PATCH", made.location(), &fields, b"def").status
}

#[test]
fn events_of_sites_are_told_to_the_hooks_of_their_hosts() {
    let (all, to_all) = receiver(listener());
    let (own, to_own) = receiver(listener());
    let (other, to_other) = receiver(listener());
    let hook =
        |at: SocketAddr, more: &str| format!("[[uploads.hook]]\nurl = \"http://{at}/\"\n{more}\n");
    let hooks = [
        hook(all, ""),
        hook(own, "hosts = [\"localhost\"]"),
        hook(other, "hosts = [\"*.example.test\"]"),
    ];
    let Some(site) = Site::start(&hooks.concat(), "") else { return };
    site.lay("up.php", "<?php echo file_get_contents('php://input');");
    site.lay("no.php", "<?php http_response_code(422);");
    assert_eq!(upload(&site, "/up.php?a=1"), 200);
    for heard in [&to_all, &to_own] {
        wait_for("both events", || heard.lock().unwrap().len() == 2);
        assert_eq!(words(heard, "event"), ["created", "finished"]);
        assert_eq!(words(heard, "site"), ["localhost", "localhost"]);
        assert_eq!(words(heard, "path"), ["/up.php", "/up.php"]);
        let bodies: Vec<Value> = heard.lock().unwrap().drain(..).map(|(_, body)| body).collect();
        assert_eq!((&bodies[1]["size"], &bodies[1]["owner"]), (&6.into(), &"anyone".into()));
    }
    // What the application refused has not finished.
    assert_eq!(upload(&site, "/no.php"), 422);
    assert_eq!(upload(&site, "/up.php"), 200);
    wait_for("the events", || to_own.lock().unwrap().len() == 3);
    let told: BTreeSet<(String, String)> =
        words(&to_own, "event").into_iter().zip(words(&to_own, "path")).collect();
    let expected = [("created", "/no.php"), ("created", "/up.php"), ("finished", "/up.php")];
    assert_eq!(told, expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
    assert!(to_other.lock().unwrap().is_empty());
}

#[test]
fn a_reload_changes_who_is_told_and_events_of_removed_hooks_wait() {
    let away = listener();
    let gone = away.local_addr().unwrap();
    drop(away);
    let (kept, to_kept) = receiver(listener());
    let hook = |at: SocketAddr, more: &str| {
        format!("[[uploads.hook]]\nurl = \"http://{at}/\"\ntimeout_seconds = 2\n{more}\n")
    };
    let head = |hooks: &str| format!("workers = 1\n{hooks}");
    let live = Live::start(&head(&hook(gone, "on = [\"finished\"]")));
    let reload = |hooks: &str| {
        let before = live.workers(SlotState::Ready)[0].pid();
        let said = live.reload(&head(hooks));
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        // What the old worker still takes is told to whom it knows.
        wait_for("the new worker alone", || {
            let ready = live.workers(SlotState::Ready);
            let old = live.workers(SlotState::Draining);
            old.is_empty() && ready.len() == 1 && ready[0].pid() != before
        });
    };
    assert_eq!(put(live.plain, "/1", b"1").status, 201);
    wait_for("a failure", || count(&live, Counter::HooksRetried) >= 1);

    // Removed and added: what is told from now on is told to the new one alone.
    std::fs::write(live.path("one"), "one\n").unwrap();
    reload(&hook(kept, "secret = \"one\""));
    wait_for("what waits", || count(&live, Counter::HooksWaiting) == 1);
    assert_eq!(put(live.plain, "/2", b"2").status, 201);
    wait_for("the event", || words(&to_kept, "path") == ["/2"]);
    wait_for("its removal", || count(&live, Counter::HooksDelivered) == 1);
    wait_for("what waits for nobody", || count(&live, Counter::HooksWaiting) == 1);
    assert_eq!(count(&live, Counter::HooksRetried), 0, "and nobody tries");

    // Changed: its events are signed by another secret.
    let signature = |heard: &Heard| {
        let (head, _) = heard.lock().unwrap().last().unwrap().clone();
        let found = head.lines().find(|line| line.starts_with("x-hub-signature-256"));
        found.map(ToOwned::to_owned)
    };
    let before = signature(&to_kept).unwrap();
    std::fs::write(live.path("two"), "two\n").unwrap();
    reload(&hook(kept, "secret = \"two\"\npath = \"/in/\""));
    assert_eq!(put(live.plain, "/3", b"3").status, 201);
    assert_eq!(put(live.plain, "/in/4", b"4").status, 201);
    wait_for("the event", || words(&to_kept, "path") == ["/2", "/in/4"]);
    assert_ne!(signature(&to_kept).unwrap(), before);

    // There again: it hears of what waited, and of nothing that was not for it.
    let (_, to_gone) = receiver(TcpListener::bind(gone).unwrap());
    reload(&hook(gone, "on = [\"finished\"]"));
    wait_for("the event that waited", || words(&to_gone, "path") == ["/1"]);
    assert_eq!(put(live.plain, "/5", b"5").status, 201);
    wait_for("the next", || words(&to_gone, "path") == ["/1", "/5"]);
    assert_eq!(words(&to_kept, "path"), ["/2", "/in/4"]);
    wait_for("the gauge", || count(&live, Counter::HooksWaiting) == 0);
}

/// A receiver: writes down what it hears, unless it is down.
const HOOK: &str = r#"<?php
if (!isset($_SERVER['MENSHEN_HOOK'])) { http_response_code(404); exit; }
if (file_exists(__DIR__ . '/down')) { http_response_code(500); exit; }
$body = file_get_contents('php://input');
file_put_contents(__DIR__ . '/heard', json_encode([
  'hook' => $_SERVER['MENSHEN_HOOK'], 'method' => $_SERVER['REQUEST_METHOD'],
  'event' => $_SERVER['HTTP_MENSHEN_EVENT'], 'id' => $_SERVER['HTTP_MENSHEN_EVENT_ID'],
  'type' => $_SERVER['CONTENT_TYPE'], 'host' => $_SERVER['HTTP_HOST'],
  'signed' => hash_equals('sha256=' . hash_hmac('sha256', $body, 'open sesame'),
                          $_SERVER['HTTP_X_HUB_SIGNATURE_256'] ?? ''),
  'uri' => $_SERVER['REQUEST_URI'], 'body' => json_decode($body, true),
], JSON_UNESCAPED_SLASHES) . "\n", FILE_APPEND | LOCK_EX);
http_response_code(204);
"#;

#[test]
fn a_script_of_the_site_is_told_until_it_takes_the_event() {
    let Some(folder) = Site::folder() else { return };
    std::fs::write(folder.path().join("hook-secret"), "open sesame\n").unwrap();
    let tables = "[[uploads.hook]]\nphp = \"/hooks/told.php\"\nhosts = [\"localhost\"]\n\
                  secret = \"hook-secret\"\n[[site]]\nroot = \"public\"\nphp = \"managed\"\n\
                  [[site.rule]]\npath = \"/hooks/\"\nopen = false\n";
    site::lay_open(&folder.path().join("public/hooks"));
    let site = Site::start_in(folder, tables).unwrap();
    site.lay("up.php", "<?php echo 'yes';");
    site.lay(
        "see.php",
        "<?php echo json_encode([$_SERVER['MENSHEN_HOOK'] ?? null, \
             $_SERVER['MENSHEN_ASK'] ?? null, $_SERVER['HTTP_MENSHEN_HOOK'] ?? null]);",
    );
    let heard = || -> Vec<Value> {
        let text = std::fs::read_to_string(site.live.path("public/hooks/heard"));
        let text = text.unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    // The script is not there yet, then it fails: both are tried again, by whichever worker.
    assert_eq!(upload(&site, "/up.php?a=1"), 200);
    wait_for("a failure", || count(&site.live, Counter::HooksRetried) >= 1);
    site.wait_said(&["hook /hooks/told.php failed", "there is no such script"]);
    site.lay("hooks/down", "");
    site.lay("hooks/told.php", HOOK);
    wait_for("another failure", || count(&site.live, Counter::HooksRetried) >= 2);
    kill_worker(&site.live);
    assert_eq!(heard(), Vec::<Value>::new());
    assert_eq!(count(&site.live, Counter::HooksDelivered), 0);
    std::fs::remove_file(site.live.path("public/hooks/down")).unwrap();
    wait_for("both events", || heard().len() == 2);
    for (told, event) in heard().iter().zip(["created", "finished"]) {
        for key in ["hook", "event"] {
            assert_eq!(told[key], event, "{told}");
        }
        assert_eq!((&told["method"], &told["type"]), (&"POST".into(), &"application/json".into()));
        assert_eq!((&told["host"], &told["uri"]), (&"localhost".into(), &"/hooks/told.php".into()));
        assert_eq!(told["signed"], true, "{told}");
        assert_eq!((&told["body"]["event"], &told["body"]["id"]), (&event.into(), &told["id"]));
        assert_eq!(told["body"]["path"], "/up.php");
        assert_eq!(told["body"]["site"], "localhost");
    }
    wait_for("the gauge", || count(&site.live, Counter::HooksWaiting) == 0);

    // Nobody else gets there, or passes for the door.
    let forged = ["Menshen-Hook: finished", "Menshen-Ask: upload", "Menshen_Hook: finished"];
    assert_eq!(ask(site.live.plain, "POST", "/hooks/told.php", &forged, b"{}").status, 404);
    let seen = ask(site.live.plain, "POST", "/see.php", &forged, b"{}");
    assert_eq!(seen.text(), "[null,null,\"finished\"]");
    assert_eq!(heard().len(), 2);
}

#[test]
fn the_script_of_the_guide_is_told() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/hooks.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, section) = text.split_once("\n## A script of the site\n").unwrap();
    let block = |language: &str| {
        let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
        rest.split("```").next().unwrap().to_owned()
    };
    let Some(folder) = Site::folder() else { return };
    site::lay_open(&folder.path().join("public/hooks"));
    let settings = block("toml").replace("/srv/app/public", "public");
    let site = Site::start_in(folder, &settings.replace("app.example", "localhost")).unwrap();
    let script = format!("{}file_put_contents(__DIR__ . '/heard', $event['event']);", block("php"));
    site.lay("hooks/told.php", script);
    site.lay("up.php", "<?php echo 'yes';");
    assert_eq!(upload(&site, "/up.php"), 200);
    let heard = site.live.path("public/hooks/heard");
    wait_for("the event", || std::fs::read_to_string(&heard).is_ok_and(|text| text == "finished"));
    assert_eq!(ask(site.live.plain, "POST", "/hooks/told.php", &[], b"{}").status, 404);
}

#[test]
fn a_slow_script_is_given_up_and_tried_again() {
    let tables = "[[uploads.hook]]\nphp = \"/slow.php\"\nhosts = [\"localhost\"]\n\
                  on = [\"finished\"]\ntimeout_seconds = 1\n";
    let Some(site) = Site::start(tables, "") else { return };
    site.lay("up.php", "<?php echo 'yes';");
    site.lay(
        "slow.php",
        "<?php $n = (int) @file_get_contents(__DIR__ . '/n');\n\
         file_put_contents(__DIR__ . '/n', $n + 1);\nif ($n === 0) sleep(4);",
    );
    assert_eq!(upload(&site, "/up.php"), 200);
    wait_for("a try that took too long", || count(&site.live, Counter::HooksRetried) == 1);
    site.wait_said(&["hook /slow.php failed", "it did not answer in time"]);
    wait_for("the next", || count(&site.live, Counter::HooksDelivered) == 1);
    assert_eq!(std::fs::read_to_string(site.live.path("public/n")).unwrap(), "2");
}
