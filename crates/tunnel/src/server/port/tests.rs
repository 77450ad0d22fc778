//! Questions to the server itself.

use super::*;
use crate::server::facts::Bearer;
use crate::server::fixture::door;

/// DHCPINFORM of a client (RFC 2131 §4.4.3), as it comes through the tunnel.
fn inform(client: Ipv4Addr) -> Vec<u8> {
    let mut message = vec![1, 8, 6, 0, 1, 2, 3, 4];
    message.resize(240, 0);
    message[12..16].copy_from_slice(&client.octets());
    message[236..].copy_from_slice(&[99, 130, 83, 99]);
    message.extend([53, 1, 8, 55, 1, 6, 255]);
    let udp = u16::try_from(8 + message.len()).unwrap();
    let mut packet = vec![0x45, 0];
    packet.extend((20 + udp).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(client.octets());
    packet.extend([255; 4]);
    packet.extend([0, 68, 0, 67]);
    packet.extend(udp.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(message);
    packet
}

#[test]
fn questions_and_answers_are_within_the_rate() {
    let (_folder, door) = door(&["anna"], |settings| {
        settings.rate = Some(1000);
        settings.dns = vec![[10, 77, 0, 53].into()];
    });
    let source = [192, 0, 2, 7].into();
    let seat = door.seat(source, Bearer::Sstp, door.half_open(source).unwrap());
    let mut port = Port::new(door.clone(), seat);
    (port.address, port.local) = ([10, 77, 0, 2].into(), [10, 77, 0, 1].into());
    port.rates = door.rates("anna");
    let question = inform(port.address);
    let mut buffer = [0; 1500];
    let mut answers = 0;
    for _ in 0..500 {
        port.write(&question).unwrap();
        answers += usize::from(port.read(&mut buffer).unwrap().is_some());
    }
    let informs = door.snapshot().counters.informs;
    // A burst of a second, and what comes together while this runs.
    assert!((1..100).contains(&informs), "{informs}");
    assert!((1..100).contains(&answers), "{answers}");
}
