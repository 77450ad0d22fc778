//! Tests of `shelf`: what is on it, in which order, and that nothing broken empties it.

use std::fs::{self, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;

use menshen_sys::BulletinReader;
use menshen_tls::dev_ca;
use tempfile::TempDir;

use super::*;
use crate::keeper::store::StoredPair;

/// A configuration in a folder of its own, with a store.
struct Room {
    folder: TempDir,
    config: Config,
    store: Store,
}

fn room(text: &str) -> Room {
    let folder = tempfile::tempdir().unwrap();
    let mut config = menshen_config::parse(text).config.unwrap();
    menshen_config::paths::resolve(&mut config, folder.path());
    let store = Store::new(&config.state);
    Room { folder, config, store }
}

impl Room {
    fn put(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    fn read(&self, before: Option<&Contents>) -> Contents {
        Contents::read(&self.config, &self.store, before, unix_now()).unwrap()
    }

    fn certificates(&self) -> Certificates {
        Certificates::create(self.read(None), Instant::now()).unwrap()
    }
}

/// A certificate for `name` with its key; each time another one.
fn made(name: &str) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let made = dev_ca::ensure(folder.path(), &[name.to_owned()], unix_now()).unwrap();
    (made.chain_pem, made.key_pem)
}

fn origins(contents: &Contents) -> Vec<PairOrigin> {
    contents.pairs.iter().map(|held| held.pair.origin).collect()
}

fn codes(contents: &Contents) -> Vec<&'static str> {
    contents.findings.iter().map(|finding| finding.code).collect()
}

/// What workers read.
fn posted(certificates: &Certificates) -> (u64, Vec<ShelfPair>) {
    let fd = certificates.shelf().try_clone_to_owned().unwrap();
    let (version, text) = BulletinReader::new(fd).read().unwrap();
    (version, serde_json::from_slice::<Shelf>(&text).unwrap().pairs)
}

const GIVEN: &str = "[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n";

#[test]
fn the_order_is_given_found_kept_development() {
    use PairOrigin::{Acme, Development, Found, Given};
    let text =
        format!("{GIVEN}from = [\"from\"]\nacme = [\"k.test\", \"l.test\", \"192.0.2.1\"]\n");
    let mut room = room(&text);
    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    let (certificate, key) = made("b.test");
    room.put("from/all.pem", &(certificate + &key));
    let (certificate_pem, key_pem) = made("k.test");
    room.store.put_pair("k.test", StoredPair { certificate_pem, key_pem }).unwrap();
    let contents = room.read(None);
    assert_eq!(origins(&contents), [Given, Found, Acme, Development]);
    assert_eq!(contents.missing, ["l.test", "192.0.2.1"]);
    assert_eq!(codes(&contents), [""; 0]);
    let names = &contents.development.as_ref().unwrap().names;
    for name in ["localhost", "k.test", "l.test"] {
        assert!(names.iter().any(|other| other == name), "{names:?}");
    }
    assert!(names.iter().all(|name| name != "192.0.2.1"));
    let first: Vec<&str> = contents.names().take(1).collect();
    assert_eq!(first, ["a.test"]);
}

#[test]
fn what_was_installed_is_found_and_its_folder_watched_before_it_is_there() {
    let room = room("");
    let before = room.read(None);
    let installed = room.config.state.join("installed");
    assert!(before.watched.contains(&installed), "{:?}", before.watched);
    assert_eq!(origins(&before), [PairOrigin::Development]);
    let (certificate, key) = made("a.test");
    menshen_tls::order::install(&room.config.state, "a.test", &certificate, &key).unwrap();
    let after = room.read(Some(&before));
    assert_eq!(origins(&after), [PairOrigin::Found]);
    assert_eq!(codes(&after), [""; 0]);
}

#[test]
fn without_a_keeper_a_good_certificate_needs_no_development_one() {
    let room = room(GIVEN);
    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    assert_eq!(origins(&room.read(None)), [PairOrigin::Given]);
    assert!(!room.config.state.exists(), "nothing was made");
}

#[test]
fn a_broken_given_pair_stops_nothing_and_the_last_good_one_stays() {
    let room = room(GIVEN);
    let contents = room.read(None);
    assert_eq!(origins(&contents), [PairOrigin::Development]);
    assert_eq!(codes(&contents), ["certificate-unusable"]);
    assert!(contents.findings[0].claim.contains("no such file"), "{:?}", contents.findings);

    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    let good = room.read(None);
    let (_, other_key) = made("a.test");
    for broken in ["", "-----BEGIN PRIVATE KEY-----\n", &other_key] {
        room.put("k.pem", broken);
        let contents = room.read(Some(&good));
        assert_eq!(contents.pairs[0].pair, good.pairs[0].pair, "{broken}");
        assert_eq!(codes(&contents), ["certificate-unusable"]);
        assert_eq!(contents.findings[0].severity, menshen_base::Severity::Error);
        assert!(!format!("{contents:?}").contains(key.lines().nth(1).unwrap()));
    }
    fs::remove_file(room.folder.path().join("k.pem")).unwrap();
    let fifo = room.folder.path().join("k.pem");
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, Mode::RUSR, 0).unwrap();
    let contents = room.read(Some(&good));
    assert_eq!(contents.pairs[0].pair, good.pairs[0].pair, "a FIFO holds nobody up");
    assert_eq!(codes(&contents), ["certificate-unusable"]);
    // Another path is another certificate.
    let mut other = room.config.clone();
    other.tls.certificate = Some(room.folder.path().join("d.pem"));
    let contents = Contents::read(&other, &room.store, Some(&good), unix_now()).unwrap();
    assert_eq!(origins(&contents), [PairOrigin::Development]);
}

#[test]
fn a_found_pair_stays_while_its_file_is_broken_and_goes_with_it() {
    let room = room("[tls]\nfrom = [\"from\"]\n");
    let (certificate, key) = made("a.test");
    room.put("from/all.pem", &format!("{certificate}{key}"));
    let good = room.read(None);
    assert_eq!(origins(&good), [PairOrigin::Found]);
    room.put("from/all.pem", &certificate[..certificate.len() - 30]);
    let contents = room.read(Some(&good));
    assert_eq!(contents.pairs[0].pair, good.pairs[0].pair);
    assert!(codes(&contents).contains(&"certificate-file-damaged"), "{:?}", codes(&contents));
    let (certificate, key) = made("a.test");
    room.put("from/new.pem", &(certificate + &key));
    let contents = room.read(Some(&good));
    assert_eq!(contents.pairs.len(), 1, "the new one is for the same names");
    assert_ne!(contents.pairs[0].pair, good.pairs[0].pair);
    fs::remove_dir_all(room.folder.path().join("from")).unwrap();
    assert_eq!(origins(&room.read(Some(&good))), [PairOrigin::Development]);
}

#[test]
fn only_an_empty_shelf_is_an_error() {
    let room = room(GIVEN);
    // No folder for an authority of our own.
    room.put(".menshen", "in the way");
    let error = Contents::read(&room.config, &room.store, None, unix_now()).unwrap_err();
    assert!(matches!(error, GuardError::Tls(_)), "{error}");
    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    assert_eq!(origins(&room.read(None)), [PairOrigin::Given]);
}

#[test]
fn what_changes_is_posted_and_what_does_not_is_not() {
    let room = room(GIVEN);
    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    let mut certificates = room.certificates();
    let (version, pairs) = posted(&certificates);
    assert_eq!((version, pairs.len()), (certificates.version(), 1));
    certificates.refresh(&room.config, &room.store);
    assert_eq!(certificates.version(), version);
    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    certificates.refresh(&room.config, &room.store);
    let (newer, pairs) = posted(&certificates);
    assert!(newer > version && pairs[0].certificate_pem == certificate);
    // A broken file later changes nothing of what is posted.
    room.put("c.pem", "nonsense");
    certificates.refresh(&room.config, &room.store);
    assert_eq!(certificates.version(), newer);
    assert_eq!(codes(certificates.current()), ["certificate-unusable"]);
}

#[test]
fn a_reload_offers_both_and_keeps_one() {
    let mut room = room(GIVEN);
    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    let mut certificates = room.certificates();
    let (_, before) = posted(&certificates);
    room.config.tls.certificate = None;
    room.config.tls.key = None;
    let next = room.read(Some(certificates.current()));
    certificates.offer(&next);
    let (_, both) = posted(&certificates);
    assert_eq!(both.len(), 2);
    assert_eq!((both[0].origin, &both[1]), (PairOrigin::Development, &before[0]));
    certificates.withdraw();
    assert_eq!(posted(&certificates).1, before);
    certificates.offer(&next);
    certificates.take(next);
    assert_eq!(posted(&certificates).1, both[..1]);
}

#[test]
fn files_are_looked_at_every_few_seconds() {
    let room = room(GIVEN);
    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    let mut certificates = room.certificates();
    let start = certificates.look_at;
    let later = |seconds| start + Duration::from_secs(seconds);
    assert!(!certificates.is_due(start - Duration::from_millis(1)));
    assert!(certificates.is_due(start), "new files may have been read too early");
    assert_eq!(certificates.deadline(), later(2));
    assert!(!certificates.is_due(later(2)));
    room.put("c.pem", "x");
    assert!(!certificates.is_due(later(4)));
    assert!(certificates.is_due(later(6)));
    assert!(certificates.is_due(later(100_000)), "a day passed");
}

#[test]
fn workers_cannot_post() {
    let room = room("");
    let certificates = room.certificates();
    let written = rustix::io::pwrite(certificates.shelf(), b"x", 0);
    assert_eq!(written, Err(rustix::io::Errno::BADF));
    assert!(certificates.bulletin.as_fd().as_raw_fd() != certificates.shelf().as_raw_fd());
}

#[test]
fn a_keeper_that_gives_too_much_takes_nobody_s_place() {
    let names: Vec<String> = (0..80).map(|number| format!("\"n{number}.test\"")).collect();
    let mut room = room(&format!("{GIVEN}acme = [{}]\n", names.join(", ")));
    let (certificate, key) = made("a.test");
    room.put("c.pem", &certificate);
    room.put("k.pem", &key);
    for name in &names {
        // Control characters: six bytes each on the shelf.
        let certificate_pem = name.clone() + &"\u{1}".repeat(256 << 10);
        let key_pem = "-----BEGIN KEY".to_owned();
        let pair = StoredPair { certificate_pem, key_pem };
        room.store.put_pair(name.trim_matches('"'), pair).unwrap();
    }
    let certificates = room.certificates();
    let (_, pairs) = posted(&certificates);
    let count = |origin| pairs.iter().filter(|pair| pair.origin == origin).count();
    assert_eq!((count(PairOrigin::Given), count(PairOrigin::Development)), (1, 1));
    assert_eq!(count(PairOrigin::Acme), 10, "16 MiB of 1.5 MiB each");
}
