//! Lists in rows: comma separated, quoted, in UTF-8 or Windows-1252.

use encoding_rs::WINDOWS_1252;

use super::error::{Fault, ListError, Position};
use super::input::{Input, Meter};

pub(super) struct Rows<'a> {
    name: &'a str,
    csv: csv::Reader<Input<'a>>,
    meter: Meter,
    charset: Charset,
    row: csv::ByteRecord,
}

/// A file is in one encoding; the first bytes beyond ASCII tell which.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Charset {
    /// Not told yet.
    Utf8OrWindows1252,
    Utf8,
    Windows1252,
}

impl<'a> Rows<'a> {
    pub(super) fn new(input: Input<'a>, charset: Charset) -> Self {
        let (name, meter) = (input.name, input.meter());
        let csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
        Self { name, csv, meter, charset, row: csv::ByteRecord::new() }
    }

    /// The next row's cells; `None` at the end of the file, which must be a line's end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<String>>, ListError> {
        self.row().map_err(|fault| self.error(fault))
    }

    /// Whether nothing more follows.
    pub(super) fn end(&mut self) -> Result<bool, ListError> {
        self.csv.read_byte_record(&mut self.row).map(|more| !more).map_err(|error| self.error(error.into()))
    }

    /// The next row of a table with so many columns.
    pub(super) fn next_of(&mut self, columns: usize) -> Result<Option<Vec<String>>, ListError> {
        match self.next()? {
            Some(row) if row.len() != columns => {
                let message = format!("{columns} columns are expected, {} are there", row.len());
                Err(self.error(Fault::Malformed(message)))
            }
            row => Ok(row),
        }
    }

    fn row(&mut self) -> Result<Option<Vec<String>>, Fault> {
        self.meter.reset();
        if !self.csv.read_byte_record(&mut self.row)? {
            return match self.meter.last_byte() {
                None | Some(b'\n' | b'\r' | END_MARK) => Ok(None),
                Some(_) => Err(Fault::Cut("the last line has no end".to_owned())),
            };
        }
        let charset = &mut self.charset;
        self.row.iter().map(|cell| decode(cell, charset)).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    pub(super) fn error(&self, fault: Fault) -> ListError {
        let line = self.row.position().map_or(Position::Whole, |at| Position::Line(at.line()));
        ListError::new(self.name, line, fault)
    }
}

/// What old DOS tools, and OFAC, put at a text file's end.
pub(super) const END_MARK: u8 = 0x1a;

fn decode(cell: &[u8], charset: &mut Charset) -> Result<String, Fault> {
    if cell.is_ascii() {
        return Ok(String::from_utf8_lossy(cell).into_owned());
    }
    let text = std::str::from_utf8(cell);
    if *charset == Charset::Utf8OrWindows1252 {
        *charset = if text.is_ok() { Charset::Utf8 } else { Charset::Windows1252 };
    }
    match (*charset, text) {
        (Charset::Windows1252, _) => {
            // These five bytes are no character.
            if cell.iter().any(|byte| [0x81, 0x8d, 0x8f, 0x90, 0x9d].contains(byte)) {
                return Err(Fault::Encoding("the file is neither UTF-8 nor Windows-1252".to_owned()));
            }
            Ok(WINDOWS_1252.decode_without_bom_handling(cell).0.into_owned())
        }
        (_, Ok(text)) => Ok(text.to_owned()),
        (_, Err(error)) => Err(Fault::Encoding(format!("the file is not UTF-8: {error}"))),
    }
}

/// Finds cells by their columns' names.
pub(super) struct Columns(Vec<String>);

impl Columns {
    pub(super) fn new(header: Vec<String>) -> Self {
        Self(
            header
                .iter()
                .map(|name| name.trim().trim_start_matches('\u{feff}').to_ascii_lowercase())
                .collect(),
        )
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.0.iter().any(|name| name.eq_ignore_ascii_case(column))
    }

    /// The cell, if the column is there and the cell is not empty.
    pub(super) fn get<'r>(&self, row: &'r [String], column: &str) -> Option<&'r str> {
        let at = self.0.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        row.get(at).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    }
}
