//! Rights: nobody is answered from the cache what the server would refuse.

use super::{Case, Shop, warm};
use crate::support::sql_client::Client;

/// All of them.
pub(crate) const CASES: &[Case] = &[
    ("accounts without the right", without),
    ("rights taken away", revoked),
    ("roles", roles),
    ("rights on columns", columns),
    ("views with a definer", definers),
];

const SUM: &str = "SELECT SUM(v) FROM t";

/// The account `name` without a password, and with these rights only.
fn account(shop: &Shop, name: &str, rights: &[&str]) -> Client {
    let mut maker = shop.client("any");
    maker.run(&[&format!("CREATE OR REPLACE USER {name}@'%'")]);
    for right in rights {
        maker.run(&[&format!("GRANT {right} TO {name}@'%'")]);
    }
    Client::tcp(shop.address, name, "").unwrap()
}

fn without(shop: &Shop) {
    let mut fresh = shop.fresh("kept");
    fresh.writer.run(&["CREATE TABLE open (a INT)"]);
    let mut poor = account(shop, "poor", &["SELECT ON kept.open"]);
    poor.run(&["USE kept"]);
    fresh.warm(SUM);
    for _ in 0..3 {
        assert_eq!(poor.answers(SUM).unwrap_err().code, 1142);
    }
    let mut rich = account(shop, "rich", &["SELECT ON kept.*"]);
    rich.run(&["USE kept"]);
    let hits = shop.hits();
    assert_eq!(rich.one(SUM).unwrap(), "150");
    assert_eq!(rich.one(SUM).unwrap(), "150");
    assert_eq!(shop.hits() - hits, 2, "one check of the rights, then the other's entry");
    assert_eq!(poor.answers(SUM).unwrap_err().code, 1142);
}

fn revoked(shop: &Shop) {
    let mut fresh = shop.fresh("taken");
    let mut user = account(shop, "losing", &["SELECT ON taken.t"]);
    user.run(&["USE taken"]);
    for take in [
        "REVOKE SELECT ON taken.t FROM losing@'%'",
        "REVOKE ALL, GRANT OPTION FROM losing@'%'",
        "DELETE FROM mysql.tables_priv WHERE User='losing'; FLUSH PRIVILEGES",
    ] {
        assert_eq!(warm(shop, &mut user, SUM)[0][0].as_deref(), Some("150"));
        let statement = user.prepare(SUM).unwrap();
        user.execute(statement, 0, &[]).unwrap();
        user.execute(statement, 0, &[]).unwrap();
        fresh.writer.answers(take).unwrap();
        assert_eq!(user.answers(SUM).unwrap_err().code, 1142, "{take}");
        assert_eq!(user.execute(statement, 0, &[]).unwrap_err().code, 1142, "{take}");
        fresh.warm(SUM);
        assert_eq!(user.answers(SUM).unwrap_err().code, 1142, "{take}");
        fresh.writer.run(&["GRANT SELECT ON taken.t TO losing@'%'"]);
    }
    warm(shop, &mut user, SUM);
}

fn roles(shop: &Shop) {
    let mut fresh = shop.fresh("roled");
    let mut user = account(shop, "actor", &[]);
    fresh.writer.run(&[
        "CREATE OR REPLACE ROLE reading",
        "GRANT SELECT ON roled.t TO reading",
        "GRANT reading TO actor@'%'",
    ]);
    assert_eq!(user.answers("SELECT SUM(v) FROM roled.t").unwrap_err().code, 1142);
    user.run(&["SET ROLE reading", "USE roled"]);
    let mut straight = Client::tcp(shop.server.address, "actor", "").unwrap();
    straight.run(&["SET ROLE reading", "USE roled"]);
    fresh.warm(SUM);
    assert_eq!(warm(shop, &mut user, SUM)[0][0].as_deref(), Some("150"));
    user.run(&["SET ROLE NONE"]);
    assert_eq!(user.answers(SUM).unwrap_err().code, 1142);
    user.run(&["SET ROLE reading"]);
    warm(shop, &mut user, SUM);
    fresh.writer.run(&["REVOKE SELECT ON roled.t FROM reading"]);
    let truth = straight.answers(SUM).map_err(|failure| failure.code);
    assert_eq!(user.answers(SUM).map_err(|failure| failure.code), truth);
    assert!(truth.is_err(), "{truth:?}");
}

fn columns(shop: &Shop) {
    let mut fresh = shop.fresh("columned");
    fresh.warm(SUM);
    fresh.warm("SELECT * FROM t");
    fresh.warm("SELECT MAX(id) FROM t");
    let mut user = account(shop, "narrow", &["SELECT (id) ON columned.t"]);
    user.run(&["USE columned"]);
    let mut straight = Client::tcp(shop.server.address, "narrow", "columned").unwrap();
    for statement in [SUM, "SELECT * FROM t", SUM, "SELECT * FROM t"] {
        let truth = straight.answers(statement).unwrap_err();
        assert_eq!(user.answers(statement).unwrap_err().code, truth.code, "{statement}");
        assert_eq!(user.one("SELECT MAX(id) FROM t").unwrap(), "5");
    }
    // As in the server's own cache: nothing new is stored of such a table.
    let before = shop.hits();
    for _ in 0..3 {
        assert_eq!(fresh.reader.one("SELECT MIN(v) FROM t").unwrap(), "10");
    }
    assert_eq!(shop.hits(), before);
    fresh.writer.run(&["REVOKE SELECT (id) ON columned.t FROM narrow@'%'"]);
    assert_eq!(user.answers("SELECT MAX(id) FROM t").unwrap_err().code, 1142);
}

fn definers(shop: &Shop) {
    let mut fresh = shop.fresh("defined");
    fresh.writer.run(&[
        "CREATE SQL SECURITY DEFINER VIEW shown AS SELECT SUM(v) AS s FROM t",
        "CREATE SQL SECURITY INVOKER VIEW hidden AS SELECT SUM(v) AS s FROM t",
    ]);
    let mut user =
        account(shop, "viewer", &["SELECT ON defined.shown", "SELECT ON defined.hidden"]);
    user.run(&["USE defined"]);
    fresh.warm("SELECT s FROM shown");
    fresh.warm("SELECT s FROM hidden");
    assert_eq!(warm(shop, &mut user, "SELECT s FROM shown")[0][0].as_deref(), Some("150"));
    assert_eq!(user.answers("SELECT s FROM hidden").unwrap_err().code, 1356);
    fresh.writer.run(&["UPDATE t SET v=v+1"]);
    assert_eq!(user.one("SELECT s FROM shown").unwrap(), "155");
}
