//! Versions of tables: one word of shared memory a table, bumped by writes, compared by hits.
