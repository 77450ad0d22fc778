//! One page, all of the text.

use alloc::string::ToString;

use super::*;
use crate::page::csp::Policies;
use crate::page::report::{Document, Facts, Twin};
use crate::page::{Url, html};

#[test]
fn golden() {
    let page = Url::parse("https://page.test/").unwrap();
    let scan = html::scan(&page, &page, include_str!("sample.html"), Policies::default());
    let mut facts = Facts {
        page: page.to_string(),
        references: scan.references,
        seen: scan.seen,
        documents: [Document { url: page.to_string(), kind: "page", status: 200, fault: None }]
            .into(),
        ..Facts::default()
    };
    for one in &facts.references {
        let twin = match one.url.contains("old") {
            true => Twin::BadCertificate { why: "expired".into() },
            false => Twin::Works { status: 200 },
        };
        facts.twins.insert(one.url.clone(), twin);
    }
    let text = text(&Report::new(facts));
    let golden = include_str!("sample.txt");
    assert_eq!(text, golden, "\n{text}");
}
