//! The scoreboard: a shared-memory file in which every worker keeps its counters and transfers.
//!
//! It survives the worker that wrote it, so `menshen status` and `/metrics` can tell of a crash.
//! Words are atomics with relaxed order, but for those of [`pools`]: a reader may see a transfer
//! half updated, never anything unsafe. A worker writes only its own slot, its own words of the
//! pools and the path versions; nobody decides anything that matters for safety from what is read
//! here, since any worker can write any byte of the file.
//!
//! Layout, in 64-bit words: one page of header, one page of path versions, the pages of the PHP
//! pools, then [`SLOTS_MAX`] slots of [`SLOT_WORDS`].

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use menshen_base::Counter;
use rustix::mm::{MapFlags, ProtFlags, mmap};

pub mod pools;

/// Slots: workers of all generations that may run at once.
pub const SLOTS_MAX: usize = 128;

/// Transfers shown per worker; further ones only count.
pub const TRANSFERS_MAX: usize = 92;

/// Reading side; also what `menshen status` uses.
#[derive(Debug, Clone, Copy)]
pub struct ScoreView {
    words: &'static [AtomicU64],
}

/// Writing side, held by the guard and the workers.
#[derive(Debug, Clone, Copy)]
pub struct Scoreboard {
    view: ScoreView,
}

/// One worker's slot.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    words: &'static [AtomicU64],
    /// The pages of the PHP pools, of all slots.
    pools: &'static [AtomicU64],
    number: usize,
}

/// Where a worker is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotState {
    /// Nobody's.
    Free,
    /// Started, not accepting yet.
    Starting,
    /// Accepting.
    Ready,
    /// Finishing what it has.
    Draining,
    /// Ended; its figures are kept until the slot is reused.
    Ended,
}

/// Whose worker writes a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotDoor {
    /// The web door's.
    Web,
    /// The sql door's.
    Sql,
    /// The tunnel door's.
    Tunnel,
}

/// Which way a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferKind {
    /// Client to server.
    Upload,
    /// Server to client.
    Download,
    /// Both, as long as the client likes.
    Tunnel,
}

/// A transfer as read from the scoreboard.
#[derive(Debug, Clone)]
pub struct TransferView {
    /// Direction.
    pub kind: TransferKind,
    /// Start, milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Bytes moved.
    pub done: u64,
    /// Bytes in all, when known.
    pub total: Option<u64>,
    /// Path, cut to 120 bytes.
    pub path: Vec<u8>,
}

/// Numbers in the header, written by the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum HeaderWord {
    /// Guard's process id.
    GuardPid = 2,
    /// Start of the guard, milliseconds since 1970.
    StartedUnixMs = 3,
    /// Current generation.
    Generation = 4,
    /// Reloads that took effect.
    ReloadsDone = 5,
    /// Reloads that were refused; the reason is the header text.
    ReloadsRefused = 6,
    /// Workers that ended without being asked to.
    Crashes = 7,
    /// 1 while the guard shuts down.
    Stopping = 8,
    /// Version of the certificates posted for the workers.
    ShelfVersion = 9,
    /// Times the guard became the program that is installed.
    UpgradesDone = 10,
    /// Times it did not; the reason is the header text.
    UpgradesRefused = 11,
}

impl Scoreboard {
    /// Makes a fresh scoreboard file, mode 0600, replacing an old one.
    ///
    /// # Errors
    /// When the file cannot be made, sized or mapped.
    pub fn create(path: &Path) -> io::Result<(Self, File)> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file =
            File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        Ok((Self::begin(&file)?, file))
    }

    /// One that no other process sees.
    ///
    /// # Errors
    /// When the kernel has no memory for it.
    pub fn private() -> io::Result<Self> {
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        Self::begin(&File::from(rustix::fs::memfd_create("scoreboard", flags)?))
    }

    fn begin(file: &File) -> io::Result<Self> {
        file.set_len(FILE_BYTES)?;
        let board = Self::from_file(file)?;
        board.view.words[1].store(LAYOUT, Relaxed);
        board.view.words[0].store(MAGIC, Relaxed);
        Ok(board)
    }

    /// Maps an inherited scoreboard file for writing.
    ///
    /// # Errors
    /// When the file is too short or cannot be mapped.
    pub fn from_file(file: impl AsFd) -> io::Result<Self> {
        let words = map(file, ProtFlags::READ | ProtFlags::WRITE)?;
        Ok(Self { view: ScoreView { words } })
    }

    /// The reading side.
    #[must_use]
    pub fn view(&self) -> ScoreView {
        self.view
    }

    /// Slot `number`; numbers past the last wrap around rather than fail.
    #[must_use]
    pub fn slot(&self, number: usize) -> Slot {
        self.view.slot(number)
    }

    /// Writes a header number.
    pub fn set_header(&self, word: HeaderWord, value: u64) {
        self.view.words[word as usize].store(value, Relaxed);
    }

    /// Writes the header text (last reload refusal), cut to [`TEXT_BYTES`].
    pub fn set_text(&self, text: &str) {
        let bytes = &text.as_bytes()[..text.len().min(TEXT_BYTES)];
        store_bytes(&self.view.words[TEXT_AT..TEXT_AT + 1 + TEXT_BYTES / 8], bytes);
    }

    /// The version counter of a path's bucket.
    #[must_use]
    pub fn path_version(&self, path: &[u8]) -> u64 {
        self.version_word(path).load(Relaxed)
    }

    /// Tells every worker that what it remembers of `path` may be old.
    pub fn bump_path(&self, path: &[u8]) {
        self.version_word(path).fetch_add(1, std::sync::atomic::Ordering::Release);
    }

    /// Tells every worker that anything it remembers may be old, as after a folder's renaming.
    pub fn bump_all_paths(&self) {
        for word in &self.view.words[PAGE_WORDS..PAGE_WORDS + VERSIONS] {
            word.fetch_add(1, std::sync::atomic::Ordering::Release);
        }
    }

    fn version_word(&self, path: &[u8]) -> &'static AtomicU64 {
        // FNV-1a: any spread will do, a collision only costs one more look at a file.
        let hash = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, &b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        let bucket = usize::try_from(hash % VERSIONS as u64).unwrap_or(0);
        &self.view.words[PAGE_WORDS + bucket]
    }
}

impl ScoreView {
    /// Maps a scoreboard file for reading.
    ///
    /// # Errors
    /// When it is missing, not a scoreboard, or of another layout.
    pub fn open(path: &Path) -> io::Result<Self> {
        let words = map(File::open(path)?, ProtFlags::READ)?;
        if words[0].load(Relaxed) != MAGIC || words[1].load(Relaxed) != LAYOUT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "not a scoreboard of this version",
            ));
        }
        Ok(Self { words })
    }

    /// A header number.
    #[must_use]
    pub fn header(&self, word: HeaderWord) -> u64 {
        self.words[word as usize].load(Relaxed)
    }

    /// The header text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = load_bytes(&self.words[TEXT_AT..TEXT_AT + 1 + TEXT_BYTES / 8]);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reading access to slot `number`.
    #[must_use]
    pub fn slot(&self, number: usize) -> Slot {
        let number = number % SLOTS_MAX;
        let at = SLOTS + number * SLOT_WORDS;
        let words = &self.words[at..at + SLOT_WORDS];
        Slot { words, pools: &self.words[POOLS..SLOTS], number }
    }
}

impl Slot {
    /// Prepares the slot for a new worker: all figures back to zero.
    pub fn reset(&self, index: u32, generation: u64, started_unix_ms: u64) {
        for word in self.words {
            word.store(0, Relaxed);
        }
        self.reset_pools();
        self.words[INDEX].store(u64::from(index), Relaxed);
        self.words[GENERATION].store(generation, Relaxed);
        self.words[STARTED].store(started_unix_ms, Relaxed);
        self.set_state(SlotState::Starting);
    }

    /// Where the worker is in its life.
    #[must_use]
    pub fn state(&self) -> SlotState {
        match self.words[STATE].load(Relaxed) {
            1 => SlotState::Starting,
            2 => SlotState::Ready,
            3 => SlotState::Draining,
            4 => SlotState::Ended,
            _ => SlotState::Free,
        }
    }

    /// Sets where the worker is in its life.
    pub fn set_state(&self, state: SlotState) {
        self.words[STATE].store(state as u64, Relaxed);
    }

    /// Whose worker writes it; [`Slot::reset`] makes it the web door's.
    #[must_use]
    pub fn door(&self) -> SlotDoor {
        match self.words[DOOR].load(Relaxed) {
            1 => SlotDoor::Sql,
            2 => SlotDoor::Tunnel,
            _ => SlotDoor::Web,
        }
    }

    /// Sets whose worker writes it.
    pub fn set_door(&self, door: SlotDoor) {
        self.words[DOOR].store(door as u64, Relaxed);
    }

    /// Process id, 0 before the start.
    #[must_use]
    pub fn pid(&self) -> u64 {
        self.words[PID].load(Relaxed)
    }

    /// Sets the process id.
    pub fn set_pid(&self, pid: u32) {
        self.words[PID].store(u64::from(pid), Relaxed);
    }

    /// Place among the workers of its generation.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.words[INDEX].load(Relaxed)
    }

    /// Generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.words[GENERATION].load(Relaxed)
    }

    /// Start, milliseconds since 1970.
    #[must_use]
    pub fn started_unix_ms(&self) -> u64 {
        self.words[STARTED].load(Relaxed)
    }

    /// A counter's value.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.words[COUNTERS + counter as usize].load(Relaxed)
    }

    /// Adds to a counter. Plain load and store: only the slot's own worker writes it.
    pub fn add(&self, counter: Counter, amount: u64) {
        let word = &self.words[COUNTERS + counter as usize];
        word.store(word.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Sets a counter to what its own worker has counted elsewhere.
    pub fn set(&self, counter: Counter, value: u64) {
        self.words[COUNTERS + counter as usize].store(value, Relaxed);
    }

    /// Takes from a gauge.
    pub fn sub(&self, counter: Counter, amount: u64) {
        let word = &self.words[COUNTERS + counter as usize];
        word.store(word.load(Relaxed).saturating_sub(amount), Relaxed);
    }

    /// Shows a transfer; `place` counts below [`TRANSFERS_MAX`].
    pub fn transfer_begin(
        &self,
        place: usize,
        kind: TransferKind,
        started_unix_ms: u64,
        total: Option<u64>,
        path: &[u8],
    ) {
        let words = self.transfer(place);
        words[1].store(started_unix_ms, Relaxed);
        words[2].store(0, Relaxed);
        words[3].store(total.unwrap_or(u64::MAX), Relaxed);
        store_bytes(&words[4..], &path[..path.len().min(PATH_BYTES)]);
        let kind = match kind {
            TransferKind::Upload => 1,
            TransferKind::Download => 2,
            TransferKind::Tunnel => 3,
        };
        words[0].store(kind, Relaxed);
    }

    /// Bytes moved so far.
    pub fn transfer_moved(&self, place: usize, done: u64) {
        self.transfer(place)[2].store(done, Relaxed);
    }

    /// Removes a transfer.
    pub fn transfer_end(&self, place: usize) {
        self.transfer(place)[0].store(0, Relaxed);
    }

    /// All transfers shown now.
    #[must_use]
    pub fn transfers(&self) -> Vec<TransferView> {
        let mut all = Vec::new();
        for place in 0..TRANSFERS_MAX {
            let words = self.transfer(place);
            let kind = match words[0].load(Relaxed) {
                1 => TransferKind::Upload,
                2 => TransferKind::Download,
                3 => TransferKind::Tunnel,
                _ => continue,
            };
            let total = words[3].load(Relaxed);
            all.push(TransferView {
                kind,
                started_unix_ms: words[1].load(Relaxed),
                done: words[2].load(Relaxed),
                total: (total != u64::MAX).then_some(total),
                path: load_bytes(&words[4..]),
            });
        }
        all
    }

    fn transfer(&self, place: usize) -> &'static [AtomicU64] {
        let at = TRANSFERS + (place % TRANSFERS_MAX) * TRANSFER_WORDS;
        &self.words[at..at + TRANSFER_WORDS]
    }
}

/// Stores a length word and the bytes after it.
fn store_bytes(words: &[AtomicU64], bytes: &[u8]) {
    words[0].store(bytes.len() as u64, Relaxed);
    for (word, chunk) in words[1..].iter().zip(bytes.chunks(8)) {
        let mut eight = [0; 8];
        eight[..chunk.len()].copy_from_slice(chunk);
        word.store(u64::from_ne_bytes(eight), Relaxed);
    }
}

/// Reads what [`store_bytes`] stored; an impossible length is cut to what is there.
fn load_bytes(words: &[AtomicU64]) -> Vec<u8> {
    let room = (words.len() - 1) * 8;
    let len = usize::try_from(words[0].load(Relaxed)).unwrap_or(room).min(room);
    let mut bytes: Vec<u8> =
        words[1..].iter().flat_map(|word| word.load(Relaxed).to_ne_bytes()).collect();
    bytes.truncate(len);
    bytes
}

fn map(file: impl AsFd, protection: ProtFlags) -> io::Result<&'static [AtomicU64]> {
    let size = u64::try_from(rustix::fs::fstat(&file)?.st_size).unwrap_or(0);
    if size < FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "scoreboard file is too short"));
    }
    // SAFETY: a fresh shared mapping chosen by the kernel; it aliases no Rust memory. It is never
    // unmapped, so 'static holds. The file is private to menshen (0600) and never truncated.
    let address = unsafe {
        mmap(std::ptr::null_mut(), FILE_WORDS * 8, protection, MapFlags::SHARED, file, 0)?
    };
    // SAFETY: page-aligned, FILE_WORDS * 8 bytes long as checked above, and only ever accessed as
    // atomics. On a read-only mapping ScoreView and Slot getters only load; the writing methods are
    // reached through Scoreboard, which maps for writing.
    Ok(unsafe { std::slice::from_raw_parts(address.cast::<AtomicU64>(), FILE_WORDS) })
}

/// Longest header text, bytes.
pub const TEXT_BYTES: usize = 1024;

/// Words of one slot: 16 KiB.
const SLOT_WORDS: usize = 2048;
const PAGE_WORDS: usize = 512;
const VERSIONS: usize = 512;
const POOLS: usize = 2 * PAGE_WORDS;
const SLOTS: usize = POOLS + pools::WORDS;
const FILE_WORDS: usize = SLOTS + SLOTS_MAX * SLOT_WORDS;
const FILE_BYTES: u64 = FILE_WORDS as u64 * 8;
const MAGIC: u64 = u64::from_be_bytes(*b"menshen\0");
/// Counts up whenever older programs would misread it.
pub const LAYOUT: u64 = 3;
const TEXT_AT: usize = 64;
const PID: usize = 0;
const INDEX: usize = 1;
const GENERATION: usize = 2;
const STATE: usize = 3;
const STARTED: usize = 4;
const DOOR: usize = 5;
const COUNTERS: usize = 16;
const TRANSFERS: usize = 208;
const TRANSFER_WORDS: usize = 20;
const PATH_BYTES: usize = 120;

const _: () = assert!(TEXT_AT + 1 + TEXT_BYTES / 8 <= pools::HEADER_AT);
const _: () = assert!(pools::HEADER_AT + pools::HEADER_WORDS <= PAGE_WORDS);
const _: () = assert!(pools::WORDS.is_multiple_of(PAGE_WORDS));
const _: () = assert!(COUNTERS + Counter::ALL.len() <= TRANSFERS);
const _: () = assert!(TRANSFERS + TRANSFERS_MAX * TRANSFER_WORDS <= SLOT_WORDS);

#[cfg(test)]
mod tests;
