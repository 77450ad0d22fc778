//! The example of FoxIO's specification.

use super::*;

fn list16(numbers: &[u16]) -> Vec<u8> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    let mut out = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    out.extend(bytes);
    out
}

#[test]
fn the_example_of_the_specification() {
    let signatures = list16(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]);
    let versions = [4, 0x0a, 0x0a, 3, 4];
    let protocols = *b"\x00\x03\x02h2";
    let mut extensions: Vec<(u16, &[u8])> = [
        0x001b, 0x0000, 0x0033, 0x4469, 0x0017, 0x002d, 0x0005, 0x0023, 0x0012, 0xff01, 0x000b,
        0x000a, 0x0015, 0x1a1a,
    ]
    .into_iter()
    .map(|code| (code, &[][..]))
    .collect();
    extensions.extend([(13, signatures.as_slice()), (43, &versions), (16, &protocols)]);
    let suites = [
        0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
        0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
    ];
    let hello = ClientHello {
        version: 0x0303,
        random: &[0; 32],
        session_id: &[],
        suites: suites.to_vec(),
        compressions: &[0],
        extensions,
    };
    assert_eq!(ja4(&hello), "t13d1516h2_8daaf6152771_e5627efa2ab1");
}

#[test]
fn protocols_that_are_no_words() {
    assert_eq!(alpn_mark(None), "00");
    assert_eq!(alpn_mark(Some(b"http/1.1")), "h1");
    assert_eq!(alpn_mark(Some(&[0xab, 0xcd])), "ad");
}
