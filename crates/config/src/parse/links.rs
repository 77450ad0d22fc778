//! Values of `[links]`.

use super::text::Refusal;
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// What links begin with; an empty text is none. A slash at the end is left out.
pub(crate) fn base(text: &str) -> Result<Option<String>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let refused =
        |hint: &str| Err(Refusal::new(format!("{} is no address of a server", quoted(text)), hint));
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        return refused("write it whole, such as \"https://files.example.com\"");
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('/') {
        return refused("the file service begins at \"/\": leave the path out");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if authority.is_empty() || !authority.chars().all(fits) {
        return refused("after \"https://\" stands a host name or an address, and maybe a port");
    }
    Ok(Some(text.strip_suffix('/').unwrap_or(text).to_owned()))
}
