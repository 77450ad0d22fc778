//! Values of `[[uploads.hook]]`. Pure functions.

use super::text::Refusal;
use crate::model::HookEvent;
use crate::problem::quoted;

/// Where events go.
pub(crate) fn url(text: &str) -> Result<String, Refusal> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let refuse = |why: &str, hint: &str| Err(Refusal::new(format!("the URL {why}"), hint));
    match host {
        Some(host) if host.contains('@') => refuse("holds a name or password", SIGN),
        Some(host) if !host.is_empty() && !host.starts_with(':') && graphic => {
            if text.len() <= URL_BYTES_MAX && !text.contains('#') {
                return Ok(text.to_owned());
            }
            refuse("is too long or has a fragment", "")
        }
        _ => refuse("is neither http:// nor https:// with a host", EXAMPLE),
    }
}

/// What a hook may be told of.
pub(crate) fn event(text: &str) -> Result<HookEvent, Refusal> {
    match text {
        "created" => Ok(HookEvent::Created),
        "finished" => Ok(HookEvent::Finished),
        "deleted" => Ok(HookEvent::Deleted),
        _ => Err(Refusal::new(
            format!("{} is no event", quoted(text)),
            "there are \"created\", \"finished\" and \"deleted\"",
        )),
    }
}

/// Adds one that is not there yet.
pub(crate) fn once(list: &mut Vec<HookEvent>, event: HookEvent) -> Result<(), Refusal> {
    if list.contains(&event) {
        return Err(Refusal::new("an event is listed twice", ""));
    }
    list.push(event);
    Ok(())
}

const URL_BYTES_MAX: usize = 2048;
const SIGN: &str = "receivers know menshen by `secret`";
const EXAMPLE: &str = "it looks like \"https://app.example/hooks/files\"";

#[cfg(test)]
mod tests {
    //! What is taken and what is not.
    use super::*;

    #[test]
    fn urls_are_absolute_and_hold_no_password() {
        for good in ["http://127.0.0.1:9000/x?y=z", "https://a.test", "http://[::1]:8/"] {
            assert_eq!(url(good).unwrap(), good);
        }
        for bad in ["", "a.test", "ftp://a/", "http://", "http:///x", "http://:80/", "http://a b/"]
        {
            assert!(url(bad).is_err(), "{bad}");
        }
        assert!(url("http://me:secret@a.test/").is_err());
        assert!(url("http://a.test/#x").is_err());
    }

    #[test]
    fn events_are_three() {
        let mut list = Vec::new();
        for word in ["created", "finished", "deleted"] {
            once(&mut list, event(word).unwrap()).unwrap();
        }
        assert!(once(&mut list, HookEvent::Created).is_err());
        assert!(event("post-finish").is_err());
    }
}
