//! What every picture is tested for.

use super::canvas::Area;

pub(crate) fn meet(areas: &[Area]) -> Vec<(&Area, &Area)> {
    let mut met = Vec::new();
    for (place, one) in areas.iter().enumerate() {
        for other in areas.iter().skip(place + 1) {
            let beside = one.right <= other.left || other.right <= one.left;
            let above = one.bottom <= other.top || other.bottom <= one.top;
            if !beside && !above {
                met.push((one, other));
            }
        }
    }
    met
}

/// Every tag is closed in its order, attributes are quoted, and `&` begins a known entity.
pub(crate) fn well_formed(document: &str, alone: &[&str]) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.find(['<', '&', '>']) {
        rest = &rest[at..];
        if rest.starts_with('&') {
            let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
            assert!(known.iter().any(|name| rest.starts_with(name)), "{}", excerpt(rest));
            rest = &rest[1..];
            continue;
        }
        assert!(rest.starts_with('<'), "a stray > before {}", excerpt(rest));
        let end = rest.find('>').unwrap_or_else(|| panic!("no end: {}", excerpt(rest)));
        let tag = &rest[1..end];
        assert!(!tag.contains('<') && tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.trim_matches('/').split_whitespace().next().unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{}", excerpt(rest));
        } else if !tag.ends_with('/') && !alone.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert_eq!(open, [""; 0]);
}

fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}
