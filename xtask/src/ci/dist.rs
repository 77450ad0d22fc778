//! The packages of the released program: the same bytes twice, and in a fresh root installed,
//! upgraded under load, removed and purged (`packaging/show.sh`).

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::dist::{Packages, Plan, make};
use crate::shell::{find, output, run as run_command};
use crate::workspace::{repository_root, target_folder};

pub(super) fn run() -> Result<(), String> {
    if output(Command::new("id").arg("-u"))?.trim() != "0" {
        return Err("a root of its own needs the rights of root: run this step with sudo".into());
    }
    let target = target_folder()?;
    let program = target.join("release/menshen");
    let out = target.join("dist-show");
    if out.exists() {
        fs::remove_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    }
    let package = |name: &str, revision| {
        make(&Plan { program: program.clone(), out: out.join(name), revision })
    };
    let (one, again, two) = (package("one", 1)?, package("again", 1)?, package("two", 2)?);
    same(&one.deb, &again.deb)?;
    same(&one.rpm, &again.rpm)?;
    println!("   the same program twice gives the same bytes");
    let shown = show(&out.join("root"), &one, &two);
    fs::remove_dir_all(&out).map_err(|e| format!("{}: {e}", out.display()))?;
    shown
}

fn same(one: &Path, other: &Path) -> Result<(), String> {
    run_command(Command::new("cmp").arg(one).arg(other))
}

fn show(root: &Path, one: &Packages, two: &Packages) -> Result<(), String> {
    let mut bootstrap = Command::new(find("debootstrap").ok_or("debootstrap is not installed")?);
    bootstrap.arg("--variant=minbase").arg(codename()?).arg(root).arg(mirror()?);
    output(&mut bootstrap)?;
    let mut script = Command::new("unshare");
    script.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash"]);
    script.arg(repository_root()?.join("packaging/show.sh")).arg(root);
    run_command(script.args([&one.deb, &two.deb, &one.rpm, &two.rpm]))
}

/// Of the system this runs on.
fn codename() -> Result<String, String> {
    let text = fs::read_to_string("/etc/os-release").map_err(|e| e.to_string())?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(str::to_owned).ok_or_else(|| "/etc/os-release has no code name".to_owned())
}

/// Where apt gets this system's packages from.
fn mirror() -> Result<String, String> {
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"]);
    let (list, codename) = (output(&mut apt)?, codename()?);
    let uri = list.lines().find_map(|line| line.strip_prefix(&format!("{codename} ")));
    uri.map(str::to_owned).ok_or_else(|| format!("apt has no source of {codename}"))
}
