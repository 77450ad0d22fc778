//! The client against three nodes of Garage: another program's reading of the protocol, its
//! signatures and its lists, and what is still there when a node dies.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use bytes::Bytes;
use garage::{BUCKET, Garage, KEY, SECRET};
use menshen_s3::{
    Cause, Client, Condition, Content, Labels, Login, Missing, PART_BYTES_MIN, Part, Place, Style,
    Times,
};
use menshen_tls::client::Trust;

#[path = "support/garage.rs"]
mod garage;

fn client(garage: &Garage, node: usize) -> Client {
    let endpoint = garage.endpoint(node);
    let place = Place::new(&endpoint, BUCKET, "some/prefix", "garage", Style::Path).unwrap();
    Client::new(place, Login::new(KEY, SECRET, None), Trust::System, Times::default()).unwrap()
}

fn text(text: &'static str) -> Content {
    Content::whole(Bytes::from_static(text.as_bytes()))
}

#[test]
fn garage_understands_and_is_understood() {
    let Some(program) = garage::find() else { return };
    let mut garage = Garage::start(program);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (one, two) = (client(&garage, 1), client(&garage, 2));
        let seen = one.probe().await.unwrap();
        eprintln!("garage keeps: {seen:?}");
        // Seen in its source, and why there is another way to own an upload.
        assert!(!seen.conditional_create && !seen.conditional_replace);
        assert!(seen.multipart && seen.list_uploads && seen.list_consistent && seen.notes);
        assert!(one.list("", None, None).await.unwrap().entries.is_empty());
        objects(&one, &two).await;
        multipart(&one, &two).await;
    });
    garage.kill(1);
    runtime.block_on(async {
        let three = client(&garage, 3);
        assert_eq!(three.head("m").await.unwrap().size, PART_BYTES_MIN + 4);
        three.put("after", text("x"), &Condition::Always, Labels::default()).await.unwrap();
    });
    garage.revive(1);
}

async fn objects(one: &Client, two: &Client) {
    let key = "a b/ü+%?&#~'.txt";
    let labels = Labels { content_type: Some("text/plain"), note: Some("n 1") };
    let tag = one.put(key, text("0123456789"), &Condition::Always, labels).await.unwrap();
    let facts = two.head(key).await.unwrap();
    assert_eq!((facts.size, &facts.etag, facts.note.as_deref()), (10, &tag, Some("n 1")));
    let range = two.get(key, Some(3..6), Some(&tag)).await.unwrap();
    assert_eq!(range.whole(3).await.unwrap(), b"345");
    assert_eq!(two.get(key, Some(10..11), None).await.unwrap_err().cause, Cause::Range);
    assert!(two.get(key, None, Some("\"other\"")).await.unwrap_err().is_precondition());
    let page = two.list("a", None, None).await.unwrap();
    assert_eq!(page.entries[0].key, key);
    assert!(page.entries[0].modified > 1_700_000_000);
    two.delete(key).await.unwrap();
    one.delete(key).await.unwrap();
    let gone = one.head(key).await.unwrap_err();
    assert_eq!(gone.cause, Cause::NotFound(Missing::Object));
    let place = one.place().clone();
    let login = Login::new(KEY, &SECRET.replace('5', "6"), None);
    let wrong = Client::new(place, login, Trust::System, Times::default()).unwrap();
    assert!(matches!(wrong.head(key).await.unwrap_err().cause, Cause::Denied(_)));
}

/// One node begins, another goes on, with gaps between the numbers.
async fn multipart(one: &Client, two: &Client) {
    let big = Bytes::from(vec![7; usize::try_from(PART_BYTES_MIN).unwrap()]);
    let labels = Labels { content_type: None, note: Some("mine") };
    let upload = one.begin("m", labels).await.unwrap();
    let pending = two.uploads("m", None).await.unwrap().uploads;
    assert_eq!((pending[0].key.as_str(), pending[0].upload.as_str()), ("m", upload.as_str()));
    let first = one.part("m", &upload, 2, Content::whole(big)).await.unwrap();
    one.part("m", &upload, 3, text("not listed")).await.unwrap();
    let second = two.part("m", &upload, 7, text("tail")).await.unwrap();
    let found = two.parts("m", &upload, 0).await.unwrap().parts;
    assert_eq!(found.iter().map(|part| part.number).collect::<Vec<_>>(), [2, 3, 7]);
    let part = |number, etag, size| Part { number, etag, size };
    let parts = [part(2, first, PART_BYTES_MIN), part(7, second, 4)];
    assert_eq!([found[0].clone(), found[2].clone()], parts);
    two.complete("m", &upload, &parts, &Condition::Always).await.unwrap();
    let facts = one.head("m").await.unwrap();
    assert_eq!((facts.size, facts.note.as_deref()), (PART_BYTES_MIN + 4, Some("mine")));
    let again = one.complete("m", &upload, &parts, &Condition::Always).await.unwrap_err();
    assert_eq!(again.cause, Cause::NotFound(Missing::Upload));
    one.abort("m", &upload).await.unwrap();
    let copied = one.begin("n", Labels::default()).await.unwrap();
    let range = PART_BYTES_MIN..PART_BYTES_MIN + 4;
    one.part_copied("n", &copied, 1, "m", range).await.unwrap();
    assert_eq!(one.parts("n", &copied, 0).await.unwrap().parts[0].size, 4);
    one.abort("n", &copied).await.unwrap();
    assert!(two.uploads("", None).await.unwrap().uploads.is_empty());
}
