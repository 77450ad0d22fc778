//! The MySQL and MariaDB client/server protocol as bytes: packets, capabilities, greeting, login,
//! authentication, commands, OK/ERR/EOF, responses, prepared statements.
