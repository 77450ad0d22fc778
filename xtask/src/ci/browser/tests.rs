//! The URL is found in what the server prints.

use super::*;

#[test]
fn the_token_url_is_found_among_other_words() {
    let said = "workers: 2\nopen: \"https://localhost:8443/#token=aB-_9\" (owner)\n";
    assert_eq!(token_url(said).unwrap(), "https://localhost:8443/#token=aB-_9");
    assert_eq!(token_url("https://localhost:8443/ and no token"), None);
}
