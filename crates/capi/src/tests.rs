//! Tests of the library through its own C functions, as a program in C would call them.

use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

use super::*;
use crate::error::finish;

/// What a call said, and its words.
fn said(code: Code, error: *mut Error) -> (Code, String) {
    // SAFETY: the error of the call before, freed once.
    unsafe {
        assert_eq!(menshen_error_code(error), code, "both say the same");
        let words = CStr::from_ptr(menshen_error_message(error)).to_str().unwrap().to_owned();
        menshen_error_free(error);
        (code, words)
    }
}

/// A text of the library as one of ours.
fn taken(text: *mut c_char) -> String {
    // SAFETY: a text of the library, freed once.
    unsafe {
        let ours = CStr::from_ptr(text).to_str().unwrap().to_owned();
        menshen_text_free(text);
        ours
    }
}

/// Keys of their own, freed at the end.
struct Held(*mut Keys);

impl Held {
    fn new(text: &str) -> Self {
        let (mut keys, mut error) = (null_mut(), null_mut());
        // SAFETY: all places are there.
        let code = unsafe {
            menshen_keys_read(text.as_ptr().cast(), text.len(), &raw mut keys, &raw mut error)
        };
        assert_eq!(said(code, error), (Code::Ok, String::new()));
        Self(keys)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: made by the library, freed once.
        unsafe { menshen_keys_free(self.0) };
    }
}

const ONE: &str = "00000001 100 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n";
const TWO: &str = "00000002 200 HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n";

fn claims(path: &CStr) -> Claims {
    Claims {
        size: size_of::<Claims>(),
        method: 1,
        count: 0,
        path: path.as_ptr(),
        networks: null(),
        not_before: 0,
        expires: 2_000,
        bytes: 0,
        rate: 0,
    }
}

fn make(keys: &Held, claims: &Claims) -> Result<String, (Code, String)> {
    let (mut url, mut error) = (null_mut(), null_mut());
    // SAFETY: all places are there.
    let code = unsafe {
        let base = c"https://files.example.com/".as_ptr();
        menshen_link_make(keys.0, claims, base, &raw mut url, &raw mut error)
    };
    match said(code, error) {
        (Code::Ok, _) => Ok(taken(url)),
        refused => {
            assert!(url.is_null(), "nothing is handed out with an error");
            Err(refused)
        }
    }
}

fn check(keys: &Held, link: &str, path: &str, address: &str, now: u64) -> (Code, String) {
    let [link, path, address] = [link, path, address].map(|text| CString::new(text).unwrap());
    let mut error = null_mut();
    // SAFETY: all places are there.
    let code = unsafe {
        let (link, path, address) = (link.as_ptr(), path.as_ptr(), address.as_ptr());
        menshen_link_check(keys.0, link, 1, path, address, now, &raw mut error)
    };
    said(code, error)
}

#[test]
fn a_link_is_made_and_judged() {
    let keys = Held::new(&format!("{ONE}{TWO}"));
    let mut wanted = claims(c"/reports/q 3.pdf");
    wanted.networks = c"192.0.2.0/24, 2001:db8::/32".as_ptr();
    let url = make(&keys, &wanted).unwrap();
    assert!(url.starts_with("https://files.example.com/reports/q%203.pdf?menshen-link="), "{url}");

    let path = "/reports/q 3.pdf";
    assert_eq!(check(&keys, &url, path, "192.0.2.7", 1_999).0, Code::Ok);
    assert_eq!(check(&keys, &url, path, "2001:db8::7", 1_999).0, Code::Ok);
    let no = |words: &str| (Code::No, words.to_owned());
    assert_eq!(check(&keys, &url, path, "192.0.2.7", 2_000), no("it has expired"));
    assert_eq!(check(&keys, &url, "/other", "192.0.2.7", 1), no("it is for another path"));
    assert_eq!(check(&keys, &url, path, "192.0.3.7", 1), no("it is not good from that address"));
    assert_eq!(check(&keys, "AQ", path, "192.0.2.7", 1).0, Code::No);
    // Signed with the newest; who has only the older one cannot tell.
    let older = Held::new(ONE);
    assert_eq!(check(&older, &url, path, "192.0.2.7", 1), no("no key of that name is there"));
    let another = Held::new(&ONE.replace("00000001", "00000002"));
    assert_eq!(check(&another, &url, path, "192.0.2.7", 1).0, Code::No);
    assert_eq!(check(&keys, &url, path, "here", 1).0, Code::Usage);
}

#[test]
fn a_link_says_what_it_is() {
    let keys = Held::new(ONE);
    let mut wanted = claims(c"/box/");
    wanted.method = Method::Drop as u32;
    wanted.count = 3;
    let url = CString::new(make(&keys, &wanted).unwrap()).unwrap();
    assert!(url.to_str().unwrap().starts_with("https://files.example.com/.menshen/drop/"));
    let mut json = null_mut();
    // SAFETY: all places are there; an error is not wanted.
    let code = unsafe { menshen_link_read(keys.0, url.as_ptr(), &raw mut json, null_mut()) };
    assert_eq!(code, Code::Ok);
    let said: serde_json::Value = serde_json::from_str(&taken(json)).unwrap();
    assert_eq!((&said["method"], &said["path"]), (&"drop".into(), &"/box/".into()));
    assert_eq!((&said["count"], &said["key"]), (&3.into(), &"00000001".into()));
    assert_eq!(said["id"].as_str().unwrap().len(), 24, "a counted link has a name of its own");
}

#[test]
fn what_no_link_can_say_is_refused_in_words() {
    let keys = Held::new(ONE);
    let refused = |claims: &Claims| make(&keys, claims).unwrap_err();
    let mut odd = claims(c"/a/../b");
    assert_eq!(refused(&odd), (Code::Usage, "no request can name this path".to_owned()));
    odd = claims(c"/a");
    odd.size = 8;
    assert_eq!(refused(&odd).1, "the size in claims is not that of menshen_claims");
    odd = claims(c"/a");
    odd.method = 9;
    assert_eq!(refused(&odd).1, "the method is none");
    odd = claims(c"/a");
    odd.path = null();
    assert_eq!(refused(&odd).1, "the path is NULL");
    odd = claims(c"/a");
    odd.networks = c"192.0.2.0/24,nowhere".as_ptr();
    assert_eq!(refused(&odd).1, "no network: nowhere");
    odd = claims(c"\xff");
    assert_eq!(refused(&odd).1, "the path is not UTF-8");
}

/// As a program has it that was built with a later header.
#[repr(C)]
struct Later {
    known: Claims,
    limit: u64,
    more: [u8; 8192],
}

#[test]
fn claims_of_a_later_version_are_taken_only_if_they_want_nothing_new() {
    let keys = Held::new(ONE);
    let later = |limit, size| {
        let known = Claims { size, ..claims(c"/a") };
        let later = Later { known, limit, more: [0; 8192] };
        let (mut url, mut error) = (null_mut(), null_mut());
        // SAFETY: all places are there; the pointer is to all of what was made.
        let code = unsafe {
            let base = c"https://files.example.com/".as_ptr();
            let given = (&raw const later).cast::<Claims>();
            menshen_link_make(keys.0, given, base, &raw mut url, &raw mut error)
        };
        if code == Code::Ok { Ok(taken(url)) } else { Err(said(code, error)) }
    };
    let size = size_of::<Claims>() + 8;
    assert!(later(0, size).is_ok());
    let words = "the claims have a field that this library is too old for";
    for limit in [1, 1 << 63] {
        assert_eq!(later(limit, size).unwrap_err(), (Code::Usage, words.to_owned()));
        assert!(later(limit, size_of::<Claims>()).is_ok(), "what is behind them is not theirs");
    }
    assert!(later(0, 4096).is_ok());
    assert_eq!(later(0, 4097).unwrap_err().0, Code::Usage);
    assert_eq!(later(0, usize::MAX).unwrap_err().0, Code::Usage);
}

#[test]
fn keys_that_are_none_are_refused_without_being_shown() {
    for (text, code) in [("", Code::Malformed), ("\u{7f}", Code::Malformed)] {
        let (mut keys, mut error) = (null_mut(), null_mut());
        // SAFETY: all places are there.
        let got = unsafe {
            menshen_keys_read(text.as_ptr().cast(), text.len(), &raw mut keys, &raw mut error)
        };
        assert_eq!(said(got, error).0, code);
        assert!(keys.is_null());
    }
    let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let twice = format!("{ONE}{ONE}");
    let (mut keys, mut error) = (null_mut(), null_mut());
    // SAFETY: all places are there.
    let code = unsafe {
        menshen_keys_read(twice.as_ptr().cast(), twice.len(), &raw mut keys, &raw mut error)
    };
    let (code, words) = said(code, error);
    assert_eq!((code, words.contains(secret)), (Code::Malformed, false), "{words}");
    let held = Held::new(ONE);
    // SAFETY: keys of the library.
    let shown = format!("{:?}", unsafe { &*held.0 });
    assert!(!shown.contains(secret) && !shown.contains("2, 3, 4"), "{shown}");
}

fn event(secret: &str, body: &str, signature: &str) -> Result<*mut Event, (Code, String)> {
    let signature = CString::new(signature).unwrap();
    let (mut event, mut error) = (null_mut(), null_mut());
    // SAFETY: all places are there.
    let code = unsafe {
        menshen_event_read(
            secret.as_ptr(),
            secret.len(),
            body.as_ptr(),
            body.len(),
            signature.as_ptr(),
            &raw mut event,
            &raw mut error,
        )
    };
    match said(code, error) {
        (Code::Ok, _) => Ok(event),
        refused => Err(refused),
    }
}

#[test]
fn an_event_is_believed_with_its_signature_alone() {
    let body = concat!(
        r#"{"id":"5d41402abc4b2a76b9719d911017c592","event":"finished","time":1795428000123,"#,
        r#""path":"/incoming/film.bin","size":1048576,"owner":"token","news":[1]}"#,
    );
    // printf %s "$body" | openssl dgst -sha256 -hmac key
    let right = "sha256=b1056fbda3dac1b5ebd65ae02331c382bfaf2d526888638ad3ac40af6417cb2a";
    let told = event("key\n", body, right).unwrap();
    // SAFETY: an event of the library, freed once at the end.
    unsafe {
        let text = |text: *const c_char| CStr::from_ptr(text).to_str().unwrap();
        assert_eq!(text(menshen_event_kind(told)), "finished");
        assert_eq!(text(menshen_event_path(told)), "/incoming/film.bin");
        assert_eq!(text(menshen_event_owner(told)), "token");
        assert_eq!(menshen_event_time_ms(told), 1_795_428_000_123);
        assert!(menshen_event_sha256(told).is_null() && menshen_event_site(told).is_null());
        let mut size = 0;
        assert!(menshen_event_size(told, &raw mut size));
        assert_eq!(size, 1_048_576);
        menshen_event_free(told);
        assert!(menshen_event_id(null()).is_null(), "nothing of nothing");
    }
    let changed = body.replace("film", "firm");
    for (secret, body, signature) in [
        ("key", changed.as_str(), right),
        ("other", body, right),
        ("key", body, &right[..right.len() - 1]),
        ("key", body, right.strip_prefix("sha256=").unwrap()),
        ("key", body, ""),
    ] {
        assert_eq!(event(secret, body, signature).unwrap_err().0, Code::No);
    }
    let rubbish = "{}";
    assert_eq!(event("key", rubbish, &made(rubbish)).unwrap_err().0, Code::Malformed);
    assert_eq!(event("\n", body, right).unwrap_err().0, Code::Usage);
}

fn made(body: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"key");
    let mac = aws_lc_rs::hmac::sign(&key, body.as_bytes());
    let hex: String = mac.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[test]
fn a_certificate_is_classified_and_explained() {
    let pem = include_bytes!("../../explain/tests/cards/good.pem");
    let (mut class, mut json, mut error) = (Class::Ev, null_mut(), null_mut());
    // SAFETY: all places are there.
    let code = unsafe {
        menshen_certificate_class(pem.as_ptr(), pem.len(), &raw mut class, &raw mut error)
    };
    assert_eq!(said(code, error), (Code::Ok, String::new()));
    let mut error = null_mut();
    // SAFETY: all places are there.
    let code = unsafe {
        let name = c"nowhere.example".as_ptr();
        let (pem, length) = (pem.as_ptr(), pem.len());
        menshen_certificate_explain(pem, length, name, 0, &raw mut json, &raw mut error)
    };
    assert_eq!(said(code, error), (Code::Ok, String::new()));
    let told: serde_json::Value = serde_json::from_str(&taken(json)).unwrap();
    let word = format!("{class:?}").to_lowercase();
    assert_eq!(told["class"]["class"], word.as_str(), "both say the same");
    assert_eq!(
        (&told["verdict"]["name_ok"], &told["verdict"]["time_ok"]),
        (&false.into(), &false.into())
    );

    for rubbish in [&b""[..], b"hello", b"\x30\x82\xff\xff", b"-----BEGIN CERTIFICATE-----\n"] {
        let mut error = null_mut();
        // SAFETY: all places are there.
        let code = unsafe {
            let (rubbish, length) = (rubbish.as_ptr(), rubbish.len());
            menshen_certificate_class(rubbish, length, &raw mut class, &raw mut error)
        };
        assert_eq!(said(code, error).0, Code::Malformed, "{rubbish:?}");
    }
}

fn story(kind: StoryKind, pieces: &[&[u8]]) -> Result<serde_json::Value, (Code, String)> {
    let (mut story, mut json, mut error) = (null_mut(), null_mut(), null_mut());
    // SAFETY: all places are there, the story is finished once.
    unsafe {
        assert_eq!(menshen_story_new(kind as u32, &raw mut story, null_mut()), Code::Ok);
        for piece in pieces {
            let code = menshen_story_push(story, piece.as_ptr(), piece.len(), &raw mut error);
            if code != Code::Ok {
                menshen_story_free(story);
                return Err(said(code, error));
            }
        }
        let code = menshen_story_finish(story, &raw mut json, &raw mut error);
        match said(code, error) {
            (Code::Ok, _) => Ok(serde_json::from_str(&taken(json)).unwrap()),
            refused => Err(refused),
        }
    }
}

#[test]
fn a_night_is_the_same_however_it_is_cut() {
    let log = include_bytes!("../../guard-core/tests/data/ours-6.18-memcgv1-single.kmsg");
    let whole = story(StoryKind::Oom, &[log]).unwrap();
    assert_eq!(whole["kills"].as_array().unwrap().len(), 1, "{}", whole["headline"]);
    let pieces: Vec<&[u8]> = log.chunks(7).collect();
    assert_eq!(story(StoryKind::Oom, &pieces).unwrap(), whole);
    let quiet = story(StoryKind::Oom, &[b"nothing of interest"]).unwrap();
    assert_eq!(quiet["kills"].as_array().unwrap().len(), 0);
}

#[test]
fn a_capture_is_explained_or_refused() {
    let capture = include_bytes!("../../explain-core/tests/captures/plain.client.pcap");
    let whole = story(StoryKind::Tunnel, &[capture]).unwrap();
    assert_eq!(whole["calls"].as_array().unwrap().len(), 1);
    let pieces: Vec<&[u8]> = capture.chunks(11).collect();
    assert_eq!(story(StoryKind::Tunnel, &pieces).unwrap(), whole);
    let cut = story(StoryKind::Tunnel, &[&capture[..capture.len() - 3]]).unwrap();
    assert_eq!(cut["findings"][0]["code"], "capture-cut-off");
    assert_eq!(
        story(StoryKind::Tunnel, &[&b"no capture at all, but long enough for one"[..]])
            .unwrap_err()
            .0,
        Code::Malformed
    );
    assert_eq!(story(StoryKind::Tunnel, &[]).unwrap_err().0, Code::Malformed);
}

#[test]
fn nothing_where_something_must_be_is_an_error_and_no_crash() {
    let mut keys = null_mut();
    let mut error = null_mut();
    // SAFETY: NULL is allowed everywhere.
    unsafe {
        assert_eq!(menshen_keys_read(null(), 3, &raw mut keys, &raw mut error), Code::Usage);
        assert_eq!(said(Code::Usage, error).1, "file_text is NULL");
        assert_eq!(menshen_keys_read(null(), 0, null_mut(), null_mut()), Code::Usage);
        assert_eq!(menshen_link_make(null(), null(), null(), null_mut(), null_mut()), Code::Usage);
        assert_eq!(menshen_link_read(null(), null(), null_mut(), null_mut()), Code::Usage);
        let code = menshen_link_check(null(), null(), 1, null(), null(), 0, null_mut());
        assert_eq!(code, Code::Usage);
        assert_eq!(menshen_certificate_class(null(), 0, null_mut(), null_mut()), Code::Usage);
        let mut story = null_mut();
        assert_eq!(menshen_story_new(7, &raw mut story, null_mut()), Code::Usage);
        assert_eq!(menshen_story_push(null_mut(), null(), 0, null_mut()), Code::Usage);
        assert_eq!(menshen_story_finish(null_mut(), null_mut(), null_mut()), Code::Usage);
        menshen_error_free(null_mut());
        menshen_text_free(null_mut());
        menshen_keys_free(null_mut());
        menshen_event_free(null_mut());
        menshen_story_free(null_mut());
        assert_eq!(menshen_error_code(null()), Code::Ok);
        assert_eq!(CStr::from_ptr(menshen_version()).to_str().unwrap(), env!("CARGO_PKG_VERSION"));
        assert_eq!(menshen_abi_version(), MENSHEN_ABI_VERSION);
    }
}

#[test]
fn a_panic_stays_inside() {
    let mut error = null_mut();
    // SAFETY: the place is there.
    let code = unsafe { finish(&raw mut error, || panic!("a defect, told here on purpose")) };
    assert_eq!(
        said(code, error),
        (Code::Internal, "a defect of libmenshen; please report it".into())
    );
}

#[test]
fn a_story_that_broke_is_not_told_on() {
    let (mut story, mut json, mut error) = (null_mut(), null_mut(), null_mut());
    // SAFETY: all places are there, each story is freed once.
    unsafe {
        for finishes in [false, true] {
            let code = menshen_story_new(BREAKS, &raw mut story, null_mut());
            assert_eq!(code, Code::Ok);
            let mut push = |piece: &[u8]| {
                let code = menshen_story_push(story, piece.as_ptr(), piece.len(), &raw mut error);
                said(code, error).0
            };
            assert_eq!(push(b"a"), Code::Internal);
            assert_eq!((push(b"b"), push(b"")), (Code::Usage, Code::Usage));
            if finishes {
                let code = menshen_story_finish(story, &raw mut json, &raw mut error);
                assert_eq!((said(code, error).0, json.is_null()), (Code::Usage, true));
            } else {
                menshen_story_free(story);
            }
        }
        // As after what is no capture.
        let code = menshen_story_new(StoryKind::Tunnel as u32, &raw mut story, null_mut());
        assert_eq!(code, Code::Ok);
        let piece = b"no capture at all, but long enough for one";
        let push = || menshen_story_push(story, piece.as_ptr(), piece.len(), null_mut());
        assert_eq!((push(), push()), (Code::Malformed, Code::Usage));
        menshen_story_free(story);
    }
}
