//! What a statement does: reads, writes and to which names, changes of session and schema.
