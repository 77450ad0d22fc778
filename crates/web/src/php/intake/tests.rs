//! Tests of bodies while they arrive: limits, what is in memory, and that nothing is ever left.

use proptest::prelude::*;

use super::*;
use crate::fixture::Mounted;
use crate::php::body::{Content, Kind, Over, Part};
use crate::php::delivery::How;
use crate::php::fixture::{Place, WIDE, finish, form, noise, read_all};

fn raw(place: &Place, length: Option<u64>, body_bytes_max: u64) -> Result<Intake, Fault> {
    Intake::raw(Arc::clone(&place.spool), length, IntakeLimits { body_bytes_max, ..WIDE })
}

fn parts(body: &Body) -> &[Part] {
    match &body.kind {
        Kind::Form { parts, .. } => parts,
        Kind::Raw(_) => panic!("no form"),
    }
}

/// In short what became of each part.
fn fates(body: &Body) -> Vec<String> {
    let fate = |part: &Part| match &part.content {
        Content::Piled(range) => format!("piled {}", range.end - range.start),
        Content::Spooled { file, over } => {
            assert_ne!(*over, Some(Over::Site));
            format!("spooled {}{}", file.size(), if over.is_some() { " over" } else { "" })
        }
        Content::Gone => "gone".into(),
        Content::Ahead(_) => "ahead".into(),
    };
    parts(body).iter().map(fate).collect()
}

#[test]
fn a_raw_body_comes_out_as_it_went_in() {
    let place = Place::new();
    for size in [0, 1, RAW_MEMORY_BYTES, RAW_MEMORY_BYTES + 1, 300_000] {
        for known in [true, false] {
            let sent = noise(size);
            let mut intake = raw(&place, known.then_some(size as u64), 0).unwrap();
            sent.chunks(7919).for_each(|chunk| intake.take(chunk).unwrap());
            let body = finish(intake).unwrap();
            let mut made = body.deliver(How::Replay).unwrap();
            assert_eq!((made.length, made.content_type), (size as u64, None));
            assert_eq!(read_all(&mut made.source, 4000), sent);
            assert!(place.spooled().is_empty());
        }
    }
}

#[test]
fn a_slow_raw_body_holds_little_memory() {
    let place = Place::new();
    let mut intake = raw(&place, None, 0).unwrap();
    let held = |intake: &Intake| match intake {
        Intake::Raw(raw) => raw.pile.in_memory(),
        Intake::Form(_) => unreachable!(),
    };
    for _ in 0..RAW_MEMORY_BYTES / 64 {
        intake.take(&[7; 64]).unwrap();
        assert!(held(&intake) <= RAW_MEMORY_BYTES, "{}", held(&intake));
    }
    intake.take(b"x").unwrap();
    assert_eq!(held(&intake), 0);
    let mut announced = raw(&place, Some(RAW_MEMORY_BYTES as u64 + 1), 0).unwrap();
    announced.take(b"x").unwrap();
    assert_eq!(held(&announced), 0);
    assert!(size_of::<Intake>() <= 160, "{}", size_of::<Intake>());
}

#[test]
fn a_raw_body_has_its_announced_length_or_is_refused() {
    let place = Place::new();
    assert_eq!(raw(&place, Some(11), 10).unwrap_err(), Fault::TooLarge);
    assert_eq!(raw(&place, Some(u64::MAX), 0).unwrap_err(), Fault::Full);
    let mut short = raw(&place, Some(10), 10).unwrap();
    short.take(b"123456789").unwrap();
    assert!(matches!(finish(short), Err(Fault::BadRequest(_))));
    let mut long = raw(&place, Some(9), 10).unwrap();
    assert!(matches!(long.take(b"1234567890"), Err(Fault::BadRequest(_))));
    let mut unknown = raw(&place, None, 10).unwrap();
    unknown.take(b"1234567890").unwrap();
    assert_eq!(unknown.take(b"x"), Err(Fault::TooLarge));
}

#[test]
fn large_files_are_spooled_and_small_ones_are_not() {
    let place = Place::new();
    let (small, large) = (noise(SMALL), noise(SMALL + 1));
    let sent = form(&[
        ("a", None, b"field"),
        ("f", Some("small"), &small),
        ("g", Some("large"), &large),
        ("h", Some("empty"), b""),
        ("i", Some(""), b""),
    ]);
    let body = place.arrived(&sent, FormUse::Files);
    assert_eq!(fates(&body), ["piled 5", "piled 4096", "spooled 4097", "piled 0", "piled 0"]);
    assert!(body.has_files());
    assert_eq!((body.facts().tokens, body.facts().spooled_bytes), (1, 4097));
    let name = place.spooled().remove(0);
    assert_eq!(std::fs::read(place.path("spool").join(name)).unwrap(), large);
    drop(body);
    assert!(place.spooled().is_empty());
    let empty = place.arrived(&form(&[("i", Some(""), b"")]), FormUse::Files);
    assert!(!empty.has_files());
}

#[test]
fn with_fields_every_chosen_file_has_a_path() {
    let place = Place::new();
    let sent = form(&[("f", Some("tiny"), b"x"), ("e", Some("empty"), b""), ("n", Some(""), b"")]);
    let body = place.arrived(&sent, FormUse::Fields(DigestsWanted::default()));
    assert_eq!(fates(&body), ["spooled 1", "spooled 0", "piled 0"]);
}

#[test]
fn a_file_over_the_sites_limit_is_dropped_or_refused() {
    let place = Place::new();
    let limits = IntakeLimits { file_bytes_max: 5000, ..WIDE };
    let sent = form(&[("f", Some("over"), &noise(5001)), ("g", Some("just"), &noise(5000))]);
    let mut intake = place.form(limits, FormUse::Files);
    let mut most = 0;
    for chunk in sent.chunks(100) {
        intake.take(chunk).unwrap();
        most = most.max(place.spooled().len());
    }
    assert_eq!(most, 1, "the first was removed before the second began");
    let body = finish(intake).unwrap();
    assert_eq!(fates(&body), ["gone", "spooled 5000"]);
    assert_eq!((body.facts().tokens, body.facts().gone), (2, 1));
    let mut replay = place.form(limits, FormUse::Replay);
    assert_eq!(replay.take(&sent), Err(Fault::TooLarge));
}

#[test]
fn max_file_size_counts_as_php_counts_it() {
    let place = Place::new();
    let file = noise(6000);
    let rows: [(&str, &[u8], &str); 12] = [
        ("MAX_FILE_SIZE", b"5000", "spooled 5001 over"),
        ("max_file_Size", b" +5000 bytes", "spooled 5001 over"),
        ("MAX_FILE_SIZE", b"5999", "spooled 6000 over"),
        ("MAX_FILE_SIZE", b"6000", "spooled 6000"),
        ("MAX_FILE_SIZE", b"40", "piled 41"),
        ("MAX_FILE_SIZE", b"4096", "spooled 4097 over"),
        ("MAX_FILE_SIZE", b"-1", "piled 1"),
        ("MAX_FILE_SIZE", b"0", "spooled 6000"),
        ("MAX_FILE_SIZE", b"0x20", "spooled 6000"),
        ("MAX_FILE_SIZE", b"", "spooled 6000"),
        ("MAX_FILE_SIZE", b"99999999999999999999", "spooled 6000"),
        ("MAX_FILE_SIZES", b"5", "spooled 6000"),
    ];
    for (name, value, fate) in rows {
        let sent = form(&[(name, None, value), ("f", Some("f"), &file)]);
        let body = place.arrived(&sent, FormUse::Files);
        assert_eq!(fates(&body)[1], fate, "{name} {}", String::from_utf8_lossy(value));
    }
    let twice = form(&[
        ("f", Some("before"), &file),
        ("MAX_FILE_SIZE", None, b"5"),
        ("MAX_FILE_SIZE", None, b"5500"),
        ("g", Some("behind"), &file),
    ]);
    let body = place.arrived(&twice, FormUse::Files);
    assert_eq!(fates(&body), ["spooled 6000", "piled 1", "piled 4", "spooled 5501 over"]);
    let fields = place.arrived(&twice, FormUse::Fields(DigestsWanted::default()));
    assert_eq!(fates(&fields)[3], "spooled 6000", "no $_FILES, no MAX_FILE_SIZE");
}

#[test]
fn the_smaller_of_two_limits_is_told() {
    let place = Place::new();
    for (site, max, fate) in [(5000, "5500", "gone"), (5500, "5000", "spooled 5001 over")] {
        let mut intake = place.form(IntakeLimits { file_bytes_max: site, ..WIDE }, FormUse::Files);
        let file = noise(9000);
        let sent = form(&[("MAX_FILE_SIZE", None, max.as_bytes()), ("f", Some("f"), &file)]);
        sent.chunks(777).for_each(|chunk| intake.take(chunk).unwrap());
        assert_eq!(fates(&finish(intake).unwrap())[1], fate);
    }
}

#[test]
fn limits_of_forms_are_told_apart_and_leave_nothing() {
    let place = Place::new();
    let (file, field) = (noise(20_000), noise(2000));
    let sent = form(&[("f", Some("f"), &file), ("a", None, &field), ("b", None, b"")]);
    let is_limit = |fault| matches!(fault, Fault::Form(error) if error.is_limit());
    let all = sent.len() as u64;
    let judge = |limits: IntakeLimits| {
        let mut intake = place.form(limits, FormUse::Files);
        let taken = sent.chunks(1000).try_for_each(|chunk| intake.take(chunk));
        assert_eq!(place.spooled().len(), 1);
        drop(intake);
        assert!(place.spooled().is_empty());
        taken
    };
    assert_eq!(judge(IntakeLimits { body_bytes_max: all, ..WIDE }), Ok(()));
    assert_eq!(judge(IntakeLimits { body_bytes_max: all - 1, ..WIDE }), Err(Fault::TooLarge));
    // Names and type: 1 + 1 + 24 for the file, 1 and 1 for the fields.
    let fields_bytes_max = 2028;
    assert_eq!(judge(IntakeLimits { fields_bytes_max, ..WIDE }), Ok(()));
    let fields_bytes_max = fields_bytes_max - 1;
    assert_eq!(judge(IntakeLimits { fields_bytes_max, ..WIDE }), Err(Fault::FieldsTooLarge));
    assert!(is_limit(judge(IntakeLimits { parts_max: 2, ..WIDE }).unwrap_err()));
}

#[test]
fn a_broken_form_leaves_nothing() {
    let place = Place::new();
    let sent = form(&[("f", Some("f"), &noise(20_000)), ("g", Some("g"), &noise(20_000))]);
    let truncated = &sent[..sent.len() - 4];
    for (bytes, whole) in [(&sent[..], true), (truncated, false), (&sent[..30_000], false)] {
        let mut intake = place.form(WIDE, FormUse::Files);
        intake.take(bytes).unwrap();
        assert_eq!(place.spooled().len(), 2);
        assert_eq!(finish(intake).is_ok(), whole);
        assert!(place.spooled().is_empty());
    }
    let mut hollow = form(&[("f", Some("f"), &noise(20_000))]);
    hollow.truncate(hollow.len() - b"--B--\r\n".len());
    hollow.extend_from_slice(b"--B\r\nX: y\r\n\r\n");
    let mut intake = place.form(WIDE, FormUse::Files);
    assert!(matches!(intake.take(&hollow), Err(Fault::Form(_))));
    drop(intake);
    assert!(place.spooled().is_empty());
}

#[test]
fn a_name_php_cannot_be_told_is_refused_before_its_bytes() {
    let place = Place::new();
    let long = "n".repeat(5100);
    let mut intake = place.form(WIDE, FormUse::Files);
    let head = form(&[(&long, Some("f"), b"")]);
    assert!(matches!(intake.take(&head[..head.len() - 9]), Err(Fault::BadRequest(_))));
}

#[test]
fn many_fields_go_to_disk_and_come_back() {
    let place = Place::new();
    let values: Vec<Vec<u8>> = (0..100).map(|n| noise(1000 + n)).collect();
    let parts: Vec<_> = values.iter().map(|value| ("f", None, value.as_slice())).collect();
    let mut intake = place.form(WIDE, FormUse::Files);
    for chunk in form(&parts).chunks(333) {
        intake.take(chunk).unwrap();
        if let Intake::Form(form) = &intake {
            assert!(form.in_memory() <= 64 << 10);
        }
    }
    let mut made = finish(intake).unwrap().deliver(How::Replay).unwrap();
    let all = read_all(&mut made.source, 1000);
    let again = reparse(&place, &made.content_type.unwrap(), &all);
    let body: Vec<_> = again.into_iter().map(|(_, _, content)| content).collect();
    assert_eq!(body, values);
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let place = Place::new();
    let Some(_mounted) = Mounted::memory(&place.path("spool"), 256 << 10) else { return };
    let spool = place.reopened();
    let limits = IntakeLimits { fields_bytes_max: 0, ..WIDE };
    let file = form(&[("f", Some("f"), &noise(400_000))]);
    let field = form(&[("f", None, &noise(400_000))]);
    let boundary = menshen_web_core::multipart::boundary_of(b"multipart/form-data; boundary=B");
    let boundary = boundary.unwrap();
    let begin = |length| Intake::form(spool.clone(), &boundary, length, limits, FormUse::Files);
    assert_eq!(begin(Some(400_000)).unwrap_err(), Fault::Full);
    for sent in [file, field] {
        let mut intake = begin(None).unwrap();
        let taken = sent.chunks(10_000).try_for_each(|chunk| intake.take(chunk));
        assert_eq!(taken, Err(Fault::Full));
        drop(intake);
        assert!(place.spooled().is_empty());
    }
    let mut raw = Intake::raw(spool.clone(), None, WIDE).unwrap();
    let taken = noise(400_000).chunks(10_000).try_for_each(|chunk| raw.take(chunk));
    assert_eq!(taken, Err(Fault::Full));
    drop(raw);
    assert!(spool.bytes_free() > 200 << 10, "all given back");
}

type Read = (Vec<u8>, Option<Vec<u8>>, Vec<u8>);

/// Reads a form that we wrote by our own parser: names, file names, contents.
fn reparse(place: &Place, content_type: &[u8], form: &[u8]) -> Vec<Read> {
    let boundary = menshen_web_core::multipart::boundary_of(content_type).unwrap();
    let fields = FormUse::Fields(DigestsWanted::default());
    let mut intake = Intake::form(Arc::clone(&place.spool), &boundary, None, WIDE, fields).unwrap();
    intake.take(form).unwrap();
    let body = finish(intake).unwrap();
    let Kind::Form { pile, parts } = body.kind else { panic!("no form") };
    let mut piled = crate::php::delivery::source_of(pile);
    let read = |part: &Part| {
        let content = match &part.content {
            Content::Piled(range) => {
                let mut content = vec![0; usize::try_from(range.end - range.start).unwrap()];
                assert_eq!(piled.read(&mut content).unwrap(), content.len());
                content
            }
            Content::Spooled { file, .. } => {
                let path = body.spool.path_of(file);
                std::fs::read(std::str::from_utf8(&path).unwrap()).unwrap()
            }
            Content::Gone => panic!("no limit"),
            Content::Ahead(_) => panic!("names no upload"),
        };
        (part.head.name.clone(), part.head.full_path.clone(), content)
    };
    parts.iter().map(read).collect()
}

/// Forms with contents of every interesting size.
fn any_parts() -> impl Strategy<Value = Vec<(String, Option<String>, Vec<u8>)>> {
    let sizes = prop_oneof![0..20_usize, 4000..4200_usize, 9000..20_000_usize, Just(70_000)];
    let name = prop_oneof![Just("MAX_FILE_SIZE".to_owned()), "[a-z\\[\\]. ]{1,12}"];
    let file = prop::option::of(prop_oneof!["[a-zäé/. ]{0,8}x", Just(String::new())]);
    let part = (name, file, sizes, any::<u8>()).prop_map(|(name, file, size, seed)| {
        let content = match &file {
            Some(file) if file.is_empty() => Vec::new(),
            None if name == "MAX_FILE_SIZE" => size.to_string().into_bytes(),
            _ => noise(size + usize::from(seed))[usize::from(seed)..].to_vec(),
        };
        (name, file, content)
    });
    prop::collection::vec(part, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_cutting_gives_the_same_body(
        parts in any_parts(),
        cuts in prop::collection::vec(1..9000_usize, 1..40),
        site in prop_oneof![Just(0_u64), 1..20_000_u64],
        step in 1..9000_usize,
    ) {
        let place = Place::new();
        let parts: Vec<_> =
            parts.iter().map(|(a, b, c)| (a.as_str(), b.as_deref(), c.as_slice())).collect();
        let sent = form(&parts);
        let limits = IntakeLimits { file_bytes_max: site, ..WIDE };
        let whole = {
            let mut intake = place.form(limits, FormUse::Files);
            intake.take(&sent).unwrap();
            finish(intake).unwrap()
        };
        let cut = {
            let mut intake = place.form(limits, FormUse::Files);
            let mut rest = &sent[..];
            for size in cuts.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*size));
                intake.take(now).unwrap();
                rest = later;
                if rest.is_empty() { break }
            }
            finish(intake).unwrap()
        };
        prop_assert_eq!(fates(&whole), fates(&cut));
        prop_assert_eq!(whole.facts(), cut.facts());
        if whole.facts().gone > 0 {
            prop_assert_eq!(whole.deliver(How::Replay).unwrap_err(), Fault::TooLarge);
            drop(cut);
        } else {
            let mut read = Vec::new();
            for body in [whole, cut] {
                let mut made = body.deliver(How::Replay).unwrap();
                let all = read_all(&mut made.source, step);
                prop_assert_eq!(all.len() as u64, made.length);
                read.push(reparse(&place, &made.content_type.unwrap(), &all));
            }
            prop_assert_eq!(&read[0], &read[1]);
            for (made, (name, file, content)) in read[0].iter().zip(&parts) {
                prop_assert_eq!(&made.0, name.as_bytes());
                prop_assert_eq!(made.1.as_deref(), file.map(str::as_bytes));
                prop_assert!(content.starts_with(&made.2));
            }
        }
        prop_assert!(place.spooled().is_empty());
    }
}

const SMALL: usize = 4096;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However it is cut; and what is none is the file it is.
    #[test]
    fn a_part_names_an_upload_exactly_when_its_content_is_an_id(
        content in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            "[a-h][a-z2-7]{24,26}".prop_map(String::into_bytes),
        ],
        size in 1_usize..50,
        fields in any::<bool>(),
    ) {
        let place = Place::new();
        let purpose =
            if fields { FormUse::Fields(DigestsWanted::default()) } else { FormUse::Files };
        let sent = [
            b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\r\n\
              Content-Type: application/vnd.menshen.upload\r\n\r\n",
            &content[..],
            b"\r\n--B--\r\n",
        ]
        .concat();
        for names in [true, false] {
            let intake = place.form(WIDE, purpose.clone());
            let mut intake = if names { intake.naming_uploads() } else { intake };
            sent.chunks(size).for_each(|chunk| intake.take(chunk).unwrap());
            let body = finish(intake).unwrap();
            match menshen_store::Id::parse(&content) {
                Ok(id) if names => prop_assert_eq!(body.ahead(), Some((0, id))),
                _ => {
                    prop_assert_eq!(body.ahead(), None);
                    let mut made = body.deliver(How::Replay).unwrap();
                    let told = read_all(&mut made.source, 100);
                    let end = [&content[..], b"\r\n--"].concat();
                    prop_assert!(content.is_empty()
                        || told.windows(end.len()).any(|some| some == end));
                }
            }
        }
        prop_assert!(place.spooled().is_empty());
    }
}
