//! Events of the binary log, MariaDB and MySQL, as far as they name tables.
