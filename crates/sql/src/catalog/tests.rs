//! The cell: what was derived from an old catalog is told to be old.

use super::{CatalogCell, Scope};

#[test]
fn an_old_catalog_is_not_current() {
    let cell = CatalogCell::default();
    let old = cell.load();
    assert!(cell.is_current(&old));
    cell.publish(|catalog| catalog.forgotten(&[Scope::Server]));
    assert!(!cell.is_current(&old));
    assert!(cell.is_current(&cell.load()));
}
