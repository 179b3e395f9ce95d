//! Reads an operator's statement from a file: CSV, XLSX or JSON rows, streamed, with every line that is wrong
//! named.
//!
//! The answers of the contract that depend on a file alone are decided here: "the headers do not match" and
//! "empty" with its problem lines. Memory stays bounded whatever the file holds.

mod cell;
mod csv;
mod encoding;
mod format;
mod header;
mod intake;
mod json;
pub(crate) mod json_array;
pub(crate) mod records;
mod xlsx;

#[cfg(test)]
mod tests;

use std::io::{Read, Seek};

use crate::domain::operator::OperatorConfig;
use crate::domain::statement_row::{LineProblem, StatementRow};
pub use format::Format;
use header::HeaderMap;
use intake::Intake;

/// The longest CSV record or JSON row, in bytes.
pub(crate) const MAX_RECORD: usize = 64 * 1024;
/// What is said of a longer one.
pub(crate) const TOO_LONG: &str = "longer than 64 KiB";
/// The widest file, in columns.
const MAX_COLUMNS: usize = 512;

/// Bounds that the service's configuration sets.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most data rows that a file may have.
    pub max_rows: u32,
}

/// Why a file is refused. Rows that the sink got before are to be thrown away.
#[derive(Debug)]
pub enum Refusal {
    /// 406 `{"file":"the headers do not match"}`: an incompatible file, or a header error; the text says
    /// which.
    Headers(String),
    /// 406 `{"file":"empty",…}`: lines with problems, or no data row at all.
    Content {
        /// Every problem of the first 1,000 bad lines, by line; empty where the file has no data row.
        problems: Vec<LineProblem>,
    },
    /// The sink takes no more rows.
    Sink,
    /// The file could not be read, through no fault of its content.
    Io(std::io::Error),
}

/// The sink's receiver is gone: reading stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkClosed;

/// Reads a statement, handing each row to `sink`, and gives the number of rows.
///
/// From the first problem on nothing more goes to the sink, but reading goes on to name the other bad lines,
/// up to 1,000.
///
/// # Errors
/// [`Refusal`].
pub fn read<R: Read + Seek>(
    input: R,
    format: Format,
    operator: &OperatorConfig,
    limits: &Limits,
    sink: &mut dyn FnMut(StatementRow) -> Result<(), SinkClosed>,
) -> Result<u64, Refusal> {
    let headers = HeaderMap::new(operator);
    let mut intake = Intake::new(operator, limits, sink);
    let ended = match format {
        Format::Csv => csv::read(input, &headers, &mut intake),
        Format::Xlsx => xlsx::read(input, &headers, &mut intake),
        Format::Json => json::read(input, &headers, &mut intake),
    };
    intake.finish(ended)
}
