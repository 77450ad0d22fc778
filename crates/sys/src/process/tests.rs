//! Tests of rights that can run inside a test process; the full drop is shown on live workers.

use super::*;

#[test]
fn root_may_not_stay_root() {
    let as_root = Rights { user: Some((0, 0)), oom_score_adj: None };
    assert!(matches!(become_worker(&as_root), Err(RightsError::ConfigRoot)));
}

#[test]
fn a_process_with_threads_is_refused_before_anything_changes() {
    // The test harness runs this test on a second thread.
    let before = read_oom_score_adj().unwrap();
    let rights = Rights { user: Some((65_534, 65_534)), oom_score_adj: Some(1000) };
    let error = become_worker(&rights).unwrap_err();
    assert!(matches!(error, RightsError::LocalThreads(count) if count > 1), "{error}");
    assert_eq!(read_oom_score_adj().unwrap(), before);
}

#[test]
fn stop_signals_end_up_ignored() {
    ignore_terminal_stops();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    let ignored = u64::from_str_radix(line.trim(), 16).unwrap();
    let wanted = 1 << (SIGTTIN - 1) | 1 << (SIGTTOU - 1);
    assert_eq!(ignored & wanted, wanted, "{line}");
}

#[test]
fn what_is_kept_is_two_rights_at_most() {
    assert_eq!(Kept::Nothing.set(), CapabilitySet::empty());
    assert_eq!(Kept::Network.set().iter().count(), 2);
    assert!(has(Kept::Nothing).unwrap());
    let all = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = all.lines().find_map(|line| line.strip_prefix("CapPrm:")).unwrap();
    let mine = u64::from_str_radix(line.trim(), 16).unwrap();
    // CAP_NET_ADMIN is 12, CAP_NET_RAW 13 (linux/capability.h).
    let both = 1 << 12 | 1 << 13;
    assert_eq!(has(Kept::Network).unwrap(), mine & both == both, "{line}");
}
