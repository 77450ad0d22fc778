//! libmenshen as programs of other languages use it: its symbols are those of the header, and the
//! examples in C, Go, PHP and Python are built, run, and say what they should; C under valgrind.
//!
//! Everything is made below the target folder; nothing is installed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{find, output, spoken};
use crate::workspace;

/// Builds the library and runs the examples.
pub(crate) fn run() -> Result<(), String> {
    let root = workspace::repository_root()?;
    let target = workspace::target_folder()?;
    let mut cargo = Command::new("cargo");
    output(cargo.current_dir(&root).args(["build", "--package", "menshen-capi"]))?;
    let stand = Stand::new(&root, &target)?;
    stand.symbols()?;
    stand.c()?;
    stand.go()?;
    stand.buffers(&target.join("release/menshen"))?;
    stand.php()?;
    stand.python()
}

/// Where the examples find what they need.
struct Stand {
    root: PathBuf,
    examples: PathBuf,
    include: PathBuf,
    folder: PathBuf,
    library: PathBuf,
}

impl Stand {
    fn new(root: &Path, target: &Path) -> Result<Self, String> {
        let folder = target.join("capi");
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(failed)?;
        let library = folder.join("libmenshen.so");
        fs::copy(target.join("debug/libmenshen.so"), &library).map_err(failed)?;
        symlink("libmenshen.so", folder.join("libmenshen.so.0")).map_err(failed)?;
        fs::write(folder.join("keys"), KEYS).map_err(failed)?;
        let (root, include) = (root.to_owned(), root.join("crates/capi/include"));
        Ok(Self { examples: root.join("examples/libmenshen"), root, include, folder, library })
    }

    /// A program that finds the library.
    fn program(&self, name: &str) -> Result<Command, String> {
        let path = find(name).ok_or_else(|| format!("no {name} in PATH"))?;
        let mut command = Command::new(path);
        command.current_dir(&self.folder).env("LD_LIBRARY_PATH", &self.folder);
        Ok(command)
    }

    /// What the library shows is what the header declares, no more and no less.
    fn symbols(&self) -> Result<(), String> {
        let header = fs::read_to_string(self.include.join("menshen.h"))
            .map_err(|error| format!("menshen.h: {error}"))?;
        let code = header.lines().filter(|line| !line.trim_start().starts_with("//"));
        let words = |line: &str| -> Vec<String> {
            let ends = line.match_indices('(').map(|(at, _)| &line[..at]);
            let names = ends.filter_map(|before| {
                before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
            });
            names.filter(|name| name.starts_with("menshen_")).map(str::to_owned).collect()
        };
        let declared: BTreeSet<String> = code.flat_map(words).collect();
        let mut nm = self.program("nm")?;
        let shown = output(nm.args(["-D", "--defined-only"]).arg(&self.library))?;
        let shown: BTreeSet<String> =
            shown.lines().filter_map(|line| line.rsplit(' ').next()).map(str::to_owned).collect();
        if declared == shown {
            return Ok(());
        }
        let differ: Vec<&String> = declared.symmetric_difference(&shown).collect();
        Err(format!("declared or shown, not both: {differ:?}"))
    }

    fn c(&self) -> Result<(), String> {
        let links = self.folder.join("links");
        let mut cc = self.program("cc")?;
        cc.args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g", "-I"]);
        cc.arg(&self.include).arg(self.examples.join("c/links.c")).arg("-L").arg(&self.folder);
        output(cc.args(["-lmenshen", "-o"]).arg(&links))?;
        // The same header in C++.
        let source = self.folder.join("header.cc");
        fs::write(
            &source,
            "#include \"menshen.h\"\nint main() { return menshen_abi_version(); }\n",
        )
        .map_err(|error| error.to_string())?;
        let mut cxx = self.program("c++")?;
        cxx.args(["-Wall", "-Werror", "-fsyntax-only", "-I"]).arg(&self.include);
        output(cxx.arg(&source))?;

        let log = self.root.join("crates/guard-core/tests/data/ours-6.18-memcgv1-single.kmsg");
        let mut valgrind = self.program("valgrind")?;
        valgrind.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        valgrind.arg("--errors-for-leak-kinds=definite,possible").arg(&links);
        valgrind.arg(self.folder.join("keys")).args([BASE, "/reports/q3.pdf"]);
        let (said, complaints) = spoken(valgrind.arg(log))?;
        expect("c", &said, &["link https://files.example.com/reports/q3.pdf?menshen-link="])?;
        expect("c", &said, &["now good, in an hour: it has expired", "python3 was killed"])?;
        if complaints.is_empty() { Ok(()) } else { Err(format!("valgrind: {complaints}")) }
    }

    fn go_build(&self, name: &str) -> Result<PathBuf, String> {
        let program = self.folder.join(name);
        let mut go = self.program("go")?;
        go.current_dir(self.examples.join("go").join(name)).args(["build", "-o"]).arg(&program);
        go.arg(".").env("CGO_CFLAGS", format!("-I{}", self.include.display()));
        go.env("CGO_LDFLAGS", format!("-L{}", self.folder.display()));
        output(go.env("GOCACHE", self.folder.join("go-cache")).env("GOFLAGS", "-mod=mod"))?;
        Ok(program)
    }

    fn go(&self) -> Result<(), String> {
        let mut links = self.program("env")?;
        links.arg(self.go_build("links")?).arg(self.folder.join("keys"));
        let said = output(links.args([BASE, "/reports/q3.pdf"]))?;
        expect("go", &said, &["link https://files.example.com/", "in an hour: it has expired"])
    }

    /// The two buffers, and what menshen says of the text that is lost between them.
    fn buffers(&self, menshen: &Path) -> Result<(), String> {
        let program = self.go_build("buffers")?;
        let both = "one, from C\ntwo, from Go\n";
        for (way, wanted) in [("lost", "two, from Go\n"), ("kept", both), ("lines", both)] {
            let mut buffers = self.program("env")?;
            let said = output(buffers.arg(&program).arg(way))?;
            if said != wanted {
                return Err(format!("buffers {way} said {said:?}"));
            }
        }
        let mut explain = Command::new(menshen);
        explain.args(["explain", "silence", "--"]).arg(&program).arg("lost");
        let told = explain.output().map_err(|error| format!("menshen: {error}"))?;
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        expect("explain silence", &told, &["[output-lost-at-exit]", "\"one, from C\\n\""])
    }

    fn php(&self) -> Result<(), String> {
        let mut php = self.program("php")?;
        php.args(["-d", "ffi.enable=1"]).arg(self.examples.join("php/links.php"));
        php.arg(&self.library).arg(self.include.join("menshen.h")).arg(self.folder.join("keys"));
        let said = output(php.args([BASE, "/q3.pdf"]))?;
        expect(
            "php",
            &said,
            &["link https://files.example.com/q3.pdf?", "event /incoming/film.bin"],
        )?;
        expect("php", &said, &["refused: the signature does not fit the body"])
    }

    fn python(&self) -> Result<(), String> {
        let mut python = self.program("python3")?;
        python.arg(self.examples.join("python/certificates.py")).arg(&self.library);
        python.arg(self.root.join("crates/explain/tests/cards/good.pem"));
        let said = output(python.arg("files.example.com"))?;
        expect("python", &said, &["class dv\n", "files.example.com is not covered"])?;
        expect("python", &said, &["refused: there is no certificate in it"])
    }
}

fn expect(who: &str, said: &str, wanted: &[&str]) -> Result<(), String> {
    match wanted.iter().find(|wanted| !said.contains(**wanted)) {
        None => Ok(()),
        Some(missing) => Err(format!("{who} did not say {missing:?} but:\n{said}")),
    }
}

const KEYS: &str = "00000001 100 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n";
const BASE: &str = "https://files.example.com";
