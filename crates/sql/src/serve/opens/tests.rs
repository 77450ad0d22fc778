//! What proves a snapshot and what does not.

use super::reads_rows_of_tables;

#[test]
fn a_row_proves_a_snapshot_where_it_comes_from_rows() {
    for (text, proves) in [
        ("SELECT v FROM t WHERE id = 1", true),
        ("select * from users where id = 1 limit 1", true),
        ("SELECT a.* FROM a JOIN b USING (id) WHERE (a.x = 1 AND b.y = 2) ORDER BY 1", true),
        ("SELECT * FROM posts WHERE user_id IN (1, 2, 3) and (a or (b))", true),
        ("SELECT * FROM t WHERE NOT(a) OR(b)", true),
        ("SELECT COUNT(*) FROM t", false),
        ("SELECT COUNT (*) FROM t WHERE a IN (1)", false),
        ("SELECT BIT_AND(a), x.bit_or (b) FROM t", false),
        ("SELECT BIT_AND /* in */ (a) FROM t", false),
        ("SELECT max -- in\n(a) FROM t", false),
        ("SELECT max # in\n(a) FROM t", false),
        ("SELECT `max`(a) FROM t", false),
        ("SELECT a FROM t WHERE b = (SELECT MAX(c) FROM u)", false),
        ("SELECT a FROM t WHERE b IN (select c FROM u)", false),
        ("(SELECT a FROM t)", false),
        ("SELECT a FROM t UNION SELECT 1", false),
        ("SELECT a FROM t EXCEPT SELECT 1", false),
        ("WITH x AS (SELECT 1) SELECT * FROM x", false),
        ("SELECT ROW_NUMBER() OVER (ORDER BY a) FROM t", false),
    ] {
        assert_eq!(reads_rows_of_tables(text.as_bytes()), proves, "{text}");
    }
}
