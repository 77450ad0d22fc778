//! What a form holds in memory, and with whose leave.
use menshen_sys::Scoreboard;
use menshen_web_core::multipart::{MultipartLimits, boundary_of};

use super::super::upload::tests::bucket;
use super::*;

fn form() -> Form {
    let board = Scoreboard::private().unwrap();
    let boundary = boundary_of(b"multipart/form-data; boundary=xXx").unwrap();
    let limits = MultipartLimits { parts_max: 1000, part_head_bytes_max: 8192 };
    Form {
        bucket: bucket(&board),
        parser: Multipart::new(&boundary, limits),
        folder: "/".into(),
        largest: 0,
        wanted: Wanted::Either,
        current: None,
        done: Vec::new(),
        held: 0,
        share: None,
    }
}

/// A file and the beginning of the next one's head: the read ends between two files.
fn file(number: usize, bytes: usize) -> Vec<u8> {
    let begin = if number == 0 { "--xXx\r\nContent-" } else { "" };
    let head = format!("{begin}Disposition: form-data; name=\"f\"; filename=\"{number}\"\r\n\r\n");
    [head.as_bytes(), &vec![7; bytes], b"\r\n--xXx\r\nContent-"].concat()
}

#[test]
fn files_that_ended_are_held_with_one_share_and_no_more_than_a_part() {
    let mut form = form();
    let part = form.bucket.options().part_bytes;
    form.take(&file(0, 200_000)).unwrap();
    assert!(form.current.is_none() && form.done.len() == 1, "the read ended between two files");
    assert!(form.is_due(), "nobody gave leave to keep it");
    form.share = form.bucket.buffers().try_take(1);
    assert!(!form.is_due());
    let mut number = 1;
    while !form.is_due() {
        form.take(&file(number, 200_000)).unwrap();
        number += 1;
        assert!(form.held <= part + 200_000, "{}", form.held);
    }
    assert_eq!(form.held, number as u64 * 200_000);
    assert!(form.held > part && form.current.is_none());
    let room: usize = form.done.iter().map(Upload::room).sum();
    assert!(room as u64 <= form.held + form.held / 8, "{room}");
}

#[test]
fn what_others_wait_for_is_not_kept() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut form = form();
        form.take(&file(0, 1000)).unwrap();
        form.share = form.bucket.buffers().try_take(1);
        assert!(!form.is_due());
        let buffers = form.bucket.buffers().clone();
        let mut rest = Vec::new();
        rest.extend(std::iter::from_fn(|| buffers.try_take(1)));
        let waiting = tokio::spawn(async move { buffers.take(1).await.is_some() });
        while !form.bucket.buffers().is_waited_for() {
            tokio::task::yield_now().await;
        }
        assert!(form.is_due(), "also between two files");
        waiting.abort();
    });
}
