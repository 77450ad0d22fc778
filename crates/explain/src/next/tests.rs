//! The words of a small machine, and this host's own forecast.
use menshen_guard_core::forecast::{Candidate, Census, Group, Machine};

use super::*;

fn process(pid: u32, parent: u32, name: &str, rss_pages: u64, adj: i32) -> Candidate {
    let name = name.as_bytes().to_vec();
    Candidate { pid, parent, name, rss_pages, adj, ..Candidate::default() }
}

fn small() -> Census {
    let mut candidates = vec![
        process(5, 1, "mysqld", 52_130, 0),
        process(7, 1, "sshd", 500, -1000),
        process(8, 7, "agent", 2000, -1000),
        process(9, 1, "evil\x1b[2J\n", 4000, 100),
    ];
    candidates[0].group = Some(1);
    candidates[3].group = Some(1);
    Census {
        page_bytes: 4096,
        machine: Machine { ram_pages: 64_000, available_pages: 32_000, ..Machine::default() },
        groups: vec![
            Group { path: b"/".to_vec(), ..Group::default() },
            Group {
                path: b"/db".to_vec(),
                parent: Some(0),
                limit_pages: Some(60_000),
                usage_pages: 57_000,
                ..Group::default()
            },
        ],
        candidates,
        ..Census::default()
    }
}

#[test]
fn each_victim_is_a_sentence() {
    let shown = text(&core::next(&small(), 10), Paint::Plain, 100);
    let expected = "\
The machine
  125 MiB of 250 MiB held (50 %), no swap; 2 processes can be killed
  when it runs out, killed in this order
    1. next: mysqld (pid 5): 52130 points, 81 % of memory (204 MiB)
    2. evil\\x1b[2J\\x0a (pid 9): 10400 points, 6 % of memory (16 MiB), adj +100

Control group /db
  223 MiB of 234 MiB held (95 %), no swap; 2 processes can be killed
  at the limit, killed in this order
    1. next: mysqld (pid 5): 52130 points, 87 % of memory (204 MiB)
    2. evil\\x1b[2J\\x0a (pid 9): 10000 points, 7 % of memory (16 MiB), adj +100

Killed last or never
  - agent (pid 8): immune, adj -1000, inherited from sshd (pid 7), 7.8 MiB
  - sshd (pid 7): immune, adj -1000, 2 MiB
";
    assert_eq!(shown.get(..expected.len()), Some(expected), "{shown}");
    let cut = text(&core::next(&small(), 1), Paint::Plain, 60);
    assert!(cut.contains("and 1 more (--top)"), "{cut}");
    assert!(cut.lines().all(|line| line.chars().count() <= 60), "{cut}");
}

#[test]
fn this_host_has_a_forecast_without_the_one_who_asks() {
    let next = look(1000).unwrap();
    let machine = &next.domains[0];
    assert!(machine.cgroup.is_none() && !machine.victims.is_empty());
    assert!(machine.victims.iter().all(|victim| victim.pid != std::process::id()));
    assert!(machine.victims.is_sorted_by(|a, b| a.points >= b.points));
    let value: serde_json::Value = serde_json::from_str(&json(&next)).unwrap();
    assert!(value["domains"][0]["victims"][0]["pid"].is_u64());
}
