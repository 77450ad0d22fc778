//! What must come out of each certificate of the corpus.
//!
//! Written from what was put into the certificate (`make.rs`) and the rules; where the program said
//! otherwise, the rule decided who was wrong.

/// What is given beside the certificates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// The test root is taken for a public one.
    Public,
    /// The same, and the store says that the root is one of the EV list.
    EvRoot,
    /// The test root is trusted on this host only.
    Private,
    /// Roots are known, the test root is not among them.
    Untrusted,
    /// Nothing but the file.
    Alone,
}

/// One case.
pub(crate) struct Row {
    /// Name of the golden file, and of the certificate when `sent` is empty.
    pub(crate) name: &'static str,
    /// Files sent, when not the certificate and the intermediate.
    pub(crate) sent: &'static [&'static str],
    /// Files known from elsewhere.
    pub(crate) pool: &'static [&'static str],
    /// The question.
    pub(crate) asked: &'static str,
    /// What is given.
    pub(crate) given: Given,
    /// Unix seconds; 0 for the usual day.
    pub(crate) now: i64,
    /// `dv ov iv ev none`.
    pub(crate) class: &'static str,
    /// Claims, Shaped, Browser, and `!` for claims only; `-` for no.
    pub(crate) ev: &'static str,
    /// The name is covered.
    pub(crate) covered: bool,
    /// All findings, the gravest first.
    pub(crate) codes: &'static [&'static str],
}

const fn row(
    name: &'static str,
    given: Given,
    class: &'static str,
    ev: &'static str,
    codes: &'static [&'static str],
) -> Row {
    let (sent, pool): (&[&str], &[&str]) = (&[], &[]);
    Row { name, sent, pool, asked: "example.com", given, now: 0, class, ev, covered: true, codes }
}

impl Row {
    const fn asked(mut self, asked: &'static str, covered: bool) -> Self {
        (self.asked, self.covered) = (asked, covered);
        self
    }

    const fn sent(mut self, sent: &'static [&'static str]) -> Self {
        self.sent = sent;
        self
    }

    const fn pool(mut self, pool: &'static [&'static str]) -> Self {
        self.pool = pool;
        self
    }

    const fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }
}

use Given::{Alone, EvRoot, Private, Public, Untrusted};

const NO: &str = "----";

/// Classes and what EV is worth.
pub(crate) const CLASSES: &[Row] = &[
    row("dv", Public, "dv", NO, &[]),
    row("dv-empty-subject", Public, "dv", NO, &[]),
    row(
        "dv-with-organisation",
        Public,
        "dv",
        NO,
        &["cert-class-conflict", "cert-class-conflict", "cert-class-conflict"],
    ),
    row("ov", Public, "ov", NO, &[]),
    row("ov-without-place", Public, "ov", NO, &["cert-class-conflict"]),
    row("ov-with-unit", Public, "ov", NO, &["cert-class-conflict", "cert-not-issuable-today"]),
    row("iv", Public, "iv", NO, &[]),
    row("ev", EvRoot, "ev", "CSB-", &[]),
    row("ev", Public, "ev", "CS--", &[]),
    row("ev", Private, "ev", "CS-!", &["cert-ev-claims-only"]),
    row("ev-without-shape", Public, "ev", "C--!", &["cert-class-conflict", "cert-ev-claims-only"]),
    row("ev-without-shape", EvRoot, "ev", "C-B-", &["cert-class-conflict", "cert-ev-not-shaped"]),
    row("ev-wildcard", EvRoot, "ev", "C-B-", &["cert-ev-not-shaped"]).asked("a.example.com", true),
    row("ev-onion-wildcard", EvRoot, "ev", "CSB-", &[])
        .asked("a.pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion", true),
    row("ev-address", EvRoot, "ev", "C-B-", &["cert-ev-not-shaped", "cert-one-form-only"]),
    row("ev-legacy", EvRoot, "ev", "CSB-", &[]).at(MID_2022),
    row("ev-legacy", EvRoot, "ev", "CSB-", &["cert-expired", "cert-not-issuable-today"]),
    row("ev-qwac", EvRoot, "ev", "CSB-", &[]),
    row("two-policies", Public, "dv", NO, &["cert-class-conflict"]),
    row("two-policies-ev", EvRoot, "ev", "CSB-", &["cert-class-conflict"]),
    row("ov-old-own-policy", Public, "ov", NO, &[]).at(MID_2022),
    row("dv-old-own-policy", Public, "dv", NO, &[]).at(MID_2022),
    row("private-no-policy", Private, "none", NO, &["cert-internal-name", "cert-no-revocation"])
        .asked("intranet.lan", true),
    row("public-no-policy", Public, "none", NO, &["cert-policy-absent", "cert-not-issuable-today"]),
    row("self-signed", Untrusted, "none", NO, &["cert-self-signed", "cert-no-revocation"])
        .sent(&["self-signed"]),
    row(
        "self-signed-ev",
        Untrusted,
        "ev",
        "CS-!",
        &["cert-self-signed", "cert-ev-claims-only", "cert-no-revocation"],
    )
    .sent(&["self-signed-ev"]),
    row(
        "self-signed-ev",
        Alone,
        "ev",
        "CS-!",
        &["cert-self-signed", "cert-ev-claims-only", "cert-no-revocation"],
    )
    .sent(&["self-signed-ev"]),
];

/// Names.
pub(crate) const NAMES: &[Row] = &[
    row("wildcard", Public, "dv", NO, &[]),
    row("wildcard", Public, "dv", NO, &["cert-name-mismatch"]).asked("a.b.example.com", false),
    row("wildcard-only", Public, "dv", NO, &["cert-name-mismatch", "cert-one-form-only"])
        .asked("example.com", false),
    row(
        "wildcard-public-suffix",
        Public,
        "dv",
        NO,
        &["cert-name-mismatch", "cert-wildcard-public-suffix"],
    )
    .asked("example.co.uk", false),
    row("wildcard-partial", Public, "dv", NO, &["cert-name-mismatch", "cert-wildcard-malformed"])
        .asked("www.example.com", false),
    row("wildcard-inside", Public, "dv", NO, &["cert-name-mismatch", "cert-wildcard-malformed"])
        .asked("www.a.example.com", false),
    row("www-only", Public, "dv", NO, &["cert-name-mismatch", "cert-one-form-only"])
        .asked("example.com", false),
    row("bare-only", Public, "dv", NO, &["cert-name-mismatch", "cert-one-form-only"])
        .asked("www.example.com", false),
    row("multi", Public, "dv", NO, &[]).asked("deep.example.net", true),
    row("address", Public, "dv", NO, &[]).asked("[2606:4700:4700::1111]", true),
    row("address-in-cn", Public, "dv", NO, &["cert-name-mismatch", "cert-address-in-cn"])
        .asked("8.8.8.8", false),
    row(
        "address-as-name",
        Public,
        "dv",
        NO,
        &["cert-name-mismatch", "cert-address-as-name", "cert-san-not-critical"],
    )
    .asked("8.8.8.8", false),
    row("cn-not-in-san", Public, "dv", NO, &["cert-name-mismatch", "cert-cn-not-in-san"])
        .asked("example.org", false),
    row(
        "cn-without-san",
        Public,
        "dv",
        NO,
        &["cert-name-mismatch", "cert-no-san", "cert-cn-not-in-san", "cert-not-issuable-today"],
    )
    .asked("example.com", false),
    row("trailing-dot", Public, "dv", NO, &["cert-name-mismatch", "cert-name-malformed"])
        .asked("example.com", false),
    row("idn", Public, "dv", NO, &[]).asked("Bücher.example.com", true),
    row(
        "idn-unicode",
        Public,
        "dv",
        NO,
        &["cert-name-mismatch", "cert-name-malformed", "cert-san-not-critical"],
    )
    .asked("bücher.example.com", false),
    row("internal", Private, "dv", NO, &["cert-internal-name"]).asked("192.168.1.1", true),
];

/// Lifetimes.
pub(crate) const LIFETIMES: &[Row] = &[
    row("life-825-days-2019", Public, "dv", NO, &["cert-not-issuable-today"]).at(LATE_2020),
    row("life-826-days-2019", Public, "dv", NO, &["cert-lifetime-too-long"]).at(LATE_2020),
    row("life-398-days-2026-03-14", Public, "dv", NO, &["cert-not-issuable-today"]),
    row("life-398-days-2026-03-14", Public, "dv", NO, &[]).at(MARCH_14),
    row(
        "life-398-days-and-a-second",
        Public,
        "dv",
        NO,
        &["cert-lifetime-too-long", "cert-expires-soon"],
    )
    .at(MARCH_14),
    row("life-200-days", Public, "dv", NO, &["cert-expires-soon"]),
    row(
        "life-200-days-and-a-second",
        Public,
        "dv",
        NO,
        &["cert-expires-soon", "cert-lifetime-too-long"],
    ),
    row(
        "life-200-days-and-a-second",
        Private,
        "dv",
        NO,
        &["cert-expires-soon", "cert-lifetime-too-long"],
    ),
    row("life-199-days", Public, "dv", NO, &["cert-expires-soon"]),
    row("life-199-days-two-logs", Public, "dv", NO, &["cert-expires-soon", "cert-sct-too-few"]),
    row("life-100-days-2027", Public, "dv", NO, &[]).at(APRIL_2027),
    row("life-101-days-2027", Public, "dv", NO, &["cert-lifetime-too-long"]).at(APRIL_2027),
    row("life-47-days-2029", Public, "dv", NO, &[]).at(MARCH_2029),
    row("life-48-days-2029", Public, "dv", NO, &["cert-lifetime-too-long"]).at(MARCH_2029),
    row("life-6-days", Public, "dv", NO, &[]),
    row("life-10-days-2026-04", Public, "dv", NO, &["cert-no-revocation"]),
    row("expired", Public, "dv", NO, &["cert-expired"]),
    row("future", Public, "dv", NO, &["cert-not-yet-valid"]),
    row("expires-soon", Public, "dv", NO, &["cert-expires-soon"]),
    row("dv", Public, "dv", NO, &["cert-renew-due"]).at(DECEMBER_1),
];

/// Keys, extensions, timestamps.
pub(crate) const REST: &[Row] = &[
    row(
        "sha1",
        Public,
        "dv",
        NO,
        &["cert-signature-weak", "cert-sct-none", "cert-one-form-only", "cert-not-issuable-today"],
    ),
    row("rsa-1024", Public, "dv", NO, &["cert-key-weak", "cert-not-issuable-today"]),
    row(
        "rsa-2047",
        Public,
        "dv",
        NO,
        &["cert-key-weak", "cert-key-odd-size", "cert-not-issuable-today"],
    ),
    row("rsa-2048", Public, "dv", NO, &[]),
    row("rsa-exponent-3", Public, "dv", NO, &["cert-key-exponent"]),
    row("p521", Public, "dv", NO, &["cert-key-p521"]),
    row("ed25519", Public, "dv", NO, &["cert-key-kind", "cert-not-issuable-today"]),
    row("ca-as-leaf", Public, "dv", NO, &["cert-ca-as-leaf"]),
    row("name-constraints", Public, "dv", NO, &["cert-name-constraints"]),
    row("no-aia", Public, "dv", NO, &["cert-no-aia"]),
    row("no-revocation", Public, "dv", NO, &["cert-no-revocation"]),
    row("must-staple", Public, "dv", NO, &["cert-must-staple"]),
    row("eku-client", Public, "dv", NO, &["cert-eku-client"]),
    row("eku-client-only", Public, "dv", NO, &["cert-eku-not-server", "cert-eku-client"]),
    row("eku-absent", Public, "dv", NO, &["cert-eku-absent"]),
    row("precertificate", Public, "dv", NO, &["cert-precertificate", "cert-sct-none"]),
    row("critical-unknown", Public, "dv", NO, &["cert-critical-unknown"]),
    row("sct-none", Public, "dv", NO, &["cert-sct-none"]),
    row("sct-none", Private, "dv", NO, &[]),
    row("sct-one", Public, "dv", NO, &["cert-sct-too-few"]),
    row("sct-same-operator", Public, "dv", NO, &["cert-sct-too-few"]),
    row("sct-forged", Public, "dv", NO, &["cert-sct-invalid"]),
    row("sct-malformed", Public, "dv", NO, &["cert-sct-unreadable"]),
];

/// Chains; the leaf is the faultless `dv`.
pub(crate) const CHAINS: &[Row] = &[
    row("chain-leaf-only", Public, "dv", NO, &["cert-chain-incomplete"]).sent(&["dv"]),
    row("chain-leaf-only-pool", Public, "dv", NO, &["cert-chain-intermediate-not-sent"])
        .sent(&["dv"])
        .pool(&["intermediate"]),
    row("chain-leaf-only-alone", Alone, "dv", NO, &["cert-chain-incomplete"]).sent(&["dv"]),
    row("chain-alone", Alone, "dv", NO, &["cert-chain-root-not-given"])
        .sent(&["dv", "intermediate"]),
    row("chain-reversed", Public, "dv", NO, &["cert-chain-leaf-not-first"])
        .sent(&["intermediate", "dv"]),
    row("chain-disordered", Public, "dv", NO, &["cert-chain-order", "cert-chain-root-sent"])
        .sent(&["dv", "root", "intermediate"]),
    row("chain-duplicate", Public, "dv", NO, &["cert-chain-duplicate", "cert-chain-duplicate"])
        .sent(&["dv", "dv", "intermediate", "intermediate"]),
    row("chain-foreign", Public, "dv", NO, &["cert-chain-foreign"]).sent(&[
        "dv",
        "intermediate",
        "other-root",
    ]),
    row("chain-foreign-leaf", Public, "dv", NO, &["cert-chain-foreign"]).sent(&[
        "dv",
        "ov",
        "intermediate",
    ]),
    row("chain-root-sent", Public, "dv", NO, &["cert-chain-root-sent"]).sent(&[
        "dv",
        "intermediate",
        "root",
    ]),
    row("chain-cross-expired", Public, "dv", NO, &["cert-chain-expired"]).sent(&[
        "dv",
        "intermediate",
        "cross-expired",
    ]),
    row("chain-intermediate-expired", Public, "dv", NO, &["cert-chain-expired"])
        .sent(&["dv", "intermediate-expired"]),
    row("chain-both-intermediates", Public, "dv", NO, &["cert-chain-expired"]).sent(&[
        "dv",
        "intermediate-expired",
        "intermediate",
    ]),
    row("chain-untrusted", Untrusted, "dv", NO, &["cert-untrusted-root", "cert-chain-root-sent"])
        .sent(&["dv", "intermediate", "root"]),
    row("signed-by-root", Public, "dv", NO, &[]).sent(&["signed-by-root"]),
    row("chain-ev-intermediate", EvRoot, "ev", "CSB-", &[]).sent(&["ev", "intermediate"]),
];

/// Certificates that public CAs issued.
pub(crate) const REAL: &[Row] = &[
    row(
        "real/cryptography-io",
        Alone,
        "dv",
        NO,
        &["cert-one-form-only", "cert-chain-root-not-given", "cert-eku-client"],
    )
    .sent(&["real/cryptography-io", "real/lets-encrypt-x3"])
    .asked("cryptography.io", true)
    .at(1_540_000_000),
    row("real/badssl-sct", Alone, "dv", NO, &["cert-chain-incomplete", "cert-eku-client"])
        .sent(&["real/badssl-sct"])
        .asked("invalid-expected-sct.badssl.com", true)
        .at(1_500_000_000),
    row(
        "real/must-staple",
        Alone,
        "dv",
        NO,
        &["cert-chain-incomplete", "cert-eku-client", "cert-must-staple"],
    )
    .sent(&["real/must-staple"])
    .asked("scotthelme.co.uk", true)
    .at(1_506_000_000),
    row(
        "real/utf8-name",
        Alone,
        "ov",
        NO,
        &[
            "cert-chain-incomplete",
            "cert-name-malformed",
            "cert-wildcard-malformed",
            "cert-san-critical",
        ],
    )
    .sent(&["real/utf8-name"])
    .asked("partner.biztositas.hu", true)
    .at(1_490_000_000),
    row("real/tubitak", Alone, "ov", NO, &["cert-chain-root-not-given", "cert-eku-client"])
        .sent(&["real/tubitak", "real/tubitak-intermediate"])
        .asked("testssl.kamusm.gov.tr", true)
        .at(1_500_000_000),
    row("real/google", Alone, "ov", NO, &["cert-chain-incomplete", "cert-eku-client"])
        .sent(&["real/google"])
        .asked("www.google.com", true)
        .at(1_500_000_000),
    row("real/amazon", Alone, "dv", NO, &["cert-chain-incomplete", "cert-eku-client"])
        .sent(&["real/amazon"])
        .asked("a.peg.a2z.com", true)
        .at(1_650_000_000),
    row("real/letsencrypt-2026", Alone, "dv", NO, &["cert-chain-root-not-given"])
        .sent(&["real/letsencrypt-2026", "real/letsencrypt-2026-intermediate"])
        .asked("letsencrypt.org", true)
        .at(1_785_000_000),
    // 345 days were allowed when it was issued, in November 2025.
    row(
        "real/aws-2026",
        Alone,
        "dv",
        NO,
        &["cert-chain-incomplete", "cert-renew-due", "cert-not-issuable-today"],
    )
    .sent(&["real/aws-2026"])
    .asked("aws.amazon.com", true)
    .at(1_785_000_000),
];

const MID_2022: i64 = 1_652_000_000;
const LATE_2020: i64 = 1_605_000_000;
const MARCH_14: i64 = 1_773_500_000;
const APRIL_2027: i64 = 1_808_000_000;
const MARCH_2029: i64 = 1_869_000_000;
const DECEMBER_1: i64 = 1_796_083_200;
