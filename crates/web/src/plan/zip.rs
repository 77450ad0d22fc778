//! A read of a folder as a zip file: `?zip`, and which of its members.

use menshen_web_core::target::{PathError, SafePath, check_name, query_value, query_values};

use super::{Plan, Stop};
use crate::ask::Ask;
use crate::door::Door;
use crate::fault::Fault;
use crate::zip::Question;

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
        let mut names = Vec::new();
        for name in query_values(query, "name") {
            check_name(&name).map_err(|error| match error {
                PathError::Reserved => Fault::NotFound,
                other => Fault::BadPath(other.reason()),
            })?;
            let name = String::from_utf8(name.into_owned());
            names.push(name.map_err(|_| Fault::BadPath("a name is not UTF-8"))?);
        }
        names.sort_unstable();
        names.dedup();
        let most = usize::try_from(self.limits.zip_entries_max).unwrap_or(usize::MAX);
        let question = Question::new(ask, path.as_str(), names, most);
        Ok(Some(Plan::Zip(Box::new(question))))
    }
}
