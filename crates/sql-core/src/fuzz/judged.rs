//! Any bytes before the decision table, the catalog's texts, the surface and the digest.

use super::statement::picked;
use crate::catalog::{Builder, Catalog, LetterCase, RoutineRow, TableRow, TriggerRow, Unseen};
use crate::judge::{CacheType, Facts, Names, Relation, Routine, RoutineKind, Verdict};
use crate::judge::{judge as decide, writes};
use crate::lexer::{Dialect, Lexer, Server, TokenKind};
use crate::statement::{self, Flag, Kind, Role, read};
use crate::surface::{
    Accounts, Answer, Effect, Globals, Locals, Native, Status, Step, View, look, without_keywords,
};

/// The decision table and the list of writes; the first byte picks the mode.
pub fn judge(data: &[u8]) {
    let (mode, bytes) = picked(data);
    let catalog = schema(b"select a from d.t1", b"");
    let facts = Facts {
        database: Some(b"d"),
        cache_type: CacheType::On,
        auto_is_null: false,
        temporary: &[],
    };
    let statement = read(bytes, mode);
    let verdict = decide(&statement, &facts, &catalog);
    let written = writes(&statement, &facts, &catalog);
    if statement.is(Flag::Uncertain) {
        assert!(written.everything.is_some(), "an uncertain text writes something known");
    }
    if let Verdict::Cacheable(relations) = &verdict {
        assert_eq!(statement.kind, Kind::Select);
        assert!(written.is_nothing(), "what is cached writes");
        assert!(!relations.is_empty() && relations.iter().all(|known| known.bar.is_none()));
        let source = |role: Role| matches!(role, Role::Source);
        for name in statement.names.iter().filter(|name| source(name.role)) {
            let cte = |other: &statement::Name<'_>| {
                other.role == Role::Cte
                    && other.name.bytes().eq_ignore_ascii_case(&name.name.bytes())
            };
            let named = |known: &&crate::judge::Known| *known.table.name == *name.name.bytes();
            let defined = name.qualifier.is_none() && statement.names.iter().any(cte);
            assert!(defined || relations.iter().any(named), "a source is no dependency");
        }
        // Where the default database is another, names without one are other tables.
        let elsewhere = Facts { database: None, ..facts };
        let unqualified = statement.names.iter().all(|name| name.qualifier.is_none());
        let decided = decide(&statement, &elsewhere, &catalog);
        assert!(!unqualified || matches!(decided, Verdict::Not(_)));
    }
    // Blanks and a comment in front change nothing.
    let mut padded = b" /* x */\n".to_vec();
    padded.extend_from_slice(bytes);
    let padded = read(&padded, mode);
    if statement.kind == Kind::Select {
        assert_eq!(decide(&padded, &facts, &catalog), verdict, "a comment changed the verdict");
    }
}

/// Texts stored in the schema: a view's definition, a body, a MERGE table's list, cut at NULs.
pub fn catalog(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let (definition, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let catalog = schema(definition, body);
    for name in [&b"t1"[..], b"v", b"merged", b"tr"] {
        let Relation::Known(known) = catalog.relation(b"d", name) else {
            assert!(matches!(name, b"merged"), "a relation was lost");
            continue;
        };
        assert!(known.reads.contains(&known.table), "it does not read itself");
        let own = known.writes.everything || known.writes.tables.contains(&known.table);
        assert!(own, "it does not write itself");
        assert!(known.bar.is_some() || known.read_writes == crate::judge::Effect::default());
    }
    assert!(matches!(catalog.routine(RoutineKind::Function, b"d", b"F"), Routine::Known(_)));
    let hidden = schema(b"", body);
    let view = hidden.relation(b"d", b"v");
    assert!(matches!(view, Relation::Known(known) if known.bar.is_some()), "a hidden view is read");
}

/// Digests: no literal is left, the limit holds, and a digest's digest is itself.
pub fn digest(data: &[u8]) {
    let (mode, bytes) = picked(data);
    let short = statement::digest(bytes, mode, 64);
    assert!(short.len() <= 64, "a digest above its limit");
    let whole = statement::digest(bytes, mode, usize::MAX);
    assert!(whole.len() <= bytes.len() * 2 + 64, "a digest grew");
    for token in Lexer::new(&whole, mode) {
        assert!(!matches!(token.kind, TokenKind::Text | TokenKind::Number), "a literal was left");
    }
}

/// The surface: any statement, then answers of any bytes, until it is done.
pub fn surface(data: &[u8]) {
    let (mode, bytes) = picked(data);
    let globals = Globals::new(CacheType::On, 1 << 20, 1 << 20);
    let (locals, status) = (Locals::new(&globals), Status::default());
    for native in [Native::Known, Native::Removed] {
        let accounts = Accounts { users: &[], clients: &[], control_user: b"c" };
        let (globals, locals, status) = (&globals, &locals, &status);
        let view = View { native, mode, globals, locals, status, after_hit: true, accounts };
        if let Some((mut plan, mut step)) = look(bytes, &view) {
            for round in 0..ROUNDS_MAX {
                let answer = match step {
                    Step::Ask(_) if bytes.len() % 3 == 0 => Answer::Ok,
                    Step::Ask(_) => Answer::Row {
                        types: [0xfd, 8].to_vec(),
                        values: [Some(bytes.to_vec()), None].to_vec(),
                    },
                    Step::Send { statement: _, patch } => {
                        if let Some(mut patch) = patch {
                            // Rows of any bytes stay or become rows.
                            patch.row(bytes);
                            patch.row(b"\x11query_cache_limit\x011");
                            patch.end();
                        }
                        Answer::Relayed { ok: bytes.len() % 2 == 0 }
                    }
                    Step::Done(effects) => {
                        assert!(effects.len() <= bytes.len(), "more effects than words");
                        let counted = |effect: &Effect| {
                            matches!(effect, Effect::Global(_) | Effect::Session(_))
                        };
                        assert!(
                            effects.iter().filter(|effect| counted(effect)).count() <= bytes.len()
                        );
                        break;
                    }
                    Step::Refuse(_) | Step::Explain(_) | Step::Top => break,
                };
                assert!(round + 1 < ROUNDS_MAX, "a statement of the surface does not end");
                step = plan.resume(answer, &view);
            }
        }
        if let Some(without) = without_keywords(bytes, mode) {
            assert!(without.len() <= bytes.len(), "a statement grew");
        }
    }
}

/// Two databases with a table of each kind; `definition` is the view's, `body` the function's and
/// the trigger's.
/// Two databases with a table of each kind.
pub(crate) fn schema(definition: &[u8], body: &[u8]) -> Catalog {
    let server = Server { dialect: Dialect::Mariadb, version: 101_119 };
    let before = Catalog::default();
    let mut builder = Builder::new(&before, server);
    builder.server(LetterCase::Sensitive, false, Unseen::None);
    let kinds: &[(&[u8], &[u8], &[u8])] = &[
        (b"t1", b"BASE TABLE", b"InnoDB"),
        (b"t2", b"BASE TABLE", b"MyISAM"),
        (b"tr", b"BASE TABLE", b"InnoDB"),
        (b"merged", b"BASE TABLE", b"MRG_MYISAM"),
        (b"v", b"VIEW", b""),
        (b"s", b"SEQUENCE", b"InnoDB"),
        (b"old", b"SYSTEM VERSIONED", b"InnoDB"),
        (b"far", b"BASE TABLE", b"FEDERATED"),
    ];
    for db in [&b"d"[..], b"e"] {
        builder.schema(db);
        for (name, kind, engine) in kinds {
            let engine = Some(*engine).filter(|engine| !engine.is_empty());
            builder.table(&TableRow { db, name, kind, engine });
        }
        builder.view(db, b"v", definition);
        builder.merge(db, b"merged", body);
        builder.trigger(&TriggerRow { db, table: b"tr", body, sql_mode: b"" });
        let (name, kind) = (b"f", b"FUNCTION");
        builder.routine(&RoutineRow { db, name, kind, body: Some(body), sql_mode: b"ANSI_QUOTES" });
    }
    builder.finish(&before)
}

const ROUNDS_MAX: usize = 10_000;
