//! Answers to the server's scramble, for the control account only.
//!
//! `mysql_native_password` (MariaDB `sql/password.c`), `caching_sha2_password` (MySQL
//! `sql/auth/sha2_password.cc`).

use aws_lc_rs::digest::{Algorithm, Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use menshen_sql_core::wire::auth;

/// The answer of `plugin` to `scramble`; `None` if the plugin is not one of these. The plugin
/// `unix_socket` answers with nothing: the kernel has told the server who we are.
pub(super) fn answer(plugin: &[u8], password: &[u8], scramble: &[u8]) -> Option<Vec<u8>> {
    let scramble = scramble.strip_suffix(&[0]).unwrap_or(scramble);
    match plugin {
        auth::NATIVE | b"" if password.is_empty() => Some(Vec::new()),
        auth::CACHING_SHA2 if password.is_empty() => Some(Vec::new()),
        auth::NATIVE | b"" => {
            let sha = &SHA1_FOR_LEGACY_USE_ONLY;
            let once = digest(sha, &[password]);
            let twice = digest(sha, &[&once]);
            Some(mixed(&once, &digest(sha, &[scramble, &twice])))
        }
        auth::CACHING_SHA2 => {
            let once = digest(&SHA256, &[password]);
            let twice = digest(&SHA256, &[&once]);
            Some(mixed(&once, &digest(&SHA256, &[&twice, scramble])))
        }
        auth::UNIX_SOCKET | b"auth_socket" => Some(Vec::new()),
        _ => None,
    }
}

fn digest(algorithm: &'static Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = Context::new(algorithm);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().to_vec()
}

fn mixed(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(left, right)| left ^ right).collect()
}

#[cfg(test)]
mod tests;
