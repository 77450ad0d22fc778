//! Every socket is shown, and nothing foreign steers the terminal.
use super::super::*;
use super::*;

/// Nothing seen yet.
pub(in super::super) fn facts() -> Facts {
    Facts {
        port: 8080,
        transport: Transport::Tcp,
        service: None,
        asked: Vec::new(),
        sight: Sight { root: true, socket_list: true, probes: true, ..Sight::default() },
        listeners: Vec::new(),
        processes: Vec::new(),
        targets: Vec::new(),
        other_transport: false,
        firewall: Firewall::default(),
        kernel: Kernel::default(),
        elsewhere: Vec::new(),
    }
}

/// A listener nobody has.
pub(in super::super) fn listener(inode: u32, address: &str) -> Listener {
    Listener {
        inode,
        address: address.parse().unwrap(),
        device: 0,
        device_name: None,
        uid: 0,
        user: Some("root".into()),
        queue: 0,
        backlog: Some(128),
        drops: Some(0),
        only_v6: None,
        options: None,
        holders: Vec::new(),
    }
}

/// A process that does nothing.
pub(in super::super) fn process(pid: u32, name: &str) -> Process {
    Process {
        pid,
        parent: 1,
        name: name.into(),
        program: None,
        command: alloc::vec![name.into()],
        uid: 0,
        user: None,
        unit: None,
        state: 'S',
    }
}

#[test]
fn every_member_has_its_line_and_names_stay_names() {
    let bad = "a\x1b[2J\u{202e}\n";
    let mut facts = facts();
    for inode in 101..104 {
        let mut one = listener(inode, "0.0.0.0");
        one.holders.push(Holder { pid: inode, descriptors: alloc::vec![3], waits: Waits::Watches });
        facts.listeners.push(one);
        facts.processes.push(process(inode, bad));
    }
    facts.service = Some(bad.into());
    let report = Report::new(facts);
    let text = text(&report);
    for inode in 101..104 {
        let rows = text.lines().filter(|line| line.contains(&format!("  {inode} ")));
        assert_eq!(rows.count(), 1, "{text}");
    }
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(!text.contains('\u{202e}'));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["listeners"].as_array().unwrap().len(), 3);
    assert_eq!(json["port"], 8080);
}
