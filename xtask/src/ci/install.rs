//! `menshen install git`, both ways, in a fresh Debian: from its packages, then from Debian's own
//! archive, built without a network, interrupted by SIGINT and by SIGKILL, and gone on with. The
//! git that was built clones over HTTPS from the released program.
//!
//! Needs root. Everything lies below the target folder; the network namespace is the step's own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::Server;
use crate::shell::{find, output, run as run_command};
use crate::{debian, workspace};

/// Runs all of it.
pub(crate) fn run() -> Result<(), String> {
    let target = workspace::target_folder()?;
    with(&target.join("release/menshen"), &target.join("install-lab"))
}

/// The same with another program and folder.
fn with(menshen: &Path, folder: &Path) -> Result<(), String> {
    let began = Instant::now();
    let (archive, sum) = debian::source("git")?;
    let lab = Lab::new(menshen, folder, &archive, &sum)?;
    lab.told("a Debian and an archive", began);
    lab.package()?;
    lab.told("git from the package manager", began);
    lab.wrong_checksum()?;
    lab.told("what a build needs is installed; a wrong checksum is refused", began);
    fs::write(lab.root.join("mark"), "").map_err(|e| e.to_string())?;
    lab.interrupted()?;
    lab.told("built, after SIGINT and SIGKILL", began);
    lab.nothing_outside("installed")?;
    lab.clone_over_https()?;
    lab.told("cloned over https", began);
    lab.removed()?;
    lab.told("removed without a trace", began);
    debian::remove(&lab.folder)
}

struct Lab {
    folder: PathBuf,
    root: PathBuf,
    space: Space,
    version: String,
    sum: String,
    menshen: PathBuf,
}

impl Lab {
    fn new(menshen: &Path, folder: &Path, archive: &Path, sum: &str) -> Result<Self, String> {
        debian::remove(folder)?;
        fs::create_dir_all(folder).map_err(|e| e.to_string())?;
        let root = folder.join("root");
        debian::root(&root)?;
        let copy = |from: &Path, to: &str| {
            let to = root.join(to);
            fs::copy(from, &to).map(drop).map_err(|e| format!("{}: {e}", to.display()))
        };
        copy(menshen, "usr/bin/menshen")?;
        copy(archive, "git.tar.xz")?;
        let name = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let version = name.strip_prefix("git_").and_then(|rest| rest.split_once(".orig"));
        let (version, _) = version.ok_or_else(|| format!("{name} names no version"))?;
        Ok(Self {
            root,
            folder: folder.to_owned(),
            space: Space::new()?,
            version: version.to_owned(),
            sum: sum.to_owned(),
            menshen: menshen.to_owned(),
        })
    }

    fn told(&self, what: &str, began: Instant) {
        println!("   {what} ({:.0} s)", began.elapsed().as_secs_f64());
    }

    /// The distribution's git, and what is said before and after.
    fn package(&self) -> Result<(), String> {
        let before = self.inside(&["menshen", "explain", "install", "git"]);
        expect(before, 1, &["not here", "way       package", "[install-missing]"])?;
        let dry = ["menshen", "install", "git", "--from", "package", "--dry-run"];
        expect(self.inside(&dry), 0, &["apt-get update\napt-get install", " git "])?;
        expect(self.inside(&["git", "--version"]), 127, &[])?;
        let unasked = ["menshen", "install", "git", "--from", "package"];
        expect(self.inside(&unasked), 2, &["nobody is here to be asked"])?;
        let yes = ["menshen", "install", "git", "--yes"];
        let installed = format!("installed git {}", self.version);
        expect(self.inside(&yes), 0, &[&installed, "/usr/bin/git"])?;
        expect(self.inside(&["git", "--version"]), 0, &["git version"])?;
        let after = self.inside(&["menshen", "explain", "install", "git"]);
        expect(after, 0, &["https      works", "svn        missing", "adds git-svn"])?;
        expect(self.inside(&["menshen", "install", "git"]), 0, &["is here: /usr/bin/git"])
    }

    /// What a build needs is installed first; then the archive is refused.
    fn wrong_checksum(&self) -> Result<(), String> {
        let wrong = "0".repeat(64);
        let mut words = self.order(&wrong);
        words.extend(["--build-packages", "--yes"].map(str::to_owned));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let found = format!("found    {}", self.sum);
        expect(self.inside(&words), 100, &["the checksum is wrong: nothing was unpacked", &found])?;
        let works = fs::read_dir(self.root.join(WORK)).map_err(|e| e.to_string())?;
        for work in works.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            if work.join("source").exists() {
                return Err(format!("something was unpacked in {}", work.display()));
            }
        }
        Ok(())
    }

    fn order(&self, sum: &str) -> Vec<String> {
        let words = ["menshen", "install", "git", "--from", "source", "--file", "/git.tar.xz"];
        let more = ["--version", &self.version, "--sha256", sum, "--prefix", PREFIX];
        words.iter().chain(&more).map(|word| (*word).to_owned()).collect()
    }

    /// Offline: stopped politely, killed, gone on with.
    fn interrupted(&self) -> Result<(), String> {
        let (mut first, log) = self.start_build()?;
        self.objects(20)?;
        signal(&first, "INT")?;
        let status = ended(&mut first, MINUTE)?;
        let said = fs::read_to_string(&log).unwrap_or_default();
        if status.code() != Some(111) || !said.contains("goes on from there") {
            return Err(format!("after SIGINT: {status}\n{said}"));
        }
        // make has removed what it was at.
        let after_first = self.objects(0)?;
        let (mut second, _) = self.start_build()?;
        self.objects(after_first + 20)?;
        signal(&second, "KILL")?;
        ended(&mut second, MINUTE)?;
        let (mut third, log) = self.start_build()?;
        let status = ended(&mut third, HALF_HOUR)?;
        let said = fs::read_to_string(&log).unwrap_or_default();
        let steps = ["unpack (done before)", "run:build", "step 7 of 7", "installed git"];
        if !status.success() || !steps.iter().all(|part| said.contains(part)) {
            return Err(format!("the build: {status}\n{said}"));
        }
        Ok(())
    }

    fn start_build(&self) -> Result<(Child, PathBuf), String> {
        let log = self.folder.join("build.log");
        let out = File::create(&log).map_err(|e| e.to_string())?;
        let err = out.try_clone().map_err(|e| e.to_string())?;
        let mut command = self.space.command(&["chroot"]);
        command.arg(&self.root).args(self.order(&self.sum)).env_clear().envs(ENVIRONMENT);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().map_err(|e| format!("could not start the build: {e}"))?;
        Ok((child, log))
    }

    /// Waits until so many objects are compiled, and counts them.
    fn objects(&self, at_least: usize) -> Result<usize, String> {
        let began = Instant::now();
        loop {
            let found =
                output(Command::new("find").arg(self.root.join(WORK)).args(["-name", "*.o"]))?;
            let count = found.lines().count();
            if count >= at_least {
                return Ok(count);
            }
            if began.elapsed() > HALF_HOUR {
                return Err(format!("only {count} objects were compiled"));
            }
            thread::sleep(POLL);
        }
    }

    /// Nothing but prefix, work folder and temporary files is newer than the mark.
    fn nothing_outside(&self, when: &str) -> Result<(), String> {
        let mut find = Command::new("find");
        find.arg(&self.root).args(["-xdev", "-cnewer"]).arg(self.root.join("mark"));
        let found = output(find.args(["-not", "-type", "d"]))?;
        let below = |line: &&str| {
            let path = Path::new(line).strip_prefix(&self.root).unwrap_or_else(|_| Path::new(""));
            let expected = [&PREFIX[1..], WORK, "mark"];
            !expected.iter().any(|start| path.starts_with(start))
        };
        let strangers: Vec<&str> = found.lines().filter(below).collect();
        if strangers.is_empty() { Ok(()) } else { Err(format!("{when}, it left {strangers:?}")) }
    }

    /// From the released program, which serves a bare repository as files.
    fn clone_over_https(&self) -> Result<(), String> {
        let served = self.folder.join("served");
        self.repository(&served.join("hello.git"))?;
        let config = self.folder.join("menshen.toml");
        let text = format!("[[site]]\nhosts = []\nroot = {served:?}\nphp = \"off\"\n");
        fs::write(&config, text).map_err(|e| e.to_string())?;
        let log = self.folder.join("serve.log");
        let mut serve = self.space.command(&[]);
        serve.arg(&self.menshen).args(["serve", "--listen", "127.0.0.1:8443", "--config"]);
        serve.arg(&config).current_dir(&self.folder);
        let mut server = Server::start("menshen", &mut serve, &log)?;
        let authority = self.folder.join(".menshen/ca.pem");
        server.wait_until(&log, || {
            authority.exists() && fs::read_to_string(&log).is_ok_and(|said| said.contains("8443"))
        })?;
        fs::copy(&authority, self.root.join("ca.pem")).map_err(|e| e.to_string())?;
        let git = format!("{PREFIX}/bin/git");
        let version = format!("git version {}", self.version);
        expect(self.inside(&[&git, "--version"]), 0, &[&version])?;
        let url = "https://localhost:8443/hello.git";
        let clone = |options: &[&str]| {
            let mut words = vec![git.as_str()];
            words.extend(options);
            words.extend(["clone", url, "/clone"]);
            self.done(&mut self.offline(&words))
        };
        let refused = clone(&[]);
        expect(refused, 128, &["certificate"])?;
        expect(clone(&["-c", "http.sslCAInfo=/ca.pem"]), 0, &["Cloning into"])?;
        let text = fs::read_to_string(self.root.join("clone/hello.txt"));
        debian::remove(&self.root.join("clone"))?;
        match text {
            Ok(text) if text == "hello\n" => Ok(()),
            other => Err(format!("the clone has {other:?}")),
        }
    }

    /// A bare repository with one commit, made by the git of this machine.
    fn repository(&self, bare: &Path) -> Result<(), String> {
        let work = self.folder.join("hello");
        fs::create_dir_all(&work).map_err(|e| e.to_string())?;
        fs::write(work.join("hello.txt"), "hello\n").map_err(|e| e.to_string())?;
        let git = |folder: &Path, words: &[&str]| {
            let mut git = Command::new("git");
            git.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", &self.folder);
            git.args(["-c", "user.name=a", "-c", "user.email=a@test"]).args(words);
            run_command(&mut git)
        };
        git(&work, &["init", "--quiet", "--initial-branch=main"])?;
        git(&work, &["add", "hello.txt"])?;
        git(&work, &["commit", "--quiet", "--message", "hello"])?;
        let bare_text = bare.display().to_string();
        git(&work, &["clone", "--quiet", "--bare", ".", &bare_text])?;
        // What a server of plain files needs.
        git(bare, &["update-server-info"])
    }

    fn removed(&self) -> Result<(), String> {
        let explain = ["menshen", "explain", "install", "git", "--prefix", PREFIX];
        expect(self.inside(&explain), 0, &["built     by menshen install, into /opt/git"])?;
        let remove = ["menshen", "install", "--remove", "git", "--prefix", PREFIX];
        expect(self.inside(&remove), 0, &["removed "])?;
        let left = output(Command::new("find").arg(self.root.join(&PREFIX[1..])))?;
        if left.lines().count() != 1 {
            return Err(format!("after the removal there is {left}"));
        }
        expect(self.inside(&["git", "--version"]), 0, &["git version"])
    }

    /// A command in the root, with the machine's network.
    fn inside(&self, words: &[&str]) -> Result<(ExitStatus, String), String> {
        let mut command = Command::new("chroot");
        self.done(command.arg(&self.root).args(words))
    }

    fn offline(&self, words: &[&str]) -> Command {
        let mut command = self.space.command(&["chroot"]);
        command.arg(&self.root).args(words);
        command
    }

    /// How it ended, and all it said.
    fn done(&self, command: &mut Command) -> Result<(ExitStatus, String), String> {
        command.env_clear().envs(ENVIRONMENT).stdin(Stdio::null());
        let done = command.output().map_err(|e| format!("could not run {command:?}: {e}"))?;
        let said = [done.stdout, done.stderr].concat();
        Ok((done.status, String::from_utf8_lossy(&said).into_owned()))
    }
}

/// A network namespace with nothing but its own loopback.
struct Space {
    name: String,
    ip: PathBuf,
}

impl Space {
    fn new() -> Result<Self, String> {
        let ip = find("ip").ok_or("no ip: apt-get install iproute2")?;
        let space = Self { name: format!("menshen-install-{}", std::process::id()), ip };
        run_command(Command::new(&space.ip).args(["netns", "add", &space.name]))?;
        let up = ["-n", &space.name, "link", "set", "lo", "up"];
        run_command(Command::new(&space.ip).args(up))?;
        Ok(space)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.ip);
        command.args(["netns", "exec", &self.name]).args(words);
        command
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // It goes with its last process otherwise.
        let _ = Command::new(&self.ip).args(["netns", "del", &self.name]).status();
    }
}

fn expect(
    done: Result<(ExitStatus, String), String>,
    code: i32,
    parts: &[&str],
) -> Result<(), String> {
    let (status, said) = done?;
    let missing = parts.iter().find(|part| !said.contains(**part));
    match (status.code() == Some(code), missing) {
        (true, None) => Ok(()),
        (false, _) => Err(format!("{status} instead of {code}:\n{said}")),
        (true, Some(part)) => Err(format!("without {part:?}:\n{said}")),
    }
}

/// `ip netns exec` and `chroot` become the program they are given: the process is menshen's.
fn signal(child: &Child, name: &str) -> Result<(), String> {
    run_command(Command::new("kill").args(["-s", name, &child.id().to_string()]))
}

fn ended(child: &mut Child, within: Duration) -> Result<ExitStatus, String> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if began.elapsed() > within {
            let _ = child.kill();
            return Err("the build did not end in time".into());
        }
        thread::sleep(POLL);
    }
}

const PREFIX: &str = "/opt/git";
/// Of root, in the root.
const WORK: &str = "root/.cache/menshen/install";
const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
    ("HOME", "/root"),
    ("LC_ALL", "C"),
    ("TERM", "dumb"),
];
const POLL: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_secs(60);
const HALF_HOUR: Duration = Duration::from_secs(1800);
