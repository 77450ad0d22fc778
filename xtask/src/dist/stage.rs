//! The folder a package is made of: every file where it will lie, with its mode.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::output;
use crate::workspace::repository_root;

/// Whose customs a package follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Debian,
    RedHat,
}

/// What was laid out.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Lays out everything below a folder of its own in `work`.
    pub(crate) fn lay_out(work: &Path, family: Family, program: &Path) -> Result<Self, String> {
        let name = if family == Family::Debian { "deb" } else { "rpm" };
        let stage = Self { folder: work.join(name) };
        if stage.folder.exists() {
            fs::remove_dir_all(&stage.folder).map_err(|e| fault(&stage.folder, &e))?;
        }
        stage.program(program)?;
        for (name, target) in FILES {
            stage.write(target, &packaging(name)?, 0o644)?;
        }
        stage.documentation(family)?;
        stage.pages(family)?;
        Ok(stage)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file, with the folders above it.
    pub(crate) fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), String> {
        let path = self.place(name)?;
        fs::write(&path, text).map_err(|e| fault(&path, &e))?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(|e| fault(&path, &e))
    }

    /// Kibibytes of all files.
    pub(crate) fn kib(&self) -> Result<u64, String> {
        let sizes = self.files()?.into_iter().map(|path| {
            let meta = fs::metadata(&path).map_err(|e| fault(&path, &e))?;
            Ok(meta.len().div_ceil(1024))
        });
        sizes.sum()
    }

    /// Lines of `md5sum`, of every file.
    pub(crate) fn sums(&self) -> Result<String, String> {
        let mut command = Command::new("md5sum");
        command.current_dir(&self.folder);
        for path in self.files()? {
            command.arg(path.strip_prefix(&self.folder).map_err(|e| e.to_string())?);
        }
        output(&mut command)
    }

    /// Debian's list of changes, of this package alone; `epoch` in seconds since 1970.
    pub(crate) fn changelog(&self, version: &str, epoch: &str) -> Result<(), String> {
        let date = output(Command::new("date").args(["-u", "-R", "-d", &format!("@{epoch}")]))?;
        let date = date.trim();
        let head = format!("menshen ({version}) unstable; urgency=medium");
        let tail = format!(" -- menshen <menshen@menshen.invalid>  {date}");
        let text = format!("{head}\n\n  * Packaged from its source tree.\n\n{tail}\n");
        let name = "usr/share/doc/menshen/changelog.Debian";
        self.write(name, &text, 0o644)?;
        output(Command::new("gzip").arg("-9n").arg(self.folder.join(name))).map(drop)
    }

    fn program(&self, program: &Path) -> Result<(), String> {
        let path = self.place("usr/bin/menshen")?;
        let mut strip = Command::new("strip");
        strip.args(["--strip-unneeded", "--remove-section=.comment", "-o"]);
        output(strip.arg(&path).arg(program))?;
        fs::set_permissions(&path, Permissions::from_mode(0o755)).map_err(|e| fault(&path, &e))
    }

    fn documentation(&self, family: Family) -> Result<(), String> {
        let sample = output(Command::new(self.folder.join("usr/bin/menshen")).arg("sample"))?;
        self.write("usr/share/doc/menshen/menshen.toml.sample", &sample, 0o644)?;
        let root = repository_root()?;
        let text = |name: &str| fs::read_to_string(root.join(name)).map_err(|e| e.to_string());
        let mit = text("LICENSE-MIT")?;
        match family {
            Family::Debian => {
                let line = |line: &str| match line.trim_end() {
                    "" => " .".to_owned(),
                    text => format!(" {text}"),
                };
                let mit: Vec<String> = mit.trim_end().lines().map(line).collect();
                let copyright = packaging("deb/copyright")?.replace("@MIT@", &mit.join("\n"));
                self.write("usr/share/doc/menshen/copyright", &copyright, 0o644)
            }
            Family::RedHat => {
                self.write("usr/share/doc/menshen/LICENSE-MIT", &mit, 0o644)?;
                let apache = text("LICENSE-APACHE")?;
                self.write("usr/share/doc/menshen/LICENSE-APACHE", &apache, 0o644)
            }
        }
    }

    /// Man pages and completions, as the program writes them.
    fn pages(&self, family: Family) -> Result<(), String> {
        let pages = self.folder.with_extension("pages");
        let program = self.folder.join("usr/bin/menshen");
        output(Command::new(program).arg("pages").arg(&pages))?;
        let manual = pages.join("man1");
        let mut names = Vec::new();
        for entry in fs::read_dir(&manual).map_err(|e| fault(&manual, &e))? {
            names.push(entry.map_err(|e| fault(&manual, &e))?.path());
        }
        output(Command::new("gzip").args(["-9n"]).args(&names))?;
        let zsh = match family {
            Family::Debian => "usr/share/zsh/vendor-completions/_menshen",
            Family::RedHat => "usr/share/zsh/site-functions/_menshen",
        };
        let rows = [
            ("bash/menshen", "usr/share/bash-completion/completions/menshen"),
            ("zsh/_menshen", zsh),
            ("fish/menshen.fish", "usr/share/fish/vendor_completions.d/menshen.fish"),
        ];
        let mut moves: Vec<(PathBuf, String)> =
            rows.into_iter().map(|(from, to)| (pages.join(from), to.to_owned())).collect();
        for name in names {
            let file = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
            moves.push((manual.join(format!("{file}.gz")), format!("{MANUAL}/{file}.gz")));
        }
        for (from, to) in moves {
            let to = self.place(&to)?;
            fs::copy(&from, &to).map_err(|e| fault(&from, &e))?;
            let mode = Permissions::from_mode(0o644);
            fs::set_permissions(&to, mode).map_err(|e| fault(&to, &e))?;
        }
        fs::remove_dir_all(&pages).map_err(|e| fault(&pages, &e))
    }

    /// Where a file will lie, its folders made, with a mode that no umask changes.
    fn place(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        let mut folder = self.folder.clone();
        fs::create_dir_all(path.parent().unwrap_or(&folder)).map_err(|e| fault(&path, &e))?;
        for part in Path::new(name).parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            let mode = Permissions::from_mode(0o755);
            fs::set_permissions(&folder, mode).map_err(|e| fault(&folder, &e))?;
        }
        let mode = Permissions::from_mode(0o755);
        fs::set_permissions(&self.folder, mode).map_err(|e| fault(&path, &e))?;
        Ok(path)
    }

    /// All files but those about the package, sorted.
    fn files(&self) -> Result<Vec<PathBuf>, String> {
        let (mut files, mut folders) = (Vec::new(), vec![self.folder.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|e| fault(&folder, &e))? {
                let path = entry.map_err(|e| fault(&folder, &e))?.path();
                if !path.is_dir() {
                    files.push(path);
                } else if path != self.folder.join("DEBIAN") {
                    folders.push(path);
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

/// The text of a file in `packaging/`.
pub(crate) fn packaging(name: &str) -> Result<String, String> {
    let path = repository_root()?.join("packaging").join(name);
    fs::read_to_string(&path).map_err(|e| fault(&path, &e))
}

fn fault(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Of `packaging/`, and where they go.
const FILES: [(&str, &str); 5] = [
    ("menshen.service", "usr/lib/systemd/system/menshen.service"),
    ("menshen.socket", "usr/lib/systemd/system/menshen.socket"),
    ("menshen.sysusers", "usr/lib/sysusers.d/menshen.conf"),
    ("menshen.tmpfiles", "usr/lib/tmpfiles.d/menshen.conf"),
    ("menshen.toml", "etc/menshen/menshen.toml"),
];
const MANUAL: &str = "usr/share/man/man1";
