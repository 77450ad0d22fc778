//! New uploads that the application is asked about (`crate::php::asking`), and what its answer
//! leaves in their records.
//!
//! It is asked once, when an upload is made: whoever goes on with one was allowed then, and its
//! record holds every byte to the limit. The script that gets it in the end decides for itself.
//! A file that goes ahead of its form is asked about with the form's address, which its client
//! names; a form takes only files that the same script has allowed.

use std::rc::Rc;

use menshen_base::Counter;
use menshen_store::{Destination, Record};
use menshen_upload_core::{Create, Refusal};
use menshen_web_core::head::Method;
use menshen_web_core::target::{decode_path, split};

use super::append::Way;
use super::reply::{Known, refused};
use super::request::RequestHead;
use super::said::Said;
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::php::asking::{About, Question};
use crate::plan::{Patience, Stop};
use crate::reply::Reply;
use crate::site::{Settings, Site, Way as SiteWay};

impl Door {
    /// The question about a file that goes ahead of its form; `None` where nobody is asked.
    pub(super) fn question_ahead(
        &self,
        ask: &Ask<'_>,
        create: &Create,
        length: Option<u64>,
    ) -> Result<Option<Box<Question>>, Stop> {
        let Some(site) = self.sites.find(ask.host) else { return Ok(None) };
        // As it would stand in a request: the application sees it as the address.
        let most = usize::try_from(self.limits.target_bytes_max).unwrap_or(usize::MAX);
        let could_be = |form: &&[u8]| {
            form.len() <= most
                && form.iter().all(u8::is_ascii_graphic)
                && decode_path(split(form).0).is_ok()
        };
        let form = create.metadata.get("form").filter(could_be);
        let target = form.unwrap_or(ask.target);
        let form = Ask { method: Method::Post, method_name: "POST", target, ..*ask };
        let settings = self.settings_of(&form, site);
        let by = match &settings {
            Some(settings) => settings.authorize.as_deref(),
            None => site.authorize(),
        };
        let Some(by) = by else { return Ok(None) };
        let kind = create.metadata.get("filetype");
        self.question(&form, site, by, About::of(create, length, kind)).map(Some)
    }

    /// What holds for the script that `form` would be answered by.
    fn settings_of(&self, form: &Ask<'_>, site: &Rc<Site>) -> Option<Rc<Settings>> {
        match site.route(self, form, Patience::Spent) {
            SiteWay::Script(script) => Some(Rc::clone(&script.settings)),
            _ => None,
        }
    }
}

impl Way {
    /// Asks about a new upload; its record, held to the answer.
    pub(super) async fn allowed(
        &mut self,
        door: &Rc<Door>,
        record: Record,
        question: Box<Question>,
    ) -> Result<Record, Reply> {
        let mut record = record;
        let allowed = question.put(door).await.map_err(|reply| self.relayed(reply))?;
        if let Some(largest) = allowed.largest {
            let within = record.largest.map_or(largest, |before| before.min(largest));
            record.largest = Some(within);
            self.limits.size_max = record.largest;
            if record.length.is_some_and(|length| length > within) {
                door.slot.add(Counter::LimitUpload, 1);
                let known = Known::nothing(self.limits);
                return Err(refused(self.dialect, Refusal::TooLarge, &known, self.wanted));
            }
        }
        if let Destination::Request { head } = &mut record.destination {
            let broken = |_| Reply::fault(Fault::Storage, self.wanted);
            let mut kept: RequestHead = serde_json::from_slice(head).map_err(broken)?;
            (kept.allowed_by, kept.sent_to) = (Some(allowed.by), allowed.to);
            *head = serde_json::to_vec(&kept).map_err(broken)?;
        } else {
            let mut said = Said::of(&record);
            said.allowed_by = Some(allowed.by);
            record.metadata = said.json();
        }
        Ok(record)
    }

    /// The application's answer, with the fields by which the dialect knows its own.
    fn relayed(&self, mut reply: Reply) -> Reply {
        let known = Known::nothing(self.limits);
        for (name, value) in self.dialect.refused(Refusal::Forbidden, &known.facts()).fields {
            let about_content = name.starts_with("content-") || name == "cache-control";
            if !about_content && !reply.lines.iter().any(|(said, _)| said == name) {
                reply = reply.with(name, value);
            }
        }
        reply
    }
}
