//! A menshen whose file service is in a bucket: a real server of the S3 protocol on loopback, whose
//! failures can be planned.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::engine::{BUCKET, Engine, KEY, SECRET};
use super::live::{Live, command, folder, wait_for};

/// Both.
pub(crate) struct Held {
    pub(crate) engine: Engine,
    pub(crate) live: Live,
}

impl Held {
    /// Starts both; `more` are further lines of `[s3]`.
    pub(crate) fn start(more: &str) -> Self {
        Self::start_with(Engine::start(), more)
    }

    /// Starts menshen before this server.
    pub(crate) fn start_with(engine: Engine, more: &str) -> Self {
        let folder = folder(&head(&engine, more));
        let path = folder.path().join("s3-key");
        std::fs::write(&path, format!("{KEY}\n{SECRET}\n")).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let command = command(folder.path(), &["serve"]);
        Self { engine, live: Live::start_command(folder, command) }
    }

    /// The status as it is told to scripts.
    pub(crate) fn status(&self) -> serde_json::Value {
        let output = self.live.run(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Waits until the status says this of the bucket.
    pub(crate) fn wait_mode(&self, mode: &str) {
        wait_for(&format!("the bucket to be {mode}: {}", self.live.log()), || {
            self.status()["bucket"]["mode"] == mode
        });
    }
}

/// Settings before the usual ones.
pub(crate) fn head(engine: &Engine, more: &str) -> String {
    format!(
        "workers = 1\n[s3]\nendpoint = \"http://{}\"\nbucket = \"{BUCKET}\"\nprefix = \"p\"\n\
         credentials = \"s3-key\"\nretry_seconds = 1\npart_bytes = \"5MiB\"\n{more}\n",
        engine.address
    )
}
