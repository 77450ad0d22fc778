//! The decision table: whether a statement may be answered from the cache, and the row that says so.
