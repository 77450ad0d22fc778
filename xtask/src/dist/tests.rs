//! What is read from the program's table of symbols.

use super::*;

#[test]
fn the_newest_glibc_that_is_asked_for_is_the_floor() {
    let table = "0000 DF *UND* 0000 (GLIBC_2.2.5) read\n0000 DF *UND* 0000 (GLIBC_2.34) dlsym\n\
                 0000 DF *UND* 0000 (GLIBC_2.9) pipe2\n0000 DF *UND* 0000 (GCC_3.0) _Unwind\n\
                 0000 DF *UND* 0000 (GLIBC_PRIVATE) secret\n";
    assert_eq!(glibc_floor(table).as_deref(), Some("2.34"));
    assert_eq!(glibc_floor("GLIBC_2.4 GLIBC_2.3.4").as_deref(), Some("2.4"));
    assert_eq!(glibc_floor("nothing"), None);
}
