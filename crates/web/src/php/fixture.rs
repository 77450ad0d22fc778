//! What tests of this road need: a spool over a temporary folder, and forms.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use menshen_web_core::multipart::boundary_of;
use rustix::fs::{Mode, OFlags, open};
use tempfile::TempDir;

use crate::fault::Fault;
use crate::php::body::Body;
use crate::php::delivery::Source;
use crate::php::intake::{Flush, FormUse, Intake, IntakeLimits};
use crate::php::spool::PhpSpool;

/// A spool in `DIR/spool`, next to an empty `DIR/store`.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) spool: Arc<PhpSpool>,
}

/// Limits that nothing here reaches.
pub(crate) const WIDE: IntakeLimits = IntakeLimits {
    body_bytes_max: 0,
    file_bytes_max: 0,
    fields_bytes_max: 0,
    parts_max: 1000,
    part_head_bytes_max: 8192,
};

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("spool")).unwrap();
        std::fs::create_dir(dir.path().join("store")).unwrap();
        let path = dir.path().join("spool");
        let spool = Arc::new(PhpSpool::open(folder(&path), path, "cafe"));
        Self { dir, spool }
    }

    /// Opened again, after something was mounted over it.
    pub(crate) fn reopened(&self) -> Arc<PhpSpool> {
        let path = self.path("spool");
        Arc::new(PhpSpool::open(folder(&path), path, "cafe"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn spooled(&self) -> Vec<String> {
        crate::fixture::names(&self.path("spool"))
    }

    pub(crate) fn stored(&self) -> Vec<String> {
        crate::fixture::names(&self.path("store"))
    }

    pub(crate) fn form(&self, limits: IntakeLimits, purpose: FormUse) -> Intake {
        let boundary = boundary_of(b"multipart/form-data; boundary=B").unwrap();
        Intake::form(Arc::clone(&self.spool), &boundary, None, limits, purpose).unwrap()
    }

    /// A form that has arrived in one piece.
    pub(crate) fn arrived(&self, form: &[u8], purpose: FormUse) -> Body {
        let mut intake = self.form(WIDE, purpose);
        intake.take(form).unwrap();
        ended(intake, Flush::No).unwrap()
    }
}

/// One part: field name, file name, content.
pub(crate) type Field<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// A form as a browser writes it, with the boundary `B`.
pub(crate) fn form(parts: &[Field<'_>]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, file_name, content) in parts {
        let file = file_name
            .map(|name| format!("; filename=\"{name}\"\r\nContent-Type: application/octet-stream"));
        let file = file.unwrap_or_default();
        let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--B--\r\n");
    form
}

/// Ends an intake, flushing.
pub(crate) fn finish(intake: Intake) -> Result<Body, Fault> {
    ended(intake, Flush::Yes)
}

fn ended(intake: Intake, flush: Flush) -> Result<Body, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(intake.finish(flush))
}

/// All that a source gives, read by `step` bytes.
pub(crate) fn read_all(source: &mut Source, step: usize) -> Vec<u8> {
    let (mut all, mut out) = (Vec::new(), vec![0; step]);
    loop {
        let before = source.remaining();
        let read = source.read(&mut out).unwrap();
        assert_eq!(before - source.remaining(), read as u64);
        if read == 0 {
            assert_eq!(source.remaining(), 0);
            return all;
        }
        all.extend_from_slice(&out[..read]);
    }
}

/// Bytes that are not all alike.
pub(crate) fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from((at * 31 + at / 251) % 251).unwrap()).collect()
}

pub(crate) fn folder(path: &Path) -> OwnedFd {
    open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}
