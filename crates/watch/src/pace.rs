//! How often a table of processes is recorded: at once when something begins or gets worse, then
//! less and less often, so that hours of pressure do not push out how they began.

use std::time::{Duration, Instant};

use menshen_guard_core::recorder::Trigger;

/// When each kind of table was taken.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    by_level: [One; LEVELS],
    /// One noisy group must not hide another: those that were told of last.
    groups: Vec<(Vec<u8>, One)>,
    kill: One,
}

#[derive(Debug, Clone, Copy, Default)]
struct One {
    last: Option<Instant>,
    gap: Duration,
}

impl Pace {
    /// Whether one is to be taken now; if so, it counts as taken.
    pub(crate) fn take(&mut self, trigger: Trigger, level: u8, group: &[u8], now: Instant) -> bool {
        let (one, gap_max) = match trigger {
            Trigger::Start | Trigger::Step => return true,
            Trigger::Low | Trigger::Stall => {
                let level = usize::from(level).min(LEVELS - 1);
                (&mut self.by_level[level], PRESSURE_GAP_MAX)
            }
            Trigger::Group => (self.group(group), PRESSURE_GAP_MAX),
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

    fn group(&mut self, path: &[u8]) -> &mut One {
        let known = self.groups.iter().position(|(known, _)| known == path);
        let place = known.unwrap_or_else(|| {
            if self.groups.len() >= GROUPS_MAX {
                self.groups.remove(0);
            }
            self.groups.push((path.to_vec(), One::default()));
            self.groups.len() - 1
        });
        &mut self.groups[place].1
    }
}

const LEVELS: usize = 4;
const GAP_MIN: Duration = Duration::from_secs(2);
const PRESSURE_GAP_MAX: Duration = Duration::from_secs(60);
const GROUPS_MAX: usize = 64;
/// Of kills each may be another story.
const EVENT_GAP_MAX: Duration = Duration::from_secs(10);
/// After this long it is a new story.
const CALM: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    //! An hour of pressure, and a second story.
    use super::*;

    #[test]
    fn a_noisy_group_does_not_hide_another() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert!(pace.take(Trigger::Group, 0, b"/noisy", now));
        assert!(!pace.take(Trigger::Group, 0, b"/noisy", now));
        assert!(pace.take(Trigger::Group, 0, b"/quiet", now));
        for number in 0..GROUPS_MAX {
            pace.take(Trigger::Group, 0, number.to_string().as_bytes(), now);
        }
        assert_eq!(pace.groups.len(), GROUPS_MAX);
    }

    #[test]
    fn tables_get_rarer_while_it_lasts_and_are_quick_when_it_gets_worse() {
        let (mut pace, begin) = (Pace::default(), Instant::now());
        let mut taken = Vec::new();
        for second in 0..3600 {
            if pace.take(Trigger::Low, 1, b"", begin + Duration::from_secs(second)) {
                taken.push(second);
            }
        }
        assert_eq!(taken[..7], [0, 2, 6, 14, 30, 62, 122]);
        assert!((60..70).contains(&taken.len()), "{}", taken.len());
        let late = begin + Duration::from_secs(3601);
        assert!(pace.take(Trigger::Stall, 2, b"", late), "worse than before");
        assert!(!pace.take(Trigger::Stall, 2, b"", late + Duration::from_secs(1)));
        assert!(pace.take(Trigger::Kill, 2, b"", late));
        let second = late + CALM + PRESSURE_GAP_MAX;
        assert!(pace.take(Trigger::Low, 1, b"", second));
        assert!(pace.take(Trigger::Low, 1, b"", second + GAP_MIN), "a new story begins quick");
    }
}
