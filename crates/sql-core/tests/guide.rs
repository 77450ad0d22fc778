//! The guide's decision table is the one that decides: every row, in its order, in its words.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use menshen_sql_core::judge::Reason;

#[test]
fn the_guide_s_table_is_the_decision_table() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/sql.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once(HEAD).expect("the guide has no decision table");
    let shown: String = rest.lines().take_while(|line| line.starts_with('|')).fold(
        String::new(),
        |mut rows, line| {
            rows.push_str(line);
            rows.push('\n');
            rows
        },
    );
    let mut wanted = String::new();
    for row in Reason::ALL {
        writeln!(wanted, "| `{}` | {} | {} |", row.code(), row.says(), row.hint()).unwrap();
    }
    assert!(shown == wanted, "docs/guide/sql.md must have these rows:\n\n{wanted}");
}

const HEAD: &str = "| row | it says | what to do |\n|---|---|---|\n";
