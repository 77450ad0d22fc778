//! Explanations of what is long: a log or a capture goes in piece by piece, a story comes out.

use std::ffi::c_char;

use menshen_base::Finding;
use menshen_explain_core::oom::{Collector, json, report};
use menshen_explain_core::tunnel::{Report, Stream};
use menshen_guard_core::oom::{Limits, Reader};
use serde::Serialize;

use crate::error::{Code, Error, Outcome, finish};
use crate::pointers::{bytes, clear};
use crate::text::give;

/// What a story is told from.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoryKind {
    /// The kernel's words in an out-of-memory night: `dmesg`, syslog, the journal's text.
    Oom = 1,
    /// A capture of PPTP calls, pcap or pcapng.
    Tunnel = 2,
}

/// A story that is being read. For one thread at a time.
#[derive(Debug)]
pub struct Story(Option<Kind>);

/// What of it was read. It is taken out of the story for each call and put back if it came to its
/// end well: a story that a defect left half told is not told on.
#[derive(Debug)]
enum Kind {
    Oom {
        reader: Box<Reader>,
        collector: Box<Collector>,
    },
    Tunnel(Box<Stream>),
    #[cfg(test)]
    Breaks,
}

/// The shape of `menshen explain tunnel --json`.
#[derive(Serialize)]
struct Tunnel {
    #[serde(flatten)]
    report: Report,
    findings: Vec<Finding>,
}

/// Begins a story of `kind`: `MENSHEN_STORY_KIND_OOM` or `…_TUNNEL`.
///
/// # Safety
/// `story` is valid for a write; `error` is NULL or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_story_new(
    kind: u32,
    story: *mut *mut Story,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        // SAFETY: as the caller promises.
        unsafe { clear(story, "story")? };
        let kind = match kind {
            1 => {
                let mut collector = Box::new(Collector::new());
                collector.log();
                collector.source("log".to_owned(), 0, None);
                Kind::Oom { reader: Box::new(Reader::new(Limits::ORDINARY)), collector }
            }
            2 => Kind::Tunnel(Box::default()),
            #[cfg(test)]
            BREAKS => Kind::Breaks,
            _ => return Err(Error::usage("there is no story of that kind")),
        };
        // SAFETY: `clear` found a place.
        unsafe { story.write(Box::into_raw(Box::new(Story(Some(kind))))) };
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

/// Takes the next bytes of the log or capture, cut anywhere. Memory is bounded whatever comes.
/// After an error the story can only be freed.
///
/// # Safety
/// `story` is NULL or of this library, and nobody else uses it meanwhile; `piece` points to
/// `length` bytes; `error` is NULL or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_story_push(
    story: *mut Story,
    piece: *const u8,
    length: usize,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        // SAFETY: as the caller promises.
        let (story, piece) = unsafe { (story.as_mut(), bytes(piece, length, "piece")?) };
        let story = story.ok_or_else(|| Error::usage("story is NULL"))?;
        let mut kind = story.0.take().ok_or_else(broken)?;
        match &mut kind {
            Kind::Oom { reader, collector } => reader.push(piece, &mut |event| {
                collector.event(event);
            }),
            Kind::Tunnel(stream) => stream.push(piece).map_err(|error| no_capture(&error))?,
            #[cfg(test)]
            Kind::Breaks => panic!("a defect, told here on purpose"),
        }
        story.0 = Some(kind);
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

/// Ends the story and frees it, whatever comes of it. `json` is what `menshen explain oom --json`
/// or `menshen explain tunnel --pcap … --json` print of the same bytes, to be freed with
/// `menshen_text_free`.
///
/// # Safety
/// `story` is NULL or of this library, and is not used after that; `json` is valid for a write;
/// `error` is NULL or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_story_finish(
    story: *mut Story,
    json: *mut *mut c_char,
    error: *mut *mut Error,
) -> Code {
    let body = || {
        // SAFETY: made by `Box::into_raw` in `menshen_story_new`, and as the caller promises. It is
        // taken first, so that it is freed also when there is no place for the result.
        let story = (!story.is_null()).then(|| unsafe { Box::from_raw(story) });
        // SAFETY: as the caller promises.
        unsafe { clear(json, "json")? };
        let story = story.ok_or_else(|| Error::usage("story is NULL"))?;
        let text = tell(story.0.ok_or_else(broken)?)?;
        // SAFETY: `clear` found a place.
        unsafe { give(json, &text) };
        Ok(())
    };
    // SAFETY: as the caller promises.
    unsafe { finish(error, body) }
}

/// Frees a story that is not wanted any more; nothing for NULL.
///
/// # Safety
/// `story` is NULL or of this library and neither finished nor freed; it is not used after that.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn menshen_story_free(story: *mut Story) {
    if !story.is_null() {
        // SAFETY: made by `Box::into_raw` in `menshen_story_new`, and as the caller promises.
        drop(unsafe { Box::from_raw(story) });
    }
}

fn tell(kind: Kind) -> Outcome<String> {
    match kind {
        Kind::Oom { mut reader, mut collector } => {
            // The last line may have no end.
            reader.push(b"\n", &mut |event| collector.event(event));
            let summary = reader.finish(&mut |event| collector.event(event));
            collector.end(&summary);
            let night = collector.night();
            let report = report(&night);
            Ok(json(&night, &report, None))
        }
        Kind::Tunnel(stream) => {
            let (report, findings) =
                stream.finish("capture").map_err(|error| no_capture(&error))?;
            // Strings and numbers only: nothing in it can fail to become JSON.
            Ok(serde_json::to_string_pretty(&Tunnel { report, findings }).unwrap_or_default())
        }
        #[cfg(test)]
        Kind::Breaks => panic!("a defect, told here on purpose"),
    }
}

fn no_capture(error: &impl ToString) -> Error {
    Error::new(Code::Malformed, error.to_string())
}

fn broken() -> Error {
    Error::usage("an error has ended this story, which can only be freed")
}

/// A kind that breaks when it is read.
#[cfg(test)]
pub(crate) const BREAKS: u32 = u32::MAX;
