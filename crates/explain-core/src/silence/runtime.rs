//! How each language buffers what it prints, and what turns that off.

use serde::Serialize;

/// What a program was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// C or another language that uses the C library's streams.
    C,
    /// Go without a C library.
    Go,
    /// Go with C inside (cgo).
    GoWithC,
    /// Rust.
    Rust,
    /// CPython.
    Python,
    /// Perl.
    Perl,
    /// PHP.
    Php,
    /// Ruby.
    Ruby,
    /// Node.js.
    Node,
    /// A Java virtual machine.
    Java,
    /// A shell.
    Shell,
    /// Nothing that is known here.
    Unknown,
}

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

impl Runtime {
    /// Its own buffer; `None`: it has none, or it is the C library's, which can be read.
    pub(super) const fn buffer(self) -> Option<Buffer> {
        let (name, keeps, switch) = match self {
            Self::Python => (
                "Python",
                Keeps::Unless,
                "Start it with `python3 -u` or PYTHONUNBUFFERED=1, or print(..., flush=True).",
            ),
            Self::Perl => ("Perl", Keeps::Unless, "Set `$| = 1;` at the start of the program."),
            Self::Ruby => ("Ruby", Keeps::Unless, "Set `$stdout.sync = true` at the start."),
            Self::Php => (
                "PHP",
                Keeps::Asked,
                "Call ob_implicit_flush() and end open buffers with ob_end_flush(), or start it with \
`-d output_buffering=0 -d implicit_flush=1`.",
            ),
            Self::Go => {
                ("Go", Keeps::Asked, "Call Flush() of each bufio.Writer, also before os.Exit.")
            }
            Self::GoWithC => (
                "Go",
                Keeps::Asked,
                "Call Flush() of each bufio.Writer, and C.fflush(C.stdout) after C code printed: \
os.Exit empties neither.",
            ),
            Self::Rust => (
                "Rust",
                Keeps::Line,
                "End lines with a line end, or call std::io::stdout().flush().",
            ),
            Self::Node => (
                "Node.js",
                Keeps::Asked,
                "Writes to pipes go on in the background: do not call process.exit() before they end.",
            ),
            Self::Java => (
                "Java",
                Keeps::Asked,
                "Call System.out.flush(), or make the PrintStream with autoflush.",
            ),
            Self::C | Self::Shell | Self::Unknown => return None,
        };
        Some(Buffer { name, keeps, switch })
    }
}
