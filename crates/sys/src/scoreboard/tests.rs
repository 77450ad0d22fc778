//! Tests of the scoreboard: what one mapping writes, another reads.

use menshen_base::Counter;

use super::*;

fn board() -> (tempfile::TempDir, Scoreboard, ScoreView) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scoreboard");
    let (board, _file) = Scoreboard::create(&path).unwrap();
    let view = ScoreView::open(&path).unwrap();
    (folder, board, view)
}

#[test]
fn figures_cross_mappings() {
    let (_folder, board, view) = board();
    let slot = board.slot(3);
    slot.reset(1, 7, 42);
    slot.set_pid(99);
    slot.add(Counter::Requests, 5);
    slot.sub(Counter::ConnectionsOpen, 1);
    let seen = view.slot(3);
    assert_eq!(
        (seen.index(), seen.generation(), seen.started_unix_ms(), seen.pid()),
        (1, 7, 42, 99)
    );
    assert_eq!(seen.state(), SlotState::Starting);
    assert_eq!(seen.get(Counter::Requests), 5);
    assert_eq!(seen.get(Counter::ConnectionsOpen), 0, "a gauge never wraps below zero");
    assert_eq!(view.slot(2).get(Counter::Requests), 0);
    slot.reset(0, 8, 0);
    assert_eq!(seen.get(Counter::Requests), 0);
}

#[test]
fn transfers_come_and_go() {
    let (_folder, board, view) = board();
    let slot = board.slot(0);
    let long = [b'x'; 500];
    slot.transfer_begin(0, TransferKind::Upload, 10, None, "/文件".as_bytes());
    slot.transfer_begin(95, TransferKind::Download, 11, Some(100), &long);
    slot.transfer_moved(95, 60);
    let seen = view.slot(0).transfers();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].path, "/文件".as_bytes());
    assert_eq!((seen[0].kind, seen[0].total), (TransferKind::Upload, None));
    assert_eq!((seen[1].done, seen[1].total, seen[1].path.len()), (60, Some(100), 120));
    slot.transfer_end(0);
    assert_eq!(view.slot(0).transfers().len(), 1);
}

#[test]
fn path_versions_move_only_for_their_bucket() {
    let (_folder, board, _view) = board();
    let before = (board.path_version(b"/a"), board.path_version(b"/b"));
    board.bump_path(b"/a");
    assert_ne!(board.path_version(b"/a"), before.0);
    assert_eq!(board.path_version(b"/b"), before.1);
}

#[test]
fn foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    std::fs::write(&path, b"short").unwrap();
    assert!(ScoreView::open(&path).is_err());
    std::fs::write(&path, vec![0; usize::try_from(FILE_BYTES).unwrap()]).unwrap();
    assert!(ScoreView::open(&path).is_err());
}

#[test]
fn text_is_cut_not_lost() {
    let (_folder, board, view) = board();
    board.set_text("menshen.toml:1:1: error");
    assert_eq!(view.text(), "menshen.toml:1:1: error");
    board.set_text(&"y".repeat(5000));
    assert_eq!(view.text().len(), TEXT_BYTES);
}
