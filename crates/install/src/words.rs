//! Names, versions and variables as recipes and options may have them.
//!
//! What passes here may stand in a command line and in a path: no dash in front, no slash, no `..`.

/// Whether it names a recipe, a feature or a step.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-_".contains(&b);
    text.len() <= NAME_BYTES_MAX
        && text.bytes().all(fit)
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && !text.contains("..")
}

/// Whether it is a version.
#[must_use]
pub fn is_version(text: &str) -> bool {
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"+.-_~:".contains(&b);
    text.len() <= NAME_BYTES_MAX
        && text.bytes().all(fit)
        && text.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && !text.contains("..")
}

/// Whether it is 64 hexadecimal digits.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a package manager may be given it.
pub(crate) fn is_package(text: &str) -> bool {
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"+.-_:@".contains(&b);
    text.len() <= NAME_BYTES_MAX
        && text.bytes().all(fit)
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// Whether all `{…}` in `text` are `known`.
pub(crate) fn variables(text: &str, known: &[&str]) -> Result<(), String> {
    for piece in text.split('{').skip(1) {
        let name = piece.split_once('}').map(|(name, _)| name);
        let Some(name) = name.filter(|name| known.contains(name)) else {
            let list = known.join("}, {");
            return Err(format!("{text:?}: the variables here are {{{list}}}"));
        };
        if name == FEATURES && text != "{features}" {
            return Err(format!("{text:?}: {{features}} is an argument of its own"));
        }
    }
    Ok(())
}

/// `text` with its variables filled in.
pub(crate) fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // From left to right, so that a value with braces stays as it is.
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let value = after.split_once('}').and_then(|(name, then)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, then))
        });
        match value {
            Some((value, then)) => {
                out.push_str(value);
                rest = then;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

/// The version in `answer`, where `pattern` has `{version}`: digits and dots.
#[must_use]
pub fn version_in(answer: &str, pattern: &str) -> Option<String> {
    let (before, after) = pattern.split_once("{version}")?;
    let fits = |start: usize| {
        let rest = answer.get(start..)?;
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (version, then) = rest.split_at(end);
        let trimmed = version.trim_end_matches('.');
        let good = version.starts_with(|c: char| c.is_ascii_digit()) && then.starts_with(after);
        (good && trimmed.len() <= NAME_BYTES_MAX).then(|| trimmed.to_owned())
    };
    answer.match_indices(before).find_map(|(at, _)| fits(at + before.len()))
}

/// Variables of a step.
pub(crate) const STEP: &[&str] =
    &["prefix", "jobs", "version", "source", "stage", "work", FEATURES];
const FEATURES: &str = "features";
const NAME_BYTES_MAX: usize = 80;

#[cfg(test)]
mod tests {
    //! What is a name, and how variables are filled in.
    use super::*;

    #[test]
    fn names_cannot_be_options_or_paths() {
        for good in ["git", "php-fpm", "git2.1", "g++"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-x", "../x", "a/b", "a..b", "Ä", "a b", ".x"] {
            assert!(!is_name(bad) && !is_version(bad), "{bad}");
        }
        assert!(is_version("1:2.39.5-0+deb12u3") && !is_version("latest"));
        assert!(is_package("libc6-dev:amd64") && !is_package("--force") && !is_package("a b"));
        assert!(is_sha256(&"aF".repeat(32)) && !is_sha256(&"a".repeat(63)));
    }

    #[test]
    fn variables_are_filled_in_once() {
        assert!(variables("a{prefix}b", &["prefix"]).is_ok());
        for bad in ["{prefx}", "{", "{a", "x{features}"] {
            assert!(variables(bad, STEP).is_err(), "{bad}");
        }
        let values = [("prefix", "/a/{jobs}"), ("jobs", "2")];
        assert_eq!(filled("p={prefix} -j{jobs} {x} {", &values), "p=/a/{jobs} -j2 {x} {");
    }

    #[test]
    fn versions_are_found_in_answers() {
        let git = "git version {version}";
        assert_eq!(version_in("git version 2.39.5\n", git).as_deref(), Some("2.39.5"));
        let apple = "git version 2.39.5 (Apple Git-154)";
        assert_eq!(version_in(apple, git).as_deref(), Some("2.39.5"));
        assert_eq!(version_in("git version unknown", git), None);
        let maria = "mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64";
        let pattern = "Ver {version}-MariaDB";
        assert_eq!(version_in(maria, pattern).as_deref(), Some("10.11.14"));
        assert_eq!(version_in("/usr/sbin/mysqld  Ver 8.0.36 for Linux", pattern), None);
        let php = "PHP 8.2.29 (fpm-fcgi) (built: Jul  3 2025)";
        assert_eq!(version_in(php, "PHP {version} (fpm-fcgi)").as_deref(), Some("8.2.29"));
    }
}
