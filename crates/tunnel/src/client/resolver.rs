//! The name servers of a tunnel, given to the program that manages them: resolvconf(8) or
//! systemd-resolved by resolvectl(1).
//!
//! Both keep what is said by the interface's name. systemd-resolved forgets it when the interface
//! vanishes, so that even a killed process leaves nothing; resolvconf has to be told. A program
//! that fails or hangs costs the names, never the tunnel.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use menshen_config::dial::Resolver;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// What is to be said.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) resolver: Resolver,
    pub(super) interface: String,
    pub(super) servers: Vec<Ipv4Addr>,
    /// Domains that the servers are for; none: for all names.
    pub(super) domains: Vec<String>,
    /// Whether all names are to be asked for there.
    pub(super) all: bool,
}

impl Names {
    /// Says it. What was done, in words, or why not.
    pub(super) async fn set(self) -> Result<Vec<String>, String> {
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        match self.resolver {
            Resolver::No | Resolver::Show => {}
            Resolver::Resolvconf => {
                tell("resolvconf", &["-a", &self.record()], &self.lines(&servers)).await?;
            }
            Resolver::Resolved => {
                let interface = &*self.interface;
                let list: Vec<&str> = servers.iter().map(String::as_str).collect();
                tell("resolvectl", &[&["dns", interface], &*list].concat(), "").await?;
                let mut domains: Vec<&str> = self.domains.iter().map(String::as_str).collect();
                if self.all {
                    domains.push("~.");
                }
                if !domains.is_empty() {
                    tell("resolvectl", &[&["domain", interface], &*domains].concat(), "").await?;
                }
            }
        }
        Ok(servers)
    }

    /// Takes it back.
    pub(super) async fn unset(self) {
        // Nobody could do anything about a failure; what vanishes with the interface has vanished.
        let _ = match self.resolver {
            Resolver::No | Resolver::Show => Ok(()),
            Resolver::Resolvconf => tell("resolvconf", &["-d", &self.record()], "").await,
            Resolver::Resolved => tell("resolvectl", &["revert", &self.interface], "").await,
        };
    }

    fn record(&self) -> String {
        format!("{}.menshen", self.interface)
    }

    /// As in resolv.conf(5).
    fn lines(&self, servers: &[String]) -> String {
        let mut lines: String =
            servers.iter().map(|server| format!("nameserver {server}\n")).collect();
        if !self.domains.is_empty() {
            lines += &format!("search {}\n", self.domains.join(" "));
        }
        lines
    }
}

/// Runs a program with this input; what it complains of.
async fn tell(program: &str, words: &[&str], input: &str) -> Result<(), String> {
    let failed = |why: &str| format!("{program}: {why}");
    let mut command = Command::new(program);
    command.args(words).env_remove(PASSWORD_VARIABLE).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed("not installed"),
        _ => failed(&error.to_string()),
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // A few lines always find room in a pipe.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    match timeout(PROGRAM_WITHIN, child.wait_with_output()).await {
        Err(_) => Err(failed("it did not end in time")),
        Ok(Err(error)) => Err(failed(&error.to_string())),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let words = output.stderr.split(|octet| *octet == b'\n').next().unwrap_or_default();
            let words = words.get(..WORDS_OCTETS_MAX).unwrap_or(words);
            Err(failed(&format!("{} ({})", words.escape_ascii(), output.status)))
        }
    }
}

/// Where a password may be; no other program is to find it.
pub const PASSWORD_VARIABLE: &str = "MENSHEN_TUNNEL_PASSWORD";
/// Both are done in a moment.
const PROGRAM_WITHIN: Duration = Duration::from_secs(10);
/// Octets of a complaint that are repeated.
const WORDS_OCTETS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    //! What is said, and to whom.
    use super::*;

    #[test]
    fn lines_are_those_of_resolv_conf() {
        let names = Names {
            resolver: Resolver::Resolvconf,
            interface: "menshen0".to_owned(),
            servers: Vec::new(),
            domains: vec!["a.test".to_owned(), "b.test".to_owned()],
            all: true,
        };
        let lines = names.lines(&["10.0.0.1".to_owned(), "10.0.0.2".to_owned()]);
        assert_eq!(lines, "nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a.test b.test\n");
        assert_eq!(names.record(), "menshen0.menshen");
    }

    #[test]
    fn a_program_that_fails_is_told_and_steers_no_terminal() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(async {
            let script = "cat >&2; printf '\\033[31m' >&2; exit 3";
            let told = tell("sh", &["-c", script], "no such link ").await.unwrap_err();
            assert_eq!(told, "sh: no such link \\x1b[31m (exit status: 3)");
            let told = tell("menshen-no-such-program", &[], "").await.unwrap_err();
            assert_eq!(told, "menshen-no-such-program: not installed");
            assert_eq!(tell("true", &[], "").await, Ok(()));
        });
    }
}
