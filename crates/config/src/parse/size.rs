//! Byte sizes as text: `64MiB`, `10GB`. Never guesses what a bare `M` means.

use super::text::Refusal;
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// Reads a byte size: digits, an optional space, a unit.
pub(crate) fn parse(text: &str) -> Result<u64, Refusal> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim_start_matches(' '));
    let refused = |hint: String| Refusal::new(format!("{} is not a size", quoted(text)), hint);
    if number.is_empty() {
        return Err(refused(String::from("write a whole number and a unit, such as \"64MiB\"")));
    }
    let scale = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let Some((_, scale)) = scale else {
        return Err(refused(unit_hint(number, unit)));
    };
    let number = number.parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(*scale))
        .ok_or_else(|| refused(String::from("it is larger than any disk")))
}

/// The shortest exact way to write a size: `64KiB`, `100 bytes`.
pub(crate) fn shown(bytes: u64) -> String {
    let exact = UNITS.iter().rev().filter(|(_, scale)| scale.is_power_of_two() && *scale > 1);
    for (unit, scale) in exact {
        if bytes >= *scale && bytes.is_multiple_of(*scale) {
            return format!("{}{unit}", bytes / scale);
        }
    }
    bytes.to_string()
}

fn unit_hint(number: &str, unit: &str) -> String {
    match unit.chars().next().map(|c| c.to_ascii_uppercase()) {
        Some(letter @ ('K' | 'M' | 'G' | 'T')) if number.len() <= 20 => {
            format!(
                "write \"{number}{letter}iB\" for powers of 1024, \"{number}{letter}B\" of 1000"
            )
        }
        _ => "units are B, KiB, MiB, GiB, TiB (of 1024) and KB, MB, GB, TB (of 1000)".into(),
    }
}

/// Unit names, each scale in ascending order within its kind; matched without case.
const UNITS: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
