//! The leaves of the corpus: what each one is, by what differs from a faultless DV certificate.

use super::{C, CN, DAY, Leaf, O, SCT_LIST, dns, extension, oid, sequence, tagged};

/// Type and value in a name.
type Attribute = (&'static [u64], &'static str);

pub(crate) fn leaves() -> Vec<Leaf> {
    let mut all = classes();
    all.extend(names());
    all.extend(lifetimes());
    all.extend(keys_and_extensions());
    all
}

fn base(name: &'static str) -> Leaf {
    Leaf {
        name,
        subject: vec![(CN, "example.com")],
        names: vec!["example.com", "www.example.com"],
        raw_names: None,
        policies: vec![DV],
        start: (2026, 10, 1),
        seconds: 90 * DAY,
        usages: &[SERVER_AUTH],
        key: "leaf.pem",
        issuer_info: true,
        crl: true,
        logs: &["log-a", "log-b"],
        forge: false,
        is_ca: false,
        extra: Vec::new(),
        signer: "intermediate",
    }
}

fn classes() -> Vec<Leaf> {
    let ov =
        vec![(C, "DE"), (ST, "Bayern"), (L, "München"), (O, "Beispiel GmbH"), (CN, "example.com")];
    let iv = vec![(C, "DE"), (L, "Bonn"), (SN, "Muster"), (GIVEN, "Erika"), (CN, "example.com")];
    let ev = vec![
        (BUSINESS, "Private Organization"),
        (JURISDICTION_C, "DE"),
        (SERIAL, "HRB 12345"),
        (C, "DE"),
        (L, "Bonn"),
        (O, "Beispiel AG"),
        (CN, "example.com"),
    ];
    let named = |mut leaf: Leaf, names: &[&'static str]| {
        leaf.names = names.to_vec();
        leaf.subject.retain(|(oid, _)| *oid != CN);
        leaf
    };
    let old = |mut leaf: Leaf| {
        leaf.start = (2022, 1, 10);
        leaf.seconds = 398 * DAY;
        leaf.logs = &["log-a", "log-b", "log-c"];
        leaf
    };
    let mut all = vec![
        own(base("dv"), &[(CN, "example.com")], &[DV]),
        own(base("dv-empty-subject"), &[], &[DV]),
        own(base("dv-with-organisation"), &ov, &[DV]),
        own(base("ov"), &ov, &[OV]),
        own(
            base("ov-without-place"),
            &[(C, "DE"), (O, "Beispiel GmbH"), (CN, "example.com")],
            &[OV],
        ),
        own(base("iv"), &iv, &[IV]),
        own(base("ev"), &ev, &[EV]),
        own(base("ev-without-shape"), &[(CN, "example.com")], &[EV]),
        named(own(base("ev-wildcard"), &ev, &[EV]), &["*.example.com"]),
        named(own(base("ev-onion-wildcard"), &ev, &[EV]), &[ONION]),
        named(own(base("ev-address"), &ev, &[EV]), &["example.com", "8.8.8.8"]),
        own(base("two-policies"), &[(CN, "example.com")], &[DV, OV]),
        own(base("two-policies-ev"), &ev, &[EV, DV]),
        own(old(base("ev-legacy")), &ev, &[EV_DIGICERT]),
        own(old(base("ov-old-own-policy")), &ov, &[PRIVATE_POLICY]),
        own(old(base("dv-old-own-policy")), &[(CN, "example.com")], &[PRIVATE_POLICY]),
    ];
    all.extend(odd_classes(&ov, &ev));
    all
}

/// A leaf with this subject and these policies.
fn own(mut leaf: Leaf, subject: &[Attribute], policies: &[&'static [u64]]) -> Leaf {
    leaf.subject = subject.to_vec();
    leaf.policies = policies.to_vec();
    leaf
}

fn odd_classes(ov: &[Attribute], ev: &[Attribute]) -> Vec<Leaf> {
    let mut all = Vec::new();
    let mut organisational_unit = own(base("ov-with-unit"), ov, &[OV]);
    organisational_unit.subject.push((OU, "Web"));
    all.push(organisational_unit);
    let mut qwac = own(base("ev-qwac"), ev, &[EV, QEVCP_W]);
    // QcCompliance; QcType web.
    let web = sequence(&[oid(&[0, 4, 0, 1862, 1, 6, 3])]);
    let statements =
        [sequence(&[oid(&[0, 4, 0, 1862, 1, 1])]), sequence(&[oid(&[0, 4, 0, 1862, 1, 6]), web])];
    qwac.extra.push(extension(&[1, 3, 6, 1, 5, 5, 7, 1, 3], &sequence(&statements)));
    all.push(qwac);
    let mut private = own(base("private-no-policy"), ov, &[]);
    private.logs = &[];
    private.issuer_info = false;
    private.crl = false;
    private.names = vec!["intranet.lan", "10.0.0.7"];
    private.subject.retain(|(oid, _)| *oid != CN);
    all.push(private);
    let mut public_without = own(base("public-no-policy"), &[(CN, "example.com")], &[]);
    public_without.start = (2026, 10, 2);
    all.push(public_without);
    for (name, policies, subject) in [
        ("self-signed", vec![], vec![(CN, "example.com")]),
        ("self-signed-ev", vec![EV], ev.to_vec()),
    ] {
        let mut own_key = own(base(name), &subject, &policies);
        own_key.signer = "self";
        own_key.key = "other.pem";
        own_key.logs = &[];
        own_key.issuer_info = false;
        own_key.crl = false;
        all.push(own_key);
    }
    all
}

fn names() -> Vec<Leaf> {
    let named = |name, common_name: Option<&'static str>, names: &[&'static str]| {
        let mut leaf = base(name);
        leaf.subject = common_name.map(|name| vec![(CN, name)]).unwrap_or_default();
        leaf.names = names.to_vec();
        leaf
    };
    let mut all = vec![
        named("wildcard", None, &["*.example.com", "example.com"]),
        named("wildcard-only", None, &["*.example.com"]),
        named("wildcard-public-suffix", None, &["*.co.uk"]),
        named("wildcard-partial", None, &["w*.example.com"]),
        named("wildcard-inside", None, &["www.*.example.com"]),
        named("www-only", None, &["www.example.com"]),
        named("bare-only", None, &["example.com"]),
        named("multi", None, &["example.com", "example.org", "*.example.net"]),
        named("address", None, &["8.8.8.8", "2606:4700:4700::1111"]),
        named("address-in-cn", Some("8.8.8.8"), &["example.com"]),
        named("address-as-name", None, &["example.com", "8.8.8.8"]),
        named("cn-not-in-san", Some("example.org"), &["example.com"]),
        named("cn-without-san", Some("example.com"), &[]),
        named("trailing-dot", None, &["example.com."]),
        named("idn", None, &["xn--bcher-kva.example.com"]),
        named("internal", None, &["mailserver", "db.corp", "192.168.1.1"]),
    ];
    for leaf in &mut all {
        if leaf.name == "address-as-name" {
            leaf.raw_names = Some(sequence(&[dns(b"example.com"), dns(b"8.8.8.8")]));
        }
    }
    let mut unicode = named("idn-unicode", None, &[]);
    unicode.raw_names =
        Some(sequence(&[dns("bücher.example.com".as_bytes()), dns(b"example.com")]));
    all.push(unicode);
    all
}

fn lifetimes() -> Vec<Leaf> {
    let rows: &[(&'static str, (i32, u8, u8), u64)] = &[
        ("life-825-days-2019", (2019, 6, 1), 825 * DAY + 1),
        ("life-826-days-2019", (2019, 6, 1), 825 * DAY + 2),
        ("life-398-days-2026-03-14", (2026, 3, 14), 398 * DAY),
        ("life-398-days-and-a-second", (2025, 3, 14), 398 * DAY + 1),
        ("life-200-days", (2026, 6, 1), 200 * DAY),
        ("life-200-days-and-a-second", (2026, 6, 1), 200 * DAY + 1),
        ("life-199-days", (2026, 6, 1), 199 * DAY),
        ("life-199-days-two-logs", (2026, 6, 1), 199 * DAY),
        ("life-100-days-2027", (2027, 4, 1), 100 * DAY),
        ("life-101-days-2027", (2027, 4, 1), 100 * DAY + 1),
        ("life-47-days-2029", (2029, 3, 15), 47 * DAY),
        ("life-48-days-2029", (2029, 3, 15), 47 * DAY + 1),
        ("life-6-days", (2026, 11, 20), 6 * DAY),
        ("life-10-days-2026-04", (2026, 11, 18), 10 * DAY),
        ("expired", (2026, 5, 1), 90 * DAY),
        ("future", (2027, 1, 1), 90 * DAY),
        ("expires-soon", (2026, 9, 1), 90 * DAY),
    ];
    let made = rows.iter().map(|(name, start, seconds)| {
        let mut leaf = base(name);
        (leaf.start, leaf.seconds) = (*start, *seconds);
        if *seconds > 180 * DAY && !name.ends_with("two-logs") {
            leaf.logs = &["log-a", "log-b", "log-c"];
        }
        leaf
    });
    let mut all: Vec<Leaf> = made.collect();
    for leaf in &mut all {
        if leaf.name == "life-6-days" || leaf.name == "life-10-days-2026-04" {
            leaf.crl = false;
        }
    }
    all
}

fn keys_and_extensions() -> Vec<Leaf> {
    let changed = |name, change: &dyn Fn(&mut Leaf)| {
        let mut leaf = base(name);
        change(&mut leaf);
        leaf
    };
    let poison = |leaf: &mut Leaf| {
        let mut extension = extension(&[1, 3, 6, 1, 4, 1, 11129, 2, 4, 3], &[5, 0]);
        extension.set_criticality(true);
        leaf.extra.push(extension);
        leaf.logs = &[];
    };
    let critical = |leaf: &mut Leaf| {
        let mut extension = extension(&[1, 3, 6, 1, 4, 1, 55555, 1], &[5, 0]);
        extension.set_criticality(true);
        leaf.extra.push(extension);
    };
    let constraints = |leaf: &mut Leaf| {
        // permittedSubtrees [0] { GeneralSubtree { dNSName example.com } }.
        let tree = tagged(0xa0, &sequence(&[dns(b"example.com")]));
        leaf.extra.push(extension(&[2, 5, 29, 30], &sequence(&[tree])));
    };
    vec![
        changed("rsa-1024", &|leaf| leaf.key = "rsa-1024.pub.pem"),
        changed("rsa-2047", &|leaf| leaf.key = "rsa-2047.pub.pem"),
        changed("rsa-2048", &|leaf| leaf.key = "rsa-2048.pub.pem"),
        changed("rsa-exponent-3", &|leaf| leaf.key = "rsa-e3.pub.pem"),
        changed("p521", &|leaf| leaf.key = "p521.pub.pem"),
        changed("ed25519", &|leaf| leaf.key = "ed25519.pub.pem"),
        changed("ca-as-leaf", &|leaf| leaf.is_ca = true),
        changed("name-constraints", &constraints),
        changed("no-aia", &|leaf| leaf.issuer_info = false),
        changed("no-revocation", &|leaf| leaf.crl = false),
        changed("must-staple", &|leaf| {
            let feature = [1, 3, 6, 1, 5, 5, 7, 1, 24];
            leaf.extra.push(extension(&feature, &sequence(&[vec![2, 1, 5]])));
        }),
        changed("eku-client", &|leaf| leaf.usages = &[SERVER_AUTH, CLIENT_AUTH]),
        changed("eku-client-only", &|leaf| leaf.usages = &[CLIENT_AUTH]),
        changed("eku-absent", &|leaf| leaf.usages = &[]),
        changed("precertificate", &poison),
        changed("critical-unknown", &critical),
        changed("sct-none", &|leaf| leaf.logs = &[]),
        changed("sct-one", &|leaf| leaf.logs = &["log-a"]),
        changed("sct-same-operator", &|leaf| leaf.logs = &["log-b", "log-c"]),
        changed("sct-forged", &|leaf| {
            leaf.logs = &["log-a", "log-b", "log-c"];
            leaf.forge = true;
        }),
        changed("sct-malformed", &|leaf| {
            leaf.logs = &[];
            let list = tagged(4, &[0, 9, 0, 3, 1, 2, 3]);
            leaf.extra.push(extension(SCT_LIST, &list));
        }),
        changed("signed-by-root", &|leaf| leaf.signer = "root"),
    ]
}

const SN: &[u64] = &[2, 5, 4, 4];
const SERIAL: &[u64] = &[2, 5, 4, 5];
const L: &[u64] = &[2, 5, 4, 7];
const ST: &[u64] = &[2, 5, 4, 8];
const OU: &[u64] = &[2, 5, 4, 11];
const BUSINESS: &[u64] = &[2, 5, 4, 15];
const GIVEN: &[u64] = &[2, 5, 4, 42];
const JURISDICTION_C: &[u64] = &[1, 3, 6, 1, 4, 1, 311, 60, 2, 1, 3];
const EV: &[u64] = &[2, 23, 140, 1, 1];
const DV: &[u64] = &[2, 23, 140, 1, 2, 1];
const OV: &[u64] = &[2, 23, 140, 1, 2, 2];
const IV: &[u64] = &[2, 23, 140, 1, 2, 3];
const EV_DIGICERT: &[u64] = &[2, 16, 840, 1, 114_412, 2, 1];
const QEVCP_W: &[u64] = &[0, 4, 0, 194_112, 1, 4];
const PRIVATE_POLICY: &[u64] = &[1, 3, 6, 1, 4, 1, 55_555, 2];
const SERVER_AUTH: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTH: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 2];
const ONION: &str = "*.pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion";
