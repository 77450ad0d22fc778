//! A picture laid out twice, for a narrow and for a wide window: a media query shows one; programs
//! that know no CSS show the narrow one. Text sizes are those of a reader, not of a poster.

use super::canvas::{Area, Canvas};
use super::escape;

/// A finished drawing.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) height: i32,
    pub(crate) body: String,
    /// Where texts are, for the test that none meet.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the test that no texts meet"))]
    pub(crate) areas: Vec<Area>,
}

/// Puts the drawing on its ground.
pub(crate) fn finish(canvas: Canvas, width: i32, height: i32) -> Sheet {
    let (body, areas) = canvas.done();
    let ground = format!("<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n");
    Sheet { height, body: ground + &body, areas }
}

/// What a picture is made of. `css` and `defs` are written as they are.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    pub(crate) title: &'a str,
    /// For those who do not see the picture.
    pub(crate) description: &'a str,
    pub(crate) css: &'a str,
    pub(crate) defs: &'a str,
    /// [`NARROW`] units wide.
    pub(crate) narrow: &'a Sheet,
    /// [`WIDE`] units wide.
    pub(crate) wide: &'a Sheet,
}

/// A self-contained SVG.
pub(crate) fn document(parts: &Document<'_>) -> String {
    let (narrow, wide) = (parts.narrow, parts.wide);
    let wide_height = i64::from(wide.height) * i64::from(NARROW) / i64::from(WIDE);
    let title = escape(parts.title);
    let desc = escape(parts.description);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"root\" viewBox=\"0 0 {NARROW} {0}\" \
         width=\"{NARROW}\" height=\"{0}\" preserveAspectRatio=\"xMinYMin slice\" role=\"img\" \
         aria-labelledby=\"title desc\" lang=\"en\">\n<title id=\"title\">{title}</title>\n\
         <desc id=\"desc\">{desc}</desc>\n<style>\n{css}{1}</style>\n{2}\
         <svg class=\"narrow\" width=\"{NARROW}\" height=\"{0}\" viewBox=\"0 0 {NARROW} {0}\">\n{3}\
         </svg>\n<svg class=\"wide\" display=\"none\" width=\"{NARROW}\" height=\"{4}\" \
         viewBox=\"0 0 {WIDE} {5}\">\n{6}</svg>\n</svg>\n",
        narrow.height,
        window_css(narrow.height, wide.height),
        parts.defs,
        narrow.body,
        wide_height,
        wide.height,
        wide.body,
        css = parts.css,
    )
}

/// The size of the picture in a window; `slice` keeps the scale by the width.
fn window_css(narrow: i32, wide: i32) -> String {
    format!(
        ".root{{display:block;margin:0 auto;width:min(98vw,640px);\
         height:calc(min(98vw,640px)*{narrow}/{NARROW})}}\n\
         @media (min-width:1000px){{.root{{width:min(98vw,{WIDE}px);\
         height:calc(min(98vw,{WIDE}px)*{wide}/{WIDE})}}\
         .narrow{{display:none}}.wide{{display:inline}}}}\n"
    )
}

/// Units of the narrow layout: a phone shows four fifths of them.
pub(crate) const NARROW: i32 = 480;
/// Units of the wide layout: a screen shows them as they are.
pub(crate) const WIDE: i32 = 1120;
pub(crate) const MARGIN: i32 = 16;
/// Between parts of a picture.
pub(crate) const SECTION: i32 = 28;
