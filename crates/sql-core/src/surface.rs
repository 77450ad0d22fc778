//! The statements and variables of the query cache that the door answers itself.
