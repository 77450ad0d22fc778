//! Tokens of a statement, as the server sees them: `sql_mode`, character set, comments.
