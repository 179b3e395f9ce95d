//! Statements as Office Open XML workbooks; the first worksheet is read.

mod inspection;

use std::borrow::Cow;
use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use calamine::{DataRef, Reader, SheetType, Xlsx, XlsxError};

use super::MAX_COLUMNS;
use super::cell::{Cell, Cells};
use super::header::{HeaderMap, Positions};
use super::intake::{Intake, More, Stop};
use crate::domain::column::Column;
use inspection::inspect;

pub(super) fn read<R: Read + Seek>(
    input: R,
    headers: &HeaderMap,
    intake: &mut Intake<'_>,
) -> Result<(), Stop> {
    let fault = Rc::new(RefCell::new(None));
    let watched = Watched { input, fault: Rc::clone(&fault) };
    let read =
        inspect(watched).map_err(Stop::Headers).and_then(|watched| read_sheet(watched, headers, intake));
    // What went wrong with the medium shows up as a damaged archive further on.
    match fault.take() {
        Some(error) => Err(Stop::Io(error)),
        None => read,
    }
}

/// A reader that remembers the fault of its medium through libraries that wrap it.
struct Watched<R> {
    input: R,
    fault: Rc<RefCell<Option<io::Error>>>,
}

impl<R> Watched<R> {
    fn remember<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted && kind != io::ErrorKind::InvalidInput {
                self.fault.replace(Some(error));
            }
            kind.into()
        })
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let result = self.input.read(out);
        self.remember(result)
    }
}

impl<R: Seek> Seek for Watched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let result = self.input.seek(to);
        self.remember(result)
    }
}

/// Calls the workbook library, which computes with a file's numbers unchecked in places: a file that makes it
/// panic is no statement either.
fn guarded<T>(call: impl FnOnce() -> Result<T, XlsxError>) -> Result<T, Stop> {
    let unreadable = || Stop::Headers("not a readable workbook".to_owned());
    catch_unwind(AssertUnwindSafe(call)).map_err(|_| unreadable())?.map_err(|_| unreadable())
}

fn read_sheet<R: Read + Seek>(input: R, headers: &HeaderMap, intake: &mut Intake<'_>) -> Result<(), Stop> {
    let mut workbook = guarded(|| Xlsx::new(input))?;
    let epoch_1904 = workbook.has_1904_epoch();
    let sheets = workbook.sheets_metadata();
    let Some(sheet) =
        sheets.iter().find(|sheet| sheet.typ == SheetType::WorkSheet).map(|sheet| sheet.name.clone())
    else {
        return Err(Stop::Headers("the workbook has no worksheet".to_owned()));
    };
    let mut cells = guarded(|| workbook.worksheet_cells_reader(&sheet))?;
    let mut sheet = Sheet { headers, positions: None, row: None };
    let max_line = intake.max_line();
    while let Some(record) = guarded(|| cells.next_cell_with_formula_metadata())? {
        let (row, column) = record.pos;
        let line = row.saturating_add(1);
        let column = column as usize;
        if column >= MAX_COLUMNS || u64::from(line) > max_line {
            return Err(Stop::Headers("a cell lies too far out".to_owned()));
        }
        let cell = match record.value {
            DataRef::Empty if record.formula.is_some() => Cell::Bad("a formula without a cached value"),
            value => read_cell(value, epoch_1904),
        };
        sheet.put(line, column, cell, intake)?;
    }
    sheet.end_row(intake)
}

fn read_cell(value: DataRef<'_>, epoch_1904: bool) -> Cell<'_> {
    match value {
        DataRef::Empty => Cell::Blank,
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            Cell::Text(Cow::Owned(text))
        }
        DataRef::SharedString(text) => Cell::Text(Cow::Borrowed(text)),
        DataRef::Int(value) => Cell::Number { value: value as f64, epoch_1904 },
        DataRef::Float(value) => Cell::Number { value, epoch_1904 },
        DataRef::DateTime(date) => Cell::Number { value: date.as_f64(), epoch_1904 },
        DataRef::Bool(_) => Cell::Bad("neither text nor a number"),
        DataRef::Error(_) => Cell::Bad("the cell holds an error"),
    }
}

/// Gathers cells into rows.
struct Sheet<'h, 'c> {
    headers: &'h HeaderMap,
    /// Where the columns stand, once the header has been read.
    positions: Option<Positions>,
    row: Option<Row<'c>>,
}

/// The row at hand.
struct Row<'c> {
    line: u32,
    /// The header's names, while it is being read.
    names: Vec<(usize, String)>,
    cells: Cells<'c>,
    more: More,
}

impl<'c> Sheet<'_, 'c> {
    fn put(&mut self, line: u32, column: usize, cell: Cell<'c>, intake: &mut Intake<'_>) -> Result<(), Stop> {
        match &self.row {
            Some(row) if row.line > line => return Err(Stop::Headers("rows out of order".to_owned())),
            Some(row) if row.line == line => {}
            _ => self.end_row(intake)?,
        }
        let row = self.row.get_or_insert_with(|| Row {
            line,
            names: Vec::new(),
            cells: std::array::from_fn(|_| Cell::Blank),
            more: More::Nothing,
        });
        match (&self.positions, cell) {
            (None, cell) if cell.is_blank() => {}
            (None, Cell::Text(name)) => row.names.push((column, name.into_owned())),
            // A number cannot name a column.
            (None, _) => row.names.push((column, String::new())),
            (Some(positions), cell) => {
                match Column::ALL.into_iter().find(|known| positions[*known as usize] == column) {
                    Some(known) => row.cells[known as usize] = cell,
                    None if cell.is_blank() => {}
                    None => row.more = More::Extra,
                }
            }
        }
        Ok(())
    }

    fn end_row(&mut self, intake: &mut Intake<'_>) -> Result<(), Stop> {
        let Some(row) = self.row.take() else { return Ok(()) };
        if self.positions.is_some() {
            return intake.take(row.line, &row.cells, row.more);
        }
        if !row.names.is_empty() {
            let names = row.names.iter().map(|(column, name)| (*column, name.as_str()));
            self.positions =
                Some(self.headers.locate(names).map_err(|fault| Stop::Headers(fault.to_string()))?);
        }
        Ok(())
    }
}
