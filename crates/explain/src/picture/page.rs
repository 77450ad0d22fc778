//! The shell of a self-contained page. The policy in its head forbids all but its own style sheet.

use aws_lc_rs::digest::{SHA256, digest};

use super::escape;

/// A page. `style`, `defs` (inside an `svg` nobody sees) and `body` are written as they are.
pub(crate) fn page(title: &str, style: &str, defs: &str, body: &str) -> String {
    let allowed = base64(digest(&SHA256, style.as_bytes()).as_ref());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'sha256-{allowed}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n\
         <style>{style}</style>\n</head>\n<body>\n<svg class=\"defs\" aria-hidden=\"true\">{defs}\
         </svg>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escape(title),
    )
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut three = [0; 3];
        three.iter_mut().zip(group).for_each(|(to, from)| *to = *from);
        let bits = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            let letter = if place <= group.len() { char::from(LETTERS[index]) } else { '=' };
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests;
