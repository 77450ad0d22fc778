//! Tests of `page`: what strangers are shown, escaped.

use menshen_web_core::link::Deed;

use super::*;

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.bytes().to_vec()).unwrap()
}

fn claims() -> Claims {
    Claims {
        deed: Deed::Drop,
        path: "/secret folder/".into(),
        not_before: None,
        expires: 1_900_000_000,
        count: Some(3),
        bytes: Some(10 << 20),
        rate: None,
        networks: Vec::new(),
        id: None,
    }
}

#[test]
fn the_box_tells_its_terms_and_not_its_path() {
    for (lang, told) in [
        (Lang::En, ["until 2030-03-17 17:46 UTC", "3 more files", "10 MiB left", "Choose files"]),
        (Lang::Zh, ["截止 2030-03-17 17:46 UTC", "还可上传 3 个文件", "剩余 10 MiB", "选择文件"]),
    ] {
        let page = text(&Drop::new(lang, &claims(), None).reply());
        for word in told {
            assert!(page.contains(word), "{word}: {page}");
        }
        assert!(!page.contains("secret") && !page.contains("{{"), "{page}");
    }
    let mut used = Tally::default();
    (used.count, used.bytes) = (2, (10 << 20) - 1536);
    let page = text(&Drop::new(Lang::En, &claims(), Some(&used)).reply());
    assert!(page.contains("one more file") && page.contains("1.5 KiB left"), "{page}");
    assert!(page.contains("data-box=\"open\""));
    used.count = 3;
    let page = text(&Drop::new(Lang::En, &claims(), Some(&used)).reply());
    assert!(page.contains("data-box=\"full\"") && page.contains("takes nothing more"));
}

#[test]
fn pages_with_links_are_kept_by_nobody() {
    let shared = Shared { lang: Lang::En, title: "a/", top: true, rows: "", link: "AQ" };
    for reply in [shared.reply(), Drop::new(Lang::En, &claims(), None).thanks(2)] {
        let field = |name| {
            let found = reply.fields.iter().find(|(field, _)| *field == name);
            String::from_utf8(found.unwrap().1.to_vec()).unwrap()
        };
        assert_eq!(field("referrer-policy"), "no-referrer");
        assert_eq!(field("cache-control"), "no-store");
        assert!(field("content-security-policy").contains("default-src 'none'"));
        assert!(!text(&reply).contains(" style="));
    }
}

#[test]
fn a_shared_folder_leads_down_and_up_with_the_link_and_never_above() {
    let page = |top| {
        let shared =
            Shared { lang: Lang::En, title: "<b>&\"{{rows}}", top, rows: "<tr></tr>", link: "AQ" };
        text(&shared.reply())
    };
    assert!(page(true).contains("&lt;b&gt;&amp;&quot;{{rows}}"), "a value stays a value");
    assert!(!page(true).contains("../"));
    assert!(page(false).contains("../?menshen-link=AQ"));
}

#[test]
fn sizes_are_for_people() {
    for (bytes, told) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (10 << 20, "10 MiB"),
        (5 << 30, "5 GiB"),
    ] {
        assert_eq!(shown(bytes), told);
    }
    assert!(shown(u64::MAX).ends_with("PiB"));
}
