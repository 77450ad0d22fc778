//! The ways a value gets written and read.
//!
//! `K` in the statements stands for the scenario's number, `N` for the value. The value is written
//! when the last statement is acknowledged; statements before it must not show a larger one.

/// One way.
#[derive(Debug)]
pub struct Scenario {
    /// What it is, in a few words.
    pub name: &'static str,
    /// Statements that make it, value 0.
    pub setup: &'static [&'static str],
    /// Statements that write value `N`.
    pub write: &'static [&'static str],
    /// Reads that all give the value.
    pub reads: &'static [&'static str],
}

impl Scenario {
    /// A statement of scenario `number` for `value`.
    #[must_use]
    pub fn text(statement: &str, number: usize, value: i64) -> String {
        statement.replace('K', &number.to_string()).replace('N', &value.to_string())
    }
}

/// All of them. No statement has a capital K or N but as a placeholder.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "update",
        setup: &[TABLE, ROW],
        write: &["update rK set v=N where id=1"],
        reads: &["select v from rK where id=1", "select max(v) from rK"],
    },
    Scenario {
        name: "update of a table without transactions",
        setup: &["create table rK (id int primary key, v bigint) engine=myisam", ROW],
        write: &["update rK set v=N where id=1"],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "transaction",
        setup: &[TABLE, ROW],
        write: &[
            "begin",
            "update rK set v=-9 where id=1",
            "select v from rK where id=1",
            "update rK set v=N where id=1",
            "commit",
        ],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "rolled back before",
        setup: &[TABLE, ROW],
        write: &[
            "set autocommit=0",
            "update rK set v=-7 where id=1",
            "rollback",
            "set autocommit=1",
            "update rK set v=N where id=1",
        ],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "foreign key, on update cascade",
        setup: &[
            "create table rK (id bigint primary key) engine=innodb",
            "create table cK (pid bigint, foreign key (pid) references rK (id) on update cascade) \
             engine=innodb",
            "insert into rK values (0)",
            "insert into cK values (0)",
        ],
        write: &["update rK set id=N"],
        reads: &["select pid from cK", "select max(pid) from cK"],
    },
    Scenario {
        name: "trigger",
        setup: &[
            TABLE,
            ROW,
            "create table tK (v bigint) engine=innodb",
            "insert into tK values (0)",
            "create trigger gK after update on tK for each row update rK set v=new.v where id=1",
        ],
        write: &["update tK set v=N"],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "view of views",
        setup: &[
            TABLE,
            ROW,
            "create view vK as select id, v from rK",
            "create view wK as select v from vK where id=1",
        ],
        write: &["update rK set v=N where id=1"],
        reads: &["select v from wK", "select v from vK where id=1"],
    },
    Scenario {
        name: "view defined anew",
        setup: &[
            "create table oK (id int) engine=innodb",
            "insert into oK values (1)",
            "create view rK as select 0 as v from oK",
        ],
        write: &["create or replace view rK as select N as v from oK"],
        reads: &["select v from rK"],
    },
    Scenario {
        name: "tables renamed",
        setup: &[TABLE, ROW],
        write: &[
            "drop table if exists newK, oldK",
            "create table newK (id int primary key, v bigint) engine=innodb",
            "insert into newK values (1, N)",
            "rename table rK to oldK, newK to rK",
        ],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "procedure",
        setup: &[TABLE, ROW, "create procedure pK(n bigint) update rK set v=n where id=1"],
        write: &["call pK(N)"],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "function that writes",
        setup: &[
            TABLE,
            ROW,
            "create function fK(n bigint) returns int modifies sql data begin update rK set v=n \
             where id=1; return 1; end",
        ],
        write: &["select fK(N)"],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "update of two tables",
        setup: &[TABLE, ROW, "create table sK like rK", "insert into sK values (1, 0)"],
        write: &["update rK join sK using (id) set rK.v=N, sK.v=N"],
        reads: &["select v from sK where id=1", "select rK.v from rK join sK on rK.v=sK.v"],
    },
    Scenario {
        name: "replace and insert on duplicate key",
        setup: &[TABLE, ROW],
        write: &[
            "replace into rK values (2, N)",
            "insert into rK values (1, N) on duplicate key update v=N",
        ],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "insert and delete",
        setup: &[
            "create table rK (v bigint primary key) engine=innodb",
            "insert into rK values (0)",
        ],
        write: &["delete from rK where v < N - 3", "insert into rK values (N)"],
        reads: &["select max(v) from rK", "select v from rK order by v desc limit 1"],
    },
    Scenario {
        name: "prepared in text",
        setup: &[TABLE, ROW],
        write: &["prepare s from 'update rK set v=? where id=1'", "set @n=N", "execute s using @n"],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "two-phase transaction",
        setup: &[TABLE, ROW],
        write: &[
            "xa start 'xK-N'",
            "update rK set v=N where id=1",
            "xa end 'xK-N'",
            "xa prepare 'xK-N'",
            "xa commit 'xK-N'",
        ],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "partition exchanged",
        setup: &[
            "create table rK (id int, v bigint) engine=innodb partition by range (id) (partition \
             p0 values less than (100))",
            "create table eK (id int, v bigint) engine=innodb",
            "insert into rK values (1, 0)",
            "insert into eK values (1, 0)",
        ],
        write: &["update eK set v=N", "alter table rK exchange partition p0 with table eK"],
        reads: &["select v from rK", "select max(v) from rK"],
    },
    Scenario {
        name: "temporary table in its way",
        setup: &[TABLE, ROW],
        write: &[
            "create temporary table rK (id int primary key, v bigint)",
            "insert into rK values (1, -5)",
            "select v from rK where id=1",
            "drop temporary table rK",
            "update rK set v=N where id=1",
        ],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "two statements in one packet",
        setup: &[TABLE, ROW],
        write: &["select v from rK where id=1; update rK set v=N where id=1"],
        reads: &["select v from rK where id=1"],
    },
    Scenario {
        name: "locked tables",
        setup: &[TABLE, ROW],
        write: &["lock tables rK write", "update rK set v=N where id=1", "unlock tables"],
        reads: &["select v from rK where id=1"],
    },
];

const TABLE: &str = "create table rK (id int primary key, v bigint) engine=innodb";
const ROW: &str = "insert into rK values (1, 0)";

#[cfg(test)]
mod tests;
