//! Our own program as a file, and bytes that are none.
use proptest::prelude::*;

use super::*;

#[test]
fn our_own_program_is_rust_with_symbols() {
    let own = std::fs::read("/proc/self/exe").unwrap();
    let mut main = None;
    let image = Image::read(&*own, &mut |symbol: Symbol<'_>| {
        if symbol.name == b"main" && symbol.function {
            main = Some(symbol.address);
        }
    });
    let image = image.unwrap();
    assert!(image.rust && image.has_symbols && !image.go && image.dynamic);
    assert!(main.is_some());
    let first = image.segments.first().unwrap();
    assert_eq!(image.bias(first.address + 0x10_000, first.offset), Some(0x10_000));
    assert_eq!(image.bias(0, 1 << 40), None);
    let by_file = Image::open(File::open("/proc/self/exe").unwrap(), &mut |_| {});
    assert_eq!(by_file.as_ref(), Some(&image));
}

proptest! {
    #[test]
    fn any_bytes_are_an_image_or_none(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..4096),
        begins in any::<bool>(),
    ) {
        if begins {
            let head = b"\x7fELF\x02\x01\x01";
            let length = head.len().min(bytes.len());
            bytes[..length].copy_from_slice(&head[..length]);
        }
        let _ = Image::read(&*bytes, &mut |_| {});
    }

    #[test]
    fn a_real_file_with_any_bytes_changed_is_an_image_or_none(
        changes in proptest::collection::vec((0_usize..8192, any::<u8>()), 1..40),
        length in 0_usize..9000,
    ) {
        let mut bytes = small();
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(length);
        let _ = Image::read(&*bytes, &mut |_| {});
    }
}

/// A file with a program header, and sections for symbols and their names.
fn small() -> Vec<u8> {
    let mut file = vec![0_u8; 8192];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[3, 0, 62, 0, 1]);
    put(32, &64_u64.to_le_bytes());
    put(40, &4096_u64.to_le_bytes());
    put(52, &[64, 0, 56, 0, 1, 0, 64, 0, 3, 0, 2, 0]);
    put(64, &[1]);
    let section = |kind: u8, offset: u64, bytes: u64, link: u8| {
        let mut header = [0_u8; 64];
        header[4] = kind;
        header[24..32].copy_from_slice(&offset.to_le_bytes());
        header[32..40].copy_from_slice(&bytes.to_le_bytes());
        header[40] = link;
        header
    };
    put(4096 + 64, &section(2, 512, 48, 2));
    put(4096 + 128, &section(3, 1024, 64, 0));
    put(512, &[1, 0, 0, 0, 1, 0, 1]);
    put(1024, b"\0stdout\0");
    file
}

#[test]
fn the_small_file_has_its_symbol() {
    let mut names = Vec::new();
    let image = Image::read(&*small(), &mut |symbol| names.push(symbol.name.to_vec()));
    assert!(image.is_some_and(|image| image.has_symbols));
    assert_eq!(names, [b"stdout".to_vec()]);
}
