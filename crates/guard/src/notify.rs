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

/// Variables of the service manager that are meant for the guard alone.
pub(crate) const VARIABLES: &[&str] = &[
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
