//! Options of `menshen cert`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Place;

/// What can be done about certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum CertCommand {
    Request(Box<RequestArguments>),
    Install(InstallArguments),
    Dev(DevArguments),
}

/// Make a key and a request for an authority, and say what the class needs
///
/// For certificates that are ordered by hand: OV, IV, EV, or DV from an authority without ACME. Key
/// and request are written to STATE/orders; the key never leaves it. The request is what the
/// authority wants; `menshen cert install` takes what it sends back.
///
/// Exit code 0: written; 1: written or shown, with something worth a look; 2: the order cannot be
/// fulfilled by any authority as it stands, nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen cert request --classes\n  \
    menshen cert request --name example.com --name www.example.com\n  \
    menshen cert request --class ov --name example.com --organization \"Example GmbH\" \\\n      \
    --country DE --locality Bonn")]
pub(crate) struct RequestArguments {
    /// What the authority shall vouch for
    #[arg(long, value_enum, default_value_t = ClassWord::Dv)]
    pub(crate) class: ClassWord,
    /// Host name or address, the main one first; can be repeated
    #[arg(long = "name", value_name = "NAME", required_unless_present = "classes")]
    pub(crate) names: Vec<String>,
    /// Country, two capital letters
    #[arg(long, value_name = "CC")]
    pub(crate) country: Option<String>,
    /// State or province
    #[arg(long, value_name = "STATE")]
    pub(crate) state_or_province: Option<String>,
    /// City
    #[arg(long, value_name = "CITY")]
    pub(crate) locality: Option<String>,
    /// Organisation, by its legal name
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,
    /// Given name of the person (IV)
    #[arg(long, value_name = "NAME")]
    pub(crate) given_name: Option<String>,
    /// Surname of the person (IV)
    #[arg(long, value_name = "NAME")]
    pub(crate) surname: Option<String>,
    /// Kind of organisation (EV): "Private Organization", "Government Entity", "Business Entity" or
    /// "Non-Commercial Entity"
    #[arg(long, value_name = "KIND")]
    pub(crate) business_category: Option<String>,
    /// Number of the organisation in its register (EV)
    #[arg(long, value_name = "NUMBER")]
    pub(crate) registration_number: Option<String>,
    /// Country of that register, two capital letters (EV)
    #[arg(long, value_name = "CC")]
    pub(crate) jurisdiction_country: Option<String>,
    /// State or province of that register, where it is not the country's (EV)
    #[arg(long, value_name = "STATE")]
    pub(crate) jurisdiction_state: Option<String>,
    /// City of that register, where it is not the state's (EV)
    #[arg(long, value_name = "CITY")]
    pub(crate) jurisdiction_locality: Option<String>,
    /// Kind of key
    #[arg(long, value_enum, default_value_t = KeyWord::P256)]
    pub(crate) key: KeyWord,
    /// Only show the classes and what each needs
    #[arg(long)]
    pub(crate) classes: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Check what an authority sent back, and give it to the server
///
/// The files may hold the certificates in any order, in one file or in several. Which of them
/// belongs to the key is found out, the chain is put into order, and what is wrong is said: a key
/// that does not match, an intermediate that is missing, a root that should not be sent, names that
/// were lost or added, a date. What is incomplete is not installed.
///
/// The certificate is written to STATE/installed; a running menshen takes it by itself.
///
/// Exit code 0: installed; 1: installed, with something worth a look; 2: not installed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen cert install certificate.pem intermediate.pem --dry-run\n  \
    menshen cert install bundle.pem --key example.com.key")]
pub(crate) struct InstallArguments {
    /// PEM files with the certificate and its intermediates; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The private key [default: the one in STATE/orders that matches]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// More roots to trust, PEM: for authorities inside the house
    #[arg(long, value_name = "FILE")]
    pub(crate) roots: Option<PathBuf>,
    /// Only check
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// The development CA: what it may sign, and how to trust it on each system and browser
///
/// It is made at the first start of `menshen serve` or here. Whoever trusts it trusts it for the
/// names it is constrained to and for nothing else, even if its key is stolen.
///
/// Exit code 0: shown, made or replaced; 2: usage or configuration.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    menshen cert dev                  where it is, and the commands that trust it\n  \
    menshen cert dev --pem > ca.pem   to copy it to another device")]
pub(crate) struct DevArguments {
    /// Print its certificate (PEM) and nothing else, to be copied to another device
    #[arg(long, conflicts_with = "json")]
    pub(crate) pem: bool,
    /// Replace it by a new one; it has to be trusted anew everywhere
    #[arg(long)]
    pub(crate) renew: bool,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// A class on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClassWord {
    /// The names alone
    Dv,
    /// The names and an organisation
    Ov,
    /// The names and a person
    Iv,
    /// The names and an organisation with its entry in a register
    Ev,
}

/// A kind of key on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyWord {
    /// ECDSA with P-256: small, fast, understood by everything of this decade
    P256,
    /// ECDSA with P-384
    P384,
    /// RSA of 2048 bits, for very old clients
    Rsa2048,
    /// RSA of 3072 bits
    Rsa3072,
}
