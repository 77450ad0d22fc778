//! A read of a folder as a zip file: `?zip`, and which of its members.

use menshen_net::gate::network_of;
use menshen_web_core::link::Claims;
use menshen_web_core::link::tally::Limits;
use menshen_web_core::target::{SafePath, query_value, query_values};

use super::{Plan, Stop};
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::sink::Sink;
use crate::zip::{ByLink, Question, SELECTION_BYTES_MAX, Selection, SelectionForm, checked};

impl Door {
    /// The archive that `query` asks of the folder `path`; `None`: it asks for none. Whoever may
    /// read the folder may read all that is in it: rules of public paths say more of what is below
    /// them, never less.
    pub(super) fn zip(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        query: &[u8],
    ) -> Result<Option<Plan>, Stop> {
        if query_value(query, "zip").is_none() {
            return Ok(None);
        }
        let names = checked(query_values(query, "name"))?;
        let most = usize::try_from(self.limits.zip_entries_max).unwrap_or(usize::MAX);
        let question = Question::new(ask, path.as_str(), names, most);
        Ok(Some(Plan::Zip(Box::new(question))))
    }

    /// The same with the selection in the body; `None`: the body is no selection.
    pub(super) fn zip_selection(
        &self,
        ask: &Ask<'_>,
        path: &SafePath<'_>,
        query: &[u8],
    ) -> Result<Option<Plan>, Stop> {
        let kind = ask.headers.get("content-type").unwrap_or_default();
        let Some(form) = SelectionForm::of(kind).filter(|_| path.is_dir()) else {
            return Ok(None);
        };
        let Some(Plan::Zip(question)) = self.zip(ask, path, query)? else { return Ok(None) };
        if ask.length.is_some_and(|length| length > SELECTION_BYTES_MAX as u64) {
            return Err(Fault::TooLarge.into());
        }
        Ok(Some(Plan::Receive(Sink::Select(Box::new(Selection::new(question, form))))))
    }

    /// Has a link's count, budget and rate hold for an archive.
    pub(super) fn zip_by_link(&self, ask: &Ask<'_>, plan: Plan, claims: &Claims) -> Plan {
        let Claims { count, bytes, expires, .. } = *claims;
        let by_link = ByLink {
            rate: claims.rate.unwrap_or(0),
            counted: claims.id.map(|id| (id, Limits { count, bytes, expires })),
            network: network_of(ask.peer).to_string(),
        };
        match plan {
            Plan::Zip(mut question) => {
                question.link = Some(Box::new(by_link));
                Plan::Zip(question)
            }
            Plan::Receive(Sink::Select(mut selection)) => {
                selection.by_link(by_link);
                Plan::Receive(Sink::Select(selection))
            }
            plan => plan,
        }
    }
}
