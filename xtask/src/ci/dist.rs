//! The packages of the released program: the same bytes twice, and in a fresh root installed,
//! upgraded under load, removed and purged (`packaging/show.sh`).

use std::path::Path;
use std::process::Command;

use crate::debian;
use crate::dist::{Packages, Plan, make};
use crate::shell::{output, run as run_command};
use crate::workspace::{repository_root, target_folder};

pub(super) fn run() -> Result<(), String> {
    if output(Command::new("id").arg("-u"))?.trim() != "0" {
        return Err("a root of its own needs the rights of root: run this step with sudo".into());
    }
    let target = target_folder()?;
    let program = target.join("release/menshen");
    let out = target.join("dist-show");
    debian::remove(&out)?;
    let package = |name: &str, revision| {
        make(&Plan { program: program.clone(), out: out.join(name), revision })
    };
    let (one, again, two) = (package("one", 1)?, package("again", 1)?, package("two", 2)?);
    same(&one.deb, &again.deb)?;
    same(&one.rpm, &again.rpm)?;
    println!("   the same program twice gives the same bytes");
    let shown = show(&out.join("root"), &one, &two);
    debian::remove(&out)?;
    shown
}

fn same(one: &Path, other: &Path) -> Result<(), String> {
    run_command(Command::new("cmp").arg(one).arg(other))
}

fn show(root: &Path, one: &Packages, two: &Packages) -> Result<(), String> {
    debian::root(root)?;
    let mut script = Command::new("unshare");
    script.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash"]);
    script.arg(repository_root()?.join("packaging/show.sh")).arg(root);
    run_command(script.args([&one.deb, &two.deb, &one.rpm, &two.rpm]))
}
