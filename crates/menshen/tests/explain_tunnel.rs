//! `menshen explain tunnel --pcap` as a command: captures of every kind, standard input, what
//! cannot be read, pictures, exit codes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn captures(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../explain-core/tests/captures");
    Path::new(folder).join(format!("{name}.pcap"))
}

fn explain(arguments: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_menshen"))
        .args(["explain", "tunnel"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that does not read its input has closed it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

/// Exit code and codes of the verdicts.
fn verdicts(arguments: &[&str], stdin: &[u8]) -> (i32, Vec<String>, Value) {
    let output = explain(&[arguments, &["--json"]].concat(), stdin);
    assert_eq!(text(&output.stderr), "");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let code = |call: &Value| call["verdict"]["finding"]["code"].as_str().unwrap().to_owned();
    let codes = json["calls"].as_array().unwrap().iter().map(code).collect();
    (output.status.code().unwrap(), codes, json)
}

#[test]
fn the_verdict_is_told_and_is_the_exit_code() {
    let path = captures("silent.client").display().to_string();
    let (code, codes, json) = verdicts(&["--pcap", &path], b"");
    assert_eq!((code, codes), (1, vec!["tunnel-gre-lost".to_owned()]));
    assert_eq!(json["good"], false);
    assert_eq!(json["findings"], serde_json::json!([]));
    let output = explain(&["--pcap", &path], b"");
    let told = text(&output.stdout);
    assert!(told.contains("error: GRE goes out and none comes back"), "{told}");
    assert!(told.contains("menshen tunnel connect sstp://USER@HOST"), "{told}");
    assert!(!told.contains('\u{1b}'), "no colours into a pipe");
    let works = captures("works").display().to_string();
    assert_eq!(verdicts(&["--pcap", &works], b"").0, 0);
}

/// Passwords and encryption, as pppd refused them.
#[test]
fn what_ppp_refused_is_told_from_a_capture() {
    let refused = captures("refused").display().to_string();
    let (code, codes, _) = verdicts(&["--pcap", &refused], b"");
    let expected = ["auth-refused", "mppe-strength", "mppe-refused", "no-common-auth"];
    assert_eq!(code, 1);
    assert_eq!(codes, expected.map(|code| format!("tunnel-{code}")));
    let host = captures("host").display().to_string();
    assert_eq!(
        verdicts(&["--pcap", &host], b"").1,
        ["tunnel-no-common-auth", "tunnel-mppe-no-key"]
    );
}

#[test]
fn standard_input_is_a_capture_too_and_one_that_is_cut_off_is_told_as_far_as_it_goes() {
    let octets = std::fs::read(captures("rejectgre.client")).unwrap();
    let whole = verdicts(&["--pcap", "-"], &octets);
    assert_eq!((whole.0, &*whole.1), (1, &["tunnel-gre-rejected".to_owned()][..]));
    let (_, codes, json) = verdicts(&["--pcap", "-"], &octets[..octets.len() - 7]);
    assert_eq!(codes, ["tunnel-gre-rejected"]);
    assert_eq!(json["findings"][0]["code"], "capture-cut-off");
    let mut damaged = octets.clone();
    damaged.extend([0xff; 64]);
    let (_, codes, json) = verdicts(&["--pcap", "-"], &damaged);
    assert_eq!(codes, ["tunnel-gre-rejected"]);
    assert_eq!(json["findings"][0]["code"], "capture-damaged", "{json:#}");
    // A header and nothing else.
    let (code, codes, _) = verdicts(&["--pcap", "-"], &octets[..24]);
    assert_eq!((code, codes.len()), (1, 0));
}

#[test]
fn what_is_no_capture_or_not_there_is_usage() {
    for stdin in [&b""[..], b"\x1f\x8b\x08\x00gzip", b"PK\x03\x04\x05\x06\x07\x08"] {
        let output = explain(&["--pcap", "-"], stdin);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains("is no capture") && told.contains("hint:"), "{told}");
    }
    let output = explain(&["--pcap", "/no/such\u{1b}[31m/file"], b"");
    assert_eq!(output.status.code(), Some(2));
    let told = text(&output.stderr);
    assert!(told.contains("could not read") && !told.contains('\u{1b}'), "{told}");
    assert_eq!(explain(&["--pcap", "/"], b"").status.code(), Some(2), "a folder");
    assert_eq!(explain(&[], b"").status.code(), Some(2));
    assert_eq!(explain(&["host", "--pcap", "x"], b"").status.code(), Some(2));
    assert_eq!(explain(&["not a host"], b"").status.code(), Some(2));
    let output = explain(&["no-such-host.invalid"], b"");
    assert_eq!(output.status.code(), Some(111), "{}", text(&output.stderr));
}

#[test]
fn the_picture_goes_to_a_file_or_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("call.svg").display().to_string();
    let path = captures("silent.client").display().to_string();
    let output = explain(&["--pcap", &path, "--svg", &file], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("tunnel-gre-lost"), "the text is told beside it");
    let drawn = std::fs::read_to_string(&file).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("It stops here."), "{drawn}");
    let output = explain(&["--pcap", &path, "--svg", "-"], b"");
    assert_eq!(text(&output.stdout), drawn);
    assert_eq!(explain(&["--pcap", &path, "--svg", "-", "--json"], b"").status.code(), Some(2));
}

/// Root reads no stranger's bytes: a capture that nobody else may read is opened before.
#[test]
fn root_opens_and_nobody_reads() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret.pcap");
    std::fs::copy(captures("works"), &file).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let output = explain(&["--pcap", &file.display().to_string()], b"");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
