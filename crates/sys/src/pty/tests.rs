//! Bytes pass as they are, and a reader of the program's side does not wait.

use super::*;

#[test]
fn bytes_pass_unchanged_and_reads_find_the_end() {
    let pty = open(123, 45).unwrap();
    let every: Vec<u8> = (0..=255).collect();
    assert_eq!(rustix::io::write(&pty.program, &every), Ok(256));
    let mut seen = vec![0; 1024];
    let count = rustix::io::read(&pty.ours, &mut seen).unwrap();
    assert_eq!(seen[..count], every);
    assert_eq!(rustix::io::read(&pty.program, &mut seen), Ok(0), "the end, not a wait");
    assert_eq!(rustix::io::read(&pty.ours, &mut seen), Err(rustix::io::Errno::AGAIN));
    let size = rustix::termios::tcgetwinsize(&pty.program).unwrap();
    assert_eq!((size.ws_col, size.ws_row), (123, 45));
    drop(pty.program);
    assert_eq!(rustix::io::read(&pty.ours, &mut seen), Err(rustix::io::Errno::IO));
}
