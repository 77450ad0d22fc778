//! The whole way with a small program: interrupted everywhere, with wrong bytes, failing.

use std::fs::{create_dir_all, read_to_string, write};
use std::io::Write;

use super::*;
use crate::recipe::Recipe;

const RECIPE: &str = r#"
name = "hello"
about = "says its version"
[here]
programs = ["hello"]
arguments = ["--version"]
version = "hello {version}"
[source]
version = "1.2"
url = "http://127.0.0.1:1/hello-{version}.tar"
folder = "hello-{version}"
needs = ["sh", "cp"]
program = "{prefix}/bin/hello"
[[source.step]]
name = "configure"
run = ["sh", "configure", "{prefix}", "{features}"]
[[source.step]]
name = "build"
run = ["sh", "build"]
[[source.step]]
name = "install"
run = ["sh", "install", "{stage}{prefix}"]
[[feature]]
name = "loud"
about = "says it loudly"
with = ["LOUD"]
without = ["QUIET"]
[feature.test]
run = ["{program}", "--loud"]
says = "LOUD"
"#;

const CONFIGURE: &str = "echo configured >> ../../marks\necho \"$2\" > mode\n[ \"$2\" ]\n";
const BUILD: &str = "echo built >> ../../marks\nif [ -e ../../fail ]; then\n\
    echo 'x.c:1:10: fatal error: zlib.h: No such file or directory'; exit 7\nfi\n\
    if [ -e ../../wait ]; then echo waiting; sleep 600; fi\n\
    printf '#!/bin/sh\\necho hello 1.2\\necho %s\\n' \"$(cat mode)\" > hello\nchmod 755 hello\n";
const INSTALL: &str =
    "echo installed >> ../../marks\nset -e\nmkdir -p \"$1/bin\"\ncp hello \"$1/bin\"\n";

struct Lab {
    all: tempfile::TempDir,
    order: Order,
}

impl Lab {
    fn new() -> Self {
        let all = tempfile::tempdir().unwrap();
        let archive = all.path().join("hello-1.2.tar");
        let mut tar = tar::Builder::new(File::create(&archive).unwrap());
        for (name, text) in [("configure", CONFIGURE), ("build", BUILD), ("install", INSTALL)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(u64::try_from(text.len()).unwrap());
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("hello-1.2/{name}"), text.as_bytes()).unwrap();
        }
        tar.finish().unwrap();
        let sum = sha256(File::open(&archive).unwrap()).unwrap();
        let recipe = Recipe::parse(RECIPE).unwrap();
        let order = Order {
            recipe: Loaded { recipe, text: RECIPE.to_owned(), file: None },
            version: "1.2".into(),
            prefix: all.path().canonicalize().unwrap().join("prefix"),
            base: all.path().join("work"),
            jobs: 1,
            features: vec!["loud".into()],
            archive: Place::File(archive),
            checksum: Checksum::Sha256(sum),
            signature: None,
            proxies: Proxies::default(),
        };
        Self { all, order }
    }

    fn install(&self, show: &mut dyn Show) -> Result<Installed, SourceError> {
        let stop = Stop::default();
        install(&self.order, show, &stop)
    }

    fn marks(&self) -> String {
        let marks = self.order.folder().join("marks");
        read_to_string(marks).unwrap_or_default().replace('\n', " ")
    }

    fn mark(&self, name: &str) -> PathBuf {
        create_dir_all(self.order.folder()).unwrap();
        std::fs::set_permissions(
            self.order.base.clone(),
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )
        .unwrap();
        let path = self.order.folder().join(name);
        write(&path, "").unwrap();
        path
    }
}

/// Wants to stop when a step begins, or when a line comes.
struct StopAt(&'static str, Stop);

impl Show for StopAt {
    fn event(&mut self, event: Event<'_>) {
        let here = match event {
            Event::Step { name, .. } => name == self.0,
            Event::Line(line) => line == self.0,
            _ => false,
        };
        if here {
            self.1.want();
        }
    }
}

#[test]
fn a_program_is_built_placed_and_checked() {
    let lab = Lab::new();
    let installed = lab.install(&mut ()).unwrap();
    assert_eq!(installed.program, lab.order.prefix.join("bin/hello"));
    assert_eq!(installed.manifest.files.len(), 1);
    assert_eq!(lab.marks(), "configured built installed ");
    let log = read_to_string(lab.order.folder().join("log.txt")).unwrap();
    assert!(log.contains("$ sh configure "), "{log}");
    // Once more: nothing is built again, and what is missing is placed again.
    std::fs::remove_file(&installed.program).unwrap();
    assert_eq!(lab.install(&mut ()).unwrap().resumed, 5);
    assert!(installed.program.exists());
    assert_eq!(lab.marks(), "configured built installed ");
    // Nothing but the work folder and the prefix came to be.
    let mut names: Vec<_> =
        lab.all.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["hello-1.2.tar", "prefix", "work"]);
}

#[test]
fn interrupted_at_each_step_it_goes_on() {
    let steps = Lab::new().order.steps();
    assert_eq!(
        steps,
        [
            "fetch",
            "checksum",
            "unpack",
            "run:configure",
            "run:build",
            "run:install",
            "place",
            "check"
        ]
    );
    for step in ["unpack", "run:configure", "run:build", "run:install", "place"] {
        let lab = Lab::new();
        let stop = Stop::default();
        let error = install(&lab.order, &mut StopAt(step, stop.clone()), &stop).unwrap_err();
        // A program that ends by itself before it is asked to has done its step.
        let at = steps.iter().position(|name| name == step).unwrap();
        let near = [Some(&steps[at]), steps.get(at + 1)];
        let SourceError::Stopped(name) = &error else { panic!("{step}: {error:?}") };
        assert!(near.contains(&Some(name)), "{step}: {name}");
        assert!(!lab.order.prefix.join("bin/hello").exists(), "{step}");
        let installed = lab.install(&mut ()).unwrap();
        assert!(installed.manifest.complete);
        let before = steps.iter().position(|name| name == step).unwrap();
        // The checksum is looked at each time.
        assert!(installed.resumed + 2 >= before, "{step}: {}", installed.resumed);
    }
}

#[test]
fn a_running_step_is_ended_and_done_again() {
    let lab = Lab::new();
    let wait = lab.mark("wait");
    let stop = Stop::default();
    let error = install(&lab.order, &mut StopAt("waiting", stop.clone()), &stop).unwrap_err();
    assert!(matches!(&error, SourceError::Stopped(at) if at == "run:build"), "{error:?}");
    std::fs::remove_file(wait).unwrap();
    assert_eq!(lab.install(&mut ()).unwrap().resumed, 3);
    assert_eq!(lab.marks(), "configured built built installed ");
}

#[test]
fn a_wrong_checksum_is_refused_before_unpacking() {
    let mut lab = Lab::new();
    lab.order.checksum = Checksum::Sha256("0".repeat(64));
    let error = lab.install(&mut ()).unwrap_err();
    let SourceError::Checksum { expected, found } = &error else { panic!("{error:?}") };
    assert_eq!((expected.len(), found.len()), (64, 64));
    assert!(!lab.order.folder().join("source").exists(), "nothing was unpacked");
    assert!(lab.marks().is_empty(), "nothing was run");
    assert!(!lab.order.prefix.exists());
    // Said to be no matter, it is shown loudly.
    struct Warned(bool);
    impl Show for Warned {
        fn event(&mut self, event: Event<'_>) {
            self.0 |= matches!(event, Event::Warning(text) if text.contains("not checked"));
        }
    }
    lab.order.checksum = Checksum::Anything;
    let mut warned = Warned(false);
    lab.install(&mut warned).unwrap();
    assert!(warned.0);
}

#[test]
fn a_changed_archive_is_refused_although_it_was_fetched() {
    let lab = Lab::new();
    let stop = Stop::default();
    install(&lab.order, &mut StopAt("unpack", stop.clone()), &stop).unwrap_err();
    let mut kept = File::options().append(true).open(lab.order.folder().join("archive")).unwrap();
    kept.write_all(b"more").unwrap();
    assert!(matches!(lab.install(&mut ()), Err(SourceError::Checksum { .. })));
    // It is taken anew then.
    lab.install(&mut ()).unwrap();
}

#[test]
fn the_first_failure_stops_and_its_log_is_kept() {
    let lab = Lab::new();
    let fail = lab.mark("fail");
    let error = lab.install(&mut ()).unwrap_err();
    let SourceError::Step { step, status } = &error else { panic!("{error:?}") };
    assert_eq!((step.as_str(), status.code()), ("run:build", Some(7)));
    let end = log_end(&lab.order.folder().join("log.txt"));
    let hint = crate::hint::hint(&end, Some(crate::manager::Manager::Apt), 2).unwrap();
    assert!(hint.contains("zlib1g-dev"), "{hint}");
    assert_eq!(lab.marks(), "configured built ");
    std::fs::remove_file(fail).unwrap();
    lab.install(&mut ()).unwrap();
    assert_eq!(lab.marks(), "configured built built installed ");
}

#[test]
fn what_does_not_work_is_said() {
    let mut lab = Lab::new();
    lab.order.features.clear();
    lab.install(&mut ()).unwrap();
    // The other order has another folder; its stage says QUIET, which is not what is wanted.
    let text = RECIPE.replace("with = [\"LOUD\"]", "with = [\"QUIET\"]");
    lab.order.recipe = Loaded { recipe: Recipe::parse(&text).unwrap(), text, file: None };
    lab.order.features.push("loud".into());
    let error = lab.install(&mut ()).unwrap_err();
    assert!(matches!(&error, SourceError::Check(why) if why.starts_with("loud: ")), "{error:?}");
    lab.order.recipe.recipe.source.as_mut().unwrap().needs.push("no-such-compiler".into());
    assert!(matches!(lab.install(&mut ()), Err(SourceError::Needs(list)) if list.len() == 1));
}

/// Keys of a moment, made by the host's gpg.
fn gpg(home: &Path, arguments: &[&str]) {
    let done = std::process::Command::new("gpg")
        .args(["--batch", "--quiet", "--yes", "--pinentry-mode", "loopback", "--passphrase", ""])
        .args(arguments)
        .env("GNUPGHOME", home)
        .output()
        .expect("gpg is needed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_signature_holds_or_nothing_is_unpacked() {
    let mut lab = Lab::new();
    let home = lab.all.path().join("keys");
    create_dir_all(&home).unwrap();
    std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let text = |path: &Path| path.display().to_string();
    let Place::File(archive) = lab.order.archive.clone() else { unreachable!() };
    let (keyring, other) = (home.join("trusted.gpg"), home.join("other.gpg"));
    for (user, ring) in [("one@test", &keyring), ("two@test", &other)] {
        gpg(&home, &["--quick-gen-key", user, "ed25519", "sign", "never"]);
        gpg(&home, &["--output", &text(ring), "--export", user]);
    }
    let signature = home.join("archive.sig");
    let sign = ["--local-user", "one@test", "--output", &text(&signature), "--detach-sign"];
    gpg(&home, &[&sign[..], &[&text(&archive)]].concat());
    let order = |keyring: &Path| SignatureOrder {
        place: Place::File(signature.clone()),
        keyring: keyring.to_owned(),
        of: Signed::Archive,
    };
    lab.order.signature = Some(order(&other));
    assert!(matches!(lab.install(&mut ()), Err(SourceError::Signature(SignatureError::Bad(_)))));
    assert!(!lab.order.folder().join("source").exists());
    lab.order.signature = Some(order(&keyring));
    lab.install(&mut ()).unwrap();
    // The tar within, as git's are signed.
    let packed = lab.all.path().join("hello.tar.gz");
    let mut gzip =
        flate2::write::GzEncoder::new(File::create(&packed).unwrap(), flate2::Compression::fast());
    gzip.write_all(&std::fs::read(&archive).unwrap()).unwrap();
    gzip.finish().unwrap();
    let packed = File::open(packed).unwrap();
    signature::check(&packed, &signature, &keyring, Signed::Tar).unwrap();
    assert!(signature::check(&packed, &signature, &keyring, Signed::Archive).is_err());
    let _ = std::process::Command::new("gpgconf")
        .args(["--kill", "gpg-agent"])
        .env("GNUPGHOME", &home)
        .status();
}

#[test]
fn root_builds_for_no_prefix_below_a_folder_of_somebody_else() {
    let mut lab = Lab::new();
    let open = lab.all.path().join("open");
    create_dir_all(&open).unwrap();
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    lab.order.prefix = open.canonicalize().unwrap().join("prefix");
    let result = lab.install(&mut ());
    if rustix::process::geteuid().is_root() {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("open can be written by others"), "{error}");
        assert_eq!(lab.marks(), "");
        assert!(!lab.order.prefix.exists());
    } else {
        result.unwrap();
    }
}

const TRACED: &str = "MENSHEN_INSTALL_TRACED";

/// What is asked of the kernel, in order, seen by strace: this test again, in a process of its own.
#[test]
fn what_is_stamped_is_on_the_disk_before_its_stamp() {
    if std::env::var_os(TRACED).is_some() {
        Lab::new().install(&mut ()).unwrap();
        return;
    }
    let Some(strace) = crate::host::find("strace") else {
        assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "strace is needed");
        eprintln!("SKIPPED: no strace");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let seen = place.path().join("seen");
    let calls = "trace=syncfs,rename,renameat,renameat2";
    let run = std::process::Command::new(strace)
        .args(["-f", "-s", "4096", "-e", calls, "-o"])
        .arg(&seen)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "source::tests::what_is_stamped_is_on_the_disk_before_its_stamp"])
        .env(TRACED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    if said.contains("not permitted") {
        eprintln!("SKIPPED: {said}");
        return;
    }
    assert!(run.status.success(), "{said}");
    let seen = read_to_string(seen).unwrap();
    let (mut flushed, mut stamps, mut complete) = (false, 0, false);
    for line in seen.lines() {
        if line.contains("syncfs(") {
            assert!(line.ends_with("= 0"), "{line}");
            flushed = true;
        } else if line.contains("/state.json\"") {
            assert!(std::mem::take(&mut flushed), "a stamp before its step: {seen}");
            stamps += 1;
        } else if line.contains("/hello.json\"") {
            // The last of them is the one that says that all is there.
            complete = std::mem::take(&mut flushed);
        } else if line.contains("rename") {
            flushed = false;
        }
    }
    assert_eq!(stamps, 5, "fetch, unpack and three steps: {seen}");
    assert!(complete, "{seen}");
}
