//! What the keeper is to do: made from the configuration, together with the files it names, which
//! only the guard may be able to read.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

use menshen_base::{Finding, Severity};
use menshen_config::keeper::{DirectorySpec, KeeperSpec, OrderSpec, Secret};
use menshen_config::{Acme, AcmeDirectory, Config, ListenerRole};

use super::store::Store;
use crate::account::{self, Account};
use crate::error::{GuardError, reason};
use crate::folders;
use crate::sockets::Door;

/// What the keeper is to do; another one means another keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Names in the order of the configuration: places in messages are places here.
    pub(crate) names: Vec<String>,
    acme: Acme,
    hook_seconds_max: u32,
    https: Vec<SocketAddr>,
    become_user: Option<(u32, u32)>,
    dns_secret: Option<Secret>,
    /// Roots and key of the binding, one of each per directory.
    files: Vec<(Option<String>, Option<Secret>)>,
}

impl Plan {
    /// Reads what `config` names; `None` when there are no names to keep. `account` is the
    /// workers'.
    ///
    /// # Errors
    /// `acme.user` is nobody or root. Files that cannot be read are findings.
    pub(crate) fn of(
        config: &Config,
        account: Option<&Account>,
        doors: &[Door],
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Self>, GuardError> {
        if config.tls.acme.is_empty() {
            return Ok(None);
        }
        let mut acme = config.acme.clone();
        if acme.directories.is_empty() {
            acme.directories.push(lets_encrypt());
        }
        let own = acme.user.as_deref().filter(|_| account.is_some()).map(account::named);
        let own = own.transpose()?;
        let become_user = own.as_ref().or(account).map(|account| (account.uid, account.gid));
        let mut text = |key, path: &Option<_>| read(key, path.as_deref()?, findings);
        let dns_secret = text("acme.dns_secret", &acme.dns_secret).map(Secret);
        let files = acme.directories.iter().map(|directory| {
            let key = text("acme.directory.eab_key", &directory.eab_key);
            let key = key.map(|key| Secret(key.trim().to_owned()));
            (text("acme.directory.roots", &directory.roots), key)
        });
        let files = files.collect();
        findings.extend(shared_secret(&acme, account));
        let https = doors.iter().filter(|door| door.role == ListenerRole::Https);
        Ok(Some(Self {
            names: config.tls.acme.clone(),
            hook_seconds_max: config.limits.acme_hook_seconds_max,
            https: https.map(|door| reachable(door.bound)).collect(),
            acme,
            become_user,
            dns_secret,
            files,
        }))
    }

    /// URLs of the authorities: places in messages are places here.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.acme.directories.iter().map(|directory| directory.url.clone()).collect()
    }

    /// What a keeper is given now.
    pub(crate) fn spec(
        &self,
        store: &Store,
        challenges: BorrowedFd<'_>,
        messages: BorrowedFd<'_>,
        oom_score_adj: Option<i32>,
    ) -> KeeperSpec {
        let orders = self.names.iter().map(|name| OrderSpec {
            name: name.clone(),
            chain_pem: store.pair(name).map(|pair| pair.certificate_pem),
            note: store.note(name),
        });
        let directories = self.acme.directories.iter().zip(&self.files);
        let directories = directories.map(|(directory, (roots, key))| DirectorySpec {
            url: directory.url.clone(),
            roots_pem: roots.clone(),
            profile: directory.profile.clone(),
            binding: directory.eab_kid.clone().zip(key.clone()),
            account: store.account(&directory.url),
        });
        KeeperSpec {
            orders: orders.collect(),
            directories: directories.collect(),
            challenges: self.acme.challenges.clone(),
            dns_hook: self.acme.dns_hook.clone(),
            dns_secret: self.dns_secret.clone(),
            hook_seconds_max: self.hook_seconds_max,
            dns_wait_seconds: self.acme.dns_wait_seconds,
            email: self.acme.email.clone(),
            https: self.https.clone(),
            challenges_fd: challenges.as_raw_fd(),
            messages_fd: messages.as_raw_fd(),
            become_user: self.become_user,
            oom_score_adj,
        }
    }
}

/// Where this machine reaches its own socket.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

/// The text of a file that the configuration names.
fn read(key: &'static str, path: &Path, findings: &mut Vec<Finding>) -> Option<String> {
    let mut text = String::new();
    let file = folders::open_file(path);
    let read = file.and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    let claim = match read {
        Ok(_) if text.len() as u64 <= FILE_BYTES_MAX => return Some(text),
        Ok(_) => format!("{key} is longer than 64 KiB"),
        Err(error) => format!("{key} cannot be read: {}", reason(&error)),
    };
    findings.push(
        Finding::new("acme-file-unreadable", Severity::Error, path.display().to_string(), claim)
            .hint("Correct it and run `menshen reload`; orders that need it fail until then."),
    );
    None
}

/// While the hook runs, processes of its user can look into it, and at what it reads.
fn shared_secret(acme: &Acme, workers: Option<&Account>) -> Option<Finding> {
    let shared = workers.is_some() && acme.user.is_none();
    (shared && acme.dns_hook.is_some() && acme.dns_secret.is_some()).then(|| {
        let claim = "the DNS hook runs as the user of the workers and of a managed PHP, who could \
                     read its secret while it runs";
        Finding::new("acme-hook-shares-user", Severity::Warning, "acme.user", claim)
            .hint("Give `acme.user` a user that nothing else runs as.")
    })
}

fn lets_encrypt() -> AcmeDirectory {
    let url = LETS_ENCRYPT.to_owned();
    AcmeDirectory { url, profile: None, eab_kid: None, eab_key: None, roots: None }
}

/// Its production directory, as its documentation names it.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
const FILE_BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    //! What is filled in and what is read.
    use super::*;

    fn config(text: &str) -> Config {
        menshen_config::parse(text).config.unwrap()
    }

    #[test]
    fn without_names_there_is_nothing_to_do_and_without_authorities_it_is_lets_encrypt() {
        let mut findings = Vec::new();
        assert_eq!(Plan::of(&Config::default(), None, &[], &mut findings).unwrap(), None);
        let config = config("tls.acme = [\"a.test\"]\n");
        let plan = Plan::of(&config, None, &[], &mut findings).unwrap().unwrap();
        assert_eq!(plan.urls(), [LETS_ENCRYPT]);
        assert!(findings.is_empty());
    }

    #[test]
    fn files_are_read_by_the_guard_and_a_missing_one_is_a_finding() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "abc\n").unwrap();
        std::fs::write(folder.path().join("long"), "x".repeat(70_000)).unwrap();
        let mut config = config(
            "tls.acme = [\"a.test\"]\n[acme]\ndns_secret = \"long\"\n[[acme.directory]]\n\
             url = \"https://a/\"\neab_kid = \"k\"\neab_key = \"key\"\nroots = \"none\"\n",
        );
        menshen_config::paths::resolve(&mut config, folder.path());
        let mut findings = Vec::new();
        let plan = Plan::of(&config, None, &[], &mut findings).unwrap().unwrap();
        let claims: Vec<&str> = findings.iter().map(|finding| finding.claim.as_str()).collect();
        assert_eq!(
            claims,
            [
                "acme.dns_secret is longer than 64 KiB",
                "acme.directory.roots cannot be read: no such file or directory",
            ]
        );
        let null = std::fs::File::open("/dev/null").unwrap();
        let fd = std::os::fd::AsFd::as_fd(&null);
        let spec = plan.spec(&Store::new(folder.path()), fd, fd, None);
        assert_eq!(spec.directories[0].binding, Some(("k".into(), Secret("abc".into()))));
        assert_eq!(spec.orders[0].name, "a.test");
    }

    #[test]
    fn a_secret_that_shares_its_user_is_told() {
        let text = "tls.acme = [\"*.a.test\"]\n[acme]\ndns_hook = \"h\"\ndns_secret = \"s\"\n";
        let workers = Account { uid: 1, gid: 1, name: "w".into() };
        let told = |text: &str, account| {
            let acme = config(text).acme;
            shared_secret(&acme, account).is_some()
        };
        assert!(told(text, Some(&workers)));
        assert!(!told(text, None), "without root all is one user anyway");
        assert!(!told(&format!("{text}user = \"keeper\"\n"), Some(&workers)));
    }

    #[test]
    fn every_address_becomes_one_that_can_be_asked() {
        for (bound, asked) in [
            ("0.0.0.0:443", "127.0.0.1:443"),
            ("[::]:8443", "[::1]:8443"),
            ("192.0.2.7:443", "192.0.2.7:443"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
