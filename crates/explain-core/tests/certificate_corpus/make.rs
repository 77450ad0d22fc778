//! Makes the corpus: every class and trap as a certificate file, from fixed keys, dates and serial
//! numbers. RSA signatures of PKCS #1 are deterministic, so a second run writes the same bytes.
//!
//! Run by `cargo test -p menshen-explain-core --test certificate_corpus -- --ignored make_corpus`.
//! What rcgen cannot make (SHA-1) is made by the `openssl` program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber, SubjectPublicKeyInfo, date_time_ymd,
};

mod cases;

/// Where the corpus is.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// A leaf to be made: an ordinary, faultless DV certificate until something is changed.
#[derive(Clone)]
struct Leaf {
    name: &'static str,
    subject: Vec<(&'static [u64], &'static str)>,
    names: Vec<&'static str>,
    /// subjectAltName as raw DER instead of `names`.
    raw_names: Option<Vec<u8>>,
    policies: Vec<&'static [u64]>,
    start: (i32, u8, u8),
    seconds: u64,
    usages: &'static [&'static [u64]],
    key: &'static str,
    issuer_info: bool,
    crl: bool,
    logs: &'static [&'static str],
    forge: bool,
    is_ca: bool,
    extra: Vec<CustomExtension>,
    signer: &'static str,
}

/// Makes everything.
pub(crate) fn all() {
    let root = authority("root", "Menshen Test Root", None, (2015, 1, 1), 25 * 365, "root");
    let intermediate = authority(
        "intermediate",
        "Menshen Test CA 1",
        Some("root"),
        (2018, 1, 1),
        5000,
        "intermediate",
    );
    authority("other-root", "Another Root", None, (2020, 1, 1), 20 * 365, "other");
    authority("cross-expired", "Menshen Test Root", Some("other"), (2020, 1, 1), 2000, "root");
    // Same name and key as the intermediate, but over since long.
    authority(
        "intermediate-expired",
        "Menshen Test CA 1",
        Some("root"),
        (2020, 1, 1),
        1000,
        "intermediate",
    );
    drop((root, intermediate));
    for leaf in cases::leaves() {
        write(leaf.name, &leaf.make());
    }
    sha1();
}

impl Leaf {
    fn make(&self) -> Vec<u8> {
        let bare = self.signed(None);
        if self.logs.is_empty() {
            return bare;
        }
        let entry = precertificate_entry(&bare, &spki(self.signer));
        let start = self.parameters(None).not_before.unix_timestamp();
        let timestamp_ms = u64::try_from(start).unwrap() * 1000 + 3_600_000;
        let mut list = Vec::new();
        for (index, log) in self.logs.iter().enumerate() {
            let mut one = timestamp(log, timestamp_ms, &entry);
            if self.forge && index == 1 {
                *one.last_mut().unwrap() ^= 1;
            }
            list.extend(u16::try_from(one.len()).unwrap().to_be_bytes());
            list.extend(one);
        }
        let mut whole = u16::try_from(list.len()).unwrap().to_be_bytes().to_vec();
        whole.extend(list);
        self.signed(Some(extension(SCT_LIST, &tagged(4, &whole))))
    }

    fn signed(&self, timestamps: Option<CustomExtension>) -> Vec<u8> {
        let parameters = self.parameters(timestamps);
        if self.signer == "self" {
            let key = key(self.key.trim_end_matches(".pem"));
            return parameters.self_signed(&key).unwrap().der().to_vec();
        }
        let public = public(self.key);
        let name = if self.signer == "root" { "Menshen Test Root" } else { "Menshen Test CA 1" };
        let issuer = Issuer::new(authority_parameters(name), key(self.signer));
        parameters.signed_by(&public, &issuer).unwrap().der().to_vec()
    }

    fn parameters(&self, timestamps: Option<CustomExtension>) -> CertificateParams {
        let mut all = CertificateParams::default();
        all.not_before = date_time_ymd(self.start.0, self.start.1, self.start.2);
        all.not_after = all.not_before + Duration::from_secs(self.seconds - 1);
        all.serial_number = Some(serial(self.name));
        all.distinguished_name = subject(&self.subject);
        if self.raw_names.is_none() {
            all.subject_alt_names = self.names.iter().map(|name| san(name)).collect();
        }
        all.is_ca =
            if self.is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        all.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        all.use_authority_key_identifier_extension = self.signer != "self";
        let mut extensions = Vec::new();
        if !self.usages.is_empty() {
            let list: Vec<Vec<u8>> = self.usages.iter().map(|usage| oid(usage)).collect();
            extensions.push(extension(&[2, 5, 29, 37], &sequence(&list)));
        }
        if let Some(names) = &self.raw_names {
            extensions.push(extension(&[2, 5, 29, 17], names));
        }
        if !self.policies.is_empty() {
            let list: Vec<Vec<u8>> =
                self.policies.iter().map(|policy| sequence(&[oid(policy)])).collect();
            extensions.push(extension(&[2, 5, 29, 32], &sequence(&list)));
        }
        if self.issuer_info {
            let place = tagged(0x86, b"http://ca.example/ca1.der");
            let access = sequence(&[oid(&[1, 3, 6, 1, 5, 5, 7, 48, 2]), place]);
            extensions.push(extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], &sequence(&[access])));
        }
        if self.crl {
            let name = tagged(0xa0, &tagged(0x86, b"http://ca.example/ca1.crl"));
            let point = sequence(&[tagged(0xa0, &name)]);
            extensions.push(extension(&[2, 5, 29, 31], &sequence(&[point])));
        }
        extensions.extend(self.extra.iter().cloned());
        extensions.extend(timestamps);
        all.custom_extensions = extensions;
        all
    }
}

/// Makes the certificate of a CA: its name, who signs (None: itself), and whose key it has.
fn authority(
    file: &str,
    name: &'static str,
    signer: Option<&str>,
    start: (i32, u8, u8),
    days: u64,
    own_key: &str,
) -> Vec<u8> {
    let mut all = authority_parameters(name);
    all.not_before = date_time_ymd(start.0, start.1, start.2);
    all.not_after = all.not_before + Duration::from_secs(days * DAY - 1);
    all.serial_number = Some(serial(file));
    let own_key = key(own_key);
    let der = match signer {
        None => all.self_signed(&own_key).unwrap().der().to_vec(),
        Some(signer) => {
            let name = if signer == "root" { "Menshen Test Root" } else { "Another Root" };
            let issuer = Issuer::new(authority_parameters(name), key(signer));
            all.use_authority_key_identifier_extension = true;
            all.custom_extensions
                .push(extension(&[2, 5, 29, 32], &sequence(&[sequence(&[oid(ANY_POLICY)])])));
            all.signed_by(&own_key, &issuer).unwrap().der().to_vec()
        }
    };
    write(file, &der);
    der
}

fn authority_parameters(name: &'static str) -> CertificateParams {
    let mut all = CertificateParams::default();
    all.distinguished_name = subject(&[(C, "DE"), (O, "Menshen Tests"), (CN, name)]);
    all.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    all.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    all
}

/// rcgen signs with SHA-1 never; the `openssl` program still does.
fn sha1() {
    let folder = folder();
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").current_dir(&folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let scratch = std::env::temp_dir().join(format!("menshen-corpus-{}", std::process::id()));
    let scratch = scratch.to_str().unwrap();
    std::fs::write(
        format!("{scratch}.cnf"),
        "[x]\nsubjectAltName=DNS:example.com\nextendedKeyUsage=serverAuth\n\
         certificatePolicies=2.23.140.1.2.1\ncrlDistributionPoints=URI:http://ca.example/ca1.crl\n\
         authorityInfoAccess=caIssuers;URI:http://ca.example/ca1.der\n\
         authorityKeyIdentifier=keyid\nkeyUsage=critical,digitalSignature\n",
    )
    .unwrap();
    let request = format!("{scratch}.csr");
    let settings = format!("{scratch}.cnf");
    run(&["req", "-new", "-key", "keys/leaf.pem", "-subj", "/CN=example.com", "-out", &request]);
    // `openssl ca` is the one command of OpenSSL 3.0 that takes both ends of the validity.
    std::fs::write(format!("{scratch}.idx"), "").unwrap();
    std::fs::write(format!("{scratch}.srl"), "5A11").unwrap();
    let database = format!(
        "[ca]\ndefault_ca=c\n[c]\ndatabase={scratch}.idx\nserial={scratch}.srl\nnew_certs_dir={}\n\
         policy=p\n[p]\ncommonName=supplied\n",
        std::env::temp_dir().to_str().unwrap()
    );
    std::fs::write(format!("{scratch}.ca"), database).unwrap();
    run(&[
        "ca",
        "-batch",
        "-notext",
        "-config",
        &format!("{scratch}.ca"),
        "-md",
        "sha1",
        "-startdate",
        "20261001000000Z",
        "-enddate",
        "20261229235959Z",
        "-cert",
        "intermediate.pem",
        "-keyfile",
        "keys/intermediate.pem",
        "-in",
        &request,
        "-extfile",
        &settings,
        "-extensions",
        "x",
        "-out",
        "sha1.pem",
    ]);
}

fn write(name: &str, der: &[u8]) {
    let text = rcgen_pem(der);
    std::fs::write(folder().join(format!("{name}.pem")), text).unwrap();
}

fn rcgen_pem(der: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut letters = String::new();
    for three in der.chunks(3) {
        let number = three.iter().fold(0u32, |sum, octet| (sum << 8) | u32::from(*octet));
        let number = number << (8 * (3 - three.len()));
        for place in 0..4 {
            let index = usize::try_from((number >> (18 - 6 * place)) & 63).unwrap();
            letters.push(if place <= three.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    let lines: Vec<&str> =
        letters.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// RFC 6962 §3.2: entry type, issuer key hash and the TBSCertificate without the list.
fn precertificate_entry(der: &[u8], issuer_spki: &[u8]) -> Vec<u8> {
    use x509_parser::prelude::FromDer;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(der).unwrap();
    let tbs = parsed.tbs_certificate.as_ref();
    let mut entry = vec![0, 1];
    entry.extend(digest::digest(&digest::SHA256, issuer_spki).as_ref());
    entry.extend(&u32::try_from(tbs.len()).unwrap().to_be_bytes()[1..]);
    entry.extend(tbs);
    entry
}

fn timestamp(log: &str, timestamp_ms: u64, entry: &[u8]) -> Vec<u8> {
    let mut message = vec![0, 0];
    message.extend(timestamp_ms.to_be_bytes());
    message.extend(entry);
    message.extend([0, 0]);
    let der = key(log).serialize_der();
    let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature).unwrap();
    let mut one = vec![0];
    one.extend(digest::digest(&digest::SHA256, &spki(log)).as_ref());
    one.extend(timestamp_ms.to_be_bytes());
    one.extend([0, 0, 4, 1]);
    one.extend(u16::try_from(signature.len()).unwrap().to_be_bytes());
    one.extend(signature);
    one
}

/// The private key in `keys/NAME.pem`.
fn key(name: &str) -> KeyPair {
    let text = std::fs::read_to_string(folder().join(format!("keys/{name}.pem"))).unwrap();
    KeyPair::from_pem(&text).unwrap()
}

/// The SubjectPublicKeyInfo of a key of ours.
pub(crate) fn spki(name: &str) -> Vec<u8> {
    use rcgen::PublicKeyData;
    key(name).subject_public_key_info()
}

fn public(file: &str) -> SubjectPublicKeyInfo {
    let text = std::fs::read_to_string(folder().join("keys").join(file)).unwrap();
    let public = if text.contains("PRIVATE") {
        KeyPair::from_pem(&text).unwrap().public_key_pem()
    } else {
        text
    };
    SubjectPublicKeyInfo::from_pem(&public).unwrap()
}

fn serial(name: &str) -> SerialNumber {
    let digest = digest::digest(&digest::SHA256, name.as_bytes());
    let mut octets = digest.as_ref()[..16].to_vec();
    octets[0] = (octets[0] & 0x7f) | 0x40;
    SerialNumber::from_slice(&octets)
}

fn subject(attributes: &[(&'static [u64], &'static str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (oid, value) in attributes {
        name.push(DnType::from_oid(oid), *value);
    }
    name
}

fn san(name: &str) -> SanType {
    match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => SanType::DnsName(name.try_into().unwrap()),
    }
}

fn extension(oid: &[u64], content: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(oid, content.to_vec())
}

fn dns(name: &[u8]) -> Vec<u8> {
    tagged(0x82, name)
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    match content.len() {
        0..0x80 => out.push(length[1]),
        0x80..0x100 => out.extend([0x81, length[1]]),
        _ => out.extend([0x82, length[0], length[1]]),
    }
    out.extend(content);
    out
}

fn oid(parts: &[u64]) -> Vec<u8> {
    let mut content = Vec::new();
    let first = [parts[0] * 40 + parts[1]];
    for part in first.iter().chain(&parts[2..]) {
        let mut groups = vec![u8::try_from(part & 127).unwrap()];
        let mut rest = part >> 7;
        while rest > 0 {
            groups.push(u8::try_from(rest & 127).unwrap() | 128);
            rest >>= 7;
        }
        content.extend(groups.iter().rev());
    }
    tagged(6, &content)
}

const DAY: u64 = 86_400;
const CN: &[u64] = &[2, 5, 4, 3];
const C: &[u64] = &[2, 5, 4, 6];
const O: &[u64] = &[2, 5, 4, 10];
const ANY_POLICY: &[u64] = &[2, 5, 29, 32, 0];
const SCT_LIST: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
