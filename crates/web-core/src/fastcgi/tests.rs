//! Tests of `fastcgi`.
