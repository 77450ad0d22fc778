//! Dates against known moments and against each other.

use alloc::format;
use alloc::string::String;

use proptest::prelude::*;

use super::*;

fn written(unix_s: i64) -> String {
    String::from_utf8(http_date(unix_s).to_vec()).unwrap()
}

#[test]
fn known_moments_are_written() {
    let table = [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (2_147_483_648, "Tue, 19 Jan 2038 03:14:08 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (FIRST_SECOND, "Mon, 01 Jan 0001 00:00:00 GMT"),
        (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (i64::MIN, "Mon, 01 Jan 0001 00:00:00 GMT"),
    ];
    for (seconds, text) in table {
        assert_eq!(written(seconds), text);
    }
}

#[test]
fn all_three_forms_are_read() {
    let table = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Sun Nov 16 08:49:37 1994", 784_975_777),
        ("Thursday, 01-Jan-70 00:00:00 GMT", 0),
        ("Tuesday, 01-Jan-69 00:00:00 GMT", 3_124_224_000),
        ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
        ("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777),
    ];
    for (text, seconds) in table {
        assert_eq!(parse_http_date(text.as_bytes()), Some(seconds), "{text}");
    }
}

#[test]
fn everything_else_is_no_date() {
    let refused = [
        "",
        "0",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Xxx, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 29 Feb 2001 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov +994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov  6 08:49:37 1994 GMT",
        ",",
        "Sunday,",
        "Sunday, ",
    ];
    for text in refused {
        assert_eq!(parse_http_date(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn every_day_of_the_calendar_comes_back() {
    let mut expected = FIRST_SECOND;
    while expected <= LAST_SECOND {
        assert_eq!(parse_http_date(&http_date(expected)), Some(expected));
        expected += 86_400;
    }
}

proptest! {
    #[test]
    fn all_forms_name_the_same_second(seconds in 0_i64..3_155_760_000) {
        let text = written(seconds);
        prop_assert_eq!(parse_http_date(text.as_bytes()), Some(seconds));
        let (day, month, year, time) = (&text[5..7], &text[8..11], &text[12..16], &text[17..25]);
        let old = format!("Monday, {day}-{month}-{} {time} GMT", &year[2..]);
        prop_assert_eq!(parse_http_date(old.as_bytes()), Some(seconds));
        let day = day.trim_start_matches('0');
        let c = format!("{} {month} {day:>2} {time} {year}", &text[..3]);
        prop_assert_eq!(parse_http_date(c.as_bytes()), Some(seconds));
    }

    #[test]
    fn any_bytes_are_read_without_panic(text in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = parse_http_date(&text);
    }
}
