//! Policy OIDs. Facts only; each row changes a verdict, so each is in the tests.

use super::Class;

/// The EV policy of the CA/Browser Forum (BR §7.1.6.1).
pub(super) const EV_POLICY: &str = "2.23.140.1.1";

/// The policies of the CA/Browser Forum (BR §1.2, §7.1.6.1), the strongest first.
pub(super) const FORUM_POLICIES: &[(&str, Class, &str)] = &[
    (EV_POLICY, Class::Ev, "extended validation"),
    ("2.23.140.1.2.2", Class::Ov, "organisation validated"),
    ("2.23.140.1.2.3", Class::Iv, "individual validated"),
    ("2.23.140.1.2.1", Class::Dv, "domain validated"),
];

/// EV policies of single CAs, in use until the Forum's became mandatory on 2023-09-15. Sources:
/// Firefox `security/certverifier/ExtendedValidation.cpp`, Apple `EVRoots/evroot.config`.
pub(super) const EV_POLICIES_OF_CAS: &[(&str, &str)] = &[
    ("2.16.840.1.114412.2.1", "DigiCert"),
    ("2.16.840.1.114028.10.1.2", "Entrust"),
    ("1.3.6.1.4.1.6449.1.2.1.5.1", "Sectigo (Comodo)"),
    ("2.16.840.1.114413.1.7.23.3", "GoDaddy"),
    ("2.16.840.1.114414.1.7.23.3", "Starfield"),
    ("1.3.6.1.4.1.8024.0.2.100.1.2", "QuoVadis"),
    ("2.16.756.1.89.1.2.1.1", "SwissSign"),
    ("2.16.840.1.113733.1.7.23.6", "VeriSign"),
    ("2.16.840.1.113733.1.7.48.1", "thawte"),
    ("1.3.6.1.4.1.7879.13.24.1", "T-Systems"),
    ("1.2.392.200091.100.721.1", "SECOM"),
    ("1.2.616.1.113527.2.5.1.1", "Certum"),
    ("1.3.6.1.4.1.4788.2.202.1", "D-Trust"),
    ("1.2.156.112559.1.1.6.1", "GDCA"),
    ("1.3.159.1.17.1", "Actalis"),
    ("1.3.6.1.4.1.34697.2.1", "AffirmTrust"),
    ("1.3.6.1.4.1.34697.2.2", "AffirmTrust"),
    ("1.3.6.1.4.1.34697.2.3", "AffirmTrust"),
    ("1.3.6.1.4.1.34697.2.4", "AffirmTrust"),
    ("2.16.840.1.114404.1.1.2.4.1", "Trustwave"),
    ("1.3.6.1.4.1.38064.1.3.1.4", "SSL.com"),
    ("2.16.578.1.26.1.3.3", "Buypass"),
    ("1.3.6.1.4.1.14777.6.1.1", "Izenpe"),
    ("1.3.6.1.4.1.14777.6.1.2", "Izenpe"),
    ("1.3.6.1.4.1.40869.1.1.22.3", "TWCA"),
    ("2.16.156.112554.3", "CFCA"),
    ("2.16.756.5.14.7.4.8", "WISeKey"),
];

/// Policies that decide no class here but are worth a name.
pub(super) const OTHER_POLICIES: &[(&str, &str)] = &[
    ("2.5.29.32.0", "any policy"),
    ("2.23.140.1.3", "EV code signing"),
    ("2.23.140.1.4.1", "code signing"),
    ("2.23.140.1.31", "certificate for .onion"),
    ("0.4.0.194112.1.4", "EU qualified, web site (QEVCP-w)"),
    ("0.4.0.194112.1.5", "EU qualified, web site (QNCP-w)"),
    ("0.4.0.2042.1.4", "ETSI EVCP"),
    ("0.4.0.2042.1.6", "ETSI DVCP"),
    ("0.4.0.2042.1.7", "ETSI OVCP"),
    ("1.3.6.1.4.1.44947.1.1.1", "Let's Encrypt, domain validated"),
];
