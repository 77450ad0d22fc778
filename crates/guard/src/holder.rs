//! Who listens on a port: from `/proc/net/tcp{,6}` to the process that holds the socket.
//!
//! Only for error messages; other users' processes stay nameless without root.

use std::fs;

/// A process that holds a listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) name: String,
}

/// The first process found that listens on `port`, any address.
pub(crate) fn of_port(port: u16) -> Option<Holder> {
    let inodes: Vec<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds =
            files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).any(|link| {
                let inode = link.to_str().and_then(|text| {
                    text.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok()
                });
                inode.is_some_and(|inode| inodes.contains(&inode))
            });
        if holds {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(Holder { pid, name: printable(name.trim_end()) });
        }
    }
    None
}

/// A process may call itself anything; control characters do not reach the terminal.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Inodes of listening sockets on `port`, see `proc_net(5)`: field 1 is `ADDRESS:PORT` in hex,
/// field 3 the state (0A: listening), field 9 the inode.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, hex) = fields.get(1)?.rsplit_once(':')?;
        let matches = *fields.get(3)? == "0A" && u16::from_str_radix(hex, 16).ok()? == port;
        matches.then(|| fields.get(9)?.parse().ok()).flatten()
    };
    table.lines().skip(1).filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    //! The table's form, and this very process as a holder.
    use super::*;

    #[test]
    fn only_listeners_on_the_port_count() {
        let table = "  sl  local_address rem_address   st\n\
            0: 0100007F:20FB 00000000:0000 0A 0:0 0:0 0 0 0 111 1\n\
            1: 0100007F:20FB 0100007F:1234 01 0:0 0:0 0 0 0 222 1\n\
            2: 0100007F:20FC 00000000:0000 0A 0:0 0:0 0 0 0 333 1\n\
            3: short\n";
        assert_eq!(listening_inodes(table, 0x20FB), [111]);
        assert_eq!(listening_inodes(table, 1), [0; 0]);
    }

    #[test]
    fn this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of_port(listener.local_addr().unwrap().port()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert_eq!(printable("a\u{1b}[31mb\n"), "a?[31mb?");
    }
}
