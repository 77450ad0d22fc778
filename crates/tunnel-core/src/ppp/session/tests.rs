//! Sessions against each other, against scripted peers, and against any octets.

mod encryption;
mod ends;
mod hostile;
mod path;
mod pppd;
mod setup;
mod wire;
