//! Which accounts could be the door itself.

use super::*;

fn door(own: Option<&[u8]>) -> Impostors {
    Impostors::new(own.map(<[u8]>::to_vec), Origin::Hidden)
}

#[test]
fn only_an_account_that_the_doors_name_opens_is_refused() {
    let native = b"CREATE USER `www`@`localhost` IDENTIFIED BY PASSWORD '*ABC'";
    let socket = b"CREATE USER `www`@`localhost` IDENTIFIED VIA unix_socket";
    let either = b"CREATE USER `root`@`localhost` IDENTIFIED VIA mysql_native_password USING \
        'invalid' OR unix_socket";
    let mapped = b"CREATE USER `shop`@`localhost` IDENTIFIED WITH 'auth_socket' AS 'www' REQUIRE";
    let www = door(Some(b"www"));
    assert!(!www.could_be_the_door(b"www", native));
    assert!(www.could_be_the_door(b"www", socket));
    assert!(!www.could_be_the_door(b"root", either));
    assert!(door(Some(b"root")).could_be_the_door(b"root", either));
    assert!(www.could_be_the_door(b"shop", mapped));
    assert!(door(None).could_be_the_door(b"anyone", socket));
}

#[test]
fn an_account_in_order_is_known_for_a_while_unless_a_name_may_be_several() {
    let hidden = door(None);
    assert!(!hidden.is_known(b"a"));
    hidden.remember(b"a");
    assert!(hidden.is_known(b"a") && !hidden.is_known(b"b"));
    let told = Impostors::new(None, Origin::Told);
    told.remember(b"a");
    assert!(!told.is_known(b"a"));
}

#[test]
fn the_end_of_a_session_is_told_from_other_errors() {
    let abort = b"\xff\xa0\x04#08S01Aborted connection 7 to db: 'unconnected' (init_connect)";
    assert!(is_abort(abort));
    assert!(!is_abort(b"\xff\x28\x04#42000near 'CREATE USER'"));
    assert!(!is_abort(b"\x00\xa0\x04") && !is_abort(b"\xff") && !is_abort(b""));
}
