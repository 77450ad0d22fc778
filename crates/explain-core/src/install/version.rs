//! Which of two versions is older: numbers compared as numbers.
//!
//! Distributions put an epoch before a version (`1:2.39`) and a revision behind it
//! (`2.39-0+deb12u3`); both are theirs, not the program's, and are left out.

/// Whether `one` is older than `other`. Missing numbers count as 0; what is no number ends it.
#[must_use]
pub fn older(one: &str, other: &str) -> bool {
    let (mut a, mut b) = (numbers(one), numbers(other));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return false,
            (left, right) => {
                let (left, right) = (left.unwrap_or(0), right.unwrap_or(0));
                if left != right {
                    return left < right;
                }
            }
        }
    }
}

fn numbers(version: &str) -> impl Iterator<Item = u64> {
    let epoch = version.split_once(':').filter(|(epoch, _)| all_digits(epoch));
    let own = epoch.map_or(version, |(_, rest)| rest);
    let own = own.split(['-', '+', '~', '_']).next().unwrap_or_default();
    own.split('.').map_while(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part.get(..end)?.parse().ok()
    })
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    //! Versions as programs and distributions write them.
    use super::*;

    #[test]
    fn numbers_are_compared_as_numbers() {
        for (one, other) in [
            ("1.8.3.1", "2.18"),
            ("2.9", "2.18"),
            ("2.17.9", "2.18"),
            ("1:2.11.0-3+deb9u7", "2.18"),
            ("1:1.9", "2"),
            ("10.1.48-MariaDB", "10.2"),
            ("2.18.rc1", "2.18.1"),
            ("", "1"),
        ] {
            assert!(older(one, other), "{one} {other}");
            assert!(!older(other, one), "{other} {one}");
        }
        for (one, other) in
            [("2.18", "2.18.0"), ("1:2.39.5-0+deb12u3", "2.39.5"), ("2.45.2-r0", "2.45.2")]
        {
            assert!(!older(one, other) && !older(other, one), "{one} {other}");
        }
    }

    #[test]
    fn a_number_too_large_is_none() {
        assert!(older("99999999999999999999999.1", "1"));
    }
}
