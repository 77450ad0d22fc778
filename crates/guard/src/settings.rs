//! From the command line and `menshen.toml` to a checked configuration with absolute paths.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use menshen_config::model::{PhpBackend, Site};
use menshen_config::paths::{exposed, exposed_secret, resolve};
use menshen_config::{Colour, Config, TEXT_BYTES_MAX, check};

use crate::error::GuardError;

/// Where the configuration comes from, kept for every reload.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The file; `None`: whichever of [`default_file`] is there when it is read, else defaults.
    pub file: Option<PathBuf>,
    /// HTTPS addresses that replace those of the file.
    pub listen: Vec<SocketAddr>,
    /// Folder that replaces `web.root`; relative to the current folder.
    pub root: Option<PathBuf>,
    /// Document root of a PHP site for every host, instead of all sites of the file; relative to
    /// the current folder.
    pub php: Option<PathBuf>,
}

/// A configuration ready to use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Checked, all paths absolute.
    pub config: Config,
    /// Warnings, rendered.
    pub warnings: String,
}

/// Reads and checks the configuration.
///
/// # Errors
/// When the file cannot be read or has problems; all of them are in the error.
pub fn load(source: &Source, colour: Colour) -> Result<Settings, GuardError> {
    let here = std::path::absolute(".")
        .map_err(|source| GuardError::LocalSystem { action: "find the current folder", source })?;
    let (mut config, warnings, base) = match &source.file.clone().or_else(default_file) {
        None => (Config::default(), String::new(), here.clone()),
        Some(path) => {
            let checked = check(&read(path)?, &path.display().to_string(), colour);
            let folder = here.join(path.parent().unwrap_or_else(|| Path::new("")));
            match checked.config {
                Some(config) => (config, checked.report, folder),
                None => {
                    let rendered = checked.report;
                    return Err(GuardError::ConfigProblems { path: path.clone(), rendered });
                }
            }
        }
    };
    if !source.listen.is_empty() {
        config.web.listen.clone_from(&source.listen);
    }
    resolve(&mut config, &base);
    if let Some(root) = &source.root {
        config.web.root = clean(&here.join(root));
    }
    if let Some(root) = &source.php {
        let root = clean(&here.join(root));
        config.sites = vec![Site { root, php: PhpBackend::Managed, ..Site::default() }];
    }
    if let Some((_, root)) = exposed(&config) {
        let (root, state) = (root.to_owned(), config.state);
        return Err(GuardError::ConfigOverlap { root, state });
    }
    if let Some((secret, root)) = exposed_secret(&config) {
        let (key, path) = (secret.key, secret.path.to_owned());
        return Err(GuardError::ConfigSecretServed { key, path, root: root.to_owned() });
    }
    Ok(Settings { config, warnings })
}

/// The configuration file that is used unless one is named: `menshen.toml` in the current folder,
/// then `/etc/menshen/menshen.toml`.
#[must_use]
pub fn default_file() -> Option<PathBuf> {
    DEFAULT_FILES.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned)
}

/// The file, or as much of it as shows that it is too long.
fn read(path: &Path) -> Result<Vec<u8>, GuardError> {
    let mut bytes = Vec::new();
    let room = TEXT_BYTES_MAX as u64 + 1;
    std::fs::File::open(path)
        .and_then(|file| file.take(room).read_to_end(&mut bytes))
        .map_err(|source| GuardError::ConfigFile { path: path.to_owned(), source })?;
    Ok(bytes)
}

/// Without `.` components; `..` stays, since what it means depends on links.
fn clean(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

const DEFAULT_FILES: [&str; 2] = ["menshen.toml", "/etc/menshen/menshen.toml"];

#[cfg(test)]
mod tests {
    //! Where relative paths lead, and what the command line replaces.
    use menshen_config::AccessLog;

    use super::*;

    #[test]
    fn without_a_file_everything_is_in_the_current_folder() {
        let settings = load(&Source::default(), Colour::Plain).unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(settings.config.state, here.join(".menshen"));
        assert_eq!(settings.config.web.root, here.join("files"));
        let log = AccessLog::File(here.join(".menshen/access.log"));
        assert_eq!(settings.config.web.access_log, log);
    }

    #[test]
    fn paths_belong_to_the_folder_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("menshen.toml");
        std::fs::write(&file, "[web]\nroot = \"./data\"\n").unwrap();
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 1234))];
        let mut source =
            Source { file: Some(file.clone()), listen: listen.clone(), ..Source::default() };
        let settings = load(&source, Colour::Plain).unwrap();
        assert_eq!(settings.config.web.root, folder.path().join("data"));
        assert_eq!(settings.config.state, folder.path().join(".menshen"));
        assert_eq!(settings.config.web.listen, listen);
        source.root = Some(folder.path().join(".menshen/files"));
        let error = load(&source, Colour::Plain).unwrap_err();
        assert!(matches!(error, GuardError::ConfigOverlap { .. }), "{error}");
        source.root = None;
        source.php = Some(folder.path().to_owned());
        let error = load(&source, Colour::Plain).unwrap_err();
        assert!(matches!(error, GuardError::ConfigOverlap { .. }), "{error}");
        source.php = Some("app".into());
        let sites = load(&source, Colour::Plain).unwrap().config.sites;
        assert_eq!(sites.len(), 1);
        assert_eq!(sites[0].root, std::env::current_dir().unwrap().join("app"));
        assert_eq!(sites[0].php, PhpBackend::Managed);
        source.root = Some("elsewhere".into());
        let settings = load(&source, Colour::Plain).unwrap();
        assert_eq!(settings.config.web.root, std::env::current_dir().unwrap().join("elsewhere"));
    }

    #[test]
    fn problems_and_unreadable_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("menshen.toml");
        let source = Source { file: Some(file.clone()), ..Source::default() };
        let error = load(&source, Colour::Plain).unwrap_err();
        assert!(matches!(error, GuardError::ConfigFile { .. }), "{error}");
        std::fs::write(&file, "[web]\nlisen = 1\nroot = 2\n").unwrap();
        let text = load(&source, Colour::Plain).unwrap_err().render();
        assert!(text.contains("lisen") && text.contains("3:"), "all at once: {text}");
    }
}
