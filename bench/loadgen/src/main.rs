//! Cheap HTTP/1.1 load client for loopback: downloads, uploads, multipart forms, TLS handshakes,
//! thousands of held connections, and a crowd of slow people beside a page.
//!
//! Prints one JSON line. It measures and does not test: see the README beside this crate for what
//! it cannot see. It must never be pointed at a server of somebody else.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command: output is its result")]

mod body;
mod conn;
mod crowd;
mod exec;
mod first;
mod form;
mod head;
mod hold;
mod job;
mod link;
mod options;
mod page;
mod record;
mod resumable;
mod tls;

use std::process::ExitCode;
use std::rc::Rc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use options::{Mode, Options};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("loadgen: {message}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let options = Options::parse(std::env::args().skip(1))?;
    raise_descriptor_limit();
    match options.mode()? {
        Mode::HoldUpload | Mode::HoldDownload => hold::run(&options),
        Mode::First => first::run(&options),
        Mode::Crowd => crowd::run(&options),
        Mode::Page => page::run(&options),
        Mode::Link => link::run(&options),
        mode => Rc::new(job::Job::new(&options, mode)?).run(&options),
    }
}

/// As far as is allowed without rights; too few descriptors show as errors of single connections.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        eprintln!("loadgen: could not raise the descriptor limit: {error}");
    }
}

const USAGE: &str = "\
usage: loadgen [mode=get|put|form|tus|rufh|connect|hold-upload|hold-download|first|crowd|page|link]
               [addr=127.0.0.1] [port=8100] [path=/1k] [c=1] [secs=2] [n=0] [size=1048576] [tls=0|1]
               [cipher=AES_128|AES_256] [resume=0|1] [cr=0|1] [first=4096] [trickle=1024]
               [uploads=10] [downloads=10] [up=/up] [down=/1m,…] [rate=50000]
               [up_size=1048576] [up_rate=50000] [ramp=1] [every=20]
               [decrypt=0|1] [pace=0] [piece=8388608] [listen=0] [delay=25]
  mode=get      download PATH on c kept-alive connections
  mode=put      PUT size bytes to PATH + 'u' + connection number
  mode=form     POST size bytes as one multipart/form-data file part named f to PATH
  mode=tus, rufh
usage: loadgen [mode=get|put|form|tus|rufh|connect|hold-upload|hold-download|first|crowd|page|
                     link]
                counts as one request
  mode=connect  a new connection for every GET of PATH; with pace=N, N of them begin every second
                whatever became of the others
  mode=hold-upload, hold-download
                c connections that move `first` bytes and then `trickle` bytes a second; after
                secs seconds prints its line, and holds on until its standard input ends
  mode=first    after a line on standard input, which is repeated: milliseconds until a server
                takes a connection and until the first byte of its answer to GET PATH
  mode=crowd    over TLS and in `ramp` seconds: `uploads` people who each post a form with a file
                of up_size bytes at up_rate bytes a second to UP, and `downloads` who read one of
                the DOWN paths, of size bytes, at `rate` bytes a second; at most secs
                seconds; a line once all have asked, and one at the end
  mode=page     GET PATH every `every` milliseconds on c connections in turns, until standard input
                ends; then a line with every latency, from when the fetch was due
  mode=link     relays from port `listen` to addr:port: bytes arrive `delay` milliseconds later, at
                `rate` bytes a second each way; until standard input ends
  n=N           exactly N requests in all; 0: only the time counts; what is in flight at the end is
                finished
  decrypt=1     decrypt every answer of mode=get instead of counting records: for answers whose
                length on the wire is not always the same
  cr=1          leave carriage returns in the upload bytes (the default replaces them)";
