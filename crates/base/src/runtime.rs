//! What a program was written in: a word for the explanation of what it does with its output.

use serde::Serialize;

/// A program's language, or the interpreter that runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// C or another language that uses the C library's streams.
    C,
    /// Go without a C library.
    Go,
    /// Go with C inside (cgo): two buffers that do not know of each other.
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
