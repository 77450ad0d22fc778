//! `menshen explain page`: mixed content. Files of the command line are read first; then root
//! becomes nobody, and only then anything foreign is parsed.

use std::path::Path;
use std::process::ExitCode;

use menshen_explain::page::{Options, PageError, Question, Twins, Url, look};
use menshen_explain::rights::become_nobody;
use menshen_explain_core::page::report::Report;
use menshen_explain_core::page::text;

use crate::cli::PageArguments;
use crate::{EXIT_CONFIG, EXIT_NO, EXIT_PERMANENT, EXIT_RETRY, out};

/// Looks, and prints what was seen.
pub(crate) fn run(arguments: PageArguments) -> ExitCode {
    let json = arguments.json;
    match explain(arguments) {
        Err((text, code)) => {
            out::complain(&text);
            ExitCode::from(code)
        }
        Ok(report) => {
            let text = if json {
                // Strings and numbers only: nothing in it can fail to become JSON.
                serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
            } else {
                text::text(&report)
            };
            out::print(&text, if report.is_clean() { 0 } else { EXIT_NO })
        }
    }
}

fn explain(arguments: PageArguments) -> Result<Report, (String, u8)> {
    let read = |file: &Path| {
        let text = |error| format!("menshen: could not read {}: {error}", file.display());
        std::fs::read(file).map_err(|error| (text(error), EXIT_CONFIG))
    };
    let roots = arguments.roots.as_deref().map(read).transpose()?.unwrap_or_default();
    let saved = arguments.file.as_deref().map(read).transpose()?;
    let url = arguments.base.or(arguments.url).unwrap_or_default();
    let url = address(&url).map_err(|text| (text, EXIT_CONFIG))?;
    become_nobody().map_err(|error| {
        (format!("menshen: could not become nobody\n  detail: {error}"), EXIT_RETRY)
    })?;
    let question = match saved {
        Some(bytes) => {
            Question::Saved { text: String::from_utf8_lossy(&bytes).into_owned(), base: url }
        }
        None => Question::Fetch(url),
    };
    let twins = if arguments.no_twins { Twins::Leave } else { Twins::Try };
    let (connect, resolve) = (arguments.connect, arguments.resolve);
    let facts = look(question, Options { connect, resolve, roots, twins });
    facts.map(Report::new).map_err(|error| failure(&error))
}

/// The address that is meant; without a scheme, https.
fn address(text: &str) -> Result<Url, String> {
    let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&full).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| {
        let text = text.escape_debug();
        format!(
            "menshen: \"{text}\" is no address of a page\n  hint: like https://example.com/ or \
             example.com/shop"
        )
    })
}

fn failure(error: &PageError) -> (String, u8) {
    let (hint, code) = match error {
        PageError::PeerUnreachable { .. } => (
            "\n  hint: look at the address; --connect ADDR:PORT asks there instead, and --file \
             reads a saved page",
            EXIT_RETRY,
        ),
        PageError::Local { .. } => ("", EXIT_RETRY),
        PageError::PeerCertificate { .. } => (
            "\n  hint: `menshen explain cert` says what is wrong with it; --roots FILE trusts a \
             private authority",
            EXIT_RETRY,
        ),
        PageError::PeerNotHtml { .. } => ("", EXIT_PERMANENT),
        PageError::ConfigRoots(_) => ("", EXIT_CONFIG),
    };
    let source = std::error::Error::source(error);
    let detail = source.map(|source| format!("\n  detail: {source}")).unwrap_or_default();
    // What a peer said may be in it.
    let text: String = error.to_string().chars().flat_map(visible).collect();
    (format!("menshen: {text}{detail}{hint}"), code)
}

fn visible(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

#[cfg(test)]
mod tests {
    //! Addresses as people write them.
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("example.com", "https://example.com/"),
            ("example.com:8443/shop?x", "https://example.com:8443/shop?x"),
            ("http://example.com", "http://example.com/"),
            ("HTTPS://Example.COM/", "https://example.com/"),
        ] {
            assert_eq!(address(text).unwrap().as_str(), expected);
        }
        for text in ["", "ftp://x/", "file:///etc/passwd", "https://", "a b"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
