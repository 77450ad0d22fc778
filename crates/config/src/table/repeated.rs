//! Repeated tables as rows: `[[web.public]]`, `[[site]]`, and those inside of it.
//!
//! A row of one type holds a list of another; this is where the one does not know the other.

use std::fmt::Debug;

use toml::Spanned;
use toml::de::DeValue;

use super::{Place, Row, Section, Table};
use crate::parse::Reader;

/// A repeated table in an `S`.
pub(crate) trait Repeated<S>: Debug {
    /// Reads all of its elements.
    fn read(
        &self,
        reader: &mut Reader<'_>,
        row: &'static Row<S>,
        into: &mut S,
        value: &Spanned<DeValue<'_>>,
    );

    /// Adds its view and those of the tables in it.
    fn collect(&self, tables: &mut Vec<Table>);
}

/// A list of `E` in an `S`.
#[derive(Debug)]
pub(crate) struct List<S: 'static, E: 'static> {
    /// The keys of one element.
    pub(crate) section: Section<E>,
    /// Most elements.
    pub(crate) most: usize,
    /// An element before any key is read.
    pub(crate) start: fn() -> E,
    /// What no two elements may share; empty: anything may be shared.
    pub(crate) name_of: fn(&E) -> String,
    /// Where the elements go.
    pub(crate) place: Place<S, Vec<E>>,
}

impl<S: Debug, E: Debug> Repeated<S> for List<S, E> {
    fn read(
        &self,
        reader: &mut Reader<'_>,
        row: &'static Row<S>,
        into: &mut S,
        value: &Spanned<DeValue<'_>>,
    ) {
        let elements = reader.elements(row, self, value);
        *(self.place)(into) = elements;
    }

    fn collect(&self, tables: &mut Vec<Table>) {
        tables.push(self.section.view(true, self.most));
        self.section.inner(tables);
    }
}
