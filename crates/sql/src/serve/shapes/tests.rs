//! What is known is found again under the same circumstances and no other.

use menshen_sql_core::judge::{CacheType, Table};
use menshen_sql_core::lexer::{Charset, Dialect, Server};
use menshen_sql_core::versions::Slot;

use super::*;

const MODE: Mode = Mode {
    ansi_quotes: false,
    no_backslash_escapes: false,
    foreign_grammar: false,
    charset: Charset::Utf8,
    server: Server { dialect: Dialect::Mariadb, version: 101_100 },
};

fn facts(database: &[u8]) -> Facts<'_> {
    Facts {
        database: Some(database),
        cache_type: CacheType::On,
        auto_is_null: false,
        temporary: &[],
    }
}

fn read() -> KnownRead {
    let slots = SlotSet::new(&[Slot::of(b"d", b"t")]);
    KnownRead { slots, timeless: false, figures: Arc::default() }
}

#[test]
fn what_is_known_is_of_one_catalog_and_one_state() {
    let shapes = Shapes::new(2);
    let mut shelf = shapes.of(0);
    let one = b"select a from t where b = 1";
    assert!(shelf.find(one, MODE, &facts(b"d"), 7).is_none());
    shelf.keep(one, MODE, &facts(b"d"), 7, read());
    let other = b"select a from t where b = 22";
    assert!(shelf.find(other, MODE, &facts(b"d"), 7).is_some());
    assert!(shelf.find(other, MODE, &facts(b"e"), 7).is_none(), "another database");
    assert!(shelf.find(b"select b from t where b = 1", MODE, &facts(b"d"), 7).is_none());
    let demand = Facts { cache_type: CacheType::Demand, ..facts(b"d") };
    assert!(shelf.find(other, MODE, &demand, 7).is_none());
    let is_null = Facts { auto_is_null: true, ..facts(b"d") };
    assert!(shelf.find(other, MODE, &is_null, 7).is_none());
    let hidden = [Table { database: (*b"d").into(), name: (*b"t").into() }];
    let hiding = Facts { temporary: &hidden, ..facts(b"d") };
    assert!(shelf.find(other, MODE, &hiding, 7).is_none(), "a temporary table");
    let quotes = Mode { ansi_quotes: true, ..MODE };
    assert!(shelf.find(other, quotes, &facts(b"d"), 7).is_none());
    assert!(shapes.of(1).find(other, MODE, &facts(b"d"), 7).is_none(), "another thread's");
    assert!(shelf.find(other, MODE, &facts(b"d"), 8).is_none(), "another catalog");
    assert!(shelf.find(other, MODE, &facts(b"d"), 7).is_none(), "forgotten");
    shelf.keep(one, MODE, &facts(b"d"), 6, read());
    assert!(shelf.find(one, MODE, &facts(b"d"), 7).is_none(), "found out with an older one");
}

#[test]
fn more_shapes_than_there_is_room_for_begin_anew() {
    let shapes = Shapes::new(1);
    let mut shelf = shapes.of(0);
    let text = |number: usize| format!("select a{number} from t").into_bytes();
    shelf.find(b"select 1 from t", MODE, &facts(b"d"), 1);
    for number in 0..=SHAPES_MAX {
        shelf.keep(&text(number), MODE, &facts(b"d"), 1, read());
        assert!(shelf.reads.len() <= SHAPES_MAX);
    }
    assert!(shelf.find(&text(SHAPES_MAX), MODE, &facts(b"d"), 1).is_some());
    assert!(shelf.find(&text(0), MODE, &facts(b"d"), 1).is_none());
}
