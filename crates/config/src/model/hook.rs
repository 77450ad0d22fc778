//! `[[uploads.hook]]` as the rest of menshen sees it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A receiver of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// `http` or `https`, absolute; empty: `php`.
    pub url: String,
    /// A script of the sites of `hosts`; `None`: `url`.
    pub php: Option<String>,
    /// What it wants to hear; at least one.
    pub on: Vec<HookEvent>,
    /// Hosts of sites; empty: of all sites and of the file service.
    pub hosts: Vec<String>,
    /// What paths begin with; `/`: any.
    pub path: String,
    /// For one request with its answer.
    pub timeout_seconds: u32,
    /// File with the secret bodies are signed with.
    pub secret: Option<PathBuf>,
    /// PEM roots its certificate is checked against; `None`: the system's.
    pub roots: Option<PathBuf>,
}

/// What a hook may be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookEvent {
    /// A resumable upload was created.
    Created,
    /// A file has its name, or an application has answered to a resumable upload.
    Finished,
    /// A file was removed, or a resumable upload given up by its client.
    Deleted,
}

impl Default for Hook {
    fn default() -> Self {
        Self {
            url: String::new(),
            php: None,
            on: vec![HookEvent::Created, HookEvent::Finished, HookEvent::Deleted],
            hosts: Vec::new(),
            path: "/".into(),
            timeout_seconds: 15,
            secret: None,
            roots: None,
        }
    }
}
