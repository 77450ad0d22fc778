//! What a bucket is opened with, read with the guard's rights and handed to web workers.
//!
//! It looks into neither file: the workers do, without rights. How it fails: credentials that
//! cannot be read, or are nowhere, end the start or the reload.

use std::path::{Path, PathBuf};

use menshen_base::{Finding, Severity};
use menshen_config::{Config, S3Spec, Secret};

use crate::error::GuardError;
use crate::hooks::{is_open_to_all, text};

/// `None` without a bucket.
///
/// # Errors
/// A file that cannot be read; no file and nothing in the environment.
pub(crate) fn read(
    config: &Config,
    findings: &mut Vec<Finding>,
) -> Result<Option<S3Spec>, GuardError> {
    if !config.s3.is_on() {
        return Ok(None);
    }
    let credentials = match &config.s3.credentials {
        Some(path) => {
            findings.extend(is_open_to_all(path).then(|| readable(path)));
            text(path)?
        }
        None => written(|name| std::env::var(name).ok())?,
    };
    let roots_pem = config.s3.roots.as_deref().map(text).transpose()?;
    Ok(Some(S3Spec { credentials: Secret(credentials), roots_pem }))
}

fn readable(path: &Path) -> Finding {
    let claim = "everyone on this machine may read or change the credentials of the bucket";
    Finding::new("s3-credentials-open", Severity::Warning, path.display().to_string(), claim)
        .hint("chmod 600; the guard reads it with its own rights")
}

/// The environment's credentials as a file of credentials.
fn written(value: impl Fn(&str) -> Option<String>) -> Result<String, GuardError> {
    let mut all = String::new();
    for (name, is_needed) in VARIABLES {
        match value(name).filter(|value| !value.trim().is_empty()) {
            Some(value) => {
                let value = value.replace(['\r', '\n'], "");
                all.push_str(&format!("{} = {value}\n", name.to_ascii_lowercase()));
            }
            None if *is_needed => {
                let source = std::io::Error::other(format!(
                    "s3.credentials names no file, and {name} is not in the environment"
                ));
                let path = PathBuf::from("the credentials of the bucket");
                return Err(GuardError::LocalFile { action: "read", path, source });
            }
            None => {}
        }
    }
    Ok(all)
}

/// Each with whether it has to be there. Workers do not inherit them: `notify::HIDDEN`.
const VARIABLES: &[(&str, bool)] =
    &[("AWS_ACCESS_KEY_ID", true), ("AWS_SECRET_ACCESS_KEY", true), ("AWS_SESSION_TOKEN", false)];

#[cfg(test)]
mod tests {
    //! From a file, from the environment, and what is refused.
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn config(more: &str) -> Config {
        let text = format!("[s3]\nendpoint = \"http://127.0.0.1:1\"\nbucket = \"b\"\n{more}");
        menshen_config::parse(&text).config.unwrap()
    }

    #[test]
    fn a_file_is_handed_over_as_it_is_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "AKID\nopen sesame\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let config = config(&format!("credentials = \"{}\"\n", path.display()));
        let mut findings = Vec::new();
        let spec = read(&config, &mut findings).unwrap().unwrap();
        assert_eq!(spec.credentials.0, "AKID\nopen sesame\n");
        assert!(!format!("{spec:?}").contains("sesame"));
        assert_eq!(findings[0].code, "s3-credentials-open");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        findings.clear();
        read(&config, &mut findings).unwrap();
        assert!(findings.is_empty());
        std::fs::remove_file(&path).unwrap();
        assert!(read(&config, &mut findings).is_err());
    }

    #[test]
    fn the_environment_is_written_as_a_file() {
        let text = written(|name| match name {
            "AWS_ACCESS_KEY_ID" => Some("AKID".into()),
            "AWS_SECRET_ACCESS_KEY" => Some("se=cret".into()),
            _ => None,
        });
        let expected = "aws_access_key_id = AKID\naws_secret_access_key = se=cret\n";
        assert_eq!(text.unwrap(), expected);
        let error = written(|_| None).unwrap_err();
        assert!(error.detail().unwrap_or_default().contains("AWS_ACCESS_KEY_ID"), "{error:?}");
    }

    #[test]
    fn without_a_bucket_nothing_is_read() {
        let config = menshen_config::parse("[s3]\ncredentials = \"/nowhere\"\n").config.unwrap();
        assert_eq!(read(&config, &mut Vec::new()).unwrap(), None);
    }
}
