//! Inside guest kernels (user-mode-linux): our two ends beside pptpd with pppd, and beside
//! sstp-server with pppd, each with its own client, over the same two guests.
//!
//! The guests are those of the tests with peers (`crates/tunnel/tests/peers/ppp`); programs come
//! from this machine's own files. Each guest has one processor. What is not installed is said
//! loudly and has no row.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::ends::{Kind, dial, prepare};
use super::space::Spaces;
use crate::bench::Options;
use crate::bench::lab::Lab;
use crate::bench::report::{Report, Row, median};
use crate::{shell, workspace};

/// Who speaks in a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Menshen,
    Rival,
}

/// One case: what of ours, and what the rival's guests are told.
struct Case {
    kind: Kind,
    rival: &'static str,
    serves: &'static str,
    dials: &'static str,
    port: u16,
    inner: &'static str,
    mppe: &'static str,
}

const CASES: &[Case] = &[
    Case {
        kind: Kind::Pptp,
        rival: "pptpd and pppd",
        serves: "pptpd",
        dials: "pptp",
        port: 1723,
        inner: "10.78.0.1",
        mppe: "0",
    },
    Case {
        kind: Kind::Mppe,
        rival: "pptpd and pppd",
        serves: "pptpd",
        dials: "pptp",
        port: 1723,
        inner: "10.78.0.1",
        mppe: "128",
    },
    Case {
        kind: Kind::Sstp,
        rival: "sstp-server and pppd",
        serves: "sstpd",
        dials: "sstpc",
        port: 443,
        inner: "10.79.0.1",
        mppe: "0",
    },
];

/// Every case, both speakers.
pub(super) fn measure(options: &Options, lab: &Lab, report: &Report) -> Result<Vec<Row>, String> {
    let needed = ["linux.uml", "pppd", "pptpd", "pptp", "iperf3", "ss", "ping"];
    if let Some(missing) = needed.iter().find(|name| shell::find(name).is_none()) {
        println!("SKIPPED: guests: {missing} is not installed");
        return Ok(Vec::new());
    }
    let sstpd = std::env::var_os("SSTPD").map(PathBuf::from).or_else(|| shell::find("sstpd"));
    let mut rows = Vec::new();
    for case in CASES {
        if case.kind == Kind::Sstp && (sstpd.is_none() || shell::find("sstpc").is_none()) {
            println!(
                "SKIPPED: guests with SSTP: sstpd (SSTPD= names it) or sstpc is not installed"
            );
            continue;
        }
        let mut rates = Vec::new();
        for speaker in [Speaker::Menshen, Speaker::Rival] {
            let both = run(options, lab, case, speaker, sstpd.as_deref())?;
            for (way, rate) in &both {
                let who = if speaker == Speaker::Menshen { "menshen" } else { case.rival };
                let line = format!("{:?},{who:?},{way},{:.3}", case.kind.name(), rate / 1e3);
                report.more("tunnel-guests.csv", "case,who,way,megabits_per_s", &[line])?;
            }
            rates.push(both);
        }
        rows.extend(rows_of(case, &rates[0], &rates[1]));
    }
    Ok(rows)
}

fn rows_of(case: &Case, ours: &[(String, f64)], theirs: &[(String, f64)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for way in ["up", "-R"] {
        let of = |all: &[(String, f64)]| {
            let rates: Vec<f64> = all.iter().filter(|(w, _)| w == way).map(|(_, r)| *r).collect();
            median(&rates, |rate| rate / 1e3)
        };
        let (own, rival) = (of(ours), of(theirs));
        let word = if way == "up" { "up" } else { "down" };
        rows.push(Row {
            case: format!("tunnel in guests, {} {word}", case.kind.name()),
            ours: format!("{own:.1} Mbit/s"),
            against: format!("{}, {rival:.1} Mbit/s", case.rival),
            ratio: own / rival,
            rate_ratio: Some(own / rival),
            goal: Some(5.0),
            errors: f64::from(u8::from(own == 0.0)),
        });
    }
    rows
}

/// Both guests, and the rates that the dialling one tells, in kbit/s.
fn run(
    options: &Options,
    lab: &Lab,
    case: &Case,
    speaker: Speaker,
    sstpd: Option<&Path>,
) -> Result<Vec<(String, f64)>, String> {
    let spaces = Spaces::new()?;
    spaces.ip_first("link add br0 type bridge")?;
    spaces.ip_first("addr add 10.77.0.1/24 dev br0")?;
    spaces.ip_first("link set br0 up")?;
    let root = workspace::repository_root()?;
    let script = |name: &str| root.join("bench/tunnelload/guest").join(name).display().to_string();
    let certificate = lab.certificate();
    let mut serving = vec![
        format!("MPPE={}", case.mppe),
        format!("LISTENS={}", case.port),
        format!("RUN={}", script("server.sh")),
        format!("CERT={}", certificate.display()),
        format!("KEY={}", certificate.with_extension("key").display()),
    ];
    serving.extend(sstpd.map(|sstpd| format!("SSTPD={}", sstpd.display())));
    let mut dialling = vec![
        "PEER=10.77.0.2".to_owned(),
        format!("MPPE={}", case.mppe),
        format!("CA={}", certificate.display()),
        format!("RUN={}", script("client.sh")),
        format!("SECONDS_EACH={}", if options.short { 1 } else { 4 }),
    ];
    let (mut roles, mut inner) = ((case.serves, case.dials), case.inner);
    if speaker == Speaker::Menshen {
        let conf = prepare(lab, "-guest", &configuration(case, lab))?;
        for (name, from) in
            [("cert.pem", &certificate), ("key.pem", &certificate.with_extension("key"))]
        {
            fs::copy(from, conf.join(name)).map_err(|e| format!("could not copy {name}: {e}"))?;
        }
        (roles, inner) = (("menshen", "menshen"), "10.90.0.1");
        let words = dial(lab, case.kind, "10.77.0.2")?;
        let more = words.get(1..).unwrap_or_default().join("+");
        for values in [&mut serving, &mut dialling] {
            values.push(format!("MENSHEN={}", lab.menshen.display()));
            values.push(format!("CONF={}", conf.display()));
        }
        dialling.push(format!("URL={}", words[0]));
        dialling.push(format!("MORE={more}"));
    }
    dialling.push(format!("INNER={inner}"));
    let server = Guest::start(lab, &spaces, roles.0, "10.77.0.2/24", &serving)?;
    server.wait("LAB SERVES")?;
    let client = Guest::start(lab, &spaces, roles.1, "10.77.0.3/24", &dialling)?;
    let console = client.wait("LAB DONE").map_err(|e| format!("{e}\n{}", server.tail()))?;
    Ok(rates(&console))
}

/// `LAB RATE WAY KBITS` lines of a console.
pub(super) fn rates(console: &str) -> Vec<(String, f64)> {
    let rate = |line: &str| {
        let (way, rate) = line.split_once("LAB RATE ")?.1.trim().split_once(' ')?;
        Some((way.to_owned(), rate.parse().ok()?))
    };
    console.lines().filter_map(rate).collect()
}

/// Of the serving end in a guest; what is in its folder is copied to memory there.
fn configuration(case: &Case, lab: &Lab) -> String {
    let mppe = if case.kind == Kind::Mppe { "require" } else { "off" };
    let text = super::ends::configuration(lab, mppe);
    let certificate = lab.certificate();
    let text = text.replace(&certificate.display().to_string(), "cert.pem");
    let key = certificate.with_extension("key").display().to_string();
    let text = text.replace(&key, "key.pem");
    text.replace("users = \"users\"\n", "users = \"users\"\naddresses = \"10.90.0.0/24\"\n")
}

/// A guest kernel; ended when dropped.
struct Guest {
    child: Child,
    folder: PathBuf,
}

impl Guest {
    fn start(
        lab: &Lab,
        spaces: &Spaces,
        role: &str,
        address: &str,
        values: &[String],
    ) -> Result<Self, String> {
        let last = address.split(['.', '/']).nth(3).unwrap_or("0");
        let folder = lab.disk.join("up").join(format!("guest-{last}"));
        let _ = fs::remove_dir_all(&folder);
        let failed = |e| format!("could not start a guest: {e}");
        fs::create_dir_all(folder.join("own")).map_err(failed)?;
        let console = File::create(folder.join("console.log")).map_err(failed)?;
        let script = workspace::repository_root()?.join("crates/tunnel/tests/peers/ppp/guest.sh");
        let mut command = spaces.first("bash".as_ref());
        command.arg(script).arg(folder.join("own")).args([role, address]).args(values);
        command.stdin(Stdio::null()).stdout(console).stderr(Stdio::null());
        Ok(Self { child: command.spawn().map_err(failed)?, folder })
    }

    /// Waits for a word on the console; gives all of it.
    fn wait(&self, word: &str) -> Result<String, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let console = fs::read(self.folder.join("console.log")).unwrap_or_default();
            let console = String::from_utf8_lossy(&console).into_owned();
            if console.contains(word) {
                return Ok(console);
            }
            if console.contains("LAB FAIL") || Instant::now() > until {
                return Err(format!("a guest did not say {word}:\n{}", self.tail()));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn tail(&self) -> String {
        let console = fs::read(self.folder.join("console.log")).unwrap_or_default();
        let console = String::from_utf8_lossy(&console).into_owned();
        let lines: Vec<&str> = console.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Asked, it ends the guest; killed, it would leave it behind.
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status().ok();
        let _ = self.child.wait();
    }
}

const PATIENCE: Duration = Duration::from_secs(240);
