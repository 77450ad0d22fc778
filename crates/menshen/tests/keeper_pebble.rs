//! The real keeper against Debian's pebble: every way to prove a name, what an authority can do to
//! it, and renewals. The test plays guard and workers.

use crate::support::{keeping, pebble, peers, renewal};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keeping::{Keeper, Pair, Shop, spec};
use menshen_config::AcmeChallenge;
use menshen_config::keeper::{Challenges, KeepState, Secret};
use pebble::{Pebble, Settings};
use renewal::Renewal;

fn settings(shop: &Shop) -> Settings {
    Settings {
        http_port: shop.http.port(),
        tls_port: shop.https.port(),
        refused_nonces: 30,
        life_seconds: None,
        binding: None,
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Names of a certificate, after making sure that it is usable now with its key.
fn names(pair: &Pair) -> Vec<String> {
    let loaded = menshen_tls::load_pair(pair.0.as_bytes(), pair.1.as_bytes(), now()).unwrap();
    assert_eq!(loaded.findings, []);
    loaded.names
}

#[test]
fn tls_alpn_and_http_prove_a_name_and_the_new_certificate_is_seen_served() {
    for way in [AcmeChallenge::TlsAlpn01, AcmeChallenge::Http01] {
        let shop = Shop::open();
        let Some(pebble) = Pebble::start(Settings { refused_nonces: 50, ..settings(&shop) }) else {
            return;
        };
        let mut spec = spec(&pebble, &shop, &["one.example.com"]);
        spec.challenges = vec![way];
        spec.directories[0].profile = Some("shortlived".to_owned());
        let mut keeper = Keeper::start(spec, &shop);
        keeper.until("saw it served", |keeper| {
            keeper.note(0).is_some_and(|note| note.served == Some(true))
        });
        assert_eq!(names(keeper.pair(0).unwrap()), ["one.example.com"]);
        let note = keeper.note(0).unwrap();
        assert_eq!((note.state, note.failures, &note.error), (KeepState::Kept, 0, &None));
        assert_eq!(note.directory, Some(pebble.url()));
        assert!(note.issuer.as_ref().unwrap().contains("Pebble"), "{note:?}");
        assert!(note.remark.as_ref().unwrap().contains("shortlived"), "{note:?}");
        let life = note.not_after_unix.unwrap() - note.not_before_unix.unwrap();
        let renew = note.renew_unix.unwrap() - note.not_before_unix.unwrap();
        assert!((life * 6 / 10..=life * 2 / 3).contains(&renew));
        assert!(keeper.notes.iter().any(|(_, note)| note.state == KeepState::Ordering));
        assert_eq!(keeper.challenges(), Challenges::default());
        assert_eq!(keeper.accounts.len(), 1);
        assert!(keeper.turn_away().success());
    }
}

#[test]
fn a_wildcard_is_proved_by_the_hook_beside_its_parent() {
    let shop = Shop::open();
    let Some(pebble) = Pebble::start(settings(&shop)) else { return };
    let mut spec = spec(&pebble, &shop, &["*.example.com", "example.com"]);
    spec.challenges = vec![AcmeChallenge::Dns01];
    spec.dns_hook = Some(pebble.hook());
    spec.dns_secret = Some(Secret("open sesame\n".to_owned()));
    let mut keeper = Keeper::start(spec, &shop);
    keeper.until("got both", |keeper| keeper.count(0) == 1 && keeper.count(1) == 1);
    assert_eq!(names(keeper.pair(0).unwrap()), ["*.example.com"]);
    assert_eq!(names(keeper.pair(1).unwrap()), ["example.com"]);
    let calls = pebble.hook_calls();
    let (verbs, records): (Vec<_>, Vec<_>) =
        calls.iter().map(|call| call.split_once(' ').unwrap()).unzip();
    // They share a record, so they took turns.
    assert_eq!(verbs, ["set", "remove", "set", "remove"]);
    assert_eq!((records[0], records[2]), (records[1], records[3]));
    assert!(records.iter().all(|record| record.starts_with("_acme-challenge.example.com ")));
}

#[test]
fn a_failing_hook_is_told_and_delays_only_its_name() {
    let shop = Shop::open();
    let Some(pebble) = Pebble::start(settings(&shop)) else { return };
    let mut spec = spec(&pebble, &shop, &["*.example.com", "good.example.com"]);
    spec.challenges.push(AcmeChallenge::Dns01);
    spec.dns_hook = Some(pebble.hook());
    spec.dns_secret = Some(Secret("wrong".to_owned()));
    let mut keeper = Keeper::start(spec, &shop);
    keeper.until("got one and failed at the other", |keeper| {
        keeper.count(1) == 1 && keeper.note(0).is_some_and(|note| note.failures == 1)
    });
    let note = keeper.note(0).unwrap();
    assert_eq!(note.state, KeepState::Failing);
    assert!(note.error.as_ref().unwrap().starts_with("the DNS hook ended with exit status: 1"));
}

#[test]
fn an_account_may_need_a_binding_and_is_used_again() {
    let shop = Shop::open();
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let binding = Some(("kid-1".to_owned(), key.to_owned()));
    let Some(pebble) = Pebble::start(Settings { binding, ..settings(&shop) }) else { return };
    let mut keeper = Keeper::start(spec(&pebble, &shop, &["one.example.com"]), &shop);
    keeper.until("failed", |keeper| keeper.note(0).is_some_and(|note| note.failures == 1));
    let error = keeper.note(0).unwrap().error.clone().unwrap();
    assert!(error.starts_with("externalAccountRequired: "), "{error}");
    assert!(keeper.accounts.is_empty());
    assert!(keeper.terminate().success());

    let mut bound = spec(&pebble, &shop, &["one.example.com"]);
    bound.directories[0].binding = Some(("kid-1".to_owned(), Secret(key.to_owned())));
    let mut keeper = Keeper::start(bound, &shop);
    keeper.until("got one", |keeper| keeper.count(0) == 1);
    let account = keeper.accounts[0].1.clone();
    drop(keeper);

    // Without the binding no new account could be made, so this one is the old one.
    let mut known = spec(&pebble, &shop, &["two.example.com"]);
    known.directories[0].account = Some(Secret(account));
    let mut keeper = Keeper::start(known, &shop);
    keeper.until("got another", |keeper| keeper.count(0) == 1);
    assert!(keeper.accounts.is_empty());
}

#[test]
fn a_refused_proof_is_told_in_the_authoritys_words_and_the_next_way_has_its_turn() {
    let shop = Shop::open();
    let Some(pebble) = Pebble::start(settings(&shop)) else { return };
    shop.mislead("bad.example.com");
    let mut spec = spec(&pebble, &shop, &["bad.example.com", "good.example.com"]);
    spec.challenges = vec![AcmeChallenge::Http01, AcmeChallenge::Dns01];
    spec.dns_hook = Some(pebble.hook());
    spec.dns_secret = Some(Secret("open sesame".to_owned()));
    // One that is about to end, so that the second try comes soon.
    spec.orders[0].chain_pem = Some(ending_soon("bad.example.com"));
    let mut keeper = Keeper::start(spec, &shop);
    keeper.until("failed", |keeper| keeper.note(0).is_some_and(|note| note.failures == 1));
    let note = keeper.note(0).unwrap().clone();
    assert_eq!(note.state, KeepState::Failing);
    let error = note.error.unwrap();
    assert!(error.starts_with("unauthorized: ") || error.contains("something else"), "{error}");
    assert!(note.next_unix.unwrap() > note.tried_unix.unwrap());
    keeper.until("got the other", |keeper| keeper.count(1) == 1);
    keeper.until("tried dns-01", |keeper| keeper.count(0) == 1);
    let note = keeper.note(0).unwrap();
    assert_eq!((note.failures, &note.error), (0, &None));
    assert_eq!(keeper.challenges(), Challenges::default());
}

#[test]
fn an_authority_that_is_down_and_comes_back_without_memory() {
    let shop = Shop::open();
    let Some(mut pebble) = Pebble::start(settings(&shop)) else { return };
    let mut keeper = Keeper::start(spec(&pebble, &shop, &["one.example.com"]), &shop);
    keeper.until("got one", |keeper| keeper.count(0) == 1);
    let account = keeper.accounts[0].1.clone();
    drop(keeper);
    pebble.stop();

    let mut again = spec(&pebble, &shop, &["one.example.com"]);
    again.orders[0].chain_pem = Some(ending_soon("one.example.com"));
    again.directories[0].account = Some(Secret(account.clone()));
    let mut keeper = Keeper::start(again, &shop);
    keeper.until("failed", |keeper| keeper.note(0).is_some_and(|note| note.failures >= 1));
    let note = keeper.note(0).unwrap();
    let error = note.error.as_ref().unwrap();
    assert!(error.starts_with("the authority could not be reached: "), "{error}");
    assert!(error.contains("refused"), "{error}");
    pebble.begin();
    keeper.until("got another", |keeper| keeper.count(0) == 1);
    // pebble forgot the account, so there had to be a new one.
    assert_eq!(keeper.accounts.len(), 1);
    assert_ne!(keeper.accounts[0].1, account);
    assert_eq!(keeper.note(0).unwrap().failures, 0);
}

#[test]
fn the_next_authority_has_its_turn() {
    let shop = Shop::open();
    let Some(pebble) = Pebble::start(settings(&shop)) else { return };
    let mut spec = spec(&pebble, &shop, &["one.example.com"]);
    let down = format!("https://localhost:{}/dir", peers::free_address().port());
    spec.directories.insert(
        0,
        menshen_config::keeper::DirectorySpec {
            url: down,
            roots_pem: None,
            profile: None,
            binding: None,
            account: None,
        },
    );
    spec.orders[0].chain_pem = Some(ending_soon("one.example.com"));
    let mut keeper = Keeper::start(spec, &shop);
    keeper.until("got one", |keeper| keeper.count(0) == 1);
    keeper.until("noted it", |keeper| keeper.note(0).unwrap().failures == 0);
    assert_eq!(keeper.note(0).unwrap().directory, Some(pebble.url()));
    assert_eq!(keeper.accounts[0].0, 1);
}

#[test]
fn short_certificates_are_renewed_before_they_end() {
    let shop = Shop::open();
    let life = Settings { life_seconds: Some(15), ..settings(&shop) };
    let Some(pebble) = Pebble::start(life) else { return };
    let mut keeper = Keeper::start(spec(&pebble, &shop, &["one.example.com"]), &shop);
    keeper.until("got the third", |keeper| {
        if let Some(note) = keeper.note(0)
            && let Some(end) = note.not_after_unix
        {
            assert!(now() <= end, "there was a gap");
        }
        keeper.count(0) == 3
    });
    let mut ends: Vec<_> =
        keeper.notes.iter().filter_map(|(_, note)| note.not_after_unix).collect();
    ends.dedup();
    for pair in ends.windows(2) {
        assert!(pair[1] - pair[0] >= 8, "renewed too early: {ends:?}");
    }
    let keys: Vec<_> = keeper.pairs.iter().map(|(_, pair)| &pair.1).collect();
    assert!(keys[0] != keys[1] && keys[1] != keys[2], "a key was used twice");
}

#[test]
fn a_window_that_is_over_renews_at_once_and_only_once() {
    let shop = Shop::open();
    let Some(pebble) = Pebble::start(settings(&shop)) else { return };
    let renewal = Renewal::start(&pebble);
    let mut spec = spec(&pebble, &shop, &["one.example.com"]);
    spec.directories[0].url = renewal.url();
    let mut keeper = Keeper::start(spec, &shop);
    keeper.until("renewed", |keeper| keeper.count(0) == 2);
    keeper.until("knew the next window", |keeper| {
        keeper.note(0).is_some_and(|note| note.window_unix == Some((3_786_912_000, 3_786_998_400)))
    });
    let note = keeper.note(0).unwrap();
    assert_eq!(note.window_explanation.as_deref(), Some("https://a.example/why"));
    // The window lies behind the end of the certificate, which is not waited for.
    let (begin, end) = (note.not_before_unix.unwrap(), note.not_after_unix.unwrap());
    assert!((note.renew_unix.unwrap() - (begin + (end - begin) / 6 * 5)).abs() < 10);
    let asked = renewal.asked();
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0], asked[1]);
    std::thread::sleep(Duration::from_secs(2));
    keeper.until("rested", |_| true);
    assert_eq!(keeper.count(0), 2);
}

#[test]
fn it_ends_in_the_middle_of_an_order_and_takes_its_answers_down() {
    let shop = Shop::open();
    let Some(mut pebble) = Pebble::start(settings(&shop)) else { return };
    let spec = || {
        let mut spec = spec(&pebble, &shop, &["*.example.com", "one.example.com"]);
        spec.challenges.push(AcmeChallenge::Dns01);
        spec.dns_hook = Some(pebble.hook());
        spec.dns_secret = Some(Secret("open sesame".to_owned()));
        spec.dns_wait_seconds = 600;
        spec
    };
    let mut keeper = Keeper::start(spec(), &shop);
    keeper.until("waited for DNS", |_| pebble.hook_calls().len() == 1);
    keeper.until("got the other", |keeper| keeper.count(1) == 1);
    assert!(keeper.terminate().success());
    let calls = pebble.hook_calls();
    assert_eq!(calls.len(), 2);
    assert!(calls[1].starts_with("remove "));
    let mut keeper = Keeper::start(spec(), &shop);
    keeper.until("posted an answer", |keeper| keeper.challenges() != Challenges::default());
    pebble.stop();
    assert!(keeper.turn_away().success());
    assert_eq!(keeper.challenges(), Challenges::default());
}

/// A certificate that ends in half a minute: what fails is tried again every few seconds.
fn ending_soon(name: &str) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let moment = |ago: i64| {
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs((now() - ago).unsigned_abs())
    };
    params.not_before = moment(270);
    params.not_after = moment(-30);
    params.self_signed(&key).unwrap().pem()
}
