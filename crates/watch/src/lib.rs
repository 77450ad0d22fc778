//! The watch: a process of its own, root where the guard is, that sees memory running out, protects
//! what matters, takes named steps before the kernel kills, and keeps the last words.
//!
//! It never listens, speaks no protocol and parses nothing a stranger wrote: kernel records and
//! command lines are stored as they came, numbers are the kernel's. Its memory is locked and its
//! files are open before anything goes wrong.
