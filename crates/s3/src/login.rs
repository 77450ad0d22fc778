//! Credentials: read once, from the environment or a file, and shown to nobody.
//!
//! The names are those of AWS's tools
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html>).

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

/// An access key with its secret. Its Debug text is empty.
#[derive(Clone)]
pub struct Login {
    pub(crate) key: String,
    pub(crate) secret: Zeroizing<String>,
    pub(crate) token: Option<Zeroizing<String>>,
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum LoginProblem {
    /// The file cannot be read.
    #[error("the file of credentials cannot be read")]
    File(#[from] std::io::Error),
    /// The name of a value that is missing.
    #[error("{0} is missing in the credentials")]
    Missing(&'static str),
    /// The file is longer than any file of credentials.
    #[error("the file of credentials is longer than {FILE_BYTES_MAX} bytes or not text")]
    Size,
}

impl Login {
    /// From the parts; `token` for temporary credentials.
    #[must_use]
    pub fn new(key: &str, secret: &str, token: Option<&str>) -> Self {
        Self {
            key: key.to_owned(),
            secret: Zeroizing::new(secret.to_owned()),
            token: token.map(|token| Zeroizing::new(token.to_owned())),
        }
    }

    /// From `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, if it is set, `AWS_SESSION_TOKEN`.
    ///
    /// # Errors
    /// The name of what is missing.
    pub fn from_environment() -> Result<Self, LoginProblem> {
        Self::collect(|name| std::env::var(name.to_ascii_uppercase()).ok())
    }

    /// From a file with lines `aws_access_key_id = …` and `aws_secret_access_key = …`; other lines
    /// and what follows a second section are not read.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or a value is missing.
    pub fn from_file(path: &Path) -> Result<Self, LoginProblem> {
        let mut text = Zeroizing::new(String::new());
        let read = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        match read {
            Ok(length) if length as u64 <= FILE_BYTES_MAX => Self::parse(&text),
            Err(error) if error.kind() != std::io::ErrorKind::InvalidData => Err(error.into()),
            _ => Err(LoginProblem::Size),
        }
    }

    /// From such a text.
    ///
    /// # Errors
    /// The name of what is missing.
    pub fn parse(text: &str) -> Result<Self, LoginProblem> {
        let mut sections = 0;
        let mut own: Vec<(&str, &str)> = Vec::new();
        for line in text.lines().map(str::trim) {
            sections += usize::from(line.starts_with('['));
            if sections > 1 {
                break;
            }
            let pair = line.split_once('=').filter(|_| !line.starts_with(['#', ';']));
            own.extend(pair.map(|(name, value)| (name.trim(), value.trim())));
        }
        Self::collect(|wanted| {
            let found = own.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn collect(value: impl Fn(&str) -> Option<String>) -> Result<Self, LoginProblem> {
        let value = |name: &'static str| {
            value(name).map(Zeroizing::new).filter(|value| !value.trim().is_empty())
        };
        let needed = |name| value(name).ok_or(LoginProblem::Missing(name));
        let key = needed("aws_access_key_id")?;
        Ok(Self {
            key: key.trim().to_owned(),
            secret: needed("aws_secret_access_key")?,
            token: value("aws_session_token"),
        })
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

/// Longest file of credentials.
const FILE_BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests;
