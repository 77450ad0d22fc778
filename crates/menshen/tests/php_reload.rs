//! A reload while PHP is busy: uploads on their way, slow pages, slow readers; the same pool, one
//! with other settings, another site. Nobody loses anything.

use crate::support::{live, peers, site, wire};

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use live::wait_for;
use menshen_sys::SlotState;
use rustix::process::{Signal, kill_process};
use site::{BOTH, FORM_TYPE, Form, Proto, Site, told};
use wire::{Wire, pattern, request};

#[test]
fn no_request_is_lost_in_reloads_of_any_kind() {
    let Some(site) = Site::start(&children(4), "") else { return };
    site.lay("sum.php", SUM);
    site.lay("slow.php", "<?php usleep(300000); echo 'slow';");
    site.lay("setting.php", "<?php echo ini_get('precision');");
    let files = [pattern(100_000), pattern(700)];
    let form = Form::new().file("a", "a", &files[0]).file("b", "b", &files[1]).end();
    let want = format!("{} {} 100000 700", digest(&files[0]), digest(&files[1]));
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let going = || !stop.load(Ordering::Relaxed);
    let count = || done.fetch_add(1, Ordering::Relaxed);
    scope(|scope| {
        for number in 0..3 {
            let (site, form, want, going, count) = (&site, &form, &want, &going, &count);
            scope.spawn(move || {
                while going() {
                    let told = slow_upload(site, form, Duration::from_millis(60 + 20 * number));
                    assert_eq!(told.said(), (200, want.clone()), "{}", site.live.log());
                    count();
                }
            });
        }
        for proto in BOTH {
            let (site, form, want, going, count) = (&site, &form, &want, &going, &count);
            scope.spawn(move || {
                while going() {
                    let told = site.ask(proto, "GET", "/slow.php", &[], b"");
                    assert_eq!(told.said(), (200, "slow".into()), "{proto:?} {}", site.live.log());
                    let told = site.post(proto, "/sum.php", form);
                    assert_eq!(told.said(), (200, want.clone()), "{proto:?}");
                    count();
                }
            });
        }
        // A panic elsewhere must not leave the loops running.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let site_tables = "[[site]]\nroot = \"public\"\nphp = \"managed\"\n";
            let steps = [
                (children(4), "", "14"),
                (format!("{}settings = {{ precision = \"5\" }}\n", children(4)), "", "5"),
                (format!("{}settings = {{ precision = \"7\" }}\n", children(3)), "", "7"),
                (children(4), "headers = { X-New = \"yes\" }\n", "14"),
            ];
            for (php, more, precision) in steps {
                let before = done.load(Ordering::Relaxed);
                site.reload(&format!("{php}{site_tables}{more}"));
                // The old worker may still take a connection that came before it was told.
                wait_for("the new pool", || site.get("/setting.php").text() == precision);
                wait_for("requests after the reload", || done.load(Ordering::Relaxed) > before + 4);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        result.unwrap();
    });
    assert!(done.load(Ordering::Relaxed) >= 20);
    assert_eq!(site.get("/setting.php").field("x-new"), Some("yes"));
    wait_for("the old workers to end", || site.live.workers(SlotState::Draining).is_empty());
    // Old pools have ended with their workers.
    wait_for("one pool", || site.masters().len() == 1);
    site.wait_clean("after the reloads");
}

#[test]
fn an_upgrade_leaves_the_pool_alone_and_its_requests() {
    let Some(site) = Site::start(&children(3), "") else { return };
    site.lay("sum.php", SUM);
    site.lay("long.php", "<?php sleep(2); echo 'long';");
    site.lay("page.php", "<?php echo 'page';");
    let masters = site.masters();
    let content = pattern(400_000);
    let form = Form::new().file("a", "a", &content).file("b", "b", "x").end();
    let want = format!("{} {} 400000 1", digest(&content), digest(b"x"));
    let bytes = request("POST", "/sum.php", &[FORM_TYPE, "Connection: close"], &form);
    let mut upload = Wire::open(site.live.plain);
    upload.send(&bytes[..bytes.len() / 2]);
    let long = scope(|scope| {
        let long = scope.spawn(|| site.ask(Proto::H2, "GET", "/long.php", &[], b""));
        wait_for("the upload in the spool", || !site.spooled().is_empty());
        sleep(Duration::from_millis(300));
        for round in 0..2 {
            let output = site.live.run(&["upgrade"]);
            assert!(output.status.success(), "{round}: {output:?} {}", site.live.log());
            assert_eq!(site.get("/page.php").said(), (200, "page".into()), "{round}");
        }
        long.join().unwrap()
    });
    assert_eq!(long.said(), (200, "long".into()));
    upload.send(&bytes[bytes.len() / 2..]);
    assert_eq!(told("POST", &upload.rest()).said(), (200, want), "{}", site.live.log());
    wait_for("the old workers to end", || site.live.workers(SlotState::Draining).is_empty());
    assert_eq!(site.masters(), masters, "the same php-fpm: {}", site.live.log());
    // The guard of today looks after it: one that dies is started again.
    kill_process(masters[0], Signal::KILL).unwrap();
    wait_for("another master", || site.masters().first().is_some_and(|pid| *pid != masters[0]));
    wait_for("an answer", || site.get("/page.php").said() == (200, "page".into()));
    site.wait_clean("after the upgrades");
}

#[test]
fn what_began_before_a_reload_is_finished_after_it() {
    let Some(site) = Site::start(&children(2), "") else { return };
    site.lay("sum.php", SUM);
    site.lay(
        "large.php",
        "<?php while (ob_get_level()) ob_end_clean(); readfile(__DIR__ . '/big');",
    );
    site.lay("long.php", "<?php sleep(2); echo ini_get('precision');");
    site.lay("page.php", "<?php echo ini_get('precision');");
    let big = pattern(24 << 20);
    site.lay("big", &big);
    let content = pattern(400_000);
    let form = Form::new().file("a", "a", &content).file("b", "b", "x").end();
    let want = format!("{} {} 400000 1", digest(&content), digest(b"x"));
    let bytes = request("POST", "/sum.php", &[FORM_TYPE, "Connection: close"], &form);
    let mut upload = Wire::open(site.live.plain);
    upload.send(&bytes[..bytes.len() / 2]);
    let mut download = Wire::open(site.live.plain);
    download.send(request("GET", "/large.php", &["Connection: close"], b""));
    let long = scope(|scope| {
        let long = scope.spawn(|| site.ask(Proto::H2, "GET", "/long.php", &[], b""));
        wait_for("the upload in the spool", || !site.spooled().is_empty());
        sleep(Duration::from_millis(300));
        let settings = "settings = { precision = \"6\" }\n";
        site.reload(&format!(
            "{}{settings}[[site]]\nroot = \"public\"\nphp = \"managed\"\n",
            children(2)
        ));
        wait_for("the new pool", || site.get("/page.php").text() == "6");
        long.join().unwrap()
    });
    // Each by the pool it began with.
    assert_eq!(long.said(), (200, "14".into()));
    upload.send(&bytes[bytes.len() / 2..]);
    assert_eq!(told("POST", &upload.rest()).said(), (200, want), "{}", site.live.log());
    let got = told("GET", &download.rest());
    assert!(got.whole && got.body == big, "{} bytes of the download", got.body.len());
    wait_for("the old worker to end", || site.live.workers(SlotState::Draining).is_empty());
    wait_for("the old pool to end", || site.masters().len() == 1);
    site.wait_clean("after the reload");
}

#[test]
fn workers_with_several_pools_end_by_themselves() {
    let Some(folder) = Site::folder() else { return };
    let tables = format!(
        "[[site]]\nroot = \"public\"\nphp = \"managed\"\n\
         [[site]]\nhosts = [\"tcp.test\"]\nroot = \"public\"\nphp = \"{}\"\n",
        peers::free_address(),
    );
    let Some(mut site) = Site::start_in(folder, &tables) else { return };
    site.lay("page.php", "<?php echo 'page';");
    assert_eq!(site.get("/page.php").said(), (200, "page".into()));
    site.reload(&format!("{}{tables}", children(3)));
    wait_for("the old workers to end", || site.live.workers(SlotState::Draining).is_empty());
    site.live.signal(Signal::TERM);
    assert!(site.live.ended(Duration::from_secs(15)).success());
    let log = site.live.log();
    assert!(!log.contains("was killed") && !log.contains("fatal"), "{log}");
}

/// Sends a form in ten pieces with pauses.
fn slow_upload(site: &Site, form: &[u8], pause: Duration) -> site::Told {
    let mut wire = Wire::open(site.live.plain);
    let bytes = request("POST", "/sum.php", &[FORM_TYPE, "Connection: close"], form);
    for piece in bytes.chunks(bytes.len() / 10 + 1) {
        wire.send(piece);
        sleep(pause);
    }
    told("POST", &wire.rest())
}

fn children(number: u32) -> String {
    format!("[php]\nchildren = {number}\n")
}

/// CRC-32 as PHP's `crc32b` writes it.
fn digest(bytes: &[u8]) -> String {
    let crc = bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    });
    format!("{:08x}", !crc)
}

const SUM: &str = "<?php ['a' => $a, 'b' => $b] = $_FILES;
    echo hash_file('crc32b', $a['tmp_name']), ' ', hash_file('crc32b', $b['tmp_name']),
    \" $a[size] $b[size]\";";
