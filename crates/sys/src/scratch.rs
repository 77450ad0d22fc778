//! A page-aligned byte buffer whose useful part starts at a chosen offset.
//!
//! Copies whose destination lies 1-16 bytes past their source modulo the page size run several
//! times slower on some processors, and a TLS record header is 5 bytes; file data therefore starts
//! [`DATA_OFFSET`] bytes after a page boundary, and what precedes it is room for a response head.

/// Distance of the data from a page boundary, bytes.
pub const DATA_OFFSET: usize = 64;

/// Room for a head in front of the data, bytes; a multiple of the page size plus [`DATA_OFFSET`].
pub const HEAD_ROOM: usize = 4096 + DATA_OFFSET;

/// The buffer; allocated once per worker.
#[derive(Debug)]
pub struct Scratch {
    bytes: Vec<u8>,
    start: usize,
    data_len: usize,
}

impl Scratch {
    /// A zeroed buffer with `data_len` bytes of data room.
    #[must_use]
    pub fn new(data_len: usize) -> Self {
        let bytes = vec![0; PAGE + HEAD_ROOM + data_len];
        let start = bytes.as_ptr().align_offset(PAGE);
        Self { bytes, start, data_len }
    }

    /// The data part.
    pub fn data(&mut self) -> &mut [u8] {
        let at = self.start + HEAD_ROOM;
        &mut self.bytes[at..at + self.data_len]
    }

    /// Head room and data as one contiguous slice; the data begins at [`HEAD_ROOM`].
    pub fn whole(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + HEAD_ROOM + self.data_len]
    }
}

const PAGE: usize = 4096;
