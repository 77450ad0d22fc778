//! The pages that strangers with a link see: what is in a shared folder, and the drop-box.
//!
//! No part of them needs a script, and no script runs on the page of a shared folder. The text of
//! the link stands in them, as it has to, so they are never stored by anybody and never named to
//! another server (`Referrer-Policy`). Everything of a client or a disk is escaped here.

use menshen_base::calendar::rfc3339;
use menshen_web_core::fields::Lang;
use menshen_web_core::link::Claims;
use menshen_web_core::link::tally::Tally;

use crate::listing::html;
use crate::page::POLICY;
use crate::reply::{Body, Reply};

/// The page of a shared folder.
#[derive(Debug)]
pub(crate) struct Shared<'a> {
    pub(crate) lang: Lang,
    /// Path of the folder below that of the link, for people.
    pub(crate) title: &'a str,
    /// Whether it is the link's own folder, above which nothing is shown.
    pub(crate) top: bool,
    /// Rows of the listing, HTML already.
    pub(crate) rows: &'a str,
    /// Text of the link: letters that need no escaping anywhere.
    pub(crate) link: &'a str,
}

/// The page of a drop-box.
#[derive(Debug, Clone)]
pub(crate) struct Drop {
    lang: Lang,
    /// What the link allows, for people.
    terms: String,
    open: bool,
}

impl Shared<'_> {
    /// The page as an answer.
    pub(crate) fn reply(&self) -> Reply {
        let up = if self.top {
            String::new()
        } else {
            let text = pick(self.lang, "up one folder", "上一级文件夹");
            let link = self.link;
            format!(
                "<tr><td><a href=\"../?menshen-link={link}\">{text}</a></td><td></td><td></td></tr>"
            )
        };
        let empty = pick(self.lang, "This folder is empty.", "此文件夹为空。");
        let note = if self.rows.is_empty() { empty } else { "" };
        answer(self.lang, SHARED, &|name| match name {
            "title" => html(self.title),
            "up" => up.clone(),
            "rows" => self.rows.to_owned(),
            "note" => note.to_owned(),
            "name" => pick(self.lang, "Name", "名称").to_owned(),
            "size" => pick(self.lang, "Size", "大小").to_owned(),
            "modified" => pick(self.lang, "Modified (UTC)", "修改时间 (UTC)").to_owned(),
            _ => String::new(),
        })
    }
}

impl Drop {
    /// Of a link, of which so much is used already.
    pub(crate) fn new(lang: Lang, claims: &Claims, used: Option<&Tally>) -> Self {
        let mut terms = Vec::new();
        let left = claims.count.map(|n| n.saturating_sub(used.map_or(0, |tally| tally.count)));
        let bytes = claims.bytes.map(|n| n.saturating_sub(used.map_or(0, |tally| tally.bytes)));
        let until = rfc3339(i64::try_from(claims.expires).unwrap_or(i64::MAX));
        let until = until.get(..16).unwrap_or(&until).replace('T', " ");
        terms.push(match lang {
            Lang::En => format!("until {until} UTC"),
            Lang::Zh => format!("截止 {until} UTC"),
        });
        match (left, lang) {
            (None, _) => {}
            (Some(1), Lang::En) => terms.push("one more file".into()),
            (Some(n), Lang::En) => terms.push(format!("{n} more files")),
            (Some(n), Lang::Zh) => terms.push(format!("还可上传 {n} 个文件")),
        }
        match (bytes.map(shown), lang) {
            (None, _) => {}
            (Some(size), Lang::En) => terms.push(format!("{size} left")),
            (Some(size), Lang::Zh) => terms.push(format!("剩余 {size}")),
        }
        let open = left != Some(0) && bytes != Some(0);
        Self { lang, terms: terms.join(" · "), open }
    }

    /// The page as an answer.
    pub(crate) fn reply(&self) -> Reply {
        let full = pick(
            self.lang,
            "This box takes nothing more. Ask whoever gave you the link for a new one.",
            "此收件箱已满，请向提供链接的人索取新的链接。",
        );
        self.page(if self.open { "" } else { full }, if self.open { "open" } else { "full" })
    }

    /// The same, after a form without a script brought so many files.
    pub(crate) fn thanks(&self, files: u32) -> Reply {
        let said = match (self.lang, files) {
            (Lang::En, 1) => "Your file has arrived.".to_owned(),
            (Lang::En, files) => format!("Your {files} files have arrived."),
            (Lang::Zh, files) => format!("已收到 {files} 个文件。"),
        };
        Reply { status: 201, ..self.page(&said, "open") }
    }

    fn page(&self, said: &str, state: &str) -> Reply {
        let pick = |english: &str, chinese: &str| pick(self.lang, english, chinese).to_owned();
        answer(self.lang, DROP, &|name| match name {
            "title" => pick("Leave files here", "请把文件放在这里"),
            "text" => pick(
                "They go to whoever gave you this link. Nobody else who has it can see them, \
                 nor can you see what others left.",
                "文件会送到提供此链接的人手中。持有链接的其他人看不到这些文件，您也看不到别人的。",
            ),
            "terms" => html(&self.terms),
            "said" => html(said),
            "state" => state.to_owned(),
            "choose" => pick("Choose files", "选择文件"),
            "send" => pick("Send", "发送"),
            "drop" => pick("or drop them anywhere on this page", "或拖放到本页任意位置"),
            "w_sent" => pick("arrived", "已送达"),
            "w_waiting" => pick("waiting", "等待中"),
            "w_lost" => pick("no connection", "连接中断"),
            "w_again" => pick("Try again", "重试"),
            "w_folder" => pick("folders cannot be left here", "不能上传文件夹"),
            _ => String::new(),
        })
    }
}

/// A size for people: `12.5 MiB`.
pub(crate) fn shown(bytes: u64) -> String {
    let mut unit = 0;
    let mut tenths = bytes.saturating_mul(10);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let unit_name = UNITS.get(unit).copied().unwrap_or_default();
    match (unit, tenths % 10) {
        (0, _) => format!("{bytes} B"),
        (_, 0) => format!("{} {unit_name}", tenths / 10),
        (_, rest) => format!("{}.{rest} {unit_name}", tenths / 10),
    }
}

/// One pass over a template, so that a value that looks like a placeholder stays a value.
fn answer(lang: Lang, template: &str, value: &dyn Fn(&str) -> String) -> Reply {
    let word = match lang {
        Lang::En => "en",
        Lang::Zh => "zh",
    };
    let mut text = String::with_capacity(template.len() + 1024);
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        text.push_str(&rest[..at]);
        let (name, after) = rest[at + 2..].split_once("}}").unwrap_or(("", ""));
        text.push_str(&if name == "lang" { word.to_owned() } else { value(name) });
        rest = after;
    }
    text.push_str(rest);
    Reply::new(200)
        .text("content-security-policy", POLICY)
        .text("cache-control", "no-store")
        .text("vary", "accept, accept-language")
        .text("referrer-policy", "no-referrer")
        .text("x-content-type-options", "nosniff")
        .text("x-robots-tag", "noindex")
        .text("content-language", word)
        .body("text/html; charset=utf-8", Body::Owned(text.into_bytes()))
}

/// One of two texts.
const fn pick<'t>(lang: Lang, english: &'t str, chinese: &'t str) -> &'t str {
    match lang {
        Lang::En => english,
        Lang::Zh => chinese,
    }
}

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const SHARED: &str = include_str!("../../page/shared.html");
const DROP: &str = include_str!("../../page/drop.html");

#[cfg(test)]
mod tests;
