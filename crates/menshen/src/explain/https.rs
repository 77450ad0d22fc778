//! `menshen explain https`: the handshake that really happened, as text, picture or JSON.
//!
//! Files are opened here, while the rights for them are there; then root becomes nobody, and only
//! then foreign bytes are looked at.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use menshen_explain::connect::{ConnectError, Dial, Target, Timeouts};
use menshen_explain::handshake::{
    Ask, Choose, Gallery, HandshakeError, Identity, Look, Report, Session, Versions, from_capture,
    from_door, look,
};
use menshen_explain::rights::become_nobody;
use menshen_explain::starttls::{Protocol, StarttlsError};
use menshen_explain::trust::read_roots;
use menshen_guard::{Source, load};

use self::shapes::Shapes;
use crate::cli::Place;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

mod shapes;

/// What happens when a browser says "https": the handshake of one real connection
///
/// Connects to HOST, records each message of the handshake with its direction, size and time, opens
/// what is encrypted with the keys of this own connection, and checks what can be computed again. A
/// server that is too old for today's clients is asked with hellos of the past. Or reads the
/// connections of a capture (pcap, pcapng), or the failed handshakes that our own door kept.
///
/// Exit code 0: fine; 1: the handshake failed or something is wrong with it; 2: usage; 111: the
/// host cannot be reached.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("from").required(true).args(["host", "pcap", "clients"]))]
pub(crate) struct HttpsArguments {
    /// HOST, HOST:PORT, [IPV6]:PORT or a URL such as https://example.com/ or
    /// smtp://mail.example.com
    #[arg(value_name = "HOST[:PORT]")]
    host: Option<String>,
    /// Offer TLS 1.2 only
    #[arg(long, requires = "host")]
    tls12: bool,
    /// Connect twice and show the second handshake, which takes up the session of the first
    #[arg(long, requires = "host")]
    resume: bool,
    /// Name to ask the server for (SNI), instead of HOST
    #[arg(long, value_name = "NAME", requires = "host")]
    name: Option<String>,
    /// Where to connect, instead of HOST's own address
    #[arg(long, value_name = "ADDR[:PORT]", requires = "host")]
    connect: Option<String>,
    /// What to speak before TLS: smtp, imap, pop3, ftp, mysql or postgres
    #[arg(long, value_name = "PROTOCOL", requires = "host", value_parser = parse_protocol)]
    starttls: Option<Protocol>,
    /// Certificate to show when the server asks for one, PEM
    #[arg(long, value_name = "FILE", requires = "host", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Judge the chain by the roots in this file alone, PEM; for authorities inside the house
    #[arg(long, value_name = "FILE", requires = "host")]
    roots: Option<PathBuf>,
    /// Write the connection with its keys for Wireshark; the file is readable by its owner only
    #[arg(long, value_name = "FILE", requires = "host")]
    pcapng: Option<PathBuf>,
    /// Tell of a connection in this capture, pcap or pcapng
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Keys for the capture (SSLKEYLOGFILE); those inside a pcapng file are used anyway
    #[arg(long, value_name = "FILE", requires = "pcap")]
    keylog: Option<PathBuf>,
    /// Which connection of the capture, by its number in the list
    #[arg(long, value_name = "N", requires = "pcap")]
    stream: Option<usize>,
    /// Which connection of the capture, by the name its client asked for
    #[arg(long = "host", value_name = "NAME", requires = "pcap", conflicts_with = "stream")]
    captured_name: Option<String>,
    /// Tell of the last failed handshakes at our own door
    #[arg(long)]
    clients: bool,
    /// Only this one of the failed handshakes, by its number in the list
    #[arg(long, value_name = "N", requires = "clients")]
    number: Option<usize>,
    #[command(flatten)]
    place: Place,
    /// Draw the handshake into FILE, or to standard output with `-`; of several the first
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a page with the picture and all details into FILE, or to standard output with `-`
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// `menshen explain https`.
pub(crate) fn run(arguments: HttpsArguments) -> ExitCode {
    let answered = Shapes::of(&arguments).and_then(|shapes| answer(arguments, shapes));
    match answered {
        Ok((text, bad)) => out::print(&text, if bad { EXIT_NO } else { 0 }),
        Err((text, code)) => {
            out::complain(&text);
            ExitCode::from(code)
        }
    }
}

fn answer(arguments: HttpsArguments, shapes: Shapes) -> Result<(String, bool), Complaint> {
    if let Some(path) = &arguments.pcap {
        let report = capture(&arguments, path)?;
        Ok((shapes.one(&report)?, report.is_bad()))
    } else if arguments.clients {
        let gallery = clients(&arguments)?;
        Ok((shapes.many(&gallery)?, !gallery.list.is_empty()))
    } else {
        let report = live(arguments)?.report;
        Ok((shapes.one(&report)?, report.is_bad()))
    }
}

type Complaint = (String, u8);

fn live(arguments: HttpsArguments) -> Result<Look, Complaint> {
    let starttls_port = arguments.starttls.map(Protocol::port);
    let target = |text: &str, port| {
        Target::parse(text, port)
            .map_err(|error| (format!("menshen: {error}\n  hint: {}", error.hint()), EXIT_CONFIG))
    };
    let host = arguments.host.unwrap_or_default();
    let asked = target(&host, starttls_port.unwrap_or(443))?;
    let instead = arguments.connect.as_deref().map(|text| target(text, asked.port)).transpose()?;
    let identity = match (&arguments.client_cert, &arguments.client_key) {
        (Some(chain), Some(key)) => {
            let identity = Identity::from_pem(&read(chain)?, &read(key)?);
            Some(identity.map_err(|error| complaint(&error))?)
        }
        _ => None,
    };
    let roots = arguments.roots.as_deref();
    let roots = roots.map(|path| read_roots(path).map_err(|error| unreadable(path, &error)));
    let roots = roots.transpose()?;
    let save = arguments.pcapng.as_deref().map(create).transpose()?;
    let starttls = arguments.starttls.or(asked.starttls).or_else(|| Protocol::of_port(asked.port));
    drop_root()?;
    let ask = Ask {
        dial: Dial { target: asked, instead, timeouts: Timeouts::default() },
        name: arguments.name,
        starttls,
        versions: if arguments.tls12 { Versions::Tls12 } else { Versions::All },
        session: if arguments.resume { Session::Resumed } else { Session::New },
        identity,
        roots,
        unix_seconds: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    let look = look(&ask).map_err(|error| complaint(&error))?;
    if let (Some(file), Some(path)) = (save, &arguments.pcapng) {
        let mut file = BufWriter::new(file);
        look.save(&mut file).and_then(|()| file.flush()).map_err(|error| {
            let text = format!("menshen: could not write {}\n  detail: {error}", path.display());
            (text, EXIT_PERMANENT)
        })?;
        out::complain(&format!(
            "menshen: {} holds this connection with its keys: whoever has it can open this \
             connection, and no other",
            path.display()
        ));
    }
    Ok(look)
}

fn capture(arguments: &HttpsArguments, path: &Path) -> Result<Report, Complaint> {
    let capture = open(path)?;
    let key_log = arguments.keylog.as_deref().map(open).transpose()?;
    drop_root()?;
    let choose = Choose { stream: arguments.stream, host: arguments.captured_name.clone() };
    from_capture(capture, key_log, &choose).map_err(|error| complaint(&error))
}

fn clients(arguments: &HttpsArguments) -> Result<Gallery, Complaint> {
    let state = match &arguments.place.state {
        Some(state) => state.clone(),
        None => {
            let source: Source = arguments.place.source();
            let settings = load(&source, out::stderr_colour());
            settings.map_err(|error| (error.render(), EXIT_CONFIG))?.config.state
        }
    };
    let path = state.join("handshakes");
    let file = match File::open(&path) {
        // A door that was never opened kept nothing.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && state.is_dir() => None,
        file => Some(file.map_err(|error| unreadable(&path, &error))?),
    };
    drop_root()?;
    let mut records = Vec::new();
    if let Some(file) = file {
        let taken = file.take(RECORDS_BYTES_MAX).read_to_end(&mut records);
        taken.map_err(|error| unreadable(&path, &error))?;
    }
    let gallery = from_door(&records, arguments.number);
    match arguments.number {
        Some(number) if gallery.handshakes.is_empty() => {
            let kept = gallery.list.len();
            Err((
                format!("menshen: there is no failed handshake {number}; {kept} are kept"),
                EXIT_NO,
            ))
        }
        _ => Ok(gallery),
    }
}

fn complaint(error: &HandshakeError) -> Complaint {
    let code = match error {
        HandshakeError::Connect(_) | HandshakeError::Starttls(StarttlsError::Broken(_)) => {
            EXIT_RETRY
        }
        HandshakeError::Starttls(_)
        | HandshakeError::NothingThere { .. }
        | HandshakeError::NoSuch { .. } => EXIT_NO,
        HandshakeError::Client(_) => EXIT_PERMANENT,
        HandshakeError::Name(_)
        | HandshakeError::Identity(_)
        | HandshakeError::Roots(_)
        | HandshakeError::Read(_)
        | HandshakeError::Capture(_) => EXIT_CONFIG,
    };
    let mut text = format!("menshen: {error}");
    match error {
        HandshakeError::Connect(ConnectError::Unresolved { detail, .. }) => {
            text += &format!("\n  detail: {detail}");
        }
        HandshakeError::Connect(ConnectError::Unreachable { tried, .. }) => {
            for (address, reason) in tried {
                text += &format!("\n  detail: {address}: {reason}");
            }
        }
        HandshakeError::Starttls(error) => {
            text.extend(error.detail().map(|detail| format!("\n  detail: {detail}")));
        }
        HandshakeError::Read(error) => text += &format!("\n  detail: {error}"),
        HandshakeError::Roots(error) => text += &format!("\n  detail: {error}"),
        HandshakeError::NothingThere { packets, unknown_links } => {
            text += &format!("\n  detail: {packets} packets were read");
            if *unknown_links > 0 {
                text += &format!(", {unknown_links} of them of a link type that is not understood");
            }
        }
        _ => {}
    }
    (text, code)
}

/// Root parses nothing foreign.
fn drop_root() -> Result<(), Complaint> {
    become_nobody().map_err(|error| {
        (format!("menshen: could not give up the rights of root\n  detail: {error}"), EXIT_RETRY)
    })
}

fn open(path: &Path) -> Result<File, Complaint> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn read(path: &Path) -> Result<Vec<u8>, Complaint> {
    std::fs::read(path).map_err(|error| unreadable(path, &error))
}

/// A file with keys in it: for its owner only, also when it was there before.
fn create(path: &Path) -> Result<File, Complaint> {
    let wrong = |error: std::io::Error| {
        (format!("menshen: could not write {}\n  detail: {error}", path.display()), EXIT_CONFIG)
    };
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let file = file.map_err(wrong)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).map_err(wrong)?;
    Ok(file)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Complaint {
    (format!("menshen: could not read {}\n  detail: {error}", path.display()), EXIT_CONFIG)
}

fn parse_protocol(word: &str) -> Result<Protocol, String> {
    let words = || Protocol::ALL.map(Protocol::word).join(", ");
    Protocol::from_word(word).ok_or_else(|| format!("known are {}", words()))
}

/// Larger than the records of all workers there can be.
const RECORDS_BYTES_MAX: u64 = 64 << 20;
