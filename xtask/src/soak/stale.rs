//! No answer of the sql door is older than the rules allow, whatever is killed meanwhile.
//!
//! Writers of every kind (see `bench/sqlload`) go through the door and straight to the server; the
//! binary log reaches the door over a link that delays it; server, door and the link are killed in
//! turn. Then the same checker looks at a fault that was planted: a door told to be the only one
//! while others write beside it. It has to find that, or its silence before means nothing.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Options;
use crate::bench::Lab;
use crate::mariadb::MariaDb;
use crate::server::{Server, free_ports};
use crate::shell;

/// Tortures; what came of it as text, and whether that is well.
pub(super) fn run(
    options: &Options,
    lab: &Lab,
    when: &str,
    machine: &str,
) -> Result<(String, Result<(), String>), String> {
    let seconds = if options.short { SHORT_SECONDS } else { options.seconds };
    let arena = Arena::new(lab)?;
    let (told, disasters) = arena.torture(seconds)?;
    let planted = arena.planted()?;
    let verdict = judge(&told, &planted);
    let text = format!(
        "# soak stale, {when}\n\n{machine}\n`cargo xtask soak stale --seconds {seconds}`: one \
         writer for each of {} ways to write through the door and as many straight to the server, \
         {READERS} readers through the door and {READERS} more whose transactions must show one \
         moment beside writes past it; disasters in turn every {} s. A write beside the door \
         has to be seen after {BOUND_MS} ms at the latest; one through the door at once.\n\n{}\n\n\
         ## A planted fault\n\nA door told `without_binlog = \"sole-door\"` while others write \
         beside it, {PLANTED_SECONDS} s; what is older than {PLANTED_BOUND_MS} ms counts.\n\n{}\n",
        told["scenarios"],
        TURN.as_secs(),
        table(&told, &disasters),
        table(&planted, &[])
    );
    Ok((text, verdict))
}

fn judge(told: &Value, planted: &Value) -> Result<(), String> {
    let number = |value: &Value, key: &str| value[key].as_u64().unwrap_or(0);
    if number(told, "violations") > 0 {
        Err(format!("{} answers were too old: {}", told["violations"], told["shown"]))
    } else if number(told, "hits") == 0
        || number(told, "writes") == 0
        || number(told, "reads_in_transactions") == 0
    {
        Err("nothing was answered from the cache, or nothing written: this shows nothing".into())
    } else if number(planted, "transactions_of_two_moments") == 0 {
        Err("transactions of two moments were not found: the checker shows nothing".to_owned())
    } else if number(planted, "violations") == number(planted, "transactions_of_two_moments") {
        Err("the planted fault was not found: the checker shows nothing".to_owned())
    } else {
        Ok(())
    }
}

fn table(told: &Value, disasters: &[(&'static str, u32)]) -> String {
    let mut text = "| what | how many |\n|---|---|\n".to_owned();
    for (key, value) in told.as_object().into_iter().flatten() {
        if value.is_number() {
            text += &format!("| {} | {value} |\n", key.replace('_', " "));
        }
    }
    for (name, count) in disasters {
        text += &format!("| {name} | {count} |\n");
    }
    for key in ["shown", "refusals"] {
        for line in told[key].as_array().into_iter().flatten().filter_map(Value::as_str) {
            text += &format!("\n- {}: {line}", if key == "shown" { "too old" } else { "refused" });
        }
    }
    text
}

/// The servers, and where they are.
#[derive(Debug)]
struct Arena<'l> {
    lab: &'l Lab,
    folder: PathBuf,
    door_port: u16,
    web_port: u16,
    ports: Vec<u16>,
}

/// What was done, and how often.
type Disasters = Vec<(&'static str, u32)>;

/// What is done to them, in turn.
const DISASTERS: [&str; 8] = [
    "the binary log delayed by 0.02 s",
    "the door's worker killed",
    "the follower's link cut at the server",
    "the binary log delayed by 0.3 s",
    "reloads",
    "the binary log delayed by 3 s",
    "the server killed",
    "the link to the server killed",
];

impl<'l> Arena<'l> {
    fn new(lab: &'l Lab) -> Result<Self, String> {
        let ports = free_ports(4)?;
        let folder = lab.disk.join("stale");
        Ok(Self { lab, folder, door_port: ports[0], web_port: ports[1], ports })
    }

    fn torture(&self, seconds: u32) -> Result<(Value, Disasters), String> {
        let mariadb = MariaDb::install(
            &self.folder.join("server"),
            &self.socket("server"),
            self.ports[2],
            &[SETTINGS, BINLOG].concat(),
        )?;
        let mut server = mariadb.start()?;
        self.delay(0)?;
        let mut link = self.link()?;
        let door = self.door("refuse", "link")?;
        let torture = self.checker(seconds, BOUND_MS)?;
        let begun = Instant::now();
        let mut counts = DISASTERS.map(|name| (name, 0));
        // The last seconds are calm, so that what is counted at the end is there.
        let end = Duration::from_secs(u64::from(seconds)).saturating_sub(TURN);
        for turn in 0.. {
            thread::sleep((TURN * (turn + 1)).saturating_sub(begun.elapsed()));
            if begun.elapsed() > end {
                break;
            }
            let which = usize::try_from(turn).unwrap_or(0) % DISASTERS.len();
            match which {
                0 => self.delay_for(20)?,
                1 => door.kill("menshen:sql")?,
                2 => cut(&mariadb)?,
                3 => self.delay_for(300)?,
                4 => self.reload()?,
                5 => self.delay_for(3000)?,
                6 => {
                    server.kill("mariadbd")?;
                    drop(server);
                    server = mariadb.start()?;
                }
                _ => {
                    drop(link);
                    link = self.link()?;
                }
            }
            counts[which].1 += 1;
        }
        let told = finish(torture)?;
        drop(door);
        drop(link);
        drop(server);
        Ok((told, counts.to_vec()))
    }

    /// The same checker where the rules are broken on purpose.
    fn planted(&self) -> Result<Value, String> {
        let mariadb = MariaDb::install(
            &self.folder.join("server"),
            &self.socket("server"),
            self.ports[3],
            SETTINGS,
        )?;
        let _server = mariadb.start()?;
        let _door = self.door("sole-door", "server")?;
        finish(self.checker(PLANTED_SECONDS, PLANTED_BOUND_MS)?)
    }

    fn socket(&self, word: &str) -> PathBuf {
        self.lab.ram.join(format!("{word}.sock"))
    }

    fn link(&self) -> Result<Server, String> {
        let listen = self.socket("link");
        // A killed one leaves its name behind.
        fs::remove_file(&listen).ok();
        let log = self.folder.join("link.log");
        let mut command = Command::new(self.lab.program("sql_delay"));
        command.arg(&listen).arg(self.socket("server")).arg(self.folder.join("delay"));
        let mut server = Server::start("sql_delay", &mut command, &log)?;
        server.wait_until(&log, || UnixStream::connect(&listen).is_ok())?;
        Ok(server)
    }

    fn door(&self, without_binlog: &str, upstream: &str) -> Result<Server, String> {
        let folder = self.folder.join("door");
        let configuration = format!(
            "[web]\nlisten = [\"127.0.0.1:{web}\"]\n\n[admin]\nlisten = \"off\"\n\n[sql]\n\
             listen = [\"127.0.0.1:{port}\"]\nupstream = \"unix:{socket}\"\nworkers = 2\n\
             control_user = \"root\"\nwithout_binlog = \"{without_binlog}\"\n\
             follow_silence_ms_max = {SILENCE_MS}\n",
            web = self.web_port,
            port = self.door_port,
            socket = self.socket(upstream).display(),
        );
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("menshen.toml"), configuration))
            .map_err(|e| e.to_string())?;
        let log = self.folder.join(format!("door-{without_binlog}.log"));
        let mut command = Command::new(&self.lab.menshen);
        command.current_dir(&folder).args(["serve", "--config", "menshen.toml"]);
        let mut server = Server::start("menshen", &mut command, &log)?;
        server.wait_for(self.door_port, &log)?;
        Ok(server)
    }

    fn reload(&self) -> Result<(), String> {
        let mut command = Command::new(&self.lab.menshen);
        command.current_dir(self.folder.join("door"));
        shell::output(command.args(["reload", "--config", "menshen.toml"])).map(drop)
    }

    fn delay(&self, milliseconds: u32) -> Result<(), String> {
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(self.folder.join("delay"), milliseconds.to_string()))
            .map_err(|e| e.to_string())
    }

    fn delay_for(&self, milliseconds: u32) -> Result<(), String> {
        self.delay(milliseconds)?;
        thread::sleep(TURN / 2);
        self.delay(0)
    }

    fn checker(&self, seconds: u32, bound_ms: u32) -> Result<Child, String> {
        Command::new(self.lab.program("sql_torture"))
            .arg(format!("127.0.0.1:{}", self.door_port))
            .arg(format!("unix:{}", self.socket("server").display()))
            .args([seconds.to_string(), bound_ms.to_string(), READERS.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("could not start the checker: {e}"))
    }
}

/// Ends the connections over which the binary log is sent.
fn cut(mariadb: &MariaDb) -> Result<(), String> {
    for id in mariadb.execute(REPLICAS)?.lines() {
        // It may have ended by itself meanwhile.
        mariadb.execute(&format!("KILL CONNECTION {id}")).ok();
    }
    Ok(())
}

fn finish(checker: Child) -> Result<Value, String> {
    let done = checker.wait_with_output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&done.stdout);
    serde_json::from_str(&text).map_err(|e| format!("the checker said {text:?}: {e}"))
}

const READERS: u32 = 8;
/// From one disaster to the next.
const TURN: Duration = Duration::from_secs(4);
const SHORT_SECONDS: u32 = 38;
const PLANTED_SECONDS: u32 = 6;
/// Short: writes through the door that name no table drop every entry, stale ones with them.
const PLANTED_BOUND_MS: u32 = 20;
/// `follow_silence_ms_max`: a follower that hears nothing for longer makes the door stop answering.
const SILENCE_MS: u32 = 1000;
/// The door's own promise is the silence and the settling after it; the rest is the checker's
/// clock.
const BOUND_MS: u32 = 1500;
const SETTINGS: &[&str] = &[
    "--skip-networking=0",
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=2",
    "--log-bin-trust-function-creators=1",
    "--max-connections=400",
    "--query-cache-type=0",
    "--query-cache-size=0",
];
const BINLOG: &[&str] = &["--log-bin=binlog", "--server-id=1", "--binlog-format=ROW"];
const REPLICAS: &str =
    "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'";
