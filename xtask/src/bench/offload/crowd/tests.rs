//! A page that was never answered counts, with the time it has waited.

use super::*;

#[test]
fn fetches_belong_to_the_time_they_were_due() {
    let text = "{\"start_unix_ms\":1000,\"ended_ms\":2000,\
                \"fetched\":[[0,90000],[300,1000],[400,2000],[1000,5000]],\"failed\":[900],\
                \"unanswered\":[1500]}";
    let fetches = Fetches::parse(text).unwrap();
    assert_eq!(fetches.unanswered, [(2500.0, 500.0)]);
    let mut figures = Figures::default();
    fetches.figures(1900.0, 3000.0, &mut figures);
    let lines = figures.lines(Kind::Nginx, 0).join("\n");
    for line in [
        "page_idle_max,2",
        "page_idle_count,2",
        "page_load_count,2",
        "page_load_p50,5",
        "page_load_max,500",
        "page_failed,1",
        "page_unanswered,1",
    ] {
        assert!(lines.contains(&format!("\"nginx\",0,{line}")), "{line} in\n{lines}");
    }
    assert!(Fetches::parse("{}").is_err());
}

#[test]
fn only_what_was_seen_while_all_were_held_counts_as_held() {
    let look = |at_ms| Look { at_ms, memory_mib: at_ms, busy: None };
    let looks = [look(100.0), look(600.0), look(1000.0), look(2500.0)];
    let crowd = |asked_ms| Crowd { asked_ms, kinds: Vec::new(), people: [1.0; 3], busy_secs: 2.0 };
    let held = |crowd: &Crowd| crowd.held(&looks, 0.0).map(|look| look.at_ms).collect::<Vec<_>>();
    assert_eq!(held(&crowd(Some(500.0))), [600.0, 1000.0]);
    assert_eq!(held(&crowd(None)), [0.0; 0]);
}
