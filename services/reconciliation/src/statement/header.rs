//! Finds the columns of a file by their names.

use std::collections::HashMap;

use crate::domain::column::Column;
use crate::domain::operator::OperatorConfig;
use crate::domain::text::fold_header;

/// An operator's names for the columns, folded.
pub(super) struct HeaderMap(HashMap<String, Column>);

/// Where each column stands in a file, by `Column as usize`.
pub(super) type Positions = [usize; Column::ALL.len()];

impl HeaderMap {
    pub(super) fn new(operator: &OperatorConfig) -> Self {
        let names = |(column, aliases): (&Column, &Vec<String>)| {
            let column = *column;
            aliases.iter().map(|alias| (fold_header(alias), column)).collect::<Vec<_>>()
        };
        Self(operator.headers.iter().flat_map(names).collect())
    }

    pub(super) fn column(&self, name: &str) -> Option<Column> {
        self.0.get(&fold_header(name)).copied()
    }

    /// Where the columns stand among a header's names.
    ///
    /// # Errors
    /// Which columns are missing or given twice.
    pub(super) fn locate<'a>(
        &self,
        names: impl IntoIterator<Item = (usize, &'a str)>,
    ) -> Result<Positions, HeaderFault> {
        let mut found: [Option<usize>; Column::ALL.len()] = Default::default();
        for (position, name) in names {
            let Some(column) = self.column(name) else { continue };
            if found[column as usize].replace(position).is_some() {
                return Err(HeaderFault::Twice(column));
            }
        }
        let mut missing = Vec::new();
        let positions = Column::ALL.map(|column| {
            found[column as usize].unwrap_or_else(|| {
                missing.push(column);
                usize::MAX
            })
        });
        if missing.is_empty() { Ok(positions) } else { Err(HeaderFault::Missing(missing)) }
    }
}

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HeaderFault {
    Missing(Vec<Column>),
    Twice(Column),
}

impl std::fmt::Display for HeaderFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(columns) => {
                let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
                write!(f, "missing: {}", names.join(", "))
            }
            Self::Twice(column) => write!(f, "given twice: {}", column.name()),
        }
    }
}
