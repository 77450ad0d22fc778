//! A file system that forgets what was not flushed: between the store and memory, not a disk.
//!
//! Files and names have what a process sees and what is durable, and the changes in between. When
//! the power fails, of these changes any sectors may have arrived in any order, or none, or all. A
//! flush that fails leaves pages that look clean: their changes are lost unless written again.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::Errno;

use crate::Replace;
use crate::dir::disk::{File, Folder, Locking};

/// The machine.
#[derive(Debug, Clone)]
pub(super) struct Machine(Arc<Mutex<World>>);

#[derive(Debug)]
struct World {
    files: HashMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Name and its file, or no file any more.
    name_changes: Vec<(String, Option<u64>)>,
    locks: HashMap<u64, Vec<(u64, Locking)>>,
    boot: u8,
    /// Counts processes; those before are dead.
    life: u32,
    next: u64,
    random: u64,
    /// Calls until the process dies.
    dies_in: Option<u64>,
    /// Flushes that will fail, after so many that will not.
    fails: Option<(u64, u64)>,
    spoils: bool,
    bytes_free: u64,
}

#[derive(Debug, Default, Clone)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// What of the unflushed arrives when the power fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrives {
    Nothing,
    Anything,
    All,
}

#[derive(Debug)]
struct SimFolder {
    machine: Machine,
    life: u32,
    boot: u8,
}

#[derive(Debug)]
struct SimFile {
    machine: Machine,
    life: u32,
    inode: u64,
    handle: u64,
}

impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(World {
            files: HashMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            name_changes: Vec::new(),
            locks: HashMap::new(),
            boot: 1,
            life: 1,
            next: 1,
            random: seed | 1,
            dies_in: None,
            fails: None,
            spoils: false,
            bytes_free: 1 << 30,
        })))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// The folder, as a process of now sees it.
    pub(super) fn folder(&self) -> Arc<dyn Folder> {
        let (life, boot) = {
            let world = self.world();
            (world.life, world.boot)
        };
        Arc::new(SimFolder { machine: self.clone(), life, boot })
    }

    /// The process dies after so many calls.
    pub(super) fn die_in(&self, calls: u64) {
        // Not again, should it be dead.
        self.world().dies_in.get_or_insert(calls);
    }

    /// After so many flushes, one fails.
    pub(super) fn fail_flush(&self, after: u64) {
        self.world().fails = Some((after, 1));
    }

    /// The same, and what was to be written over is unreadable afterwards.
    pub(super) fn spoil_flush(&self, after: u64) {
        self.world().fails = Some((after, 1));
        self.world().spoils = true;
    }

    /// How much room there is.
    pub(super) fn set_free(&self, bytes: u64) {
        self.world().bytes_free = bytes;
    }

    /// The process dies (if it has not) and another begins.
    pub(super) fn restart(&self) {
        let mut world = self.world();
        world.life += 1;
        world.locks.clear();
        world.dies_in = None;
        world.fails = None;
    }

    /// The power fails; the machine starts again.
    pub(super) fn reboot(&self, arrives: Arrives) {
        self.restart();
        let mut world = self.world();
        let World { files, durable_names, name_changes, random, .. } = &mut *world;
        let mut inodes: Vec<_> = files.iter_mut().collect();
        inodes.sort_by_key(|(number, _)| **number);
        for (_, inode) in inodes {
            for change in std::mem::take(&mut inode.changes) {
                apply(&mut inode.durable, change, arrives, random);
            }
            inode.live = inode.durable.clone();
        }
        for (name, inode) in std::mem::take(name_changes) {
            if chance(arrives, random) {
                match inode {
                    Some(inode) => drop(durable_names.insert(name, inode)),
                    None => drop(durable_names.remove(&name)),
                }
            }
        }
        world.names = world.durable_names.clone();
        world.boot += 1;
    }
}

/// Applies what arrives of a change, sector by sector.
fn apply(to: &mut Vec<u8>, change: Change, arrives: Arrives, random: &mut u64) {
    match change {
        Change::Cut(size) => {
            if chance(arrives, random) {
                to.resize(size, 0);
            }
        }
        Change::Write { at, bytes } => {
            let mut at = at;
            for sector in bytes.chunks(SECTOR) {
                if chance(arrives, random) {
                    put(to, at, sector);
                }
                at += sector.len();
            }
        }
    }
}

fn put(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if to.len() < at + bytes.len() {
        to.resize(at + bytes.len(), 0);
    }
    to[at..at + bytes.len()].copy_from_slice(bytes);
}

fn chance(arrives: Arrives, random: &mut u64) -> bool {
    match arrives {
        Arrives::Nothing => false,
        Arrives::All => true,
        Arrives::Anything => {
            // xorshift64
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            *random >> 40 & 1 == 0
        }
    }
}

impl World {
    /// Whether a call of a process is still made.
    fn call(&mut self, life: u32) -> Result<(), Errno> {
        if life != self.life {
            return Err(Errno::IO);
        }
        if let Some(left) = &mut self.dies_in {
            *left = left.checked_sub(1).ok_or(Errno::IO)?;
        }
        Ok(())
    }

    fn flush(&mut self, inode: u64) -> Result<(), Errno> {
        let fails = match &mut self.fails {
            Some((0, left)) if *left > 0 => {
                *left -= 1;
                true
            }
            Some((after, _)) => {
                *after = after.saturating_sub(1);
                false
            }
            None => false,
        };
        let Self { files, random, spoils, .. } = self;
        let file = files.get_mut(&inode).unwrap();
        let changes = std::mem::take(&mut file.changes);
        if fails {
            // Some of it arrived; the rest looks clean and never will.
            for mut change in changes {
                if let (true, Change::Write { bytes, .. }) = (*spoils, &mut change) {
                    bytes.fill(0xee);
                }
                apply(&mut file.durable, change, Arrives::Anything, random);
            }
            return Err(Errno::IO);
        }
        for change in changes {
            apply(&mut file.durable, change, Arrives::All, random);
        }
        Ok(())
    }
}

impl SimFolder {
    fn world(&self) -> Result<MutexGuard<'_, World>, Errno> {
        let mut world = self.machine.world();
        world.call(self.life)?;
        Ok(world)
    }

    fn file(&self, world: &mut World, inode: u64) -> Arc<dyn File> {
        world.next += 1;
        let (machine, life) = (self.machine.clone(), self.life);
        Arc::new(SimFile { machine, life, inode, handle: world.next })
    }
}

impl Folder for SimFolder {
    fn make(&self, name: &str) -> Result<Arc<dyn File>, Errno> {
        let mut world = self.world()?;
        if world.names.contains_key(name) {
            return Err(Errno::EXIST);
        }
        world.next += 1;
        let inode = world.next;
        world.files.insert(inode, Inode::default());
        world.names.insert(name.into(), inode);
        world.name_changes.push((name.into(), Some(inode)));
        Ok(self.file(&mut world, inode))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, Errno> {
        let mut world = self.world()?;
        let inode = *world.names.get(name).ok_or(Errno::NOENT)?;
        Ok(self.file(&mut world, inode))
    }

    fn has(&self, name: &str) -> Result<bool, Errno> {
        Ok(self.world()?.names.contains_key(name))
    }

    fn written_at(&self, name: &str) -> Result<u64, Errno> {
        self.world()?.names.contains_key(name).then_some(0).ok_or(Errno::NOENT)
    }

    fn unlink(&self, name: &str) -> Result<(), Errno> {
        let mut world = self.world()?;
        world.names.remove(name).ok_or(Errno::NOENT)?;
        world.name_changes.push((name.into(), None));
        Ok(())
    }

    fn move_out(&self, name: &str, _: BorrowedFd<'_>, _: &[u8], _: Replace) -> Result<(), Errno> {
        self.unlink(name)
    }

    fn names(&self) -> Result<Vec<String>, Errno> {
        Ok(self.world()?.names.keys().cloned().collect())
    }

    fn sync(&self) -> Result<(), Errno> {
        let mut world = self.world()?;
        world.durable_names = world.names.clone();
        world.name_changes.clear();
        Ok(())
    }

    fn sync_both(&self, one: &dyn File, other: &dyn File) -> Result<(), Errno> {
        let first = chance(Arrives::Anything, &mut self.machine.world().random);
        let (one, other) = if first { (one, other) } else { (other, one) };
        // The second is flushed whatever became of the first.
        let done = one.sync();
        let also = other.sync();
        done.and(also)
    }

    fn lock(&self) -> Result<Option<Arc<dyn File>>, Errno> {
        let mut world = self.world()?;
        Ok(Some(self.file(&mut world, 0)))
    }

    fn boot(&self) -> [u8; 16] {
        [self.boot; 16]
    }

    fn me(&self) -> u32 {
        self.life
    }

    fn lives(&self, process: u32) -> bool {
        self.machine.world().life == process
    }

    fn bytes_free(&self) -> u64 {
        self.machine.world().bytes_free
    }
}

impl SimFile {
    fn world(&self) -> Result<MutexGuard<'_, World>, Errno> {
        let mut world = self.machine.world();
        world.call(self.life)?;
        Ok(world)
    }
}

impl File for SimFile {
    fn read_at(&self, bytes: &mut [u8], at: u64) -> Result<usize, Errno> {
        let world = self.world()?;
        let live = &world.files[&self.inode].live;
        let from = live.get(usize::try_from(at).unwrap()..).unwrap_or_default();
        let read = from.len().min(bytes.len());
        bytes[..read].copy_from_slice(&from[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> Result<usize, Errno> {
        let mut world = self.world()?;
        let (at, room) = (usize::try_from(at).unwrap(), world.bytes_free);
        let file = world.files.get_mut(&self.inode).unwrap();
        let grows = (at + bytes.len()).saturating_sub(file.live.len()) as u64;
        // As a full disk does: a part of it, then nothing.
        let cut = usize::try_from(grows.saturating_sub(room)).unwrap();
        let written = bytes.len() - cut.min(bytes.len());
        if written == 0 && !bytes.is_empty() {
            return Err(Errno::NOSPC);
        }
        put(&mut file.live, at, &bytes[..written]);
        // Whole pages go to the disk.
        let start = at / PAGE * PAGE;
        let end = (at + written).div_ceil(PAGE) * PAGE;
        let page = file.live[start..end.min(file.live.len())].to_vec();
        file.changes.push(Change::Write { at: start, bytes: page });
        world.bytes_free -= grows.min(room);
        Ok(written)
    }

    fn cut(&self, size: u64) -> Result<(), Errno> {
        let mut world = self.world()?;
        let file = world.files.get_mut(&self.inode).unwrap();
        let size = usize::try_from(size).unwrap();
        file.live.resize(size, 0);
        file.changes.push(Change::Cut(size));
        Ok(())
    }

    fn reserve(&self, _: u64, _: u64) -> Result<(), Errno> {
        self.world().map(drop)
    }

    fn begin_writing(&self, _: u64, _: u64) {}

    fn sync(&self) -> Result<(), Errno> {
        self.world()?.flush(self.inode)
    }

    fn size(&self) -> Result<u64, Errno> {
        Ok(self.world()?.files[&self.inode].live.len() as u64)
    }

    fn identity(&self) -> Result<(u64, u64), Errno> {
        Ok((1, self.inode))
    }

    fn try_lock(&self, lock: Locking) -> Result<bool, Errno> {
        let mut world = self.world()?;
        let holders = world.locks.entry(self.inode).or_default();
        let others = holders.iter().filter(|(handle, _)| *handle != self.handle);
        let free = match lock {
            Locking::Shared => others.clone().all(|(_, lock)| *lock == Locking::Shared),
            Locking::Exclusive => others.count() == 0,
        };
        if free {
            holders.retain(|(handle, _)| *handle != self.handle);
            holders.push((self.handle, lock));
        }
        Ok(free)
    }

    fn unlock(&self) {
        let mut world = self.machine.world();
        if let Some(holders) = world.locks.get_mut(&self.inode) {
            holders.retain(|(handle, _)| *handle != self.handle);
        }
    }

    fn copy_from(&self, from: &dyn File, at: u64, bytes: u64) -> Result<u64, Errno> {
        let mut part = vec![0; usize::try_from(bytes).unwrap()];
        let read = from.read_at(&mut part, 0)?;
        self.write_at(&part[..read], at).map(|written| written as u64)
    }

    fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        None
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.unlock();
    }
}

const SECTOR: usize = 512;
const PAGE: usize = 4096;
