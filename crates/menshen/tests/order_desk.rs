//! The order desk: a request is made, a test's authority signs it, what comes back is installed,
//! and the running door serves it by itself.

use crate::support::{acme_door, authority, live};

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use acme_door::{pids, read_as_nobody, shown, visit, visitor};
use authority::{Authority, join};
use live::{Live, wait_for};
use menshen_sys::scoreboard::HeaderWord;
use serde_json::Value;

/// What a command answers in JSON, with its exit code.
fn answer(live: &Live, arguments: &[&str]) -> (i32, Value) {
    let output = live.run(arguments);
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code().unwrap(), answer)
}

fn request(live: &Live, names: &[&str]) -> (PathBuf, PathBuf) {
    let mut arguments = vec!["cert", "request", "--json", "--class", "ov"];
    arguments.extend(["--organization", "Test House", "--country", "DE", "--locality", "Berlin"]);
    names.iter().for_each(|name| arguments.extend(["--name", name]));
    let (code, answer) = answer(live, &arguments);
    assert_eq!(code, 0, "{answer:#}");
    let path = |field: &str| live.folder.path().join(answer[field].as_str().unwrap());
    assert!(answer["request_pem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE REQUEST"));
    (path("key"), path("request"))
}

/// Signs a request: `FILE.pem`.
fn sign(authority: &Authority, request: &Path, file: &str, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|name| format!("DNS:{name}")).collect();
    std::fs::copy(request, authority.path(&format!("{file}.csr"))).unwrap();
    authority.write(
        &format!("{file}.ext"),
        &format!(
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
             extendedKeyUsage=serverAuth\nsubjectKeyIdentifier=hash\n\
             authorityKeyIdentifier=keyid\ncertificatePolicies=2.23.140.1.2.2\n\
             subjectAltName={}\n",
            names.join(",")
        ),
    );
    authority.openssl(&format!(
        "ca -batch -notext -config ca.cnf -in {file}.csr -extfile {file}.ext -days 30 \
         -preserveDN -out {file}.pem"
    ));
}

fn codes(answer: &Value) -> Vec<&str> {
    let findings = answer["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

#[test]
fn what_an_authority_sends_back_is_checked_installed_and_served() {
    let live = Live::start("workers = 2");
    let authority = Authority::new();
    let (before, workers) = (live.header(HeaderWord::Generation), pids(&live));
    let (key, csr) = request(&live, &["shop.test", "www.shop.test"]);
    assert_eq!(std::fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    sign(&authority, &csr, "shop", &["shop.test", "www.shop.test"]);
    let folder = authority.folder.path();
    let file = |name: &str| authority.path(name).to_str().unwrap().to_owned();
    let (leaf, roots) = (file("shop.pem"), file("root.pem"));
    let install = |arguments: &[&str]| {
        answer(&live, &[&["cert", "install", "--json", "--roots", &roots], arguments].concat())
    };
    let nothing_installed = || !live.path(".menshen/installed").exists() && key.exists();

    // The intermediate is missing: named, and nothing is served that phones would refuse.
    let (code, said) = install(&[&leaf]);
    assert_eq!((code, codes(&said)), (2, vec!["install-intermediate-missing"]), "{said:#}");
    let claim = said["findings"][0]["subject"].as_str().unwrap();
    assert!(claim.contains("Test Intermediate"), "{said:#}");
    assert!(said["installed"].is_null() && nothing_installed());

    // A key of somebody else.
    authority.openssl("ecparam -name prime256v1 -genkey -noout -out other.key");
    let other = file("other.key");
    join(folder, "whole.pem", &["root.pem", "middle.pem", "shop.pem"]);
    let whole = file("whole.pem");
    let (code, said) = install(&[&whole, "--key", &other]);
    assert_eq!((code, codes(&said)), (2, vec!["install-key-mismatch"]), "{said:#}");
    assert!(nothing_installed());

    // In the wrong order with the root: fine, but only looked at.
    let (code, said) = install(&[&whole, "--dry-run"]);
    assert_eq!((code, &said["installed"]), (0, &Value::Null), "{said:#}");
    assert_eq!(codes(&said), ["install-root-left-out", "install-reordered"]);
    assert!(nothing_installed());

    // Meanwhile the door serves what it had.
    let client = visitor(&authority.text("root.pem"));
    let https = live.https.unwrap();
    visit(&client, https, "shop.test").unwrap_err();

    let (code, said) = install(&[&whole]);
    assert_eq!((code, &said["names"][1]), (0, &"www.shop.test".into()), "{said:#}");
    assert_eq!(said["chain"].as_array().unwrap().len(), 2);
    let installed = live.folder.path().join(said["installed"].as_str().unwrap());
    assert!(!key.exists(), "the key lies beside its chain now");
    only_its_owner_reads(&live, &installed);
    wait_for("the installed certificate", || {
        (0..8).all(|_| visit(&client, https, "www.shop.test").is_ok())
    });
    let first = shown(&visit(&client, https, "shop.test").unwrap());
    assert_eq!((live.header(HeaderWord::Generation), pids(&live)), (before, workers));
    assert!(live.log().contains("certificate served: shop.test"), "{}", live.log());
    // One name was forgotten by the authority, and the next one takes the place all the same.
    let (_, csr) = request(&live, &["shop.test", "www.shop.test"]);
    sign(&authority, &csr, "next", &["shop.test"]);
    let (code, said) = install(&[&file("next.pem"), &file("middle.pem")]);
    assert_eq!((code, codes(&said)), (1, vec!["install-names-lost"]), "{said:#}");
    wait_for("the next certificate", || {
        (0..8).all(|_| visit(&client, https, "shop.test").is_ok_and(|visit| shown(&visit) != first))
    });
    let connect = format!("--connect={https}");
    let (code, said) = answer(
        &live,
        &[
            "explain",
            "cert",
            "--json",
            "--offline",
            "--site",
            "shop.test",
            "--roots",
            &roots,
            &connect,
        ],
    );
    assert_eq!(said["site"]["same"], true, "{said:#}");
    assert_eq!((said["class"].as_str(), code < 2), (Some("ov"), true), "{said:#}");
}

fn only_its_owner_reads(live: &Live, path: &Path) {
    let meta = std::fs::metadata(path).unwrap();
    assert_eq!(meta.mode() & 0o777, 0o600);
    if rustix::process::geteuid().is_root() {
        let open = PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(live.folder.path(), open).unwrap();
        assert_eq!((read_as_nobody(path), meta.uid()), (None, 0));
    }
}
