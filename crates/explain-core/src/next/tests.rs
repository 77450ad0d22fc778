//! A reference machine: a database first in line, an inherited immunity, groups with limits.
