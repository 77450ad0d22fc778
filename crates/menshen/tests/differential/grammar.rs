//! Statements by a grammar: the shapes in which names, texts, comments and calls can hide.
//!
//! A statement is a list of tokens, so that mutations can move them; [`joined`] puts blanks and
//! comments between. Many are refused by the server: that is as good a case as any.

use super::pieces::{BLANKS, EXPRESSIONS, LITERALS, ODD_LITERALS, TABLES};
use super::random::Random;

/// Makes statements.
pub(crate) struct Grammar<'r> {
    pub(crate) random: &'r mut Random,
    /// Whether `"` quotes names.
    pub(crate) ansi: bool,
    out: Vec<String>,
    depth: usize,
    /// What columns of the query at hand may be qualified with.
    scope: Vec<String>,
}

impl<'r> Grammar<'r> {
    pub(crate) fn new(random: &'r mut Random, ansi: bool) -> Self {
        Self { random, ansi, out: Vec::new(), depth: 0, scope: Vec::new() }
    }

    /// A statement that mostly reads.
    pub(crate) fn read(mut self) -> Vec<String> {
        match self.random.below(12) {
            0 => self.with(),
            1 => self.put("("),
            _ => {}
        }
        let bracket = self.out.last().is_some_and(|last| last == "(");
        self.query();
        if bracket {
            self.put(")");
            if self.random.one_in(3) {
                self.compound();
            }
        }
        let tail = [
            "FOR UPDATE",
            "LOCK IN SHARE MODE",
            "INTO @x",
            "PROCEDURE ANALYSE ( )",
            ";",
            "; ;",
            "INTO OUTFILE 'x'",
            "LIMIT 2",
            "LIMIT 1 OFFSET 1",
            "FOR UPDATE NOWAIT",
            "LIMIT 1 , 2",
            "OFFSET 0 ROWS FETCH FIRST 2 ROWS ONLY",
            "LIMIT ROWS EXAMINED 1000",
        ];
        if self.random.one_in(12) {
            let text = self.random.of(&tail);
            self.put(text);
        }
        self.out
    }

    /// A statement that mostly writes.
    pub(crate) fn write(mut self) -> Vec<String> {
        self.depth = 2;
        match self.random.below(13) {
            0..3 => self.insert(),
            3..5 => self.update(),
            5..7 => self.delete(),
            7 => {
                let calls = [
                    "p_write ( 4 )",
                    "p_read ( )",
                    "d1 . p_nest ( )",
                    "d1 . p_write ( 5 )",
                    "p_nest",
                    "d2 . p_call ( )",
                ];
                let call = self.random.of(&calls);
                self.put("CALL");
                self.put(call);
            }
            8 => {
                self.put("DO");
                self.expression();
            }
            9 => self.with_write(),
            10 => {
                self.put("SELECT d1 . f_write ( 1 ) FROM");
                self.table();
            }
            _ => self.query(),
        }
        self.out
    }

    fn insert(&mut self) {
        let verb =
            self.random.of(&["INSERT INTO", "INSERT", "REPLACE INTO", "REPLACE", "INSERT IGNORE"]);
        self.put(verb);
        self.target();
        match self.random.below(5) {
            0 => self.put("SET a = 3"),
            1 => self.put("VALUES ( ) , ( )"),
            2 => self.put("( a ) VALUES ( ( SELECT MAX( n ) FROM d2 . log2 ) ) , ( 4 )"),
            3 => {
                self.put("( a )");
                self.put("SELECT a FROM");
                self.sources();
            }
            _ => self.put("( id , a ) VALUES ( 1 , 1 ) ON DUPLICATE KEY UPDATE a = f_write ( 2 )"),
        }
        if self.random.one_in(5) {
            self.put("RETURNING a");
        }
    }

    fn update(&mut self) {
        let verb = self.random.of(&["UPDATE", "UPDATE IGNORE", "UPDATE LOW_PRIORITY"]);
        self.put(verb);
        if self.random.one_in(2) {
            self.target();
        } else {
            self.sources();
        }
        let set = ["SET a = 1", "SET t1 . a = 2", "SET t1 . id = 77 , t2 . a = 1", "SET x . a = 1"];
        let set = self.random.of(&set);
        self.put(set);
        if self.random.one_in(2) {
            self.put("WHERE");
            self.expression();
        }
    }

    fn delete(&mut self) {
        match self.random.below(3) {
            0 => {
                self.put("DELETE FROM");
                self.target();
            }
            1 => {
                let list = ["t1", "t1 , t2", "t1 . *", "d1 . t1", "x", "t2 , d2 . t4"];
                let list = self.random.of(&list);
                self.put("DELETE");
                self.put(list);
                self.put("FROM");
                self.sources();
            }
            _ => {
                let list = self.random.of(&["t1", "t1 , t2", "d1 . t1", "x", "d1 . t2 . *"]);
                self.put("DELETE QUICK FROM");
                self.put(list);
                self.put("USING");
                self.sources();
            }
        }
        if self.random.one_in(2) {
            self.put("WHERE");
            self.expression();
        }
    }

    fn with_write(&mut self) {
        self.with();
        if self.random.one_in(2) {
            self.put("DELETE FROM t1 WHERE a IN ( SELECT a FROM x )");
        } else {
            self.update();
        }
    }

    /// What is written: plain tables, views, tables with triggers or children.
    fn target(&mut self) {
        let name = self.random.of(&[
            "t1", "t2", "t3", "d2 . t4", "tr", "d1 . tr", "v1", "v2", "m1", "mm", "p1", "log1",
            "`select`", "d2 . t1", "T1", "sv", "aria1", "count", "vf",
        ]);
        self.put(name);
    }

    fn with(&mut self) {
        self.put("WITH");
        if self.random.one_in(2) {
            self.put("RECURSIVE");
        }
        for more in [true, self.random.one_in(3)] {
            if !more {
                break;
            }
            if self.out.last().is_some_and(|last| last == ")") {
                self.put(",");
            }
            let name = self.random.of(&["x", "t1", "t2", "cte", "recursive", "count"]);
            self.put(name);
            if self.random.one_in(3) {
                self.put("( a )");
            }
            self.put("AS (");
            self.query();
            self.put(")");
        }
    }

    fn query(&mut self) {
        self.depth += 1;
        self.select();
        if self.depth < 3 && self.random.one_in(8) {
            self.compound();
        }
        self.depth -= 1;
    }

    fn compound(&mut self) {
        let word = self.random.of(&["UNION", "UNION ALL", "UNION DISTINCT", "EXCEPT", "INTERSECT"]);
        self.put(word);
        match self.random.below(3) {
            0 => {
                self.put("(");
                self.select();
                self.put(")");
            }
            1 if self.random.one_in(4) => self.put("VALUES ( 1 ) , ( 2 )"),
            _ => self.select(),
        }
    }

    fn select(&mut self) {
        self.put("SELECT");
        if self.random.one_in(6) {
            let option = self.random.of(&[
                "SQL_CACHE",
                "SQL_NO_CACHE",
                "DISTINCT",
                "ALL",
                "SQL_CALC_FOUND_ROWS",
                "STRAIGHT_JOIN",
                "HIGH_PRIORITY",
                "SQL_BUFFER_RESULT",
                "SQL_BIG_RESULT DISTINCT",
                "DISTINCTROW SQL_CACHE",
                "/*+ BKA(t1) */",
                "/*+ x */ SQL_CACHE",
            ]);
            self.put(option);
        }
        // Sources first: columns are of them.
        let head = std::mem::take(&mut self.out);
        let outer = std::mem::take(&mut self.scope);
        self.sources();
        let sources = std::mem::replace(&mut self.out, head);
        self.items();
        if !self.random.one_in(40) {
            self.put("FROM");
            self.out.extend(sources);
        }
        self.clauses();
        self.scope = outer;
    }

    fn items(&mut self) {
        match self.random.below(12) {
            0 | 1 => {
                let item = self.random.of(&["*", "COUNT( * )", "t1 . *", "a", "a , b"]);
                self.put(item);
            }
            // MariaDB 10.11 ends when it misses a column of three parts in a view or join.
            2 if self.depth == 1 && self.random.one_in(3) => {
                self.put("d1 . t1 . a , d2 . t1 . a FROM d1 . t1 , d2 . t1 UNION SELECT 1 , a");
            }
            _ => {
                self.expression();
                if self.random.one_in(4) {
                    let alias =
                        ["AS x", "x", "AS 'from t2'", "AS `select`", "AS t2", "from2", "'x'"];
                    let alias = self.random.of(&alias);
                    self.put(alias);
                }
                if self.random.one_in(4) {
                    self.put(",");
                    self.expression();
                }
            }
        }
    }

    fn clauses(&mut self) {
        if self.random.one_in(2) {
            self.put("WHERE");
            self.expression();
        }
        if self.random.one_in(6) {
            let tail = self.random.of(&[
                "GROUP BY a",
                "GROUP BY a WITH ROLLUP",
                "GROUP BY 1 HAVING COUNT( * ) > 0",
                "ORDER BY a",
                "ORDER BY a DESC , 1",
                "LIMIT 3",
                "HAVING 1",
                "WINDOW w AS ( ORDER BY a )",
            ]);
            self.put(tail);
        }
    }

    fn sources(&mut self) {
        self.source();
        for _ in 0..self.random.of(&[0, 0, 0, 1, 1, 2]) {
            let join = self.random.of(&[
                ",",
                "JOIN",
                "INNER JOIN",
                "CROSS JOIN",
                "STRAIGHT_JOIN",
                "LEFT JOIN",
                "RIGHT OUTER JOIN",
                "NATURAL JOIN",
                ",",
                "NATURAL LEFT JOIN",
            ]);
            self.put(join);
            self.source();
            let outer = join.starts_with("LEFT") || join.starts_with("RIGHT");
            if outer || join.ends_with("JOIN") && !join.starts_with("NAT") && self.random.one_in(3)
            {
                let on = self.random.of(&["ON 1", "USING ( a )", "ON TRUE", "USING ( id , a )"]);
                self.put(on);
            }
        }
    }

    fn source(&mut self) {
        match self.random.below(14) {
            0 if self.depth < 4 => {
                self.put("(");
                self.query();
                self.put(")");
                let alias = self.random.of(&["x", "AS y", "AS t1", "dt ( a )", "`d x`"]);
                self.put(alias);
            }
            1 => {
                self.put("(");
                self.source();
                self.put(self.odd_join());
                self.source();
                self.put(")");
            }
            2 if self.out.last().is_none_or(|last| last == ",") => {
                self.put("{ OJ");
                self.table();
                self.put("LEFT JOIN");
                self.table();
                self.put("ON 1 }");
            }
            3 => {
                let odd = self.random.of(&[
                    "JSON_TABLE ( '[1,2]' , '$[*]' COLUMNS ( a INT PATH '$' ) ) jt",
                    "DUAL",
                    "( VALUES ( 1 ) , ( 2 ) ) v",
                    "seq_1_to_3",
                    "seq_1_to_3 , t2",
                    "p1 PARTITION ( p0 )",
                    "p1 PARTITION ( p0 , px ) x",
                    "sv FOR SYSTEM_TIME ALL",
                    "information_schema . TABLES",
                    "mysql . user",
                    "t1 USE INDEX ( PRIMARY )",
                    "t1 FORCE INDEX FOR JOIN ( a )",
                    "t1 IGNORE KEY FOR ORDER BY ( a ) , t2",
                    "t1 x , t2 y",
                    "t1 AS t2 , t2 AS t1",
                    "( t1 )",
                    "( ( t1 , t2 ) )",
                    "t1 NATURAL JOIN ( t2 , t3 )",
                    "( t1 JOIN t2 ) , d2 . t4",
                    "TABLE t1",
                    "( t1 x , ( SELECT a FROM m1 ) y )",
                    "t1 USE INDEX ( ) , t3",
                    "LATERAL ( SELECT 1 ) x",
                    "t1 value , t2 end",
                    "t1 offset",
                    "t1 lateral , t2",
                ]);
                self.put(odd);
            }
            _ => {
                self.table();
                if self.random.one_in(4) {
                    let alias = self.random.of(&["x", "AS x", "AS `t2`", "y", "count", "AS value"]);
                    self.put(alias);
                    self.scope.pop();
                    self.scope.push(alias.trim_start_matches("AS ").replace('`', ""));
                }
            }
        }
    }

    fn odd_join(&self) -> &'static str {
        if self.depth.is_multiple_of(2) { "," } else { "JOIN" }
    }

    fn table(&mut self) {
        let database = match self.random.below(8) {
            0 => Some("d1"),
            1 => Some("d2"),
            2 if self.random.one_in(3) => Some("odd db"),
            _ => None,
        };
        if let Some(database) = database {
            self.ident(database);
            self.put(".");
        } else if self.random.one_in(60) {
            self.put(".");
        }
        let name = self.random.of(TABLES);
        let usual = ["t1", "t2", "v1", "T1", "m1", "p1", "mm", "v2", "select", "count"];
        let name = if self.random.one_in(3) { name } else { self.random.of(&usual) };
        self.ident(name);
        self.scope.push(name.to_owned());
    }

    /// A name, with quotes if it needs them or by chance.
    fn ident(&mut self, name: &str) {
        let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.is_empty();
        let reserved = matches!(name, "select" | "table" | "from");
        if plain && !reserved && !self.random.one_in(4) {
            return self.put(name);
        }
        let quote = if self.ansi && self.random.one_in(2) { "\"" } else { "`" };
        let doubled = name.replace(quote, &quote.repeat(2));
        self.out.push(format!("{quote}{doubled}{quote}"));
    }

    fn expression(&mut self) {
        self.depth += 1;
        match self.random.below(16) {
            0..5 => self.column(),
            5 => self.literal(),
            6..9 => {
                let fixed = self.random.of(EXPRESSIONS);
                self.put(fixed);
            }
            9 => {
                self.put("(");
                self.expression();
                self.put(")");
            }
            10 | 11 if self.depth < 5 => {
                let before = self.random.of(&[
                    "",
                    "EXISTS",
                    "NOT EXISTS",
                    "a IN",
                    "a NOT IN",
                    "a = ANY",
                    "1 > ALL",
                    "a <",
                    "NOT",
                ]);
                self.put(before);
                self.put("(");
                self.query();
                self.put(")");
            }
            12 if self.depth < 6 => self.call(),
            _ if self.depth < 6 => {
                self.column();
                let operator = self.random.of(&[
                    "=", "<=>", "<", "+", "AND", "OR", "||", "LIKE", "DIV", "XOR", "RLIKE", ">=",
                    "<>", "!=", "&&", "MOD", "-", "--", "- -",
                ]);
                self.put(operator);
                self.expression();
            }
            _ => self.literal(),
        }
        self.depth -= 1;
    }

    fn call(&mut self) {
        let name = self.random.of(&[
            "UPPER",
            "IF",
            "CONCAT",
            "COALESCE",
            "GREATEST",
            "f_pure",
            "f_read",
            "d1.f_read",
            "LENGTH",
            "nvl3",
            "MEDIAN",
            "NVL",
            "`f_read`",
            "`UPPER`",
            "MAX",
            "NOW",
        ]);
        // Most built-ins take no blank in front of their bracket.
        let name = if self.random.one_in(9) { name.to_owned() } else { format!("{name}(") };
        self.put(&name);
        if !name.ends_with('(') {
            self.put("(");
        }
        self.expression();
        self.put(",");
        self.expression();
        self.put(")");
    }

    fn column(&mut self) {
        let scope = match self.scope.len() {
            0 => None,
            len => Some(self.scope[self.random.below(len)].clone()),
        };
        match (self.random.below(12), scope) {
            (0, _) => {
                let name = self.random.of(&["t2 . a", "x . a", ". t1 . a", "v1 . a", "d1 . a"]);
                self.put(name);
            }
            (1, _) => {
                let name = self.random.of(&["a", "b", "id", "n", "t3", "from"]);
                self.ident(name);
            }
            (2..4, _) | (_, None) => self.put("a"),
            (_, Some(scope)) => {
                self.ident(&scope);
                self.put(".");
                self.put("a");
            }
        }
    }

    fn literal(&mut self) {
        let odd = self.random.one_in(8);
        let literal = self.random.of(if odd { ODD_LITERALS } else { LITERALS });
        self.put(literal);
    }

    /// Tokens by the blanks between them.
    fn put(&mut self, text: &str) {
        let texts = text.contains(['\'', '"', '/']);
        if texts {
            self.out.push(text.to_owned());
        } else {
            self.out.extend(text.split(' ').filter(|one| !one.is_empty()).map(ToOwned::to_owned));
        }
    }
}

/// The statement's text: tokens with blanks, odd blanks and comments between them.
pub(crate) fn joined(tokens: &[String], random: &mut Random) -> Vec<u8> {
    let odd = random.one_in(3);
    let mut text = Vec::new();
    if odd && random.one_in(4) {
        text.extend_from_slice(random.of(BLANKS).as_bytes());
    }
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 {
            let tight = |text: &str| text.chars().all(|c| ".(),=<>".contains(c));
            let before = tokens.get(at - 1).is_some_and(|one| tight(one));
            let blank = match random.below(40) {
                0 | 1 if odd => random.of(BLANKS),
                0..16 if before || tight(token) => "",
                _ => " ",
            };
            text.extend_from_slice(blank.as_bytes());
        }
        if odd && random.one_in(4) {
            text.extend(token.to_ascii_lowercase().bytes());
        } else {
            text.extend(token.bytes());
        }
    }
    text
}
