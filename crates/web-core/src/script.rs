//! Which part of a path names a PHP script, and which files are PHP source (RFC 3875 §3.3, §4.1.5).
//!
//! Nothing here looks at the disk. A script is what ends in `.php`, byte for byte: no other case,
//! no blank or dot behind it, no other extension. What only looks like a script is no script, and
//! is not sent as a file either.

/// The lengths of the prefixes of `path` that could name a script, shortest first.
///
/// Each ends behind a `.php` that is followed by `/` or by nothing: `/a.php/b.php` gives 6 and 12.
/// What follows the prefix is the path info. The caller takes the first one that is a regular file;
/// a `.php` that is a folder is passed over so.
pub fn candidates(path: &[u8]) -> impl Iterator<Item = usize> {
    let starts = path.split_inclusive(|&byte| byte == b'/');
    starts
        .scan(0, |at, segment| {
            let name = segment.strip_suffix(b"/").unwrap_or(segment);
            let end = *at + name.len();
            *at += segment.len();
            Some(is_script_name(name).then_some(end))
        })
        .flatten()
}

/// Whether a file of this name may be run: something, then `.php`. A file named `.php` is hidden,
/// not a script.
#[must_use]
pub fn is_script_name(name: &[u8]) -> bool {
    name.len() > SUFFIX.len() && name.ends_with(SUFFIX)
}

/// Whether a file of this name may be PHP source, which is neither sent nor run unless
/// [`is_script_name`].
///
/// In any case of the letters, and with dots, blanks or `~` behind, as other file systems and
/// editors put there:
/// - `.php`, and `.php` with one digit, which set-ups with several PHP versions use;
/// - `.phtml`, `.pht`, `.phps`, `.phpt`, `.phar`: mapped to PHP by Debian's Apache, or source;
/// - each of these before the endings of backup copies: `config.php.bak` holds passwords as much
///   as `config.php` does.
///
/// `.inc` is not among them: there are too many harmless ones, and no default runs them.
#[must_use]
pub fn is_forbidden_source(name: &[u8]) -> bool {
    let name = without_tail(name);
    if has_source_extension(name) {
        return true;
    }
    let copy = BACKUPS.iter().find_map(|ending| {
        let at = name.len().checked_sub(ending.len())?;
        name[at..].eq_ignore_ascii_case(ending).then(|| &name[..at])
    });
    copy.is_some_and(|name| has_source_extension(without_tail(name)))
}

fn has_source_extension(name: &[u8]) -> bool {
    let Some(dot) = memchr::memrchr(b'.', name) else { return false };
    let extension = &name[dot + 1..];
    let known = |other: &&[u8]| extension.eq_ignore_ascii_case(other);
    let numbered = matches!(extension, [b'p' | b'P', b'h' | b'H', b'p' | b'P', b'0'..=b'9']);
    numbered || EXTENSIONS.iter().any(known)
}

fn without_tail(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| !matches!(byte, b'.' | b' ' | b'~'));
    &name[..end.map_or(0, |at| at + 1)]
}

const SUFFIX: &[u8] = b".php";
const EXTENSIONS: [&[u8]; 6] = [b"php", b"phtml", b"pht", b"phps", b"phpt", b"phar"];
const BACKUPS: [&[u8]; 7] = [b".bak", b".old", b".orig", b".save", b".swp", b".swo", b".tmp"];

#[cfg(test)]
mod tests;
