//! Statements as a JSON array of row objects.

use std::borrow::Cow;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use serde_json::Value;

use super::TOO_LONG;
use super::cell::{Cell, Cells, MAX_EXACT, NOT_EXACT, whole_number};
use super::header::HeaderMap;
use super::intake::{Intake, More, Stop};
use super::json_array::{Fault, Fields, read_array};

pub(super) fn read<R: Read + Seek>(
    mut input: R,
    headers: &HeaderMap,
    intake: &mut Intake<'_>,
) -> Result<(), Stop> {
    skip_byte_order_mark(&mut input)?;
    // The line of the last row taken; the first row's is 2 (contract, "Conventions").
    let mut line: u32 = 1;
    let read = read_array(BufReader::new(input), |row| {
        line = line.saturating_add(1);
        take(line, row, headers, intake)
    });
    read.map_err(|fault| match fault {
        Fault::Stopped(stop) => stop,
        Fault::Io(error) => Stop::Io(error),
        Fault::TooLong => intake.give_up(line.saturating_add(1), TOO_LONG),
        Fault::BadElement(_) if line > 1 => intake.give_up(line.saturating_add(1), "not JSON"),
        Fault::BadElement(_) | Fault::NoArray(_) => {
            Stop::Headers("not a JSON array of row objects".to_owned())
        }
    })
}

fn skip_byte_order_mark<R: Read + Seek>(input: &mut R) -> io::Result<()> {
    let mut start = Vec::new();
    input.seek(SeekFrom::Start(0))?;
    input.by_ref().take(3).read_to_end(&mut start)?;
    if start != b"\xef\xbb\xbf" {
        input.seek(SeekFrom::Start(0))?;
    }
    Ok(())
}

fn take(line: u32, row: Option<Fields>, headers: &HeaderMap, intake: &mut Intake<'_>) -> Result<(), Stop> {
    let first = line == 2;
    let Some(fields) = row else {
        return if first {
            Err(Stop::Headers("the first row is not an object".to_owned()))
        } else {
            intake.refuse(line, "not an object")
        };
    };
    if first {
        let names = fields.iter().map(|(name, _)| name.as_str()).enumerate();
        headers.locate(names).map_err(|fault| Stop::Headers(fault.to_string()))?;
    }
    let mut cells: Cells<'_> = std::array::from_fn(|_| Cell::Absent);
    let mut more = More::Nothing;
    for (name, value) in &fields {
        let Some(column) = headers.column(name) else {
            if *value != Value::Null {
                more = More::Extra;
            }
            continue;
        };
        let cell = &mut cells[column as usize];
        *cell = if *cell == Cell::Absent { read_cell(value) } else { Cell::Bad("the column is given twice") };
    }
    intake.take(line, &cells, more)
}

fn read_cell(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Blank,
        Value::String(text) => Cell::Text(Cow::Borrowed(text)),
        Value::Number(number) => {
            let text = match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) if whole <= MAX_EXACT => Ok(whole.to_string()),
                (_, Some(whole)) if whole.unsigned_abs() <= MAX_EXACT => Ok(whole.to_string()),
                (None, None) => number.as_f64().map_or(Err(NOT_EXACT), whole_number),
                _ => Err(NOT_EXACT),
            };
            text.map_or_else(Cell::Bad, |text| Cell::Text(Cow::Owned(text)))
        }
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => Cell::Bad("neither text nor a number"),
    }
}
