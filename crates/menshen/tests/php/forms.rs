//! Forms that are hard to read: made of the pieces on which readers differ, from fixed seeds.

/// A source of choices; the same seed gives the same ones.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    /// Whether something happens that happens once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn text(&mut self, pieces: &[&str], most: usize) -> String {
        (0..=self.below(most)).map(|_| self.pick(pieces)).collect()
    }

    /// Sixteen bytes, for a boundary.
    pub(crate) fn bytes(&mut self) -> [u8; 16] {
        core::array::from_fn(|_| u8::try_from(self.below(256)).unwrap())
    }
}

/// A part that can be told without quoting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: Vec<u8>,
    pub(crate) full_path: Option<Vec<u8>>,
    pub(crate) content_type: Option<Vec<u8>>,
    pub(crate) data: Vec<u8>,
}

/// Parts with difficult names and bytes. Names of fields begin with `f`, those of files with `g`,
/// because PHP hides fields behind files of the same name.
pub(crate) fn parts(chance: &mut Chance) -> Vec<Part> {
    let one = |chance: &mut Chance| {
        let is_file = chance.once_in(2);
        let mut name = if is_file { "g" } else { "f" }.to_owned();
        if !chance.once_in(4) {
            name += &chance.text(NAMES, 4);
        }
        name += chance.pick(INDEXES);
        // PHP leaves out files whose brackets do not pair up, and all behind them.
        if is_file && !chance.once_in(12) {
            let base = name.replace(['[', ']'], "");
            name = base + chance.pick(&["", "[]", "[a]", "[b][]", "[][x y]", "[門.\"]"]);
        }
        let full_path = is_file.then(|| file_name(chance)).map(String::into_bytes);
        let empty = full_path.as_ref().is_some_and(Vec::is_empty);
        let content_type = chance.once_in(2).then(|| chance.pick(TYPES).into());
        let data = if empty { Vec::new() } else { data(chance, "\r\n--B").into_bytes() };
        Part { name: name.into_bytes(), full_path, content_type, data }
    };
    (0..chance.below(6)).map(|_| one(chance)).collect()
}

fn file_name(chance: &mut Chance) -> String {
    if chance.once_in(6) {
        return String::new();
    }
    // Our parser refuses separators at the end, and control characters.
    chance.text(NAMES, 5).replace('\t', "")
        + chance.pick(&["x", ".txt", "\"", "'", " ", "门", "%22", ";"])
}

fn data(chance: &mut Chance, delimiter: &str) -> String {
    let mut text = chance.text(DATA, 8);
    if chance.once_in(4) {
        text += &"x".repeat(chance.below(12_000));
        text += &chance.text(DATA, 3);
    }
    if chance.once_in(6) {
        text += &delimiter[..chance.below(delimiter.len())];
    }
    text
}

/// A whole body as a client might send it, with the boundary `B`; not every one is a form.
pub(crate) fn raw(chance: &mut Chance) -> Vec<u8> {
    let mut body = String::new();
    if chance.once_in(20) {
        body += chance.pick(&["preamble\r\n", "\r\n", "a\n", "--C\r\n"]);
    }
    for _ in 0..=chance.below(4) {
        body += "--B";
        body += rarely(chance, 40, &[" ", "\t ", "x", "\n"]);
        body += "\r\n";
        if chance.once_in(12) {
            body += chance.pick(LINES);
        }
        if chance.once_in(200) {
            let pad = chance.pick(&["X: ", "X"]).to_owned() + &"a".repeat(5100 + chance.below(40));
            body += &(pad + "Content-Disposition: form-data; name=\"forged\"\r\n");
        }
        let line = disposition(chance);
        body += &line;
        if chance.once_in(3) {
            body += &format!("\r\nContent-Type: {}", chance.pick(TYPES));
            body += rarely(chance, 20, &[" ", "\t"]);
        }
        body += rarely(chance, 60, &["\n\n", "\r\n folded\r\n\r\n"]);
        if !body.ends_with("\n\n") {
            body += "\r\n\r\n";
        }
        // A file without a name has no bytes, or is refused.
        if !line.contains("filename=\"\"") || chance.once_in(20) {
            body += &data(chance, "\r\n--B");
        }
        body += rarely(chance, 60, LOOK_ALIKES);
        if !chance.once_in(60) {
            body += "\r\n";
        }
    }
    if !chance.once_in(40) {
        body += "--B--\r\n";
    }
    body += rarely(
        chance,
        30,
        &["epilogue", "--B\r\nContent-Disposition: form-data; name=e\r\n\r\ne\r\n--B--"],
    );
    body.into_bytes()
}

fn disposition(chance: &mut Chance) -> String {
    let mut line = chance
        .pick(&["Content-Disposition: ", "content-disposition:", "CONTENT-Disposition:\t"])
        .to_owned();
    line += rarely(chance, 50, &["form-data ", "FORM-DATA"]);
    if line.ends_with([' ', ':', '\t']) && !line.ends_with("form-data ") {
        line += "form-data";
    }
    let mut parameters = vec![format!("name={}", value(chance, "f"))];
    if chance.once_in(2) {
        let name = if chance.once_in(3) { "\"\"".into() } else { value(chance, "") };
        parameters.push(format!("filename={name}"));
    }
    parameters.push(rarely(chance, 20, EXTRAS).to_owned());
    if chance.once_in(5) {
        parameters.rotate_left(1);
    }
    for parameter in parameters.iter().filter(|parameter| !parameter.is_empty()) {
        line += rarely(chance, 12, &[" ;", ";;", " ; "]);
        if !line.ends_with([';', ' ']) || line.ends_with("form-data ") {
            line += ";";
        }
        line += chance.pick(&["", " ", " ", " "]);
        line += parameter;
    }
    line
}

fn value(chance: &mut Chance, first: &str) -> String {
    if chance.once_in(5) {
        return first.to_owned()
            + chance.pick(&["bare", "b.c", "b_c", "it's", "'q'", "a\\b", "[]"]);
    }
    let inner = chance.text(QUOTED, 5);
    format!("\"{first}{inner}\"")
}

/// One of the list once in `times`, else nothing.
fn rarely<'a>(chance: &mut Chance, times: usize, list: &[&'a str]) -> &'a str {
    if chance.once_in(times) { chance.pick(list) } else { "" }
}

/// Why PHP may read a body otherwise than our parser does, found in the body itself. It is PHP that
/// departs from the standard in each of them, and what it is sent in the end is what we read.
pub(crate) fn reasons(raw: &[u8]) -> Vec<&'static str> {
    let text = String::from_utf8_lossy(raw);
    let count = |needle: &str| text.matches(needle).count();
    let long = || raw.split(|&byte| byte == b'\n').any(|line| line.len() > 5118);
    let kinds = || text.match_indices("Content-Type: ").map(|(at, _)| &text[at..]);
    let blank_kind = || {
        let mut lines = kinds().filter_map(|rest| rest.split("\r\n").next());
        lines.any(|line| line.ends_with([' ', '\t']))
    };
    let outside = || text.split("\r\n").any(quote_outside);
    let lone = count("\n--B") > count("\r\n--B");
    let hollow = count("\r\n\r\n--B") > count("\r\n\r\n\r\n--B");
    let behind = text.split_once("--B--").is_some_and(|(_, rest)| rest.contains("--B"));
    let rows = [
        (EXTENDED, text.contains("filename*")),
        (BACKSLASH, text.contains("\\\\\"")),
        (SINGLE_QUOTE, outside()),
        (LONE_LF, lone),
        (HOLLOW, hollow),
        (BLANK, text.contains("--B ") || text.contains("--B\t")),
        (BEHIND, behind),
        (LONG_LINE, long()),
        (BLANK_TYPE, blank_kind()),
    ];
    rows.into_iter().filter_map(|(reason, found)| found.then_some(reason)).collect()
}

/// Whether a disposition has a single quote outside of double ones.
fn quote_outside(line: &str) -> bool {
    let (mut inside, mut escaped) = (false, false);
    let line = line.to_ascii_lowercase().replace("utf-8''", "");
    line.starts_with("content-disposition")
        && line.chars().any(|c| {
            let hidden = core::mem::take(&mut escaped);
            match c {
                '\\' if inside && !hidden => escaped = true,
                '"' if !hidden => inside = !inside,
                '\'' => return !inside,
                _ => {}
            }
            false
        })
}

/// Each part of a body beginning with the boundary `B`.
pub(crate) fn form(parts: &[(&str, &str)]) -> Vec<u8> {
    let part = |(line, data): &(&str, &str)| {
        format!("--B\r\nContent-Disposition: form-data; {line}\r\n\r\n{data}\r\n")
    };
    (parts.iter().map(part).collect::<String>() + "--B--\r\n").into_bytes()
}

pub(crate) const EXTENDED: &str = "PHP does not know filename*, and takes the part for a field";
pub(crate) const BACKSLASH: &str =
    "PHP takes a backslash that is escaped for the escape of a quote";
pub(crate) const SINGLE_QUOTE: &str = "PHP takes single quotes for quotes";
pub(crate) const LONE_LF: &str = "PHP takes a lone LF for the beginning of a delimiter";
pub(crate) const HOLLOW: &str = "PHP does not see a delimiter right behind a part's head";
pub(crate) const BLANK: &str = "PHP does not see a delimiter with blanks behind it";
pub(crate) const BEHIND: &str = "PHP reads on behind the end";
pub(crate) const LONG_LINE: &str = "PHP takes what is behind 5,120 bytes for another line";
pub(crate) const BLANK_TYPE: &str = "PHP keeps the blanks at the end of a type";

const NAMES: &[&str] = &[
    "a",
    "b",
    ".",
    " ",
    "\"",
    "\\",
    "\\\"",
    "'",
    ";",
    "=",
    "%22",
    "%",
    "&",
    "+",
    "门",
    "é",
    ":",
    ",",
    "/",
    "]",
    "[",
    "\t",
    "$",
    "<",
    "name=",
    "; filename=\"z\"",
    "_",
    "-",
    "\u{1f600}",
    "{",
    "`",
];
const INDEXES: &[&str] =
    &["", "", "", "[]", "[a]", "[b][]", "[][]", "[1]", "[x y]", "[a.b]", "[\"]", "[门]", "[\\"];
const TYPES: &[&str] =
    &["text/plain", "image/png; a=\"b;c\"", "x", "application/octet-stream", "a;b", "\"", "\\"];
const DATA: &[&str] = &[
    "a",
    "\r",
    "\n",
    "\r\n",
    "-",
    "--",
    "--B",
    "B",
    "\0",
    "门",
    "\r\n--",
    "\r\n--C",
    "\"",
    "\\",
    ";",
    "Content-Disposition: form-data; name=\"x\"",
    "\r\n\r\n",
    "\u{7f}",
    "\r\r\n",
];
const LOOK_ALIKES: &[&str] =
    &["\n--B", "\r\n--B", "\n--B\r\n", "\n--B\n", "\r\n--Bx", "\r--B", "\n--B--\n", "\r\n--B-"];
const QUOTED: &[&str] = &[
    "a",
    "b",
    ".",
    " ",
    "\\\"",
    "\\\\",
    "\\",
    "'",
    ";",
    "=",
    "%22",
    "门",
    "[",
    "]",
    "[]",
    "[x]",
    "/",
    "\t",
    ":",
    "; filename=",
];
const LINES: &[&str] = &[
    "X-Other: 1\r\n",
    "Content-Length: 5\r\n",
    "Content-Transfer-Encoding: binary\r\n",
    "Content-Disposition-X: form-data; name=\"z\"\r\n",
    "x: Content-Disposition: form-data; name=\"z\"\r\n",
];
const EXTRAS: &[&str] = &[
    "filename*=UTF-8''s%2Ftar",
    "x=\"y;z\"",
    "x=\"\\\\\"",
    "x='y",
    "size=5",
    "name=again",
    "filename=again",
    "x=y",
    "x*=y",
    "'=x",
];
