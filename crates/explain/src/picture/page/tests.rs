//! The policy of the page allows its style sheet and nothing else.

use super::*;

#[test]
fn base64_is_that_of_rfc_4648() {
    let known = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
    for (bytes, letters) in known {
        assert_eq!(base64(bytes.as_bytes()), letters);
    }
}

#[test]
fn the_policy_names_the_style_sheet() {
    let page = page("a <title>", "a{}", "", "");
    assert!(page.contains("<title>a &lt;title&gt;</title>"), "{page}");
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64(digest(&SHA256, style.as_bytes()).as_ref());
    assert!(page.contains(&format!("default-src 'none'; style-src 'sha256-{hash}';")), "{page}");
}
