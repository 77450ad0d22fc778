//! How often a table of processes is recorded: at once when something begins or gets worse, then
//! less and less often, so that hours of pressure do not push out how they began.

use std::time::{Duration, Instant};

use menshen_guard_core::recorder::Trigger;

/// When each kind of table was taken.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    by_level: [One; LEVELS],
    group: One,
    kill: One,
}

#[derive(Debug, Clone, Copy, Default)]
struct One {
    last: Option<Instant>,
    gap: Duration,
}

impl Pace {
    /// Whether one is to be taken now; if so, it counts as taken.
    pub(crate) fn take(&mut self, trigger: Trigger, level: u8, now: Instant) -> bool {
        let (one, gap_max) = match trigger {
            Trigger::Start | Trigger::Step => return true,
            Trigger::Low | Trigger::Stall => {
                let level = usize::from(level).min(LEVELS - 1);
                (&mut self.by_level[level], PRESSURE_GAP_MAX)
            }
            Trigger::Group => (&mut self.group, EVENT_GAP_MAX),
            Trigger::Kill => (&mut self.kill, EVENT_GAP_MAX),
        };
        let since = one.last.map(|last| now.saturating_duration_since(last));
        if since.is_some_and(|since| since < one.gap) {
            return false;
        }
        let calm = since.is_none_or(|since| since >= CALM);
        one.gap = if calm { GAP_MIN } else { (one.gap * 2).min(gap_max) };
        one.last = Some(now);
        true
    }
}

const LEVELS: usize = 4;
const GAP_MIN: Duration = Duration::from_secs(2);
const PRESSURE_GAP_MAX: Duration = Duration::from_secs(60);
/// Another group may be the one that matters.
const EVENT_GAP_MAX: Duration = Duration::from_secs(10);
/// After this long it is a new story.
const CALM: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    //! An hour of pressure, and a second story.
    use super::*;

    #[test]
    fn tables_get_rarer_while_it_lasts_and_are_quick_when_it_gets_worse() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let mut taken = Vec::new();
        for second in 0..3600 {
            if pace.take(Trigger::Low, 1, begin + Duration::from_secs(second)) {
                taken.push(second);
            }
        }
        assert_eq!(taken[..7], [0, 2, 6, 14, 30, 62, 122]);
        assert!((60..70).contains(&taken.len()), "{}", taken.len());
        let late = begin + Duration::from_secs(3601);
        assert!(pace.take(Trigger::Stall, 2, late), "worse than before");
        assert!(!pace.take(Trigger::Stall, 2, late + Duration::from_secs(1)));
        assert!(pace.take(Trigger::Kill, 2, late));
        let second = late + CALM + PRESSURE_GAP_MAX;
        assert!(pace.take(Trigger::Low, 1, second));
        assert!(pace.take(Trigger::Low, 1, second + GAP_MIN), "a new story begins quick");
    }
}
