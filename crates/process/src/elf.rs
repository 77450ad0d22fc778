//! What an ELF file of another process tells (elf(5), System V ABI): its segments, its symbols, and
//! marks of the language it was made from.
//!
//! The file is foreign: any bytes give an answer or an error, with bounded memory. Only headers,
//! symbol tables and a few small sections are read, whatever the size of the file. It can fail to
//! find what a stripped file no longer has; a file whose headers lie only tells lies about itself.

use std::fs::File;

use object::elf::{FileHeader32, FileHeader64, SHT_DYNSYM, SHT_NOBITS, SHT_SYMTAB, STT_FUNC};
use object::read::ReadCache;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, ReadRef, SectionIndex, elf};

/// Width of a pointer of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// 4 bytes.
    Four,
    /// 8 bytes.
    Eight,
}

impl Width {
    /// The same as a number.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// What a file tells besides its symbols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) width: Width,
    pub(crate) segments: Vec<Segment>,
    /// It asks for a loader, so its C library is a file of its own.
    pub(crate) dynamic: bool,
    /// The table of all symbols, which `strip` removes, is there.
    pub(crate) has_symbols: bool,
    /// Made by the Go compiler.
    pub(crate) go: bool,
    /// Made by the Rust compiler, as the section `.comment` tells.
    pub(crate) rust: bool,
}

/// A part of the file that is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) bytes: u64,
}

/// A symbol that is defined in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) address: u64,
    pub(crate) bytes: u64,
    pub(crate) function: bool,
}

impl Image {
    /// Reads a file, and shows each of its symbols to `visit`. `None`: it is no ELF file, or one
    /// whose headers lead nowhere.
    pub(crate) fn open(file: File, visit: &mut dyn FnMut(Symbol<'_>)) -> Option<Self> {
        Self::read(&ReadCache::new(file), visit)
    }

    /// As [`Image::open`], from bytes of any kind.
    pub(crate) fn read<'data, R: ReadRef<'data>>(
        data: R,
        visit: &mut dyn FnMut(Symbol<'_>),
    ) -> Option<Self> {
        let class = *data.read_bytes_at(0, 5).ok()?.get(4)?;
        if class == elf::ELFCLASS64.0 {
            image::<FileHeader64<Endianness>, R>(data, Width::Eight, visit)
        } else {
            image::<FileHeader32<Endianness>, R>(data, Width::Four, visit)
        }
    }

    /// How far the file was moved when it was loaded: its offset `offset` is at `start`.
    pub(crate) fn bias(&self, start: u64, offset: u64) -> Option<u64> {
        let page = |number: u64| number & !(PAGE - 1);
        let of = self.segments.iter().find(|segment| page(segment.offset) == offset)?;
        Some(start.wrapping_sub(page(of.address)))
    }
}

fn image<'data, E, R>(data: R, width: Width, visit: &mut dyn FnMut(Symbol<'_>)) -> Option<Image>
where
    E: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = E::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let programs = header.program_headers(endian, data).ok()?;
    let mut segments = Vec::new();
    let mut dynamic = false;
    for program in programs.iter().take(HEADERS_MAX) {
        match program.p_type(endian) {
            elf::PT_LOAD => segments.push(Segment {
                offset: program.p_offset(endian).into(),
                address: program.p_vaddr(endian).into(),
                bytes: program.p_filesz(endian).into(),
            }),
            elf::PT_INTERP => dynamic = true,
            _ => {}
        }
    }
    let mut image = Image { width, segments, dynamic, has_symbols: false, go: false, rust: false };
    // A file may do without sections; then it has no symbols either.
    let Ok(sections) = header.sections(endian, data) else { return Some(image) };
    for section in sections.iter().take(HEADERS_MAX) {
        let kind = section.sh_type(endian);
        if kind == SHT_NOBITS || section.sh_size(endian).into() > SECTION_BYTES_MAX {
            continue;
        }
        if kind == SHT_SYMTAB || kind == SHT_DYNSYM {
            let index = usize::try_from(section.sh_link(endian)).ok()?;
            let Ok(strings) = sections.section(SectionIndex(index)) else { continue };
            if strings.sh_size(endian).into() > SECTION_BYTES_MAX {
                continue;
            }
            let Ok(strings) = strings.data(endian, data) else { continue };
            let symbols = section.data_as_array::<E::Sym, R>(endian, data);
            let Ok(symbols) = symbols else { continue };
            image.has_symbols |= kind == SHT_SYMTAB;
            each(symbols, strings, endian, visit);
            continue;
        }
        match sections.section_name(endian, section) {
            Ok(b".go.buildinfo" | b".gopclntab" | b".note.go.buildid") => image.go = true,
            Ok(b".comment") if section.sh_size(endian).into() <= COMMENT_BYTES_MAX => {
                let text = section.data(endian, data).unwrap_or_default();
                image.rust |= text.windows(RUST.len()).any(|window| window == RUST);
            }
            _ => {}
        }
    }
    Some(image)
}

fn each<S: Sym<Endian = Endianness>>(
    symbols: &[S],
    strings: &[u8],
    endian: Endianness,
    visit: &mut dyn FnMut(Symbol<'_>),
) {
    for symbol in symbols {
        if symbol.st_shndx(endian) == elf::SHN_UNDEF {
            continue;
        }
        let start = usize::try_from(symbol.st_name(endian)).unwrap_or(usize::MAX);
        let Some(rest) = strings.get(start..) else { continue };
        let name = rest.get(..rest.len().min(NAME_BYTES_MAX)).unwrap_or_default();
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        visit(Symbol {
            name: name.get(..end).unwrap_or_default(),
            address: symbol.st_value(endian).into(),
            bytes: symbol.st_size(endian).into(),
            function: symbol.st_type() == STT_FUNC,
        });
    }
}

const RUST: &[u8] = b"rustc version";
/// Program and section headers that are looked at.
const HEADERS_MAX: usize = 4096;
/// Largest table of symbols or names; that of a browser has some 30 MB.
const SECTION_BYTES_MAX: u64 = 256 << 20;
const COMMENT_BYTES_MAX: u64 = 64 << 10;
const NAME_BYTES_MAX: usize = 4096;
/// The smallest page; files are mapped at multiples of it.
const PAGE: u64 = 4096;

#[cfg(test)]
mod tests;
