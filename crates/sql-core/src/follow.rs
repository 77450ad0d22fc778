//! From binlog events to invalidations: own writes recognised, foreign ones settled.
