//! The settings of a managed pool, as php-fpm reads them.
//!
//! Why `pm = static`: measured with PHP 8.2 and its usual 30 extensions, an idle child costs 0.14
//! to 0.7 MB of its own, the master and opcache's shared memory 25 MB whatever the manager. All of
//! `dynamic` and `ondemand` together would save 2 MB of 37, and pay with a fork in front of
//! requests (3 ms instead of 1 ms for the first one). A fixed number also makes "free workers" a
//! figure that admission can rely on.
//!
//! How it can fail: a directive that this php-fpm does not know, and a value that PHP refuses, both
//! shown by `php-fpm -t` before anything is started; too little memory for the children, which the
//! kernel's killer then takes (php-fpm starts new ones).

use std::path::Path;

use menshen_config::Config;
use menshen_config::model::{NameValue, PhpBackend, Site};
use serde::{Deserialize, Serialize};

use super::folder::Folder;
use crate::error::GuardError;

/// What one managed pool is made of. What another program did not tell of it is 0 or empty: where
/// that is not what is wanted, the pool is another one and starts anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PoolPlan {
    pub(crate) children: u32,
    /// Largest body in bytes, 0 for none.
    body_bytes_max: u64,
    /// Largest file in bytes, 0 for none.
    file_bytes_max: u64,
    files_max: u32,
    settings: Vec<(String, String)>,
}

impl PoolPlan {
    /// What the managed sites of `config` need.
    pub(crate) fn of(config: &Config) -> Result<Self, GuardError> {
        let managed = || config.sites.iter().filter(|site| site.php == PhpBackend::Managed);
        let body_bytes_max = largest(managed().flat_map(body_limits));
        // A file cannot be larger than its body.
        let files = managed().flat_map(|site| {
            let rules = site.rules.iter().map(|r| r.file_bytes_max.unwrap_or(site.file_bytes_max));
            std::iter::once(site.file_bytes_max).chain(rules)
        });
        let file_bytes_max = match (largest(files), body_bytes_max) {
            (0, body) => body,
            (file, 0) => file,
            (file, body) => file.min(body),
        };
        let settings = config.php.settings.iter().map(setting).collect::<Result<_, _>>()?;
        Ok(Self {
            children: children(config),
            body_bytes_max,
            file_bytes_max,
            files_max: config.limits.parts_max.max(20),
            settings,
        })
    }

    /// The configuration file, for sockets at these paths.
    pub(crate) fn render(
        &self,
        folder: &Folder,
        socket: &Path,
        status: Option<&Path>,
    ) -> Result<String, GuardError> {
        let path = |path: &Path| {
            let text = path.to_str().and_then(quoted);
            text.ok_or_else(|| GuardError::ConfigPhpFolder { path: path.to_owned() })
        };
        // Without process_control_timeout a pool that is asked to finish ends its scripts at once.
        // error_log is opened even though `-O` sends everything to standard error.
        let mut text = format!(
            "; Written by menshen, anew at each start and reload; set `php.settings` instead.\n\
             [global]\ndaemonize = no\nlog_level = notice\nerror_log = /dev/null\n\
             process_control_timeout = {QUIT_SECONDS}\n\n[menshen]\n"
        );
        let mut line = |name: &str, value: &str| text.push_str(&format!("{name} = {value}\n"));
        line("listen", &path(socket)?);
        line("pm", "static");
        line("pm.max_children", &self.children.to_string());
        line("pm.status_path", STATUS_PATH);
        if let Some(status) = status {
            line("pm.status_listen", &path(status)?);
        }
        line("catch_workers_output", "yes");
        // Nothing of the guard's environment is an application's business.
        line("clear_env", "yes");
        line("security.limit_extensions", ".php");
        line("request_terminate_timeout", "0");
        let mut admin = |name: &str, value: &str| line(&format!("php_admin_value[{name}]"), value);
        admin("auto_prepend_file", &path(&folder.prepend())?);
        admin("upload_tmp_dir", &path(&folder.tmp())?);
        let ours = [
            ("post_max_size", bytes(self.body_bytes_max)),
            ("upload_max_filesize", bytes(self.file_bytes_max)),
            ("max_file_uploads", self.files_max.to_string()),
            ("expose_php", "off".to_owned()),
        ];
        // Of two lines for one setting php-fpm takes the first.
        for (name, value) in &ours {
            if self.settings.iter().all(|(chosen, _)| chosen != name) {
                admin(name, value);
            }
        }
        for (name, value) in &self.settings {
            admin(name, value);
        }
        Ok(text)
    }
}

/// Worker processes of the managed pool.
pub(crate) fn children(config: &Config) -> u32 {
    match config.php.children {
        0 => {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            u32::try_from(cores).unwrap_or(u32::MAX).saturating_mul(2).clamp(4, CHILDREN_AUTO_MAX)
        }
        given => given,
    }
}

fn body_limits(site: &Site) -> impl Iterator<Item = u64> {
    let rules = site.rules.iter().filter_map(|rule| rule.upload_bytes_max);
    std::iter::once(site.upload_bytes_max).chain(rules)
}

/// The largest limit, where 0 is none at all.
fn largest(limits: impl IntoIterator<Item = u64>) -> u64 {
    // 0 wraps to the largest of all, and back.
    limits
        .into_iter()
        .map(|limit| limit.wrapping_sub(1))
        .max()
        .map_or(0, |most| most.wrapping_add(1))
}

/// A limit as PHP writes it. Not 0 for "none", which PHP would understand: applications read these
/// settings too, and show 0 as "no uploads".
fn bytes(limit: u64) -> String {
    if limit == 0 { "1024G".to_owned() } else { limit.to_string() }
}

fn setting(given: &NameValue) -> Result<(String, String), GuardError> {
    let refuse = |reason| GuardError::ConfigPhpSetting { name: given.name.clone(), reason };
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if given.name.is_empty() || !given.name.chars().all(known) {
        return Err(refuse("a name has only letters, digits, `.`, `_` and `-`"));
    }
    if given.name == "auto_prepend_file" {
        return Err(refuse("menshen uses it; it runs the one of php.ini and .user.ini itself"));
    }
    if matches!(given.name.as_str(), "upload_tmp_dir" | "enable_post_data_reading") {
        return Err(refuse("uploads are handed over by way of it"));
    }
    let value = quoted(&given.value)
        .ok_or_else(|| refuse("a value cannot have both kinds of quotes, or control characters"))?;
    Ok((given.name.clone(), value))
}

/// A value the settings reader of PHP takes as it stands: nothing is expanded in single quotes;
/// in double quotes `\` and `$` would be.
fn quoted(value: &str) -> Option<String> {
    if value.chars().any(char::is_control) {
        return None;
    }
    if !value.contains('\'') {
        return Some(format!("'{value}'"));
    }
    (!value.contains(['"', '\\', '$'])).then(|| format!("\"{value}\""))
}

/// Where php-fpm tells its status.
pub(crate) const STATUS_PATH: &str = "/status";

/// How long scripts that still run may take to finish when their pool ends.
pub(crate) const QUIT_SECONDS: u64 = 10;

/// Without being told, no more than this many; each may grow to PHP's memory limit.
const CHILDREN_AUTO_MAX: u32 = 64;

#[cfg(test)]
mod tests;
