//! `/metrics` in the Prometheus text format, on the loopback admin listener.
//!
//! Any worker can answer for all: the figures are in the shared scoreboard.

use std::fmt::Write;

use menshen_base::{Counter, CounterKind};
use menshen_sys::scoreboard::{HeaderWord, SLOTS_MAX};
use menshen_sys::{PoolView, ScoreView, SlotDoor, SlotState};
use menshen_web_core::head::Method;
use menshen_web_core::target::split;

use crate::ask::Ask;
use crate::fault::Fault;
use crate::reply::{Body, Reply};

/// Answers a request on the admin listener.
pub(crate) fn answer(ask: &Ask<'_>, board: &ScoreView) -> Reply {
    let (path, _query) = split(ask.target);
    if path != b"/metrics" {
        return Reply::fault(Fault::NotFound, ask.wanted());
    }
    if !matches!(ask.method, Method::Get | Method::Head) {
        return Reply::new(405).text("allow", "GET, HEAD");
    }
    Reply::new(200)
        .text("cache-control", "no-store")
        .body("text/plain; version=0.0.4; charset=utf-8", Body::Owned(text(board).into_bytes()))
}

/// All figures. Counters keep the sums of ended workers until their slot is used again, so a
/// restart shows as the counter reset that Prometheus expects.
fn text(board: &ScoreView) -> String {
    let mut out = String::with_capacity(8192);
    for (name, kind, help, word) in GUARD {
        let _ = writeln!(out, "# HELP menshen_{name} {help}\n# TYPE menshen_{name} {kind}");
        let _ = writeln!(out, "menshen_{name} {}", board.header(*word));
    }
    let slots: Vec<_> = (0..SLOTS_MAX)
        .map(|number| (number, board.slot(number)))
        .filter(|(_, slot)| !matches!(slot.state(), SlotState::Free | SlotState::Ended))
        .collect();
    for counter in Counter::ALL {
        let kind = match counter.kind() {
            CounterKind::Counter => "counter",
            CounterKind::Gauge => "gauge",
        };
        let name = counter.name();
        let _ = writeln!(out, "# HELP menshen_{name} {}", counter.help());
        let _ = writeln!(out, "# TYPE menshen_{name} {kind}");
        for (number, slot) in &slots {
            let (index, generation) = (slot.index(), slot.generation());
            let owner = match (counter.is_sql(), counter.is_tunnel()) {
                (true, _) => SlotDoor::Sql,
                (_, true) => SlotDoor::Tunnel,
                _ => SlotDoor::Web,
            };
            let door = match slot.door() {
                SlotDoor::Web if owner == SlotDoor::Web => "web",
                SlotDoor::Sql if owner == SlotDoor::Sql || BOTH.contains(counter) => "sql",
                SlotDoor::Tunnel if owner == SlotDoor::Tunnel => "tunnel",
                _ => continue,
            };
            let _ = writeln!(
                out,
                "menshen_{name}{{door=\"{door}\",worker=\"{index}\",generation=\"{generation}\",\
                 slot=\"{number}\"}} {}",
                slot.get(*counter),
            );
        }
    }
    pools(&mut out, board);
    out
}

/// PHP pools, over all workers that live.
fn pools(out: &mut String, board: &ScoreView) {
    let pools = board.pools();
    if pools.is_empty() {
        return;
    }
    for (name, help, value) in POOL {
        let _ = writeln!(out, "# HELP menshen_{name} {help}\n# TYPE menshen_{name} gauge");
        for pool in &pools {
            let label = label(&pool.name);
            let _ = writeln!(out, "menshen_{name}{{pool=\"{label}\"}} {}", value(pool));
        }
    }
}

/// A label's value (Prometheus text format): three characters are escaped.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

type PoolRow = (&'static str, &'static str, fn(&PoolView) -> u32);

const POOL: &[PoolRow] = &[
    ("php_pool_workers", "PHP workers of the pool", |pool| pool.limit),
    ("php_pool_requests", "requests with the pool now", |pool| pool.load.in_flight.into()),
    ("php_pool_deliveries", "deliveries of uploads with the pool now", |pool| {
        pool.load.deliveries.into()
    }),
    ("php_pool_waiting", "requests waiting for a PHP worker of the pool now", |pool| {
        pool.load.waiting()
    }),
    ("php_pool_strangers", "PHP workers of the pool busy with no request of ours", |pool| {
        pool.strangers
    }),
];

/// Counted by workers of the web and the sql door.
const BOTH: &[Counter] = &[Counter::CacheShrinks, Counter::CacheShrunk];

const GUARD: &[(&str, &str, &str, HeaderWord)] = &[
    ("generation", "gauge", "configuration generation in force", HeaderWord::Generation),
    ("reloads_total", "counter", "reloads that took effect", HeaderWord::ReloadsDone),
    ("reloads_refused_total", "counter", "reloads refused", HeaderWord::ReloadsRefused),
    ("worker_crashes_total", "counter", "workers that ended unasked", HeaderWord::Crashes),
];

#[cfg(test)]
mod tests;
