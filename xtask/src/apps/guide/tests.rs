//! The guide has a block for every application, and only the right words in it are replaced.

use super::super::application::APPLICATIONS;
use super::*;
use crate::workspace;

const GUIDE: &str = "# Sites\n\n## One\n\ntext\n\n\
                     ```toml\n[[site]]\nhosts = [\"one.example.org\"]\n\
                     root = \"/srv/one\"\n```\n\n## Two\n\nno block\n";

#[test]
fn folder_and_host_are_put_in() {
    let site = site(GUIDE, "One", "one", Path::new("/tmp/x")).unwrap();
    assert_eq!(site, "[[site]]\nhosts = [\"one.localhost\"]\nroot = \"/tmp/x\"\n");
}

#[test]
fn a_missing_block_or_name_is_an_error() {
    assert!(block(GUIDE, "Two").is_err());
    assert!(block(GUIDE, "Three").is_err());
    assert!(site(GUIDE, "One", "two", Path::new("/tmp/x")).is_err());
}

#[test]
fn the_guide_has_every_application() {
    let file = workspace::repository_root().unwrap().join(FILE);
    let guide = std::fs::read_to_string(file).unwrap();
    assert!(block(&guide, "PHP's own limits").unwrap().contains("[php.settings]"));
    for application in APPLICATIONS {
        site(&guide, application.title, application.name, Path::new("/tmp/x")).unwrap();
    }
}
