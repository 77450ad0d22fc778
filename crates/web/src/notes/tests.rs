//! What reaches the operator, and what a reader that stands still costs.

use std::io::Read;

use rustix::pipe::{PipeFlags, pipe_with};

use super::*;

fn notes() -> Notes {
    Notes::new("web/3".into())
}

/// What `tell` writes into a pipe.
fn told(notes: &Notes, what: &str, value: &[u8]) -> String {
    let (from, to) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).unwrap();
    notes.write_to(&to, what, value);
    drop(to);
    let mut all = String::new();
    std::fs::File::from(from).read_to_string(&mut all).unwrap();
    all
}

#[test]
fn a_line_says_who_what_and_about_what() {
    assert_eq!(told(&notes(), "php", b""), "menshen: web/3: php\n");
    assert_eq!(told(&notes(), "php", b"warn: x"), "menshen: web/3: php: warn: x\n");
    let got = told(&notes(), "php", b"a\nb\x1b[2J\xff\"");
    assert_eq!(got, "menshen: web/3: php: a\\x0ab\\x1b[2J\\xff\\x22\n");
}

#[test]
fn the_longest_line_is_one_write_and_ends() {
    for value in ["\x01".repeat(5000), "文".repeat(3000), "x".repeat(9000)] {
        for what in ["php".to_owned(), "w".repeat(5000), format!("x{}", "文".repeat(2000))] {
            let notes = notes();
            notes.held_back.set(u64::MAX);
            let got = told(&notes, &what, value.as_bytes());
            assert!(got.len() <= LINE_BYTES && got.matches('\n').count() == 1, "{}", got.len());
            assert!(got.ends_with(" lines before this one were held back)\n"), "{got}");
        }
    }
}

#[test]
fn so_many_a_second_and_the_rest_is_counted() {
    let notes = notes();
    for second in [7, 8] {
        for _ in 0..LINES_PER_SECOND_MAX {
            assert!(notes.may_write(second));
        }
        for held_back in 1..4 {
            assert!(!notes.may_write(second));
            assert_eq!(notes.held_back.get(), held_back);
        }
        let got = told(&notes, "php", b"x");
        assert!(got.ends_with("x (3 lines before this one were held back)\n"), "{got}");
        assert_eq!(told(&notes, "php", b"x"), "menshen: web/3: php: x\n", "said once");
    }
}

#[test]
fn a_reader_that_stands_still_costs_lines_and_no_wait() {
    let notes = notes();
    let (from, to) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    // It blocks when it is full; whoever writes without asking hangs here.
    let mut written = 0;
    while notes.held_back.get() < 5 {
        notes.write_to(&to, "php", &[b'x'; 2000]);
        written += 1;
        assert!(written < 1000, "a pipe without end");
    }
    drop(to);
    let mut all = String::new();
    std::fs::File::from(from).read_to_string(&mut all).unwrap();
    assert_eq!(all.lines().count(), written - 5, "held back are the last five");
    assert!(all.ends_with('\n'));
    // Those of a reader that went away count on.
    let (gone, to) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    drop(gone);
    notes.write_to(&to, "php", b"x");
    assert_eq!(notes.held_back.get(), 6);
    assert!(told(&notes, "php", b"x").ends_with("x (6 lines before this one were held back)\n"));
}
