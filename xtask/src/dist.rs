//! The packages: a `.deb` and an `.rpm` of one build, made by Debian's own `dpkg-deb` and
//! `rpmbuild` (docs/decisions/0052), the same bytes from the same program and `SOURCE_DATE_EPOCH`.
//!
//! What is packaged is laid out once as a folder (`stage.rs`); man pages and completions are
//! written by the program itself.

mod stage;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Args;

use crate::shell::{output, run as run_command};
use crate::workspace::{metadata, repository_root, target_folder};
use stage::{Family, Stage};

/// What to make, and of what.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the packages go [default: dist in cargo's target folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The profile the program is built with.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Package this program, which was built before.
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    program: Option<PathBuf>,
    /// Counts packages of one version.
    #[arg(long, default_value_t = 1)]
    revision: u32,
}

/// The packages that were made.
#[derive(Debug, Clone)]
pub(crate) struct Packages {
    pub(crate) deb: PathBuf,
    pub(crate) rpm: PathBuf,
}

/// What packages are made of.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The program; it is stripped on its way.
    pub(crate) program: PathBuf,
    /// Where the packages go.
    pub(crate) out: PathBuf,
    pub(crate) revision: u32,
}

/// Builds the program and makes both packages.
pub(crate) fn run(options: &Options) -> Result<ExitCode, String> {
    let target = target_folder()?;
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build(&target, &options.profile)?,
    };
    let plan = Plan {
        program,
        out: options.out.clone().unwrap_or_else(|| target.join("dist")),
        revision: options.revision,
    };
    let made = make(&plan)?;
    for path in [&made.deb, &made.rpm] {
        let size = fs::metadata(path).map_err(|e| e.to_string())?.len();
        let sum = output(Command::new("sha256sum").arg(path))?;
        let sum = sum.split_whitespace().next().unwrap_or_default();
        println!("{sum}  {size:>9} bytes  {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the program; where it is.
fn build(target: &Path, profile: &str) -> Result<PathBuf, String> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(repository_root()?).args(["build", "--package", "menshen", "--profile"]);
    run_command(cargo.arg(profile))?;
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(target.join(folder).join("menshen"))
}

/// Makes both packages.
pub(crate) fn make(plan: &Plan) -> Result<Packages, String> {
    let epoch = epoch()?;
    let facts = Facts::of(&plan.program, plan.revision)?;
    fs::create_dir_all(&plan.out).map_err(|e| format!("{}: {e}", plan.out.display()))?;
    let work = plan.out.join("work");
    let stage = |family| Stage::lay_out(&work, family, &plan.program);
    let deb = deb(&stage(Family::Debian)?, &facts, &plan.out, &epoch)?;
    let rpm = rpm(&stage(Family::RedHat)?, &facts, &plan.out, &epoch)?;
    fs::remove_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))?;
    Ok(Packages { deb, rpm })
}

/// What the packages say of the program.
#[derive(Debug)]
struct Facts {
    version: String,
    revision: u32,
    /// As the kernel calls it.
    machine: String,
    /// The oldest C library with all that is used.
    glibc: String,
}

impl Facts {
    fn of(program: &Path, revision: u32) -> Result<Self, String> {
        let metadata = metadata(&repository_root()?)?;
        let all = metadata["packages"].as_array().ok_or("metadata without packages")?;
        let own = all.iter().find(|package| package["name"] == "menshen");
        let version = own.and_then(|package| package["version"].as_str());
        let version = version.ok_or("metadata without the version of menshen")?.to_owned();
        let machine = output(Command::new("uname").arg("-m"))?.trim().to_owned();
        let symbols = output(Command::new("objdump").arg("-T").arg(program))?;
        let glibc = glibc_floor(&symbols).ok_or("the program uses no version of glibc")?;
        Ok(Self { version, revision, machine, glibc })
    }

    /// As Debian calls it.
    fn architecture(&self) -> &str {
        match self.machine.as_str() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        }
    }
}

/// The newest version of glibc that a symbol of this table asks for.
fn glibc_floor(symbols: &str) -> Option<String> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        rest[..end].split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()
    });
    let newest = versions.max()?;
    Some(newest.iter().map(ToString::to_string).collect::<Vec<_>>().join("."))
}

/// Seconds since 1970 that all files in the packages get: as given, else those of the last commit.
fn epoch() -> Result<String, String> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(given);
    }
    let mut git = Command::new("git");
    git.current_dir(repository_root()?).args(["log", "-1", "--format=%ct"]);
    Ok(output(&mut git)?.trim().to_owned())
}

fn deb(stage: &Stage, facts: &Facts, out: &Path, epoch: &str) -> Result<PathBuf, String> {
    stage.changelog(&format!("{}-{}", facts.version, facts.revision), epoch)?;
    let kib = stage.kib()?;
    let control = stage::packaging("deb/control")?
        .replace("@VERSION@", &format!("{}-{}", facts.version, facts.revision))
        .replace("@ARCHITECTURE@", facts.architecture())
        .replace("@INSTALLED_KIB@", &kib.to_string())
        .replace("@GLIBC@", &facts.glibc);
    stage.write("DEBIAN/control", &control, 0o644)?;
    stage.write("DEBIAN/conffiles", "/etc/menshen/menshen.toml\n", 0o644)?;
    stage.write("DEBIAN/md5sums", &stage.sums()?, 0o644)?;
    for script in ["postinst", "prerm", "postrm"] {
        let text = stage::packaging(&format!("deb/{script}"))?;
        stage.write(&format!("DEBIAN/{script}"), &text, 0o755)?;
    }
    let (version, revision) = (&facts.version, facts.revision);
    let name = format!("menshen_{version}-{revision}_{}.deb", facts.architecture());
    let path = out.join(name);
    let mut build = Command::new("dpkg-deb");
    build.env("SOURCE_DATE_EPOCH", epoch).args(["--root-owner-group", "-Zxz", "-z3", "--build"]);
    output(build.arg(stage.folder()).arg(&path))?;
    Ok(path)
}

fn rpm(stage: &Stage, facts: &Facts, out: &Path, epoch: &str) -> Result<PathBuf, String> {
    let top = stage.folder().with_extension("rpmbuild");
    let spec = stage::packaging("rpm/menshen.spec")?
        .replace("@VERSION@", &facts.version)
        .replace("@REVISION@", &facts.revision.to_string());
    let file = stage.folder().with_extension("spec");
    fs::write(&file, spec).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut build = Command::new("rpmbuild");
    build.env("SOURCE_DATE_EPOCH", epoch).args(["-bb", "--quiet"]);
    for (name, value) in [("_topdir", &top), ("stage", &stage.folder().to_owned())] {
        build.arg("--define").arg(format!("{name} {}", value.display()));
    }
    output(build.arg("--target").arg(format!("{}-linux", facts.machine)).arg(&file))?;
    let (version, revision, machine) = (&facts.version, facts.revision, &facts.machine);
    let name = format!("menshen-{version}-{revision}.{machine}.rpm");
    let path = out.join(&name);
    let built = top.join("RPMS").join(machine).join(&name);
    fs::copy(&built, &path).map_err(|e| format!("{}: {e}", built.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests;
