//! Comma separated values (RFC 4180), found without copying them.

use std::borrow::Cow;

use super::columns::Column;
use super::{is_blank, line_end};
use crate::domain::field::FieldError;
use crate::domain::person::PersonDocument;

/// A header that was read.
pub(super) struct Header {
    pub(super) delimiter: u8,
    /// The names as they stand.
    pub(super) names: Vec<String>,
    /// What each is; `None` for one that no person has.
    pub(super) columns: Vec<Option<Column>>,
}

/// The header of a text, and what follows it.
pub(super) fn header(text: &[u8]) -> Option<(Header, &[u8])> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut rest = text;
    let line = loop {
        let (line, more) = rest.split_at(line_end(rest).unwrap_or(rest.len()));
        rest = more;
        if !is_blank(line) {
            break line;
        }
        if rest.is_empty() {
            return None;
        }
    };
    let often = |byte: u8| line.iter().filter(|it| **it == byte).count();
    // Of equal ones the last: with one column there is none, and any will do.
    let delimiter = [b'\t', b';', b','].into_iter().max_by_key(|it| often(*it)).unwrap_or(b',');
    let names: Vec<String> =
        fields(line, delimiter).map(|name| String::from_utf8_lossy(&name).trim().to_owned()).collect();
    let columns = names.iter().map(|name| Column::named(name)).collect();
    Some((Header { delimiter, names, columns }, rest))
}

impl Header {
    /// The value that a record has in the column of references.
    pub(super) fn reference<'r>(&self, record: &'r [u8]) -> Option<Cow<'r, [u8]>> {
        let at = self.columns.iter().position(|column| *column == Some(Column::Reference))?;
        fields(record, self.delimiter).nth(at)
    }

    /// The person of a record.
    pub(super) fn person(&self, record: &[u8]) -> Result<PersonDocument, FieldError> {
        let mut person = PersonDocument::default();
        let mut columns = self.columns.iter().zip(&self.names);
        for value in fields(record, self.delimiter) {
            let Some((column, name)) = columns.next() else { return Err(wrong_count()) };
            let value =
                std::str::from_utf8(&value).map_err(|_| FieldError::new(name.clone(), "is not UTF-8"))?;
            if let Some(column) = column.filter(|_| !value.is_empty()) {
                column.write(&mut person, value)?;
            }
        }
        if columns.next().is_some() { Err(wrong_count()) } else { Ok(person) }
    }
}

fn wrong_count() -> FieldError {
    FieldError::new(".", "has another number of values than the header")
}

/// Where the record that a text begins with ends, its line's end included; `None` where the text ends before it.
pub(super) fn record_end(text: &[u8], delimiter: u8) -> Option<usize> {
    enum At {
        Start,
        Plain,
        Quoted,
        /// After a quote that closes, unless another one follows.
        Closed,
    }
    let mut state = At::Start;
    for (at, byte) in text.iter().enumerate() {
        state = match (state, byte) {
            (At::Quoted, b'"') => At::Closed,
            (At::Quoted, _) => At::Quoted,
            (_, b'\n') => return Some(at + 1),
            (At::Start | At::Closed, b'"') => At::Quoted,
            (_, byte) if *byte == delimiter => At::Start,
            _ => At::Plain,
        };
    }
    None
}

/// The fields of a record.
pub(super) fn fields(record: &[u8], delimiter: u8) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    let mut rest = Some(record.strip_suffix(b"\r").unwrap_or(record));
    std::iter::from_fn(move || {
        let text = rest?;
        if text.first() == Some(&b'"') {
            let (field, after) = quoted(text.get(1..).unwrap_or_default(), delimiter);
            rest = after;
            return Some(field);
        }
        match text.iter().position(|byte| *byte == delimiter) {
            Some(at) => {
                rest = text.get(at + 1..);
                Some(Cow::Borrowed(text.get(..at).unwrap_or_default()))
            }
            None => {
                rest = None;
                Some(Cow::Borrowed(text))
            }
        }
    })
}

/// A field after its opening quote, and what follows its delimiter.
fn quoted(text: &[u8], delimiter: u8) -> (Cow<'_, [u8]>, Option<&[u8]>) {
    let mut value = Cow::Borrowed(text.get(..0).unwrap_or_default());
    let mut from = 0;
    while let Some(length) = text.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'"')) {
        let at = from + length;
        let is_doubled = text.get(at + 1) == Some(&b'"');
        let piece = text.get(from..at + usize::from(is_doubled)).unwrap_or_default();
        if value.is_empty() && !is_doubled {
            value = Cow::Borrowed(piece);
        } else {
            value.to_mut().extend_from_slice(piece);
        }
        if is_doubled {
            from = at + 2;
            continue;
        }
        let after = text.get(at + 1..).unwrap_or_default();
        let until = after.iter().position(|byte| *byte == delimiter);
        // What stands between the closing quote and the delimiter belongs to the value, as everywhere.
        let more = after.get(..until.unwrap_or(after.len())).unwrap_or_default();
        if !more.is_empty() {
            value.to_mut().extend_from_slice(more);
        }
        return (value, until.and_then(|until| after.get(until + 1..)));
    }
    value.to_mut().extend_from_slice(text.get(from..).unwrap_or_default());
    (value, None)
}
