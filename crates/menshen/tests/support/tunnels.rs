//! Clients of tunnels and the namespaces they stand in: those of the tunnel crate's own tests.

#[expect(dead_code, reason = "what the tunnel crate's own tests look at")]
#[path = "../../../tunnel/tests/server/client.rs"]
pub(crate) mod client;
#[path = "../../../tunnel/tests/server/space.rs"]
pub(crate) mod space;
