//! Names: of ports in `/etc/services` (services(5)), of users in `/etc/passwd` (passwd(5)).
//!
//! Only these files are read; what a directory service knows beside them is not asked.

use menshen_explain_core::port::Transport;

/// The port of a service name, or a number. `None`: there is no such service.
#[must_use]
pub fn port_of(word: &str, transport: Transport) -> Option<u16> {
    match word.parse() {
        Ok(0) => None,
        Ok(port) => Some(port),
        Err(_) => find_port(&read(SERVICES), word, transport),
    }
}

/// What a port is called.
#[must_use]
pub fn service_of(port: u16, transport: Transport) -> Option<String> {
    let text = read(SERVICES);
    let mut entries = text.lines().filter_map(entry);
    entries
        .find(|entry| entry.port == port && entry.protocol == transport.word())
        .map(|entry| entry.names.first().copied().unwrap_or_default().to_owned())
}

/// The name of a user.
pub(super) fn user_name(uid: u32) -> Option<String> {
    let text = read(PASSWD);
    let uid = uid.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

struct Entry<'a> {
    names: Vec<&'a str>,
    port: u16,
    protocol: &'a str,
}

fn find_port(text: &str, word: &str, transport: Transport) -> Option<u16> {
    let mut entries = text.lines().filter_map(entry);
    entries
        .find(|entry| entry.protocol == transport.word() && entry.names.contains(&word))
        .map(|entry| entry.port)
}

/// `name port/protocol alias… # comment`.
fn entry(line: &str) -> Option<Entry<'_>> {
    let mut words = line.split('#').next()?.split_whitespace();
    let name = words.next()?;
    let (port, protocol) = words.next()?.split_once('/')?;
    let names = std::iter::once(name).chain(words).collect();
    Some(Entry { names, port: port.parse().ok()?, protocol })
}

fn read(path: &str) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(..FILE_BYTES_MAX).unwrap_or(&bytes)).into_owned()
}

const SERVICES: &str = "/etc/services";
const PASSWD: &str = "/etc/passwd";
const FILE_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    //! Lines as they are written.
    use super::*;

    #[test]
    fn names_and_aliases() {
        let text = "# x 1/tcp\nhttp\t80/tcp\twww  # web\nhttp 81/udp\nbad\nbad2 x/tcp\n";
        assert_eq!(find_port(text, "www", Transport::Tcp), Some(80));
        assert_eq!(find_port(text, "http", Transport::Udp), Some(81));
        assert_eq!(find_port(text, "web", Transport::Tcp), None);
        assert_eq!(port_of("443", Transport::Tcp), Some(443));
        assert_eq!(port_of("0", Transport::Tcp), None);
        assert_eq!(port_of("70000", Transport::Tcp), None);
        assert_eq!(user_name(0).as_deref(), Some("root"));
    }
}
