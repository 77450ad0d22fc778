//! The axis of time: where each kill stands. Long pauses are broken out, and said; without times
//! that can be compared, kills stand in their order.

use menshen_explain_core::oom::duration;

/// Where points stand, in thousandths of the width; the caller keeps their numbers.
#[derive(Debug, Default)]
pub(super) struct Axis {
    /// Of each point.
    pub(super) places: Vec<i32>,
    /// Ticks: place and words.
    pub(super) ticks: Vec<(i32, String)>,
    /// Where the axis is broken: the middle of the gap, and how long it was.
    pub(super) breaks: Vec<(i32, String)>,
    length_micros: i64,
    by_order: bool,
}

/// Numbers of points for two lists of moments.
#[derive(Debug)]
pub(super) struct Places {
    first: Vec<usize>,
    second: Vec<Option<usize>>,
}

impl Places {
    /// Numbers of the chosen of the first list.
    pub(super) fn first_of(&self, chosen: impl Iterator<Item = bool>) -> Vec<usize> {
        self.first.iter().zip(chosen).filter(|(_, is)| *is).map(|(place, _)| *place).collect()
    }

    /// Numbers of the chosen of the second list that have a place.
    pub(super) fn second_of(&self, chosen: impl Iterator<Item = bool>) -> Vec<usize> {
        self.second.iter().zip(chosen).filter(|(_, is)| *is).filter_map(|(at, _)| *at).collect()
    }
}

impl Axis {
    /// Of kills and of restarts, microseconds since some moment.
    pub(super) fn of(
        kills: impl Iterator<Item = Option<i64>>,
        restarts: impl Iterator<Item = Option<i64>>,
    ) -> (Self, Places) {
        let kills: Vec<Option<i64>> = kills.collect();
        let known: Vec<i64> = kills.iter().flatten().copied().collect();
        let (min, max) = (known.iter().min().copied(), known.iter().max().copied());
        if known.len() < kills.len() || max == min {
            let places = Places {
                first: (0..kills.len()).collect(),
                second: restarts.map(|_| None).collect(),
            };
            return (Self::in_order(kills.len()), places);
        }
        // Restarts before the first kill and long after the last are beside the story.
        let (min, max) = (min.unwrap_or(0), max.unwrap_or(0));
        let end = max.saturating_add(max.saturating_sub(min) / 4);
        let mut times = known;
        let first = (0..times.len()).collect();
        let mut second = Vec::new();
        for at in restarts {
            let within = at.filter(|at| (min..=end).contains(at));
            second.push(within.map(|at| {
                times.push(at);
                times.len() - 1
            }));
        }
        (Self::in_time(&times), Places { first, second })
    }

    /// How long it was; empty where that is not known.
    pub(super) fn length_text(&self) -> String {
        if self.by_order { String::new() } else { duration(self.length_micros) }
    }

    fn in_order(count: usize) -> Self {
        let last = i64::try_from(count.saturating_sub(1)).unwrap_or(i64::MAX).max(1);
        let place = |number: usize| {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            if count == 1 { 500 } else { thousandth(number, last) }
        };
        let places = (0..count).map(place).collect();
        let mut ticks = Vec::new();
        if count > 1 {
            let last = i32::try_from(count).unwrap_or(i32::MAX);
            ticks = vec![(0, "first".into()), (1000, format!("kill {last}"))];
        }
        Self { places, ticks, by_order: true, ..Self::default() }
    }

    fn in_time(times: &[i64]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let (start, end) = match (sorted.first(), sorted.last()) {
            (Some(start), Some(end)) => (*start, *end),
            _ => (0, 0),
        };
        let length = end.saturating_sub(start).max(1);
        let cuts = cuts(&sorted, length);
        let away = cuts.iter().fold(0, |sum: i64, (_, gap)| sum.saturating_add(*gap));
        let width = 1000 - BREAK * i32::try_from(cuts.len()).unwrap_or(0);
        let rest = length.saturating_sub(away).max(1);
        let place = |at: i64| {
            let before = cuts.iter().filter(|(from, _)| *from < at);
            let (mut skipped, mut broken) = (0_i64, 0);
            for (_, gap) in before {
                skipped = skipped.saturating_add(*gap);
                broken += BREAK;
            }
            let along = at.saturating_sub(start).saturating_sub(skipped);
            i32::try_from(i64::from(thousandth(along, rest)) * i64::from(width) / 1000).unwrap_or(0)
                + broken
        };
        let places = times.iter().map(|at| place(*at)).collect();
        let breaks =
            cuts.iter().map(|(from, gap)| (place(*from) + BREAK / 2, duration(*gap))).collect();
        let ticks = if cuts.is_empty() {
            nice(length).into_iter().map(|at| (thousandth(at, length), tick(at))).collect()
        } else {
            vec![(0, tick(0)), (1000, tick(length))]
        };
        Self { places, ticks, breaks, length_micros: length, by_order: false }
    }
}

/// The pauses that take more than half of what is left: where they begin, and how long they are.
fn cuts(sorted: &[i64], length: i64) -> Vec<(i64, i64)> {
    let mut gaps: Vec<(i64, i64)> = sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .map(|(from, to)| (*from, to.saturating_sub(*from)))
        .collect();
    gaps.sort_by_key(|(_, gap)| std::cmp::Reverse(*gap));
    let mut left = length;
    let mut cuts = Vec::new();
    for (from, gap) in gaps.iter().take(BREAKS_MAX) {
        let rest = left.saturating_sub(*gap);
        // Two kills alone are no night with a pause.
        if sorted.len() < 4 || *gap / 3 <= left / 5 || rest == 0 {
            break;
        }
        cuts.push((*from, *gap));
        left = rest;
    }
    cuts.sort_unstable();
    cuts
}

/// Round moments from 0 on, at most six.
fn nice(length: i64) -> Vec<i64> {
    const SECOND: i64 = 1_000_000;
    let steps = [
        1000,
        5000,
        10_000,
        50_000,
        100_000,
        500_000,
        SECOND,
        2 * SECOND,
        5 * SECOND,
        10 * SECOND,
        30 * SECOND,
        60 * SECOND,
        120 * SECOND,
        300 * SECOND,
        600 * SECOND,
        1800 * SECOND,
        3600 * SECOND,
        7200 * SECOND,
        21_600 * SECOND,
        86_400 * SECOND,
        604_800 * SECOND,
    ];
    let step = steps.into_iter().find(|step| length / step < 6).unwrap_or(length);
    (0..6_i64).map(|number| number.saturating_mul(step)).take_while(|at| *at <= length).collect()
}

fn tick(micros: i64) -> String {
    if micros == 0 { "start".into() } else { format!("+{}", duration(micros)) }
}

fn thousandth(part: i64, whole: i64) -> i32 {
    let value = i128::from(part) * 1000 / i128::from(whole.max(1));
    i32::try_from(value.clamp(0, 1000)).unwrap_or(0)
}

/// Thousandths of the width that a pause takes.
const BREAK: i32 = 90;
const BREAKS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    //! Rising places, pauses, and kills without a time.
    use super::*;

    fn places(times: &[Option<i64>]) -> Axis {
        Axis::of(times.iter().copied(), std::iter::empty()).0
    }

    #[test]
    fn places_follow_the_times() {
        let axis = places(&[Some(0), Some(5_000_000), Some(10_000_000)]);
        assert_eq!(axis.places, [0, 500, 1000]);
        let ticks: Vec<&str> = axis.ticks.iter().map(|(_, text)| &**text).collect();
        assert_eq!(ticks, ["start", "+2 s", "+4 s", "+6 s", "+8 s", "+10 s"]);
        assert_eq!(axis.length_text(), "10 s");
    }

    #[test]
    fn a_long_pause_is_broken_out() {
        let day = 86_400_000_000;
        let axis = places(&[Some(0), Some(1000), Some(2000), Some(day), Some(day + 1000)]);
        assert_eq!(axis.breaks.len(), 1);
        assert_eq!(axis.breaks[0].1, "24 hours");
        assert!(axis.places.is_sorted() && axis.places[2] + BREAK <= axis.places[3]);
        assert_eq!((axis.places[0], axis.places[4]), (0, 1000));
    }

    #[test]
    fn without_times_the_order_counts() {
        for times in [&[Some(3), None, Some(1)][..], &[Some(7); 3]] {
            let axis = places(times);
            assert_eq!((&*axis.places, axis.length_text()), (&[0, 500, 1000][..], String::new()));
        }
        assert_eq!(places(&[None]).places, [500]);
        assert!(places(&[]).places.is_empty());
        let wild = places(&[Some(i64::MIN), Some(0), Some(i64::MAX)]);
        assert!(wild.places.is_sorted());
    }

    #[test]
    fn restarts_beside_the_story_have_no_place() {
        let restarts = [Some(-5), Some(50), None, Some(10_000)];
        let (axis, places) = Axis::of([Some(0), Some(100)].into_iter(), restarts.into_iter());
        assert_eq!(places.second_of([true; 4].into_iter()), [2]);
        assert_eq!(axis.places, [0, 1000, 500]);
    }
}
