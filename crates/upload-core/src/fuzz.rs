//! Entry points for fuzzing: each takes any bytes and panics when an invariant of its module
//! breaks.
//!
//! The same functions serve the fuzz targets in `fuzz/`, the replay of the committed corpus
//! (`tests/corpus.rs`) and the property tests. Nothing else may call them. A new target is a
//! function here, a row in [`TARGETS`], a file in `fuzz/fuzz_targets/` and seeds in `fuzz/corpus/`.

use alloc::vec::Vec;

use menshen_web_core::head::{Headers, Method};

use crate::answer::{Answer, Facts, Interim};
use crate::dialect::Dialect;
use crate::intent::{
    CONCAT_PARTS_MAX, Concat, Content, Create, Intent, Place, SESSION_BYTES_MAX, Spoken, read,
};
use crate::limits::{LENGTH_MAX, Limits};
use crate::metadata::{METADATA_BYTES_MAX, METADATA_PAIRS_MAX, Metadata};
use crate::refusal::Refusal;

/// One fuzz target: checks the invariants on any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus folder.
pub const TARGETS: &[(&str, Target)] =
    &[("upload-head", head), ("upload-metadata", metadata), ("upload-answer", answer)];

/// A byte each for method, place and length of the content, then header lines (`name: value`):
/// the verdict is one of a known dialect, bounded, the same in any order of lines, and can be
/// answered.
pub fn head(data: &[u8]) {
    let [method, place, length, lines @ ..] = data else { return };
    let method = METHODS[usize::from(*method) % METHODS.len()];
    let place = PLACES[usize::from(*place) % PLACES.len()];
    let length = match length {
        b'0' => Some(0),
        b'?' => None,
        byte => Some(u64::from(*byte) * u64::from(*byte)),
    };
    let headers = Lines::new(lines);
    let verdict = read(method, &headers, length, place);
    let mut reversed = headers.0.clone();
    reversed.reverse();
    if headers.names_are_distinct() {
        assert_eq!(verdict, read(method, &Lines(reversed), length, place), "order decides");
    }
    let rufh = ["upload-complete", "upload-incomplete", "upload-draft-interop-version"];
    let rufh = rufh.into_iter().any(|name| headers.get(name).is_some());
    let mixed = rufh && headers.get("tus-resumable").is_some();
    assert!(!mixed || verdict.is_err(), "two dialects were taken for one");
    match verdict {
        Ok(Some(spoken)) => checked(&spoken, length),
        Ok(None) => {
            // A part of a whole is never an ordinary request, where one could be made of it.
            let part = headers.one("upload-complete") == Some(b"?0");
            let bodied = matches!(method, Method::Post | Method::Put | Method::Patch);
            assert!(!(part && bodied), "a part was taken for the whole");
        }
        Err(refused) => {
            let answer = refused.dialect.refused(refused.refusal, &Facts::default());
            sound(&answer);
            assert!((400..=507).contains(&answer.status));
        }
    }
}

/// What was understood is within the limits, and its answers are sound.
fn checked(spoken: &Spoken, length: Option<u64>) {
    let mut facts = Facts { url: "/u/1", ..Facts::default() };
    let (mut field, mut concat, mut spans) = (Vec::new(), Concat::None, Vec::new());
    match &spoken.intent {
        Intent::Create(create) => {
            assert!(create.length.is_none_or(|length| length <= LENGTH_MAX));
            bounded(create);
            named(create.file_name.as_deref());
            assert!(create.content == Content::None || length != Some(0));
            field = create.metadata.field();
            concat.clone_from(&create.concat);
            facts.length = create.length;
            let _ = Limits { size_max: Some(9), ..Limits::default() }.admit_create(create);
        }
        Intent::Append(append) => {
            assert!(append.offset <= LENGTH_MAX);
            assert!(append.length.is_none_or(|length| length <= LENGTH_MAX));
            if let (Content::Sized(bytes), Some(length)) = (append.content, append.length) {
                assert!(append.offset + bytes <= length, "bytes beyond the length");
            }
            facts.offset = append.offset;
            facts.length = append.length;
            let _ = Limits { append_max: Some(9), ..Limits::default() }.admit_append(append);
        }
        Intent::Segment(segment) => {
            assert!(segment.span.start < segment.span.end && segment.span.end <= segment.total);
            assert!(segment.total <= LENGTH_MAX);
            assert!((1..=SESSION_BYTES_MAX).contains(&segment.session.len()));
            assert!(length.is_none_or(|length| length == segment.span.bytes()));
            named(segment.file_name.as_deref());
            spans.push((segment.span.start, segment.span.end));
            facts.length = Some(segment.total);
        }
        Intent::Look | Intent::Cancel | Intent::Options => {}
    }
    let facts = Facts { metadata: &field, concat: Some(&concat), spans: Some(&spans), ..facts };
    for complete in [false, true] {
        answers(spoken.dialect, &Facts { complete, ..facts });
    }
}

fn bounded(create: &Create) {
    assert!(create.metadata.pairs().count() <= METADATA_PAIRS_MAX);
    if let Concat::Final(urls) = &create.concat {
        assert!((1..=CONCAT_PARTS_MAX).contains(&urls.len()));
    }
}

fn named(name: Option<&[u8]>) {
    let Some(name) = name else { return };
    let broken = |byte: &u8| byte.is_ascii_control() || matches!(byte, b'/' | b'\\');
    assert!(!matches!(name, b"" | b"." | b"..") && !name.iter().any(broken), "{name:?}");
}

/// Metadata: what is taken is bounded and read back unchanged.
pub fn metadata(data: &[u8]) {
    let Some(metadata) = Metadata::parse(data) else { return };
    assert!(data.len() <= METADATA_BYTES_MAX);
    assert!(metadata.pairs().count() <= METADATA_PAIRS_MAX);
    let field = metadata.field();
    assert!(field.len() <= data.len(), "it grew");
    assert_eq!(Metadata::parse(&field).as_ref(), Some(&metadata));
    for (key, value) in metadata.pairs() {
        let key = core::str::from_utf8(key).unwrap_or_default();
        assert_eq!(metadata.get(key), Some(value), "two values for {key}");
    }
    named(metadata.file_name());
}

/// Answers: a byte each for the dialect, what is refused, and the facts.
pub fn answer(data: &[u8]) {
    let &[dialect, refusal, flags, offset, length, expires, ref url @ ..] = data else { return };
    let Some(dialect) = Dialect::of_word(WORDS[usize::from(dialect) % WORDS.len()]) else {
        return;
    };
    let url = core::str::from_utf8(url).unwrap_or("/u/1");
    if url.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return;
    }
    let facts = Facts {
        url,
        offset: u64::from(offset) << (flags % 40),
        length: (flags & 1 == 0).then_some(length.into()),
        complete: flags & 2 == 0,
        expires: (flags & 4 == 0).then(|| u64::from(expires) << (flags % 60)),
        now: 77,
        limits: Limits { size_max: (flags & 8 == 0).then_some(u64::MAX), ..Limits::default() },
        ..Facts::default()
    };
    answers(dialect, &facts);
    let refusal = REFUSALS[usize::from(refusal) % REFUSALS.len()];
    let answer = dialect.refused(refusal, &facts);
    sound(&answer);
    assert!((400..=507).contains(&answer.status), "{refusal:?}");
    let field = |name: &str| answer.fields.iter().find(|field| field.0 == name);
    if matches!(refusal, Refusal::Unknown | Refusal::Gone | Refusal::Forbidden) {
        assert!(field("upload-offset").is_none(), "{refusal:?} tells of an upload");
        assert!(field("location").is_none() && field("upload-length").is_none());
    }
    let complete = field("upload-complete").map(|field| field.1.as_slice());
    assert_ne!(complete, Some(b"?1".as_slice()), "a refusal that looks final");
    let incomplete = field("upload-incomplete").map(|field| field.1.as_slice());
    assert_ne!(incomplete, Some(b"?0".as_slice()), "a refusal that looks final");
}

/// All answers to what went well.
fn answers(dialect: Dialect, facts: &Facts<'_>) {
    for place in PLACES {
        sound(&dialect.options(place, &facts.limits, crate::Offer::Sums));
    }
    for answer in [dialect.created(facts), dialect.appended(facts), dialect.looked(facts)] {
        sound(&answer);
        assert!((200..=204).contains(&answer.status));
    }
    sound(&dialect.cancelled());
    let finished = dialect.finished(facts);
    sound(&Answer { status: 200, fields: finished, problem: None, text: Vec::new() });
    for interim in [Interim::Created, Interim::Progress] {
        let Some(answer) = dialect.interim(interim, facts) else { continue };
        sound(&answer);
        assert_eq!(answer.status, 104);
        let named = answer.fields.iter().any(|field| field.0 == "upload-draft-interop-version");
        assert!(named, "an interim answer without the version");
    }
}

/// No field can end its line, none comes twice, no name has an upper-case letter.
fn sound(answer: &Answer) {
    for (index, (name, value)) in answer.fields.iter().enumerate() {
        assert!(!value.is_empty() || *name == "location", "{name} is empty");
        assert!(!value.iter().any(|byte| byte.is_ascii_control()), "{name}: {value:?}");
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()), "{name}");
        let twice = answer.fields.iter().skip(index + 1).any(|other| other.0 == *name);
        assert!(!twice, "{name} comes twice");
    }
    if let Some((kind, content)) = answer.content() {
        assert!(!kind.is_empty() && !content.is_empty());
    }
}

/// Header lines, names in lower case.
pub(crate) struct Lines(Vec<(Vec<u8>, Vec<u8>)>);

impl Lines {
    pub(crate) fn new(text: &[u8]) -> Self {
        let lines = text.split(|&byte| byte == b'\n');
        Self(lines.filter_map(Self::line).collect())
    }

    fn line(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        // As the head's parser leaves it: no control characters, no blanks around.
        let value = value.trim_ascii();
        let clean = !value.iter().any(u8::is_ascii_control);
        clean.then(|| (name.to_ascii_lowercase(), value.to_vec()))
    }

    fn names_are_distinct(&self) -> bool {
        let mut names: Vec<&[u8]> = self.0.iter().map(|(name, _)| name.as_slice()).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    }

    fn one(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.0.iter().filter(|(other, _)| other == name.as_bytes());
        let value = found.next().map(|(_, value)| value.as_slice());
        value.filter(|_| found.next().is_none())
    }
}

impl Headers for Lines {
    fn get(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(other, _)| other == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    fn for_each(&self, name: &str, f: &mut dyn FnMut(&[u8])) {
        let found = self.0.iter().filter(|(other, _)| other == name.as_bytes());
        found.for_each(|(_, value)| f(value));
    }

    fn each(&self, f: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(name, value)| f(name, value));
    }
}

const METHODS: [Method; 8] = [
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Head,
    Method::Delete,
    Method::Options,
    Method::Get,
    Method::Other,
];

const PLACES: [Place; 3] = [Place::Creation, Place::Upload, Place::Elsewhere];

const WORDS: [&str; 10] = [
    "rufh-3", "rufh-4", "rufh-5", "rufh-6", "rufh-7", "rufh-8", "rufh-9", "rufh", "tus", "segments",
];

const REFUSALS: [Refusal; 31] = [
    Refusal::Mixed,
    Refusal::Malformed("upload-length"),
    Refusal::Missing("upload-length"),
    Refusal::TusVersion,
    Refusal::MediaType,
    Refusal::Method(Place::Creation),
    Refusal::Method(Place::Upload),
    Refusal::ChecksumKind,
    Refusal::Length,
    Refusal::Beyond,
    Refusal::TooLarge,
    Refusal::TooSmall,
    Refusal::AppendTooLarge,
    Refusal::AppendTooSmall,
    Refusal::Offset { provided: 5 },
    Refusal::Complete(Content::None),
    Refusal::Complete(Content::Open),
    Refusal::Overlap,
    Refusal::Scattered,
    Refusal::Checksum,
    Refusal::Digest,
    Refusal::Unknown,
    Refusal::Gone,
    Refusal::FinalConcat,
    Refusal::ConcatPart,
    Refusal::Fenced,
    Refusal::Forbidden,
    Refusal::Full,
    Refusal::Unavailable { retry_after_s: 0 },
    Refusal::Unavailable { retry_after_s: u32::MAX },
    Refusal::Failed,
];

#[cfg(test)]
mod tests;
