//! Entries of `try`: the path itself, another path, a status. Pure functions.

use super::text::{self, Refusal};
use crate::model::{QueryPiece, Try};
use crate::problem::quoted;

#[cfg(test)]
mod tests;

/// One entry: `"$path"`, `"/other.php?q=$path&$query"` or `"=404"`.
pub(crate) fn read(text: &str) -> Result<Try, Refusal> {
    let refuse = |hint: &str| {
        Err(Refusal::new(format!("{} is nothing a path can be tried as", quoted(text)), hint))
    };
    if text == "$path" {
        return Ok(Try::Path);
    }
    if let Some(digits) = text.strip_prefix('=') {
        let status = digits.parse::<u16>().ok().filter(|status| (400..=599).contains(status));
        return match status {
            Some(status) if digits.len() == 3 => Ok(Try::Status(status)),
            _ => refuse("a status is one from 400 to 599, such as \"=404\""),
        };
    }
    let (path, query) = text.split_once('?').map_or((text, None), |(path, q)| (path, Some(q)));
    if path.contains('$') || !path.starts_with('/') {
        return refuse(match text {
            "$uri" | "$request_uri" | "{path}" | "{uri}" => "write \"$path\"",
            "$uri/" | "$path/" | "{path}/" => {
                "leave it out: \"$path\" tries a directory through its index"
            }
            _ if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                "a status is written with \"=\", such as \"=404\""
            }
            _ if text.starts_with('@') => "name the script itself, such as \"/index.php\"",
            _ if path.contains('$') => "a variable stands alone as \"$path\", or in a query",
            _ => "write \"$path\", a path from \"/\", or a status such as \"=404\"",
        });
    }
    let path = text::url_path(path)?;
    if path.ends_with('/') && path != "/" {
        return refuse("name a file: a directory is not looked into here");
    }
    let query = query.map(pieces).transpose()?;
    Ok(Try::Other { path, query })
}

fn pieces(query: &str) -> Result<Vec<QueryPiece>, Refusal> {
    let mut pieces = Vec::new();
    let mut rest = query;
    while let Some(dollar) = rest.find('$') {
        let (before, from) = rest.split_at(dollar);
        text_piece(&mut pieces, before)?;
        let name = &from[1..];
        let end = name.find(|c: char| !is_name(c)).unwrap_or(name.len());
        match &name[..end] {
            "path" => pieces.push(QueryPiece::Path),
            "query" => pieces.push(QueryPiece::Query),
            other => {
                let hint = match other {
                    "args" | "query_string" | "is_args" => "write \"$query\"",
                    "uri" | "request_uri" | "document_uri" => "write \"$path\"",
                    "" => "a dollar that is none of a variable is written \"%24\"",
                    _ => "there are \"$path\" and \"$query\"",
                };
                let message = format!("there is no variable {}", quoted(&format!("${other}")));
                return Err(Refusal::new(message, hint));
            }
        }
        rest = &name[end..];
    }
    text_piece(&mut pieces, rest)?;
    Ok(pieces)
}

fn text_piece(pieces: &mut Vec<QueryPiece>, text: &str) -> Result<(), Refusal> {
    let wrong = |c: char| !c.is_ascii_graphic() || matches!(c, '#' | '"' | '<' | '>' | '\\');
    if let Some(c) = text.chars().find(|c| wrong(*c)) {
        let message = format!("{} cannot stand in a query", quoted(&c.to_string()));
        return Err(Refusal::new(message, "write it percent-encoded"));
    }
    if !text.is_empty() {
        pieces.push(QueryPiece::Text(text.into()));
    }
    Ok(())
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
