//! What a program was written in, as far as its file, its libraries and its command line tell.
//!
//! Names can lie and interpreters can be renamed: it is a hint for people, and nothing is decided
//! by it but the words of an explanation.

use std::fs::File;

use menshen_base::Runtime;
use menshen_sys::proc;

use crate::elf::{Image, Symbol};
use crate::maps;

/// What runs in process `pid`.
///
/// # Errors
/// When it is gone or somebody else's.
pub fn runtime(pid: u32) -> std::io::Result<Runtime> {
    let files = maps::files(pid)?;
    let exe = std::fs::read_link(format!("/proc/{pid}/exe"))?;
    let path = std::os::unix::ffi::OsStrExt::as_bytes(exe.as_os_str());
    let name = path.strip_suffix(b" (deleted)").unwrap_or(path);
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    if let Some(runtime) = by_name(name) {
        return Ok(runtime);
    }
    let libraries: Vec<&[u8]> = files.iter().map(maps::Mapped::name).collect();
    if let Some(runtime) = by_library(&libraries) {
        return Ok(runtime);
    }
    let libc = libraries.iter().any(|name| name.starts_with(b"libc.") || is_musl(name));
    let mut streams = false;
    let mut visit = |symbol: Symbol<'_>| {
        streams |= symbol.name == b"_IO_2_1_stdout_" || symbol.name == b"stdout"
    };
    let file = File::open(format!("/proc/{pid}/exe")).ok();
    let image = file.and_then(|file| Image::open(file, &mut visit));
    Ok(match image {
        Some(image) if image.go && (libc || streams) => Runtime::GoWithC,
        Some(image) if image.go => Runtime::Go,
        Some(image) if image.rust => Runtime::Rust,
        _ if libc || streams => Runtime::C,
        _ => Runtime::Unknown,
    })
}

/// The first words of the command line, for a switch the program was started with; empty when it
/// cannot be read. Foreign.
#[must_use]
pub fn arguments(pid: u32) -> Vec<Vec<u8>> {
    let line = proc::command_line(pid, ARGUMENT_BYTES_MAX).unwrap_or_default();
    let arguments = line.split(|byte| *byte == 0).take(ARGUMENTS_MAX);
    arguments.filter(|argument| !argument.is_empty()).map(<[u8]>::to_vec).collect()
}

/// By the program's own name, with a version behind it: `python3.11`, `php8.2`, `perl5.36.0`.
fn by_name(name: &[u8]) -> Option<Runtime> {
    let stem = name.strip_prefix(b"php-").map_or(name, |_| b"php");
    let end = stem.iter().position(|byte| byte.is_ascii_digit() || *byte == b'.');
    let stem = stem.get(..end.unwrap_or(stem.len())).unwrap_or_default();
    NAMES.iter().find(|(known, _)| *known == stem).map(|(_, runtime)| *runtime)
}

fn by_library(libraries: &[&[u8]]) -> Option<Runtime> {
    let has = |start: &[u8]| libraries.iter().any(|name| name.starts_with(start));
    LIBRARIES.iter().find(|(start, _)| has(start)).map(|(_, runtime)| *runtime)
}

fn is_musl(name: &[u8]) -> bool {
    name.starts_with(b"ld-musl-")
}

const NAMES: &[(&[u8], Runtime)] = &[
    (b"python", Runtime::Python),
    (b"perl", Runtime::Perl),
    (b"php", Runtime::Php),
    (b"ruby", Runtime::Ruby),
    (b"node", Runtime::Node),
    (b"nodejs", Runtime::Node),
    (b"java", Runtime::Java),
    (b"sh", Runtime::Shell),
    (b"bash", Runtime::Shell),
    (b"dash", Runtime::Shell),
    (b"zsh", Runtime::Shell),
    (b"busybox", Runtime::Shell),
];

const LIBRARIES: &[(&[u8], Runtime)] = &[
    (b"libpython", Runtime::Python),
    (b"libperl", Runtime::Perl),
    (b"libphp", Runtime::Php),
    (b"libruby", Runtime::Ruby),
    (b"libnode", Runtime::Node),
    (b"libjvm", Runtime::Java),
];
const ARGUMENT_BYTES_MAX: usize = 16 << 10;
const ARGUMENTS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    //! Names, and this program.
    use super::*;

    #[test]
    fn names_with_versions() {
        for (name, expected) in [
            (&b"python3.11"[..], Some(Runtime::Python)),
            (b"php8.2", Some(Runtime::Php)),
            (b"php-fpm8.2", Some(Runtime::Php)),
            (b"perl", Some(Runtime::Perl)),
            (b"node", Some(Runtime::Node)),
            (b"pythonic", None),
            (b"", None),
        ] {
            assert_eq!(by_name(name), expected, "{}", String::from_utf8_lossy(name));
        }
        assert_eq!(by_library(&[b"libc.so.6", b"libjvm.so"]), Some(Runtime::Java));
    }

    #[test]
    fn this_is_rust() {
        assert_eq!(runtime(std::process::id()).unwrap(), Runtime::Rust);
    }
}
