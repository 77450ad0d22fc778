//! Tests of `wire::command`.

use alloc::format;

use super::*;
use crate::wire::captured::named;

#[test]
fn commands_are_read() {
    let execute = Execute { statement: 7, flags: 1, iterations: 1, body: b"rest" };
    let bulk = Bulk { statement: 7, flags: 0xc0, body: b"rows" };
    let long = Command::LongData { statement: 1, parameter: 2, data: b"part" };
    for (payload, wanted) in [
        (&b"\x01"[..], Command::Quit),
        (b"\x02db", Command::InitDb(b"db")),
        (b"\x03select 1", Command::Query(b"select 1")),
        (b"\x04t\0", Command::FieldList(b"t\0")),
        (b"\x09", Command::Statistics),
        (b"\x0c\x05\0\0\0", Command::ProcessKill(5)),
        (b"\x0e", Command::Ping),
        (b"\x11u\0", Command::ChangeUser(b"u\0")),
        (b"\x16do ?", Command::Prepare(b"do ?")),
        (b"\x17\x07\0\0\0\x01\x01\0\0\0rest", Command::Execute(execute)),
        (b"\x18\x01\0\0\0\x02\0part", long),
        (b"\x19\x05\0\0\0", Command::Close(5)),
        (b"\x1a\x05\0\0\0", Command::Reset(5)),
        (b"\x1b\x01\0", Command::SetOption(1)),
        (b"\x1c\x05\0\0\0\x09\0\0\0", Command::Fetch { statement: 5, rows: 9 }),
        (b"\x1f", Command::ResetConnection),
        (b"\xfa\x07\0\0\0\xc0\0rows", Command::Bulk(bulk)),
        (b"\x12....", Command::Dump(BINLOG_DUMP)),
        (b"\x1e....", Command::Dump(BINLOG_DUMP_GTID)),
        (b"\x15....", Command::Other(REGISTER_SLAVE)),
        (b"\x60", Command::Other(0x60)),
        (b"", Command::Broken(SLEEP)),
        (b"\x17\x07\0\0\0\x01\x01\0\0", Command::Broken(EXECUTE)),
        (b"\x1c\x05\0\0\0", Command::Broken(FETCH)),
        (b"\x1b\x01", Command::Broken(SET_OPTION)),
    ] {
        let command = Command::parse(payload);
        assert!(command == wanted, "{payload:?}: {command:?}");
        assert_eq!(command.code(), payload.first().copied().unwrap_or(SLEEP));
    }
}

#[test]
fn a_change_of_user_is_read() {
    let captured = named("eof change user error");
    let Command::ChangeUser(rest) = Command::parse(&captured.command) else {
        panic!("another command");
    };
    let change = ChangeUser::parse(rest, captured.capabilities).unwrap();
    assert_eq!((change.user, change.answer), (&b"nobody"[..], &b"aaaaa"[..]));
    assert_eq!((change.database, change.charset), (&b"t"[..], Some(45)));
    assert_eq!(change.plugin, Some(&b"mysql_native_password"[..]));
    assert!(ChangeUser::parse(b"nobody\0\x05aa", captured.capabilities).is_err());
    let short = ChangeUser::parse(b"u\0\0t\0", captured.capabilities).unwrap();
    assert_eq!((short.database, short.charset, short.plugin), (&b"t"[..], None, None));
}

#[test]
fn statements_and_answers_are_not_shown() {
    let shown = format!("{:?}", Command::parse(b"\x03select 'secret'"));
    assert_eq!(shown, "Command(0x03)");
    let change = ChangeUser::parse(b"u\0\x06secrett\0", Capabilities::SECURE_CONNECTION).unwrap();
    assert!(!format!("{change:?}").contains("115"));
}
