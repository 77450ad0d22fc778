//! Options of `menshen link`.

use clap::{Args, Subcommand, ValueEnum};
use menshen_web_core::link::{KeyId, Network};

use super::Place;

/// Make a signed link: whoever has it may do one thing with one path, for a while
///
/// Only the link is printed on standard output; on a terminal a summary follows on standard error.
/// The running menshen takes it at once and is told nothing: a link holds all that it allows and a
/// signature of a key that only this machine has. It works while menshen runs and while it does
/// not.
///
/// get: download a file, or with a `/` at the end of PATH everything in a folder, with a listing.
///
/// put: store one file under exactly this name, replacing what is there.
///
/// drop: a page where strangers leave files in this folder. They see nothing of it, not even
/// whether a name was taken; such a file gets another name.
///
/// A link cannot be taken back alone. What it allows can be narrowed before (--count, --bytes,
/// --rate, --address), and all links of a key end with it (`menshen link key`).
///
/// Exit code 0: made; 1: `show`: it is not valid; 2: usage or configuration; 100: no right to read
/// the keys.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "Examples:\n  \
    menshen link /reports/q3.pdf\n  \
    menshen link /reports/ --expires 12h --address 192.0.2.0/24\n  \
    menshen link /secret.zip --count 1 --expires 2d\n  \
    menshen link /inbox/ --method drop --bytes 2GiB --expires 30d\n  \
    menshen link show 'https://files.example.com/q3.pdf?menshen-link=AQ…'\n  \
    menshen link key rotate && menshen reload")]
pub(crate) struct LinkArguments {
    #[command(subcommand)]
    pub(crate) command: Option<LinkCommand>,
    #[command(flatten)]
    pub(crate) make: MakeArguments,
}

/// What a new link says.
#[derive(Debug, Args)]
pub(crate) struct MakeArguments {
    /// Path on the file service, as in the listing: `/reports/q3 final.pdf`, not percent-encoded;
    /// with a `/` at its end a folder
    #[arg(value_name = "PATH", required = true)]
    pub(crate) path: Option<String>,
    /// What may be done
    #[arg(long, value_enum, default_value_t = MethodWord::Get)]
    pub(crate) method: MethodWord,
    /// How long it is good: a number with s, m, h, d or w; at most links.expires_seconds_max
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_time)]
    pub(crate) expires: u64,
    /// From when on it is good: the time from now
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) starts: Option<u64>,
    /// How often: downloads begun, or files stored. A download that broke off can be gone on with
    /// for a day from the same network without counting again
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: Option<u32>,
    /// How many bytes in all, such as 500MiB or 2G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) bytes: Option<u64>,
    /// How fast each download may go, such as 1MiB/s
    #[arg(long, value_name = "SIZE/s", value_parser = parse_rate)]
    pub(crate) rate: Option<u64>,
    /// Only from this address or network, such as 192.0.2.7 or 2001:db8::/32; can be repeated
    #[arg(long = "address", value_name = "CIDR")]
    pub(crate) addresses: Vec<Network>,
    /// What the link begins with, instead of links.base
    #[arg(long, value_name = "URL", value_parser = parse_base)]
    pub(crate) base: Option<String>,
    /// Sign with this key instead of the newest, so that the link ends when the key is removed
    #[arg(long, value_name = "ID", value_parser = parse_key)]
    pub(crate) key: Option<KeyId>,
    /// Print JSON instead of the link alone
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// What else can be done about links.
#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    Show(ShowArguments),
    /// List, add, rotate and remove the keys that sign links
    #[command(subcommand)]
    Key(KeyCommand),
}

/// Say what a link allows, how much of it is used, and whether it is valid
///
/// Exit code 0: valid now; 1: not valid, and why; 2: usage or configuration.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The whole address, or the text of the link alone; `-` reads it from standard input, so that
    /// it stays out of the shell's history and the list of processes
    #[arg(value_name = "URL|LINK")]
    pub(crate) link: String,
    /// Print JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// What can be done about keys. The newest signs, all verify; a running menshen takes changed keys
/// with `menshen reload`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Show names and ages of the keys, never the keys
    List {
        /// Print JSON instead of text
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Make a key that signs from now on; links of the others stay good
    Add {
        #[command(flatten)]
        place: Place,
    },
    /// Make a key that signs from now on, and remove keys whose links have all expired: those that
    /// another one followed links.expires_seconds_max ago
    Rotate {
        /// Remove all other keys: every link made so far ends with the next reload
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Remove a key: every link it signed ends with the next reload
    Remove {
        /// Its name, as `list` and `show` say it
        #[arg(value_name = "ID", value_parser = parse_key)]
        id: KeyId,
        #[command(flatten)]
        place: Place,
    },
}

/// What may be done by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodWord {
    /// Download
    Get,
    /// Store one file under this name
    Put,
    /// Leave new files in this folder
    Drop,
}

/// Seconds of `90s`, `30m`, `12h`, `7d`, `2w`.
fn parse_time(text: &str) -> Result<u64, String> {
    let form = || "like 90s, 30m, 12h, 7d or 2w".to_owned();
    let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
    let unit = units.iter().find_map(|(letter, scale)| Some((text.strip_suffix(*letter)?, scale)));
    let (digits, scale) = unit.ok_or_else(form)?;
    let number: u64 = number(digits).ok_or_else(form)?;
    number.checked_mul(*scale).filter(|seconds| *seconds > 0).ok_or_else(form)
}

/// Bytes of `500MiB`, `2G`, `10MB`.
fn parse_size(text: &str) -> Result<u64, String> {
    let form = || "like 500MiB or 2G (of 1024), 500MB (of 1000) or a number of bytes".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let scale: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(form()),
    };
    let bytes = number(digits).and_then(|number| number.checked_mul(scale));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(form)
}

/// Bytes per second of `1MiB/s`.
fn parse_rate(text: &str) -> Result<u64, String> {
    parse_size(text.strip_suffix("/s").unwrap_or(text))
        .map_err(|_| "like 1MiB/s or 500KB/s".to_owned())
}

fn parse_base(text: &str) -> Result<String, String> {
    let form = || "like https://files.example.com, without a path".to_owned();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest)).ok_or_else(form)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let good = !authority.is_empty() && authority.chars().all(fits);
    if good { Ok(text.strip_suffix('/').unwrap_or(text).to_owned()) } else { Err(form()) }
}

fn parse_key(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "eight hexadecimal digits, as `key list` says".to_owned())
}

/// Digits alone: `parse` would take a sign.
fn number(digits: &str) -> Option<u64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    //! Times, sizes, rates and bases.
    use super::*;

    #[test]
    fn times_sizes_and_rates_are_read() {
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("12h", 43_200), ("7d", 604_800)] {
            assert_eq!(parse_time(text), Ok(seconds));
        }
        for bad in ["", "7", "d", "0d", "-1d", "+1d", "1y", "1.5h", "99999999999999999999d"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
        let table =
            [("1", 1), ("2K", 2048), ("500MiB", 500 << 20), ("1gb", 1_000_000_000), ("3B", 3)];
        for (text, bytes) in table {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "0", "M", "-1", "1.5M", "1 M", "1X", "99999999999T"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_rate("1MiB/s"), Ok(1 << 20));
        assert_eq!(parse_rate("500kb"), Ok(500_000));
        assert!(parse_rate("1/m").is_err());
    }

    #[test]
    fn a_base_has_no_path() {
        assert_eq!(parse_base("https://a.example:8443/").as_deref(), Ok("https://a.example:8443"));
        for bad in ["a.example", "https://", "https://a/b", "https://a?b", "https://a b"] {
            assert!(parse_base(bad).is_err(), "{bad}");
        }
    }
}
