//! Where control groups are mounted: `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::{Tree, Version};

/// The trees seen by this process, with the controllers of each (v1).
pub(super) fn read() -> io::Result<Vec<(Tree, Vec<Vec<u8>>)>> {
    let mut text = Vec::new();
    File::open("/proc/self/mountinfo")?.take(MOUNTS_BYTES_MAX).read_to_end(&mut text)?;
    Ok(parse(&text))
}

pub(super) fn parse(text: &[u8]) -> Vec<(Tree, Vec<Vec<u8>>)> {
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// `ID PARENT MAJOR:MINOR ROOT MOUNT-POINT OPTIONS… - TYPE SOURCE SUPER-OPTIONS`
fn line(text: &[u8]) -> Option<(Tree, Vec<Vec<u8>>)> {
    let fields: Vec<&[u8]> = text.split(|byte| *byte == b' ').collect();
    let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    let version = match *fields.get(dash + 1)? {
        b"cgroup" => Version::V1,
        b"cgroup2" => Version::V2,
        _ => return None,
    };
    let root = unescaped(fields.get(3)?);
    let mount = PathBuf::from(OsString::from_vec(unescaped(fields.get(4)?)));
    let options = fields.get(dash + 3).copied().unwrap_or_default();
    let controllers = options.split(|byte| *byte == b',').map(<[u8]>::to_vec).collect();
    Some((Tree { version, mount, root, controller: "memory" }, controllers))
}

/// Blanks, line breaks and backslashes are written as three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            out.push(code);
            rest = after.get(3..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

const MOUNTS_BYTES_MAX: u64 = 4 << 20;
