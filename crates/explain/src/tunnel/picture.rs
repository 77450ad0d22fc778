//! A tunnel's way up as a picture: a ladder between both ends for each call, and a red stop where
//! it ends, with the cause in plain words and what to do. One self-contained SVG: no script, no
//! font, no reference to anything outside.
//!
//! Texts of peers are cleaned here and escaped where they are written. The number of calls and
//! arrows is bounded. Nothing here can fail.

mod ladder;
mod style;

use menshen_base::Severity;
use menshen_explain_core::tunnel::picture::{Ending, Ladder, Rung};

use self::ladder::sign;
use super::Told;
use crate::picture::{
    Canvas, Column, Document, Face, MARGIN, NARROW, SECTION, Sheet, WIDE, clean, document, finish,
};

/// The picture.
#[must_use]
pub fn svg(told: &Told) -> String {
    let scene = Scene::of(told);
    document(&Document {
        title: &scene.title,
        description: &scene.description(),
        css: style::CSS,
        defs: style::DEFS,
        narrow: &narrow(&scene),
        wide: &wide(&scene),
    })
}

/// What is drawn.
struct Scene {
    title: String,
    /// How it ends, in the head; with several calls how many are well.
    ending: Ending,
    /// How far it came, in the names of its steps; empty where nothing stops.
    progress: String,
    /// Beside it.
    facts: Vec<String>,
    /// With their numbers in the text.
    calls: Vec<(usize, Ladder)>,
    /// Calls that are not drawn.
    more: usize,
}

impl Scene {
    fn of(told: &Told) -> Self {
        let verdict = told.verdict.as_ref();
        let mut order: Vec<usize> = (0..told.report.calls.len()).collect();
        // What is wrong is drawn rather than what is well.
        let severity = |at: &usize| {
            let call = told.report.calls.get(*at);
            std::cmp::Reverse(call.map(|call| call.verdict.finding.severity))
        };
        order.sort_by_key(severity);
        let more = order.len().saturating_sub(CALLS_MAX);
        order.truncate(CALLS_MAX);
        order.sort_unstable();
        let ladder = |at: usize| {
            let call = told.report.calls.get(at)?;
            let mut ladder = Ladder::of(call, overruled(verdict, call.verdict.finding.code));
            // The same words, with the host's own name in the command.
            if let Some(same) = verdict.filter(|same| same.finding.code == ladder.ending.code) {
                ladder.ending.hint = same.finding.hint.clone();
            }
            Some((at + 1, ladder))
        };
        let mut calls: Vec<(usize, Ladder)> = order.into_iter().filter_map(ladder).collect();
        let alike = if told.live.is_some() { leave_out_alike(&mut calls) } else { 0 };
        let mut facts: Vec<String> = told
            .findings
            .iter()
            .map(|found| clean(&format!("{}: {}", found.severity.word(), found.claim)))
            .collect();
        if alike > 0 {
            facts.insert(
                0,
                "A second try with another call id stopped at the same step.".to_owned(),
            );
        }
        let title = match (&told.live, calls.first()) {
            (Some(live), _) => clean(&format!("The way of a PPTP tunnel to {}", live.host)),
            (None, Some((_, call))) if told.report.calls.len() == 1 => {
                clean(&format!("PPTP tunnel from {} to {}", call.client, call.server))
            }
            (None, Some(_)) => format!("{} PPTP calls", told.report.calls.len()),
            (None, None) => "No PPTP call".to_owned(),
        };
        if let Some((_, call)) = calls.first().filter(|_| told.live.is_none()) {
            facts.insert(0, format!("Captured {}.", call.place));
        }
        let ending = ending(told, &calls);
        let progress = match (&calls[..], told.live.is_some()) {
            ([], _) | ([_, _, ..], false) => String::new(),
            ([(_, first), ..], _) => progress(first),
        };
        Self { title, ending, progress, facts, calls, more }
    }

    /// For those who do not see the picture.
    fn description(&self) -> String {
        let mut text = clean(&format!("{}. {}", self.ending.claim, self.ending.hint));
        for (number, call) in &self.calls {
            text += &format!(" Call {number} from {} to {}:", call.client, call.server);
            for rung in &call.rungs {
                let word = if rung.is_done { "done" } else { "it stops here" };
                text += &format!(" {}, {word}.", rung.name);
            }
            if text.len() > DESCRIPTION_BYTES {
                return text + " And more.";
            }
        }
        text
    }
}

/// Leaves out ladders that go as far as the first one and end as it does; how many.
fn leave_out_alike(calls: &mut Vec<(usize, Ladder)>) -> usize {
    let before = calls.len();
    let shape = |ladder: &Ladder| {
        let rungs = ladder.rungs.iter();
        let fates = |rung: &Rung| rung.arrows.iter().map(|arrow| arrow.fate).collect::<Vec<_>>();
        let rungs: Vec<_> = rungs.map(|rung| (rung.name, rung.is_done, fates(rung))).collect();
        (rungs, ladder.ending.code)
    };
    let is_bad = |ladder: &Ladder| ladder.ending.severity == Severity::Error;
    let Some(first) = calls.first().filter(|(_, first)| is_bad(first)) else { return 0 };
    let (number, first) = (first.0, shape(&first.1));
    calls.retain(|(other, ladder)| *other == number || shape(ladder) != first);
    before - calls.len()
}

/// "Went well: Connection, Greeting, Call. Stopped at: Tunnel packets (GRE)."
fn progress(ladder: &Ladder) -> String {
    if ladder.ending.severity == Severity::Note {
        return String::new();
    }
    let done: Vec<&str> =
        ladder.rungs.iter().take_while(|rung| rung.is_done).map(|rung| rung.name).collect();
    let mut text = match &done[..] {
        [] => String::new(),
        done => format!("Went well: {}. ", done.join(", ")),
    };
    if let Some(stopped) = ladder.rungs.get(done.len()) {
        text += &format!("Stopped at: {}.", stopped.name);
    }
    text
}

/// The verdict of a live probe where it knows more than the call's own capture.
fn overruled<'a>(
    verdict: Option<&'a menshen_explain_core::tunnel::verdict::Verdict>,
    code: &str,
) -> Option<&'a menshen_explain_core::tunnel::verdict::Verdict> {
    verdict.filter(|verdict| {
        let told = verdict.finding.code;
        told != code
            && (told.starts_with("tunnel-own") || verdict.open.is_empty())
            && verdict.finding.severity == Severity::Error
            && code != "tunnel-lcp-only"
    })
}

fn ending(told: &Told, calls: &[(usize, Ladder)]) -> Ending {
    if let Some(verdict) = &told.verdict {
        return Ending::of(verdict);
    }
    let well = told.report.calls.iter();
    let well = well.filter(|call| call.verdict.finding.severity == Severity::Note).count();
    let all = told.report.calls.len();
    match (calls, all) {
        ([(_, only)], 1) => only.ending.clone(),
        _ => Ending {
            severity: if all > 0 && well == all { Severity::Note } else { Severity::Error },
            claim: match (all, well) {
                (0, _) => "No PPTP is in the capture".to_owned(),
                (all, well) if all == well => format!("All {all} calls are well"),
                (all, 0) => format!("None of {all} calls came up"),
                (all, well) => format!("{well} of {all} calls are well"),
            },
            hint: match all {
                0 => "Capture with tcpdump -s 0 'ip proto 47 or tcp port 1723 or icmp' while the \
                      client dials."
                    .to_owned(),
                _ => String::new(),
            },
            open: Vec::new(),
            settle: None,
            code: "",
        },
    }
}

fn narrow(scene: &Scene) -> Sheet {
    let mut canvas = Canvas::new();
    let column = Column { x: MARGIN, width: NARROW - 2 * MARGIN };
    let mut y = head(&mut canvas, scene, column);
    for call in &scene.calls {
        y = one(&mut canvas, scene, column, call, y + SECTION);
    }
    y = rest(&mut canvas, scene, column, y);
    finish(canvas, NARROW, y + MARGIN)
}

/// Two ladders beside each other; a single one stands alone and is as wide as a reader likes.
fn wide(scene: &Scene) -> Sheet {
    let mut canvas = Canvas::new();
    let all = Column { x: MARGIN, width: WIDE - 2 * MARGIN };
    let half = (all.width - SECTION) / 2;
    let mut y = head(&mut canvas, scene, all);
    let single = scene.calls.len() == 1;
    for pair in scene.calls.chunks(2) {
        let top = y + SECTION;
        for (place, call) in pair.iter().enumerate() {
            let column = match (single, place) {
                (true, _) => Column { x: all.x + all.width / 8, width: all.width * 3 / 4 },
                (false, 0) => Column { x: all.x, width: half },
                (false, _) => Column { x: all.x + half + SECTION, width: half },
            };
            y = y.max(one(&mut canvas, scene, column, call, top));
        }
    }
    y = rest(&mut canvas, scene, all, y);
    finish(canvas, WIDE, y + MARGIN)
}

fn head(canvas: &mut Canvas, scene: &Scene, column: Column) -> i32 {
    let mut y = canvas.paragraph(column, MARGIN, Face::TITLE, &scene.title) + 2;
    if !scene.calls.is_empty() {
        y = canvas.paragraph(column, y, Face::FAINT, INTRO);
    }
    y += 10;
    let ending = &scene.ending;
    y = canvas.marked(column, y, sign(ending.severity), Face::HEADING, &words(&ending.claim));
    if !scene.progress.is_empty() {
        y = canvas.paragraph(column.indented(25), y + 2, Face::BODY, &scene.progress);
    }
    if scene.calls.len() != 1 {
        // Else it stands where it stops.
        y = canvas.paragraph(column.indented(25), y + 2, Face::BODY, &words(&ending.hint));
    }
    y += 4;
    for fact in &scene.facts {
        y = canvas.paragraph(column.indented(25), y, Face::FAINT, fact);
    }
    y
}

fn one(
    canvas: &mut Canvas,
    scene: &Scene,
    column: Column,
    (number, call): &(usize, Ladder),
    y: i32,
) -> i32 {
    let mut y = y;
    if scene.calls.len() > 1 {
        let text = format!("Call {number}, {}", call.ids);
        y = canvas.paragraph(column, y, Face::HEADING, &text) + 4;
    }
    ladder::draw(canvas, call, column, y)
}

fn rest(canvas: &mut Canvas, scene: &Scene, column: Column, y: i32) -> i32 {
    if scene.more == 0 {
        return y;
    }
    let text = format!("and {} more calls, told in the text", scene.more);
    canvas.paragraph(column, y + 10, Face::FAINT, &text)
}

/// A sentence without the marks around commands.
fn words(text: &str) -> String {
    clean(text).replace('`', "")
}

/// For whom this is new.
const INTRO: &str = "\
    What both computers sent to each other to bring the tunnel up, from top to bottom. Where the \
    ladder ends in red, it stopped.";
/// Calls that are drawn.
const CALLS_MAX: usize = 6;
/// Of the text for those who do not see the picture.
const DESCRIPTION_BYTES: usize = 2000;

#[cfg(test)]
mod tests;
