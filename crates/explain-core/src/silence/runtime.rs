//! How each language buffers what it prints, and what turns that off.

use menshen_base::Runtime;

/// When a runtime's own buffer keeps what was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// When the output is no terminal, until some kilobytes are there.
    Unless,
    /// What comes after the last line end.
    Line,
    /// Only where the program asks for a buffer.
    Asked,
}

/// A runtime's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffer {
    pub(super) name: &'static str,
    pub(super) keeps: Keeps,
    pub(super) switch: &'static str,
}

/// Its own buffer; `None`: it has none, or it is the C library's, which can be read.
pub(super) const fn buffer(runtime: Runtime) -> Option<Buffer> {
    let (name, keeps, switch) = match runtime {
        Runtime::Python => (
            "Python",
            Keeps::Unless,
            "Start it with `python3 -u` or PYTHONUNBUFFERED=1, or print(..., flush=True).",
        ),
        Runtime::Perl => ("Perl", Keeps::Unless, "Set `$| = 1;` at the start of the program."),
        Runtime::Ruby => ("Ruby", Keeps::Unless, "Set `$stdout.sync = true` at the start."),
        Runtime::Php => (
            "PHP",
            Keeps::Asked,
            "Call ob_implicit_flush() and end open buffers with ob_end_flush(), or start it \
with `-d output_buffering=0 -d implicit_flush=1`.",
        ),
        Runtime::Go => {
            ("Go", Keeps::Asked, "Call Flush() of each bufio.Writer, also before os.Exit.")
        }
        Runtime::GoWithC => (
            "Go",
            Keeps::Asked,
            "Call Flush() of each bufio.Writer, and C.fflush(C.stdout) after C code printed: \
os.Exit empties neither.",
        ),
        Runtime::Rust => {
            ("Rust", Keeps::Line, "End lines with a line end, or call std::io::stdout().flush().")
        }
        Runtime::Node => (
            "Node.js",
            Keeps::Asked,
            "Writes to pipes go on in the background: call process.exit() only after them.",
        ),
        Runtime::Java => (
            "Java",
            Keeps::Asked,
            "Call System.out.flush(), or make the PrintStream with autoflush.",
        ),
        Runtime::C | Runtime::Shell | Runtime::Unknown => return None,
    };
    Some(Buffer { name, keeps, switch })
}
