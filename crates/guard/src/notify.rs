//! Messages to the service manager, `sd_notify(3)`. Without one, or when it does not listen,
//! nothing happens.

use sd_notify::NotifyState;

/// The door is open.
pub(crate) fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A reload began; [`ready`] ends it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(_) => send(&[NotifyState::Reloading]),
    }
}

/// The guard ends.
pub(crate) fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

/// Whether a service manager started this process.
pub(crate) fn under_service_manager() -> bool {
    ["INVOCATION_ID", "NOTIFY_SOCKET"].iter().any(|name| std::env::var_os(name).is_some())
}

/// Variables that are meant for the guard alone: those of the service manager, and what a bucket
/// is opened with, which only web workers get, and not this way.
pub(crate) const HIDDEN: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "NOTIFY_SOCKET",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    HANDOVER,
];

/// Tells a guard that it was another program before: `crate::handover`.
pub(crate) const HANDOVER: &str = "MENSHEN_HANDOVER";

fn send(states: &[NotifyState<'_>]) {
    // A manager that is gone must not take the guard with it.
    let _ = sd_notify::notify(states);
}
