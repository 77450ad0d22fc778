//! The door with its cache, without guard and rights: for measuring and for trying clients.
//!
//! `door LISTEN UPSTREAM THREADS CONTROL_USER CONTROL_PASSWORD [sole-door] [never] [off]
//! [bytes=N]`, addresses as in `[sql]`: `127.0.0.1:3307`, `unix:/run/x.sock`. It serves until it is
//! killed and exits with 2 when the arguments are no such.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use menshen_config::keeper::Secret;
use menshen_config::{CacheType, Sql, SqlAddress, SqlSpec, SqlTransactions, WithoutBinlog};
use menshen_sql::accept::{Listening, Stage, Thread};
use menshen_sql::door::Door;
use menshen_sql::serve::Shared;
use menshen_sql_core::versions::Versions;

fn main() -> ExitCode {
    let all: Vec<String> = std::env::args().skip(1).collect();
    let [listen, upstream, threads, user, password, words @ ..] = &all[..] else {
        return ExitCode::from(2);
    };
    let Some(upstream) = address(upstream) else { return ExitCode::from(2) };
    let threads = threads.parse().unwrap_or(1);
    let has = |word: &str| words.iter().any(|given| given == word);
    let bytes = words.iter().find_map(|word| word.strip_prefix("bytes=")?.parse().ok());
    let config = Sql {
        upstream,
        control_user: Some(user.clone()),
        without_binlog: if has("sole-door") {
            WithoutBinlog::SoleDoor
        } else {
            WithoutBinlog::Refuse
        },
        transactions: if has("never") { SqlTransactions::Never } else { SqlTransactions::Snapshot },
        cache_type: if has("off") { CacheType::Off } else { CacheType::On },
        cache_bytes_max: bytes.unwrap_or(64 << 20),
        ..Sql::default()
    };
    let spec = spec(config, threads, Secret(password.clone()));
    let Ok(door) = Door::new(&spec, 1 << 16, None, 0) else { return ExitCode::from(2) };
    let upstream = door.entrance.upstream.clone();
    let Ok(shared) = Shared::begin(&spec, Versions::private(), upstream) else {
        return ExitCode::from(111);
    };
    let door = Arc::new(door.with_cache(shared));
    let Some(listeners) = listeners(listen, threads) else { return ExitCode::from(2) };
    let (_stage, stages) = tokio::sync::watch::channel(Stage::Serving);
    let threads = listeners.into_iter().enumerate().map(|(number, listening)| {
        let (door, stages) = (Arc::clone(&door), stages.clone());
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let options = tokio::runtime::LocalOptions::default();
            let Ok(runtime) = runtime.enable_io().enable_time().build_local(options) else {
                return;
            };
            let thread = Rc::new(Thread::new(door, number));
            let served = thread.serve(vec![listening], stages, || {});
            let _ = runtime.block_on(served);
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        let _ = thread.join();
    }
    ExitCode::SUCCESS
}

fn address(text: &str) -> Option<SqlAddress> {
    match text.strip_prefix("unix:") {
        Some(path) => Some(SqlAddress::Unix(path.into())),
        None => text.parse().ok().map(SqlAddress::Tcp),
    }
}

fn listeners(listen: &str, threads: u32) -> Option<Vec<Listening>> {
    match address(listen)? {
        SqlAddress::Unix(path) => {
            let _ = std::fs::remove_file(&path);
            let listener = UnixListener::bind(path).ok()?;
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
            let bound = listener.local_addr().ok()?;
            std::fs::set_permissions(bound.as_pathname()?, open).ok()?;
            (0..threads).map(|_| listener.try_clone().ok().map(Listening::Unix)).collect()
        }
        SqlAddress::Tcp(address) => {
            let listener = TcpListener::bind(address).ok()?;
            (0..threads).map(|_| listener.try_clone().ok().map(Listening::Tcp)).collect()
        }
    }
}

fn spec(config: Sql, threads: u32, password: Secret) -> SqlSpec {
    SqlSpec {
        index: 0,
        generation: 1,
        slot: 0,
        config,
        threads,
        listeners: Vec::new(),
        words_fd: -1,
        control_fd: -1,
        scoreboard_fd: -1,
        posture_fd: None,
        ready_fd: -1,
        become_user: None,
        oom_score_adj: None,
        stop_seconds_max: 1,
        certificate: None,
        upstream_ca_pem: None,
        control_password: Some(password),
    }
}
