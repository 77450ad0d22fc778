//! Local time as `2026-11-22T21:38:13.123+01:00` (RFC 3339, milliseconds).
//!
//! The text of a second is kept, since many lines come in one. Time comes in as an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use menshen_base::calendar::{date, time};

/// The text of a moment.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    second: Option<u64>,
    head: String,
    zone: String,
}

impl Stamps {
    /// Adds the time `now` to `out`.
    pub(crate) fn add(&mut self, now: SystemTime, out: &mut Vec<u8>) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if self.second != Some(since.as_secs()) {
            let ahead = menshen_sys::local_time::offset_seconds(since.as_secs().cast_signed());
            self.head = head(since.as_secs().cast_signed() + i64::from(ahead));
            self.zone = zone(ahead);
            self.second = Some(since.as_secs());
        }
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(format!(".{:03}", since.subsec_millis()).as_bytes());
        out.extend_from_slice(self.zone.as_bytes());
    }
}

/// Date and time of day of local seconds since 1970, without zone.
fn head(seconds: i64) -> String {
    format!("{}T{}", date(seconds), time(seconds))
}

fn zone(ahead: i32) -> String {
    let sign = if ahead < 0 { '-' } else { '+' };
    let minutes = ahead.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    //! Dates against the calendar, zones, and a time that goes back.
    use super::*;

    #[test]
    fn dates_and_zones_match_the_calendar() {
        let table = [
            (0, "1970-01-01T00:00:00"),
            (-1, "1969-12-31T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_795_350_136, "2026-11-22T12:22:16"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ];
        for (seconds, text) in table {
            assert_eq!(head(seconds), text, "{seconds}");
        }
        let zones = [(0, "+00:00"), (3600, "+01:00"), (-12_600, "-03:30"), (20_700, "+05:45")];
        for (ahead, text) in zones {
            assert_eq!(zone(ahead), text);
        }
    }

    #[test]
    fn each_moment_has_its_own_text() {
        let mut stamps = Stamps::default();
        let mut text = |millis| {
            let mut out = Vec::new();
            stamps.add(UNIX_EPOCH + Duration::from_millis(millis), &mut out);
            String::from_utf8(out).unwrap()
        };
        let (first, later, back) = (text(1_795_350_136_007), text(1_795_350_137_120), text(5));
        assert!(first.get(13..).is_some_and(|rest| rest.starts_with(":22:16.007")), "{first}");
        assert!(later.contains(":22:17.120") && back.contains(".005"), "{later} {back}");
        assert_eq!(first.len(), "2026-11-22T21:38:13.123+01:00".len());
    }
}
