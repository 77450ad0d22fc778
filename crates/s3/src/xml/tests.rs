//! XML: what answers look like, and what must not hurt.

use proptest::prelude::{any, proptest};

use super::{Step, escaped, walk};

fn steps(text: &str) -> Option<Vec<String>> {
    let mut seen = Vec::new();
    walk(text, |step| {
        seen.push(match step {
            Step::Leaf { parent, name, text } => format!("{parent}>{name}={text}"),
            Step::Close(name) => format!("/{name}"),
        });
    })?;
    Some(seen)
}

#[test]
fn an_answer() {
    let text = "<?xml version=\"1.0\"?>\n<s:List xmlns:s='a>b'><!-- <x> --><E><Key>a&amp;b&#x41;\
                </Key><Owner><ID/></Owner><T><![CDATA[<&]]></T></E> <E></E></s:List>\n";
    let expected = ["E>Key=a&bA", "Owner>ID=", "/Owner", "E>T=<&", "/E", "List>E=", "/List"]
        .map(str::to_owned);
    assert_eq!(steps(text).unwrap(), expected);
}

#[test]
fn what_is_not_well_formed() {
    let deep = "<a>".repeat(17) + &"</a>".repeat(17);
    for text in [
        "",
        "x",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a>&b;</a>",
        "<a>&#xD800;</a>",
        "<a",
        "<>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<a>&",
        "<a/>x",
        &deep,
    ] {
        assert_eq!(steps(text), None, "{text}");
    }
    assert!(steps(&("<a>".repeat(16) + &"</a>".repeat(16))).is_some());
}

proptest! {
    #[test]
    fn any_text_is_taken(text in "[<>/a!?\\-&;:\"'\\[\\]#x0 é]{0,80}") {
        let _ = steps(&text);
    }

    #[test]
    fn what_is_escaped_comes_back(text in any::<String>()) {
        let expected = vec![format!(">a={text}")];
        assert_eq!(steps(&format!("<a>{}</a>", escaped(&text))), Some(expected));
    }
}
