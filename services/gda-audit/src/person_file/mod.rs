//! Persons in an uploaded file, CSV or NDJSON: no HTTP, no SQL.
//!
//! A file is [`split`] into chunks of whole lines in bounded memory, and each chunk is [`read`] by itself.

mod columns;
mod csv;
mod split;

pub use self::split::{Chunk, Split, SplitError, Stop, split};
use crate::domain::field::FieldError;
use crate::domain::person::PersonDocument;

/// How persons are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A header of the contract's fields, and a person a line; `,`, `;` or a tab between fields.
    Csv,
    /// A person's document a line.
    NdJson,
}

impl Format {
    /// As it is stored and told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::NdJson => "NDJSON",
        }
    }

    /// From the database.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Csv, Self::NdJson].into_iter().find(|format| format.as_str() == text)
    }
}

/// The longest line, in bytes.
const LONGEST: usize = 256 * 1024;

/// A line of a file, and the person on it or what is wrong with it.
pub type Line = (u64, Result<PersonDocument, FieldError>);

/// Reads the persons of a chunk.
///
/// # Errors
/// It has no header that [`split`] would have accepted.
pub fn read(format: Format, content: &[u8], first_line: u64) -> Result<Vec<Line>, SplitError> {
    match format {
        Format::Csv => {
            let (header, rest) = csv::header(content).ok_or(SplitError::Empty)?;
            Ok(lines(rest, first_line, |text| csv::record_end(text, header.delimiter))
                .map(|(line, text)| (line, header.person(text)))
                .collect())
        }
        Format::NdJson => {
            Ok(lines(content, first_line, line_end).map(|(line, text)| (line, document(text))).collect())
        }
    }
}

/// The lines of a text that are not blank, with their numbers.
fn lines(
    mut text: &[u8],
    first_line: u64,
    end: impl Fn(&[u8]) -> Option<usize>,
) -> impl Iterator<Item = (u64, &[u8])> {
    let mut next = first_line;
    std::iter::from_fn(move || {
        loop {
            if text.is_empty() {
                return None;
            }
            let (this, rest) = text.split_at(end(text).unwrap_or(text.len()));
            let line = next;
            next += newlines(this);
            text = rest;
            if !is_blank(this) {
                return Some((line, this));
            }
        }
    })
}

fn line_end(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| *byte == b'\n').map(|at| at + 1)
}

fn newlines(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

/// A person of NDJSON. Reasons quote no value.
fn document(line: &[u8]) -> Result<PersonDocument, FieldError> {
    if line.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(FieldError::new(".", "is not a JSON object"));
    }
    // The field is looked for only where there is a fault: that is slower.
    serde_json::from_slice(line).map_err(|error| {
        if !error.is_data() {
            return FieldError::new(".", "is not JSON");
        }
        let field = match common::body::parse_json::<PersonDocument>(line) {
            Err(common::body::BodyError::Invalid { field, .. }) => field,
            _ => ".".to_owned(),
        };
        let message = error.to_string();
        let detail = ["unknown field", "duplicate field", "missing field"]
            .into_iter()
            .find(|known| message.starts_with(known))
            .unwrap_or("has a value of another type");
        let field: String = field.chars().filter(|c| !c.is_control()).take(200).collect();
        FieldError::new(field, detail)
    })
}
