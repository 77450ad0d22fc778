//! Real programs, each linked in another way, that print without a newline and then sleep.
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

const PRINTS: &str = r#"
#include <stdio.h>
#include <unistd.h>
int main(void) {
    FILE *other = fopen("/dev/null", "w");
    printf("hello, this text is stuck: %d", 42);
    fputs("elsewhere", other);
    write(2, "!", 1);
    pause();
    return 0;
}
"#;

const WIDE: &str = r#"
#include <locale.h>
#include <stdio.h>
#include <unistd.h>
#include <wchar.h>
int main(void) {
    setlocale(LC_ALL, "C.UTF-8");
    wprintf(L"w\u00f6rter");
    write(2, "!", 1);
    pause();
    return 0;
}
"#;

/// A child that has printed; ended when dropped.
struct Running(Child);

impl Running {
    fn start(program: &Path) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stderr.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Compiles; `None` after saying that the compiler or its library is missing.
fn compile(folder: &Path, compiler: &str, options: &[&str], text: &str) -> Option<PathBuf> {
    let source = folder.join("prints.c");
    std::fs::write(&source, text).unwrap();
    let program = folder.join(format!("prints{}", options.join("")));
    let output = Command::new(compiler).arg("-o").arg(&program).args(options).arg(&source).output();
    if output.as_ref().is_ok_and(|output| output.status.success()) {
        return Some(program);
    }
    assert!(std::env::var_os("MENSHEN_REQUIRE_PEERS").is_none(), "{compiler} {options:?}");
    eprintln!("SKIPPED: {compiler} {options:?} cannot make a program");
    None
}

fn check(program: &Path, library: Library, others: usize) {
    let running = Running::start(program);
    let look = Reader::open(running.pid()).unwrap().look().unwrap();
    // musl asks whether it is a terminal only when it writes for the first time.
    let buffering = if library == Library::Musl { Buffering::Line } else { Buffering::Full };
    assert_eq!((look.library, look.stdout), (library, buffering), "{program:?}");
    let first = &look.stuck[0];
    assert_eq!(String::from_utf8_lossy(&first.text), "hello, this text is stuck: 42");
    assert_eq!((first.stream, first.descriptor, first.bytes), (Stream::Stdout, 1, 29));
    let rest: Vec<_> = look.stuck[1..].iter().map(|s| (s.stream, &*s.text)).collect();
    assert_eq!(rest, vec![(Stream::Other, &b"elsewhere"[..]); others], "{program:?}");
}

#[test]
fn glibc_however_it_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    for options in [&[][..], &["-no-pie"], &["-static"], &["-static-pie"], &["-m32"], &["-s"]] {
        if let Some(program) = compile(folder.path(), "gcc", options, PRINTS) {
            check(&program, Library::Glibc, 1);
        }
    }
    if let Some(program) = compile(folder.path(), "gcc", &["-m32", "-static"], PRINTS) {
        check(&program, Library::Glibc, 1);
    }
}

#[test]
fn musl_however_it_is_linked() {
    let folder = tempfile::tempdir().unwrap();
    // The shared library is stripped: it does not tell where its list of streams is.
    for (options, others) in [(&[][..], 0), (&["-static"], 1), (&["-no-pie"], 0)] {
        if let Some(program) = compile(folder.path(), "musl-gcc", options, PRINTS) {
            check(&program, Library::Musl, others);
        }
    }
}

#[test]
fn wide_characters_are_text_too() {
    let folder = tempfile::tempdir().unwrap();
    for options in [&[][..], &["-m32"]] {
        let Some(program) = compile(folder.path(), "gcc", options, WIDE) else { continue };
        let running = Running::start(&program);
        let stuck = stuck(running.pid()).unwrap();
        let texts: Vec<_> = stuck.iter().map(|s| (s.bytes, str::from_utf8(&s.text))).collect();
        assert_eq!(texts, [(7, Ok("wörter"))], "{options:?}");
    }
}

#[test]
fn a_program_whose_file_is_gone_is_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = compile(folder.path(), "gcc", &["-static"], PRINTS) else { return };
    let running = Running::start(&program);
    std::fs::remove_file(&program).unwrap();
    assert_eq!(stuck(running.pid()).unwrap()[0].bytes, 29);
}

#[test]
fn what_cannot_be_told_is_said() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(program) = compile(folder.path(), "gcc", &["-static", "-s"], PRINTS) {
        let running = Running::start(&program);
        assert!(matches!(stuck(running.pid()), Err(StdioError::LocalStripped)));
    }
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    let deadline = Instant::now() + Duration::from_secs(10);
    while menshen_sys::proc::Stat::read(pid).unwrap().state != b'Z' && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(matches!(stuck(pid), Err(StdioError::LocalGone(_))), "a zombie");
    child.wait().unwrap();
    assert!(matches!(stuck(pid), Err(StdioError::LocalGone(_))), "nobody");
}
