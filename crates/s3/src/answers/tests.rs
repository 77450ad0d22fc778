//! Answers as servers send them, and as they should not.

use proptest::prelude::{any, proptest};

use super::{completion, error_code, etag, page, parts, pending, result_etag, upload_id};
use crate::answers::Part;
use crate::place::{Place, Style};

fn place() -> Place {
    Place::new("http://localhost", "b", "p", "r", Style::Path).unwrap()
}

#[test]
fn a_page_of_objects() {
    let text = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>\
        <Contents><Key>p/a%20b+c</Key><Size>5</Size><ETag>&quot;x&quot;</ETag>\
        <LastModified>2026-11-23T11:00:00.000Z</LastModified><Owner><ID>i</ID></Owner></Contents>\
        <Contents><Key>other/a</Key></Contents>\
        <CommonPrefixes><Prefix>p/d/</Prefix></CommonPrefixes></ListBucketResult>";
    let page = page(text, &place()).unwrap();
    assert_eq!(page.entries.len(), 1);
    let entry = page.entries.first().unwrap();
    assert_eq!((entry.key.as_str(), entry.size, entry.etag.as_str()), ("a%20b+c", 5, "\"x\""));
    assert_eq!(entry.modified, 1_795_431_600);
    assert_eq!((page.folders, page.next), (vec!["d/".to_owned()], Some("t".to_owned())));
}

#[test]
fn pages_that_do_not_say_where_they_go_on() {
    let text = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
    assert!(page(text, &place()).is_err());
    assert!(page("<Error><Code>X</Code></Error>", &place()).is_err());
}

#[test]
fn parts_and_uploads() {
    let text = "<ListPartsResult><Part><PartNumber>3</PartNumber><ETag>\"e\"</ETag><Size>7</Size>\
        </Part><IsTruncated>true</IsTruncated><NextPartNumberMarker>3</NextPartNumberMarker>\
        </ListPartsResult>";
    let page = parts(text).unwrap();
    assert_eq!(page.parts, [Part { number: 3, etag: "\"e\"".to_owned(), size: 7 }]);
    assert_eq!(page.next, Some(3));
    let text = "<ListMultipartUploadsResult><Upload><Key>p/k</Key><UploadId>u</UploadId>\
        <Initiated>2026-11-23T11:00:00Z</Initiated></Upload><IsTruncated>false</IsTruncated>\
        </ListMultipartUploadsResult>";
    let page = pending(text, &place()).unwrap();
    assert_eq!(page.uploads.first().unwrap().key, "k");
    assert_eq!(page.next, None);
}

#[test]
fn single_results() {
    let made = "<InitiateMultipartUploadResult><UploadId>u.1</UploadId>\
        </InitiateMultipartUploadResult>";
    assert_eq!(upload_id(made).unwrap(), "u.1");
    assert!(upload_id(&made.replace("u.1", "")).is_err());
    let done =
        "<CompleteMultipartUploadResult><ETag>\"a-2\"</ETag></CompleteMultipartUploadResult>";
    assert_eq!(result_etag(done, "CompleteMultipartUploadResult").unwrap(), "\"a-2\"");
    let failed = "<Error><Code>InternalError</Code></Error>";
    assert!(result_etag(failed, "CompleteMultipartUploadResult").is_err());
    assert_eq!(error_code(failed).unwrap().as_str(), "InternalError");
    let odd = "<Error><Code>\u{1b}[31m</Code></Error>";
    assert_eq!(error_code(odd).unwrap().as_str(), "");
}

#[test]
fn tags_are_quoted_once() {
    assert_eq!(etag("abc").unwrap(), "\"abc\"");
    assert_eq!(etag("\"abc\"").unwrap(), "\"abc\"");
    assert!(etag("\"\"").is_err() && etag("a b").is_err() && etag(&"a".repeat(300)).is_err());
    let part = Part { number: 2, etag: "\"a\"".to_owned(), size: 1 };
    let expected = "<CompleteMultipartUpload><Part><ETag>&quot;a&quot;</ETag>\
        <PartNumber>2</PartNumber></Part></CompleteMultipartUpload>";
    assert_eq!(completion(&[part]), expected);
}

proptest! {
    #[test]
    fn any_text_is_taken(text in any::<String>()) {
        let wrapped = format!("<ListBucketResult><Contents><Key>{text}</Key></Contents>\
            <EncodingType>url</EncodingType></ListBucketResult>");
        for text in [text.as_str(), wrapped.as_str()] {
            let _ = (page(text, &place()), parts(text), pending(text, &place()));
            let _ = (upload_id(text), error_code(text));
        }
    }
}
