//! Every policy that decides a class, written out once more from its source; and roots of the EV
//! list.

use alloc::vec;

use aws_lc_rs::digest;
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};

use super::super::ev_roots::EV_ROOTS;
use super::*;

/// A certificate below another name, so that it is not self-signed.
fn leaf(policy: &str, start_year: i32) -> Certificate {
    let mut all = CertificateParams::default();
    all.not_before = rcgen::date_time_ymd(start_year, 1, 1);
    all.distinguished_name = rcgen::DistinguishedName::new();
    all.distinguished_name.push(DnType::CommonName, "example.com");
    let parts: Vec<u64> = policy.split('.').map(|part| part.parse().unwrap()).collect();
    let oid = encoded(&parts);
    let content = super::super::der::wrap(0x30, &super::super::der::wrap(0x30, &oid));
    all.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 32], content)];
    let issuer = rcgen::Issuer::new(CertificateParams::default(), KeyPair::generate().unwrap());
    let made = all.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    Certificate::from_der(made.der()).unwrap()
}

fn encoded(parts: &[u64]) -> Vec<u8> {
    let mut content = Vec::new();
    let first = parts[0] * 40 + parts[1];
    for part in core::iter::once(&first).chain(&parts[2..]) {
        let mut groups = vec![u8::try_from(part % 128).unwrap()];
        let mut rest = part / 128;
        while rest > 0 {
            groups.push(u8::try_from(rest % 128).unwrap() + 128);
            rest /= 128;
        }
        content.extend(groups.iter().rev());
    }
    super::super::der::wrap(6, &content)
}

#[test]
fn every_policy_that_decides() {
    let rows: &[(&str, Class)] = &[
        ("2.23.140.1.2.1", Class::Dv),
        ("2.23.140.1.2.2", Class::Ov),
        ("2.23.140.1.2.3", Class::Iv),
        ("2.23.140.1.1", Class::Ev),
        ("2.16.840.1.114412.2.1", Class::Ev),
        ("2.16.840.1.114028.10.1.2", Class::Ev),
        ("1.3.6.1.4.1.6449.1.2.1.5.1", Class::Ev),
        ("2.16.840.1.114413.1.7.23.3", Class::Ev),
        ("2.16.840.1.114414.1.7.23.3", Class::Ev),
        ("1.3.6.1.4.1.8024.0.2.100.1.2", Class::Ev),
        ("2.16.756.1.89.1.2.1.1", Class::Ev),
        ("2.16.840.1.113733.1.7.23.6", Class::Ev),
        ("2.16.840.1.113733.1.7.48.1", Class::Ev),
        ("1.3.6.1.4.1.7879.13.24.1", Class::Ev),
        ("1.2.392.200091.100.721.1", Class::Ev),
        ("1.2.616.1.113527.2.5.1.1", Class::Ev),
        ("1.3.6.1.4.1.4788.2.202.1", Class::Ev),
        ("1.2.156.112559.1.1.6.1", Class::Ev),
        ("1.3.159.1.17.1", Class::Ev),
        ("1.3.6.1.4.1.34697.2.1", Class::Ev),
        ("1.3.6.1.4.1.34697.2.2", Class::Ev),
        ("1.3.6.1.4.1.34697.2.3", Class::Ev),
        ("1.3.6.1.4.1.34697.2.4", Class::Ev),
        ("2.16.840.1.114404.1.1.2.4.1", Class::Ev),
        ("1.3.6.1.4.1.38064.1.3.1.4", Class::Ev),
        ("2.16.578.1.26.1.3.3", Class::Ev),
        ("1.3.6.1.4.1.14777.6.1.1", Class::Ev),
        ("1.3.6.1.4.1.14777.6.1.2", Class::Ev),
        ("1.3.6.1.4.1.40869.1.1.22.3", Class::Ev),
        ("2.16.156.112554.3", Class::Ev),
        ("2.16.756.5.14.7.4.8", Class::Ev),
        ("2.5.29.32.0", Class::None),
        ("1.2.3.4", Class::None),
    ];
    for (policy, class) in rows {
        let leaf = leaf(policy, 2026);
        assert_eq!(leaf.policies[0].oid, *policy);
        let found = classify(&leaf, None);
        assert_eq!(found.class, *class, "{policy}: {}", found.reason);
        assert_eq!(claims(&leaf).holds, *class == Class::Ev, "{policy}");
    }
    let deciding = rows.iter().filter(|(_, class)| *class != Class::None).count();
    assert_eq!(deciding, FORUM_POLICIES.len() + EV_POLICIES_OF_CAS.len());
}

#[test]
fn before_the_policies_were_mandatory_the_shape_decides() {
    assert_eq!(classify(&leaf("1.2.3.4", 2020), None).class, Class::Dv);
    assert_eq!(classify(&leaf("1.2.3.4", 2020), Some(false)).class, Class::None);
    assert_eq!(classify(&leaf("1.2.3.4", 2024), Some(true)).class, Class::None);
}

#[test]
fn a_browser_wants_the_root_and_the_policy_of_the_root() {
    let treated = |policy: &str, root: &str| {
        ev(&leaf(policy, 2026), &[], &[root], Some(true)).browser_treated.holds
    };
    let digicert = "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f";
    let isrg = "96bcec06264976f37460779acf28c5a7cfe8a3c0aae11a8ffcee05c0bddf08c6";
    assert!(treated("2.23.140.1.1", digicert));
    assert!(treated("2.16.840.1.114412.2.1", digicert));
    assert!(!treated("2.16.840.1.114028.10.1.2", digicert));
    assert!(!treated("2.23.140.1.2.1", digicert));
    assert!(!treated("2.23.140.1.1", isrg));
}

/// A changed row shows here: compare it with the source, then take over the new digest.
#[test]
fn the_ev_list_is_as_compared_with_its_source() {
    let mut all = String::new();
    for (index, row) in EV_ROOTS.iter().enumerate() {
        assert_eq!(row.sha256.len(), 64, "{}", row.name);
        assert!(policy_meaning(row.policy).is_some(), "{}", row.policy);
        let same = |other: &&super::super::ev_roots::EvRoot| {
            (other.sha256, other.policy) == (row.sha256, row.policy)
        };
        assert_eq!(EV_ROOTS.iter().position(|other| same(&other)), Some(index), "{}", row.name);
        all.push_str(&format!("{} {}\n", row.sha256, row.policy));
    }
    assert_eq!(EV_ROOTS.len(), 95);
    let digest = digest::digest(&digest::SHA256, all.as_bytes());
    assert_eq!(
        oid::hex(digest.as_ref()),
        "60704cbdb17e13620197f90df815ea70a3efa9b2e287b5c88cf1cbc4ab6b0b74"
    );
}
