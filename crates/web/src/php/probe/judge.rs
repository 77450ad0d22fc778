//! What a pool's answer to the probe means, in findings a person understands.
//!
//! The answer comes from PHP and is taken for anything it may be: nothing of it is trusted but
//! the proof, the digest of the file that only we knew.

use std::path::Path;

use menshen_base::{Finding, Severity};
use menshen_config::PoolSpec;
use menshen_config::model::PhpAddress;
use serde::Deserialize;

use crate::explain::PoolSaid;

use super::{Expected, FILE_BYTES, Facts, SwapState};

/// What `probe.php` prints.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    php: String,
    uid: i64,
    shim: String,
    prepend: String,
    prepend_locked: bool,
    upload_tmp_dir: String,
    upload_tmp_dev: Option<i64>,
    open_basedir: String,
    disabled: Vec<String>,
    file_uploads: bool,
    max_file_uploads: i64,
    enable_post_data_reading: bool,
    upload_max_filesize: String,
    post_max_size: String,
    files: Files,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Files {
    probe: Option<File>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    error: i64,
    size: i64,
    is_uploaded_file: bool,
    sha256: String,
    owner: i64,
    writable: bool,
}

/// What an answer with `status` and `body` says of `pool`.
pub(crate) fn judge(pool: &PoolSpec, expected: &Expected, status: u16, body: &[u8]) -> SwapState {
    let answer = match serde_json::from_slice::<Answer>(body) {
        Ok(answer) if status == 200 => answer,
        _ => return SwapState::Broken(vec![unanswered(pool, status, body)]),
    };
    let judge = Judge { pool, expected, answer, subject: subject(pool) };
    let broken = judge.broken();
    if !broken.is_empty() {
        return SwapState::Broken(broken);
    }
    SwapState::Works(Facts {
        files_max: usize::try_from(judge.answer.max_file_uploads).unwrap_or(0),
        locked: judge.answer.prepend_locked,
        warnings: judge.warnings(),
        php: judge.answer.php,
    })
}

/// What the answer says of PHP, whatever becomes of the file; `None`: it is no such answer.
pub(crate) fn said(body: &[u8]) -> Option<PoolSaid> {
    let answer = serde_json::from_slice::<Answer>(body).ok()?;
    Some(PoolSaid {
        php: excerpt(answer.php.as_bytes()),
        uid: answer.uid,
        post_max_size: excerpt(answer.post_max_size.as_bytes()),
        upload_max_filesize: excerpt(answer.upload_max_filesize.as_bytes()),
        max_file_uploads: answer.max_file_uploads,
        upload_tmp_dir: excerpt(answer.upload_tmp_dir.as_bytes()),
    })
}

struct Judge<'a> {
    pool: &'a PoolSpec,
    expected: &'a Expected,
    answer: Answer,
    subject: String,
}

impl Judge<'_> {
    /// Why swap does not work; empty when it does.
    fn broken(&self) -> Vec<Finding> {
        if self.proven() {
            // PHP's rename copies where it has to, and the worker is held as if it were replayed.
            let all = [self.other_file_system(), self.other_user()];
            return all.into_iter().flatten().collect();
        }
        let all = [
            self.uploads_off(),
            self.reading_off(),
            self.shim_missing(),
            self.functions_disabled(),
            self.other_file_system(),
            self.outside_basedir(),
            self.other_user(),
        ];
        let mut found: Vec<Finding> = all.into_iter().flatten().collect();
        if found.is_empty() {
            found.push(self.unexplained());
        }
        found
    }

    /// PHP has the very file, as its own upload.
    fn proven(&self) -> bool {
        let Some(file) = &self.answer.files.probe else { return false };
        // A pool that may not hash still says the size, which no token has.
        let same = file.sha256 == self.expected.sha256 || file.sha256.is_empty();
        let size = usize::try_from(file.size) == Ok(FILE_BYTES);
        file.error == 0 && size && same && file.is_uploaded_file
    }

    fn uploads_off(&self) -> Option<Finding> {
        let finding = self.error("php-uploads-off", "PHP takes no uploads in this pool");
        (!self.answer.file_uploads).then(|| {
            finding
                .evidence("file_uploads", "probe.php", "0")
                .hint("Set php_admin_value[file_uploads] = 1 in the pool.")
        })
    }

    fn reading_off(&self) -> Option<Finding> {
        let finding = self.error("php-post-reading-off", "PHP reads no forms in this pool");
        (!self.answer.enable_post_data_reading).then(|| {
            finding
                .evidence("enable_post_data_reading", "probe.php", "0")
                .hint("Swap needs PHP to read forms itself; uploads are replayed.")
        })
    }

    fn shim_missing(&self) -> Option<Finding> {
        if !self.answer.shim.is_empty() {
            return None;
        }
        let prepend = self.prepend();
        let line = format!("php_admin_value[auto_prepend_file] = {}", prepend.display());
        let finding = if Path::new(&self.answer.prepend) == prepend {
            self.error(
                "php-shim-unreadable",
                "PHP was told of the prepend script but did not run it",
            )
            .hint("Let the user of the pool read it and the folders above it.")
        } else if self.answer.prepend.is_empty() {
            self.error("php-shim-missing", "the prepend script is not installed in this pool")
                .hint(format!("Add this line to the pool and reload php-fpm: {line}"))
        } else {
            self.error("php-prepend-other", "another prepend script runs in the place of ours")
                .hint(format!(
                    "Add this line to the pool and reload php-fpm: {line}. \
                     A script that a .user.ini or the php.ini names runs all the same, after ours."
                ))
        };
        Some(finding.evidence("auto_prepend_file", "probe.php", self.said(&self.answer.prepend)))
    }

    fn functions_disabled(&self) -> Option<Finding> {
        let needed = |name: &&String| NEEDED.contains(&name.as_str());
        let missing: Vec<&str> =
            self.answer.disabled.iter().filter(needed).map(String::as_str).collect();
        (!missing.is_empty()).then(|| {
            self.error("php-functions-disabled", "functions the prepend script needs are disabled")
                .evidence("disable_functions", "probe.php", missing.join(", "))
                .hint("Take them out of disable_functions of the pool, or live with replay.")
        })
    }

    fn other_file_system(&self) -> Option<Finding> {
        let device = self.answer.upload_tmp_dev.and_then(|device| u64::try_from(device).ok())?;
        (device != self.expected.device).then(|| {
            let spool = self.pool.spool_path.display();
            let claim = "PHP's upload folder and the spool are on different file systems";
            self.error("php-upload-folder-elsewhere", claim)
                .evidence("upload_tmp_dir", "probe.php", self.said(&self.answer.upload_tmp_dir))
                .evidence("spool", "menshen.toml", spool.to_string())
                .hint(format!(
                    "Add this line to the pool and reload php-fpm: \
                     php_admin_value[upload_tmp_dir] = {spool}"
                ))
        })
    }

    fn outside_basedir(&self) -> Option<Finding> {
        let allowed = &self.answer.open_basedir;
        let spool = &self.pool.spool_path;
        // PHP takes an entry as a folder; the comparison by components is the same.
        let inside = allowed.split(':').any(|entry| spool.starts_with(entry));
        (!allowed.is_empty() && !inside).then(|| {
            self.error("php-open-basedir", "open_basedir keeps PHP from the spool")
                .evidence("open_basedir", "probe.php", self.said(allowed))
                .hint(format!("Add :{} to open_basedir of the pool.", spool.display()))
        })
    }

    fn other_user(&self) -> Option<Finding> {
        let user = i64::from(self.expected.user);
        let file = self.answer.files.probe.as_ref();
        let uid = self.answer.uid;
        let other = uid >= 0 && uid != user;
        let refused = file.is_some_and(|file| file.owner >= 0 && !file.writable);
        (other || refused).then(|| {
            let claim = "PHP runs as another user than this server's workers";
            self.error("php-pool-other-user", claim)
                .evidence("uid of PHP", "probe.php", uid.to_string())
                .evidence("uid of the worker", "geteuid", user.to_string())
                .hint(
                    "Set `user` in menshen.toml to the user of the pool: \
                     an application could move the files, but not own them.",
                )
        })
    }

    fn unexplained(&self) -> Finding {
        let finding =
            self.error("php-swap-failed", "the prepend script could not put a file in place");
        let Some(file) = &self.answer.files.probe else {
            return finding.evidence("$_FILES", "probe.php", "empty").evidence(
                "post_max_size",
                "probe.php",
                self.said(&self.answer.post_max_size),
            );
        };
        finding
            .evidence("error", "probe.php", file.error.to_string())
            .evidence("size", "probe.php", file.size.to_string())
            .evidence(
                "upload_max_filesize",
                "probe.php",
                self.said(&self.answer.upload_max_filesize),
            )
            .evidence("upload_tmp_dir", "probe.php", self.said(&self.answer.upload_tmp_dir))
            .hint("PHP must be allowed to rename files from the spool to its upload folder.")
    }

    /// What works and yet should be looked at.
    fn warnings(&self) -> Vec<Finding> {
        if self.answer.prepend_locked {
            return Vec::new();
        }
        let claim = "a .user.ini can take the prepend script away";
        vec![
            Finding::new("php-prepend-unlocked", Severity::Warning, &*self.subject, claim)
                .evidence("auto_prepend_file", "probe.php", self.said(&self.answer.prepend))
                .hint(format!(
                    "Set it in the pool by php_admin_value[auto_prepend_file] = {}; \
                     a script that a .user.ini names runs all the same, after ours.",
                    self.prepend().display()
                )),
        ]
    }

    fn error(&self, code: &'static str, claim: &str) -> Finding {
        Finding::new(code, Severity::Error, &*self.subject, claim)
    }

    fn prepend(&self) -> std::path::PathBuf {
        self.pool.folder.join("prepend.php")
    }

    fn said(&self, text: &str) -> String {
        excerpt(text.as_bytes())
    }
}

/// The script did not run.
fn unanswered(pool: &PoolSpec, status: u16, body: &[u8]) -> Finding {
    let script = pool.folder.join("probe.php");
    let claim = "PHP did not run the probe script";
    Finding::new("php-probe-unanswered", Severity::Error, subject(pool), claim)
        .evidence("status", "probe.php", status.to_string())
        .evidence("answer", "probe.php", excerpt(body))
        .hint(format!(
            "Let the user of the pool read {}, and open_basedir allow it.",
            script.display()
        ))
}

/// How people name the pool.
fn subject(pool: &PoolSpec) -> String {
    match &pool.address {
        PhpAddress::Unix(path) => format!("unix:{}", path.display()),
        PhpAddress::Tcp(address) => address.to_string(),
    }
}

/// The beginning of what PHP said, fit for a terminal.
fn excerpt(text: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&text[..text.len().min(EXCERPT_BYTES)]);
    shown.chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}

/// Without these the prepend script cannot do its work.
const NEEDED: [&str; 4] = ["rename", "unlink", "json_decode", "file_get_contents"];
const EXCERPT_BYTES: usize = 200;
