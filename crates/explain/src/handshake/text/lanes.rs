//! The lanes: client left, server right, time downwards.

use super::super::scene::{Arrow, Mark, Row, Scene, Seal, bytes};
use super::line::{COLUMNS, Page, Style, broken, columns, mark_style, sign};
use menshen_explain_core::handshake::Side;

/// All rows, with a legend below.
pub(super) fn draw(scene: &Scene, page: &mut Page) {
    let room = INNER - "client".len() - "server".len() + 2;
    let title = page.painted(&format!("client{}server", " ".repeat(room)), Style::Strong);
    page.raw(&format!("  {title}"));
    for row in &scene.rows {
        match row {
            Row::Flight { text, gap, .. } => {
                let dots = "┈".repeat(INNER.saturating_sub(columns(gap) + 4));
                let line = page.painted(&format!("┈┈ {gap} {dots}"), Style::Faint);
                page.raw(&format!("  ┊{line}┊"));
                side(page, Side::Client, text, Style::Faint);
            }
            Row::Arrow(arrow) => message(arrow, scene.bytes_max, page),
            Row::Key { side: from, text, sentence } => {
                side(page, *from, &format!("◆ {text}"), Style::Strong);
                side(page, *from, &format!("  {sentence}"), Style::Faint);
            }
            Row::Check(line) => {
                let text = if line.more.is_empty() {
                    line.text.clone()
                } else {
                    format!("{}: {}", line.text, line.more)
                };
                hanging(page, sign(line.mark), &text, mark_style(line.mark));
            }
            Row::Stop(line) => {
                side(page, Side::Client, "", Style::Plain);
                let style = if line.mark == Mark::Bad { Style::Bad } else { Style::Strong };
                hanging(page, sign(line.mark), &line.text, style);
                if !line.more.is_empty() {
                    hanging(page, " ", &line.more, Style::Plain);
                }
            }
        }
    }
    page.gap();
    legend(scene, page);
}

/// Name and numbers, the arrow with its bar of bytes, the sentence.
fn message(arrow: &Arrow, bytes_max: u64, page: &mut Page) {
    side(page, Side::Client, "", Style::Plain);
    let number = arrow.number.map(|number| format!("{number} ")).unwrap_or_default();
    let name = format!(" {number}{}", super::super::scene::short(&arrow.name, NAME_CHARS_MAX));
    let what = match arrow.seal {
        Seal::Expected => arrow.seal.word().to_owned(),
        seal => format!("{}   {}   {}", seal.word(), bytes(arrow.bytes), arrow.at),
    };
    let gap = INNER.saturating_sub(columns(&name) + columns(&what) + 1);
    let style = seal_style(arrow.seal);
    let (name, what) = (page.painted(&name, Style::Strong), page.painted(&what, style));
    page.raw(&format!("  │{name}{}{what} │", " ".repeat(gap)));
    page.raw(&shaft(arrow, bytes_max, page));
    for line in broken(&arrow.sentence, INNER - 4) {
        side(page, Side::Client, &format!("  {line}"), Style::Plain);
    }
}

/// The bar begins at the sender; its length is to the largest message as the bytes are.
fn shaft(arrow: &Arrow, bytes_max: u64, page: &Page) -> String {
    let room = INNER - 1;
    let share = arrow.bytes.saturating_mul(BAR_COLUMNS).div_ceil(bytes_max);
    let bar = usize::try_from(share.min(BAR_COLUMNS)).unwrap_or(0);
    let (full, stroke) = match arrow.seal {
        Seal::Clear => ("█", "─"),
        Seal::Opened => ("▒", "═"),
        Seal::Sealed => ("░", "═"),
        Seal::Expected => ("", "╌"),
    };
    let bar = if full.is_empty() { 0 } else { bar };
    let (bar, line) = (full.repeat(bar), stroke.repeat(room - bar));
    let style = seal_style(arrow.seal);
    match arrow.from {
        Side::Client => format!("  ├{}│", page.painted(&format!("{bar}{line}►"), style)),
        Side::Server => format!("  │{}┤", page.painted(&format!("◄{line}{bar}"), style)),
    }
}

/// Text between the lanes, at the sender's side.
fn side(page: &mut Page, from: Side, text: &str, style: Style) {
    let indent = text.chars().take_while(|character| *character == ' ').count();
    for line in broken(text, INNER - 2 - indent) {
        let line = format!("{}{line}", " ".repeat(indent));
        let rest = " ".repeat(INNER.saturating_sub(columns(&line) + 2));
        let line = page.painted(&line, style);
        page.raw(&match from {
            Side::Client => format!("  │ {line}{rest} │"),
            Side::Server => format!("  │ {rest}{line} │"),
        });
    }
}

/// Text after a sign, its further lines below its first.
fn hanging(page: &mut Page, sign: &str, text: &str, style: Style) {
    for (number, line) in broken(text, INNER - 6).iter().enumerate() {
        let rest = " ".repeat(INNER.saturating_sub(columns(line) + 5));
        let sign = if number == 0 { page.painted(sign, style) } else { " ".into() };
        page.raw(&format!("  │  {sign} {line}{rest} │"));
    }
}

fn legend(scene: &Scene, page: &mut Page) {
    for seal in scene.seals() {
        let sample = match seal {
            Seal::Clear => "██──►",
            Seal::Opened => "▒▒══►",
            Seal::Sealed => "░░══►",
            Seal::Expected => "╌╌╌╌►",
        };
        let sample = page.painted(sample, seal_style(seal));
        page.raw(&format!("  {sample} {}", seal.legend()));
    }
    if scene.has_keys() {
        page.raw("  ◆     from here on these keys can be used");
    }
    let most = bytes(scene.bytes_max);
    page.raw(&format!(
        "  The bar at the start of an arrow shows its bytes; the longest is {most}."
    ));
}

const fn seal_style(seal: Seal) -> Style {
    match seal {
        Seal::Clear => Style::Clear,
        Seal::Opened | Seal::Sealed => Style::Sealed,
        Seal::Expected => Style::Faint,
    }
}

/// Columns between the lanes.
const INNER: usize = COLUMNS - 4;
/// Columns of the longest bar.
const BAR_COLUMNS: u64 = 60;
/// Characters of a name; longer ones would reach into the numbers.
const NAME_CHARS_MAX: usize = 40;
