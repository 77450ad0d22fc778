//! The conversation of a probe: the same for the server and for whoever explains.

use std::future::poll_fn;
use std::time::Duration;

use menshen_web_core::fastcgi::Connection;

use super::Probe;
use crate::php::delivery::Delivered;
use crate::php::exchange::{Exchange, State};
use crate::php::head::judge as judge_head;
use crate::php::line::Line;

/// Sends `probe` and hears the whole answer: its status and body. `None` when it breaks off, is
/// too long or takes too long. The probe's file is gone then.
pub(crate) async fn hear(line: Line, probe: Probe) -> Option<(u16, Vec<u8>)> {
    let Delivered { source, files, .. } = probe.body;
    let mut exchange =
        Exchange::new(line, Connection::Close, &probe.pairs, Some(source), STDERR_BYTES);
    let hear = async {
        while exchange.state == State::Open && exchange.answer.len() < ANSWER_BYTES {
            poll_fn(|cx| exchange.poll_step(cx)).await;
        }
    };
    tokio::time::timeout(PATIENCE, hear).await.ok()?;
    drop(files);
    if exchange.state != State::Whole {
        return None;
    }
    let bytes = exchange.answer.memory();
    let (head, len) = judge_head(bytes, bytes.len(), &mut 0).ok()??;
    Some((head.status, bytes[len..].to_vec()))
}

const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_BYTES: u64 = 256 << 10;
const STDERR_BYTES: usize = 4096;
