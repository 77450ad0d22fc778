//! Tests of the three deliveries: what PHP is sent, how long it is, and what is left when.

use std::collections::BTreeMap;

use menshen_config::model::{FieldPiece, FieldTemplate, FieldVariable, Fields};
use menshen_web_core::multipart::{Event, Multipart, MultipartLimits, boundary_of};
use serde_json::Value;

use super::*;
use crate::php::fixture::{Field, Place, WIDE, finish, folder, form, noise, read_all};
use crate::php::intake::{FormUse, IntakeLimits};

/// Parts of what is sent: name, file name, content.
type Sent = (String, Option<String>, Vec<u8>);

fn sent(made: &mut Delivered) -> Vec<Sent> {
    let length = made.length;
    let all = read_all(&mut made.source, 1500);
    assert_eq!(all.len() as u64, length);
    let boundary = boundary_of(made.content_type.as_ref().unwrap()).unwrap();
    let limits = MultipartLimits { parts_max: 1000, part_head_bytes_max: 8192 };
    let mut parser = Multipart::new(&boundary, limits);
    let (mut parts, mut rest): (Vec<Sent>, _) = (Vec::new(), &all[..]);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    loop {
        let step = parser.feed(rest).unwrap();
        let consumed = step.consumed;
        match step.event {
            None => break,
            Some(Event::PartBegin(head)) => {
                let file = head.full_path.as_deref().map(text);
                parts.push((text(&head.name), file, Vec::new()));
            }
            Some(Event::Data(range)) => parts.last_mut().unwrap().2.extend(&rest[range]),
            Some(Event::DataHeld(held)) => parts.last_mut().unwrap().2.extend(held),
            Some(_) => {}
        }
        rest = &rest[consumed..];
    }
    parser.finish().unwrap();
    parts
}

/// The value of `MENSHEN_FILES`.
fn told(made: &Delivered) -> Value {
    const NAME: &[u8] = b"MENSHEN_FILES";
    let at = made.params.windows(NAME.len()).position(|word| word == NAME).unwrap();
    serde_json::from_slice(&made.params[at + NAME.len()..]).unwrap()
}

const LARGE: usize = 9000;

#[test]
fn swap_sends_a_token_for_each_spooled_file() {
    let place = Place::new();
    let (one, two) = (noise(LARGE), noise(LARGE + 1));
    let parts: [Field<'_>; 6] = [
        ("before", None, b"1"),
        ("doc[a][]", Some("dir/文件.bin"), &one),
        ("small", Some("small.txt"), b"tiny"),
        ("none", Some(""), b""),
        ("second", Some("two"), &two),
        ("behind", None, b"2"),
    ];
    let body = place.arrived(&form(&parts), FormUse::Files);
    let mut made = body.deliver(How::Swap { files_max: 20 }).unwrap();
    assert!(made.length < 2000);
    let told = told(&made);
    assert_eq!(told["nonce"].as_str(), made.nonce.as_deref());
    assert_eq!(made.nonce.as_ref().map(String::len), Some(32));
    assert_eq!((made.swapped, made.files.len()), (2, 2));
    let sent = sent(&mut made);
    assert_eq!(sent.len(), parts.len());
    for (sent, (name, file, content)) in sent.iter().zip(&parts) {
        assert_eq!((sent.0.as_str(), sent.1.as_deref()), (*name, *file));
        if content.len() <= 4096 {
            assert_eq!(&sent.2, content, "{name}");
            continue;
        }
        assert_eq!(sent.2.len(), 48, "{name}");
        let entry = &told["files"][std::str::from_utf8(&sent.2).unwrap()];
        assert_eq!(entry["size"], content.len());
        let path = entry["path"].as_str().unwrap();
        assert!(Path::new(path).is_absolute());
        assert_eq!(&std::fs::read(path).unwrap(), content);
    }
    assert_eq!(told["files"].as_object().unwrap().len(), 2);
    // PHP took one of them; the other goes with the answer.
    std::fs::remove_file(place.path("spool").join(&place.spooled()[0])).unwrap();
    drop(made.source);
    assert_eq!(place.spooled().len(), 1);
    made.files.answered(200);
    assert!(place.spooled().is_empty());
}

#[test]
fn swap_tells_of_files_that_are_too_large() {
    let place = Place::new();
    let parts: [Field<'_>; 4] = [
        ("f", Some("site"), &noise(20_000)),
        ("MAX_FILE_SIZE", None, b"5000"),
        ("g", Some("form"), &noise(6000)),
        ("h", Some("fine"), &noise(5000)),
    ];
    let mut intake = place.form(IntakeLimits { file_bytes_max: 10_000, ..WIDE }, FormUse::Files);
    intake.take(&form(&parts)).unwrap();
    let mut made = finish(intake).unwrap().deliver(How::Swap { files_max: 20 }).unwrap();
    assert_eq!((place.spooled().len(), made.swapped), (1, 1), "only the fine one is kept");
    let told = told(&made);
    let sent = sent(&mut made);
    let entry = |at: usize| &told["files"][std::str::from_utf8(&sent[at].2).unwrap()];
    assert_eq!((&entry(0)["error"], &entry(2)["error"]), (&Value::from(1), &Value::from(2)));
    assert_eq!(entry(0).as_object().unwrap().len(), 1, "no path");
    assert_eq!((&entry(3)["size"], &entry(3)["error"]), (&Value::from(5000), &Value::Null));
}

#[test]
fn swap_tells_of_no_more_files_than_php_takes() {
    let place = Place::new();
    let large = noise(LARGE);
    let parts: [Field<'_>; 5] = [
        ("a", Some(""), b""),
        ("b", Some("small"), b"x"),
        ("c", Some("large"), &large),
        ("d", Some("more"), &large),
        ("e", Some("over"), &large),
    ];
    let body = place.arrived(&form(&parts), FormUse::Files);
    let mut made = body.deliver(How::Swap { files_max: 3 }).unwrap();
    assert_eq!((made.swapped, made.files.len()), (2, 3));
    assert_eq!(told(&made)["files"].as_object().unwrap().len(), 2);
    assert_eq!(sent(&mut made).len(), 5);
    drop(made);
    assert!(place.spooled().is_empty());
}

#[test]
fn swap_never_tells_more_than_one_record_holds() {
    let place = Place::new();
    let large = noise(4097);
    let parts: Vec<Field<'_>> = (0..700).map(|_| ("f[]", Some("f"), large.as_slice())).collect();
    let body = place.arrived(&form(&parts), FormUse::Files);
    let facts = body.facts();
    assert!(facts.tokens * facts.told_bytes > TOLD_BYTES_MAX);
    assert!(matches!(body.deliver(How::Swap { files_max: 1000 }), Err(Fault::Form(_))));
    assert!(place.spooled().is_empty());
    let body = place.arrived(&form(&parts), FormUse::Files);
    let made = body.deliver(How::Swap { files_max: 20 }).unwrap();
    assert!(made.params.len() < 20 * facts.told_bytes + 100, "the estimate holds");
}

#[test]
fn a_form_without_tokens_has_no_parameters() {
    let place = Place::new();
    let sent_form = form(&[("a", None, b"1"), ("f", Some("f"), b"tiny"), ("n", Some(""), b"")]);
    let mut bodies = Vec::new();
    for how in [How::Swap { files_max: 20 }, How::Replay] {
        let mut made = place.arrived(&sent_form, FormUse::Files).deliver(how).unwrap();
        assert!(made.params.is_empty() && made.nonce.is_none() && made.files.len() == 0);
        let boundary = made.content_type.clone().unwrap();
        assert!(boundary != b"multipart/form-data; boundary=B");
        bodies.push(sent(&mut made));
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[test]
fn replay_sends_everything_and_removes_files_as_it_goes() {
    let place = Place::new();
    let (one, two) = (noise(100_000), noise(LARGE));
    let parts: [Field<'_>; 3] =
        [("f", Some("a/b"), &one), ("x", None, b"field"), ("g", Some("two"), &two)];
    let body = place.arrived(&form(&parts), FormUse::Files);
    let mut made = body.deliver(How::Replay).unwrap();
    assert!(made.nonce.is_none() && made.params.is_empty());
    assert_eq!(place.spooled().len(), 2);
    let mut out = vec![0; 101_000];
    made.source.read(&mut out).unwrap();
    assert_eq!(place.spooled().len(), 1);
    drop(made);
    assert!(place.spooled().is_empty());
    let mut made = place.arrived(&form(&parts), FormUse::Files).deliver(How::Replay).unwrap();
    let sent = sent(&mut made);
    for (sent, (name, file, content)) in sent.iter().zip(&parts) {
        assert_eq!((sent.0.as_str(), sent.1.as_deref()), (*name, *file));
        assert_eq!(&sent.2, content);
    }
}

#[test]
fn replay_lets_php_see_what_is_over_the_forms_limit() {
    let place = Place::new();
    let parts: [Field<'_>; 3] = [
        ("MAX_FILE_SIZE", None, b"5000"),
        ("f", Some("over"), &noise(60_000)),
        ("g", Some("just"), &noise(5000)),
    ];
    let mut made = place.arrived(&form(&parts), FormUse::Files).deliver(How::Replay).unwrap();
    let sent = sent(&mut made);
    assert_eq!((sent[1].2.len(), sent[2].2.len()), (5001, 5000));
}

#[test]
fn a_file_that_became_shorter_ends_in_an_error() {
    let place = Place::new();
    let file = noise(LARGE);
    let body = place.arrived(&form(&[("f", Some("f"), &file)]), FormUse::Files);
    let mut made = body.deliver(How::Replay).unwrap();
    let path = place.path("spool").join(&place.spooled()[0]);
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(100).unwrap();
    let mut out = [0; 1000];
    let error = loop {
        match made.source.read(&mut out) {
            Ok(read) => assert!(read > 0, "never a quiet end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

fn text(text: &str) -> FieldPiece {
    FieldPiece::Text(text.into())
}

fn template(suffix: &str, variable: FieldVariable) -> FieldTemplate {
    let name = vec![FieldPiece::Variable(FieldVariable::FieldName), text(suffix)];
    FieldTemplate { name, value: vec![FieldPiece::Variable(variable)] }
}

fn fields() -> Fields {
    let templates = vec![
        template(".name", FieldVariable::FileName),
        template(".path", FieldVariable::Path),
        template(".size", FieldVariable::Size),
        template(".no", FieldVariable::Number),
        template(".type", FieldVariable::ContentType),
        template(".sha256", FieldVariable::Sha256),
    ];
    let (pass, cleanup) = (Vec::new(), vec![(400, 404), (500, 599)]);
    Fields { templates, pass, cleanup, tame_arrays: false, store: None }
}

/// Delivers by `fields` into the store, or into the spool.
fn by_fields(place: &Place, fields: &Fields, parts: &[Field<'_>], stores: bool) -> Delivered {
    let body = place.arrived(&form(parts), FormUse::fields(fields));
    let (path, opened) = (place.path("store"), Arc::new(folder(&place.path("store"))));
    let store = stores.then_some(Store { folder: &opened, path: &path });
    body.deliver(How::Fields { fields, store }).unwrap()
}

fn values(made: &mut Delivered) -> BTreeMap<String, String> {
    let sent = sent(made).into_iter();
    sent.map(|(name, file, content)| {
        assert_eq!(file, None);
        (name, String::from_utf8(content).unwrap())
    })
    .collect()
}

#[test]
fn fields_tell_of_stored_files() {
    let place = Place::new();
    let content = noise(LARGE);
    let parts: [Field<'_>; 5] = [
        ("title", None, b"t"),
        ("photo", Some("C:\\dir\\bild.jpg"), &content),
        ("none", Some(""), b""),
        ("empty", Some("e"), b""),
        ("last", None, b"l"),
    ];
    let mut made = by_fields(&place, &fields(), &parts, true);
    assert!(place.spooled().is_empty());
    let values = values(&mut made);
    assert_eq!((values["title"].as_str(), values["last"].as_str()), ("t", "l"));
    assert_eq!(values["photo.name"], "bild.jpg");
    assert_eq!((values["photo.size"].as_str(), values["photo.no"].as_str()), ("9000", "1"));
    assert_eq!((values["empty.size"].as_str(), values["empty.no"].as_str()), ("0", "2"));
    assert_eq!(values["photo.type"], "application/octet-stream");
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &content);
    assert_eq!(values["photo.sha256"], hex(sha256.as_ref()));
    assert_eq!(values.len(), 2 + 2 * 6);
    let path = Path::new(&values["photo.path"]);
    assert_eq!(path.parent(), Some(&*place.path("store")));
    assert_eq!(path.file_name().unwrap().len(), 32);
    assert_eq!(std::fs::read(path).unwrap(), content);
    assert_eq!(std::fs::read(&values["empty.path"]).unwrap(), b"");
    made.files.answered(200);
    assert_eq!(place.stored().len(), 2, "the application owns them");
}

#[test]
fn stored_files_stay_or_go_by_the_answer() {
    let place = Place::new();
    let parts: [Field<'_>; 1] = [("f", Some("f"), b"x")];
    for (status, stays) in [
        (200, true),
        (302, true),
        (399, true),
        (400, false),
        (404, false),
        (405, true),
        (503, false),
    ] {
        let made = by_fields(&place, &fields(), &parts, true);
        assert_eq!(place.stored().len(), 1);
        made.files.answered(status);
        let left = place.stored();
        assert_eq!(left.len(), usize::from(stays), "{status}");
        left.iter().for_each(|name| std::fs::remove_file(place.path("store").join(name)).unwrap());
    }
    drop(by_fields(&place, &fields(), &parts, true));
    assert!(place.stored().is_empty(), "PHP never heard of it");
    let mut made = by_fields(&place, &fields(), &parts, true);
    made.files.handed_over();
    drop(made);
    assert_eq!(place.stored().len(), 1, "PHP may have written it down");
}

#[test]
fn without_a_store_files_go_with_the_answer() {
    let place = Place::new();
    let mut made = by_fields(&place, &fields(), &[("f", Some("f"), b"x")], false);
    let values = values(&mut made);
    assert_eq!(std::fs::read(&values["f.path"]).unwrap(), b"x");
    made.files.answered(200);
    assert!(place.spooled().is_empty() && place.stored().is_empty());
}

#[test]
fn passing_taming_and_templates_of_text() {
    let place = Place::new();
    let parts: [Field<'_>; 5] = [
        ("token", None, b"t"),
        ("meta.a", None, b"a"),
        ("other", None, b"o"),
        ("photos[]", Some("1"), b"x"),
        ("photos[]", Some("2"), b"y"),
    ];
    let mut fields = fields();
    fields.pass = vec!["token".into(), "meta.*".into()];
    fields.templates = vec![
        template("_name[]", FieldVariable::FileName),
        FieldTemplate {
            name: vec![text("field")],
            value: vec![text("<"), FieldPiece::Variable(FieldVariable::FieldName), text(">")],
        },
    ];
    for (tame, name) in [(false, "photos[]_name[]"), (true, "photos_name[]")] {
        fields.tame_arrays = tame;
        let mut made = by_fields(&place, &fields, &parts, false);
        let sent: Vec<_> = sent(&mut made)
            .into_iter()
            .map(|(name, _, value)| format!("{name}={}", String::from_utf8(value).unwrap()))
            .collect();
        let (one, two) = (format!("{name}=1"), format!("{name}=2"));
        let tags = ["field=<photos[]>"; 2];
        assert_eq!(sent, ["token=t", "meta.a=a", &one, tags[0], &two, tags[1]]);
    }
}

#[test]
fn a_client_cannot_forge_what_templates_make() {
    let place = Place::new();
    let forged: Vec<Field<'_>> =
        ["photo.path", "photo_path", "photo path", " photo.path", "photo[path", "other.path"]
            .map(|name| (name, None, b"/etc/passwd".as_slice()))
            .into();
    let mut alone = forged.clone();
    alone.push(("photo.size", None, b"1"));
    alone.push(("first_name", None, b"n"));
    let mut made = by_fields(&place, &fields(), &alone, false);
    let left: Vec<_> = values(&mut made).into_keys().collect();
    assert_eq!(left, ["first_name", "photo.size"], "no path without a file");
    let mut with_file = vec![("photo.size", None, b"1".as_slice()), ("first_name", None, b"n")];
    with_file.extend(&forged);
    with_file.push(("photo", Some("f"), b"abc"));
    with_file.push(("photo_size", None, b"2"));
    let mut made = by_fields(&place, &fields(), &with_file, false);
    let values = values(&mut made);
    assert_eq!((values["photo.size"].as_str(), values["first_name"].as_str()), ("3", "n"));
    assert_eq!(values.len(), 7);
    assert!(values["photo.path"].starts_with(place.path("spool").to_str().unwrap()));
}

#[test]
fn boundaries_and_tokens_are_never_the_same_again() {
    let place = Place::new();
    let sent_form = form(&[("f", Some("f"), &noise(LARGE))]);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        let body = place.arrived(&sent_form, FormUse::Files);
        let mut made = body.deliver(How::Swap { files_max: 20 }).unwrap();
        assert!(seen.insert(made.content_type.clone().unwrap()));
        assert!(seen.insert(sent(&mut made).remove(0).2));
        assert!(seen.insert(made.nonce.unwrap().into_bytes()));
    }
}
