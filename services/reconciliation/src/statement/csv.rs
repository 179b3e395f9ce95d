//! Statements as delimited text.

use std::borrow::Cow;
use std::io::{self, Read, Seek};

use super::cell::{Cell, Cells};
use super::encoding::Utf8;
use super::header::{HeaderFault, HeaderMap, Positions};
use super::intake::{Intake, More, Stop};
use super::records::{Next, Records};
use crate::domain::column::Column;

pub(super) fn read<R: Read + Seek>(
    input: R,
    headers: &HeaderMap,
    intake: &mut Intake<'_>,
) -> Result<(), Stop> {
    let mut records = Records::new(Utf8::new(input)?);
    let delimiter = sniff(records.beginning()?, headers)?;
    records.set_delimiter(delimiter);
    let (width, positions) = match skip_to_header(&mut records)? {
        Next::Record(_) => {
            let names = fields(&records);
            (names.len(), locate(headers, &names).map_err(no_match)?)
        }
        Next::Unfit(_, reason) => return Err(Stop::Headers(reason.to_owned())),
        Next::End => return Ok(()),
    };
    loop {
        match records.next()? {
            Next::Record(line) => {
                let (cells, more) = cells(&fields(&records), width, &positions);
                intake.take(line, &cells, more)?;
            }
            Next::Unfit(line, reason) => return Err(intake.give_up(line, reason)),
            Next::End => return Ok(()),
        }
    }
}

/// The delimiter under which the first record has all the columns.
fn sniff(beginning: &[u8], headers: &HeaderMap) -> io::Result<u8> {
    let mut found = Vec::new();
    for delimiter in *b",;\t" {
        let mut records = Records::new(beginning);
        records.set_delimiter(delimiter);
        let names = match skip_to_header(&mut records)? {
            Next::Record(_) => fields(&records),
            Next::Unfit(..) | Next::End => Vec::new(),
        };
        match locate(headers, &names) {
            Ok(_) => return Ok(delimiter),
            Err(HeaderFault::Missing(missing)) => found.push((missing.len(), delimiter)),
            Err(HeaderFault::Twice(_)) => found.push((0, delimiter)),
        }
    }
    // The one under which most columns are found tells best what is missing.
    Ok(found.into_iter().min_by_key(|(missing, _)| *missing).map_or(b',', |(_, delimiter)| delimiter))
}

/// Goes to the first record that is not blank.
fn skip_to_header<R: Read>(records: &mut Records<R>) -> io::Result<Next> {
    loop {
        match records.next()? {
            Next::Record(_) if records.is_blank() => {}
            next => return Ok(next),
        }
    }
}

fn fields<R: Read>(records: &Records<R>) -> Vec<Cow<'_, str>> {
    records.fields().map(String::from_utf8_lossy).collect()
}

fn cells<'a>(fields: &[Cow<'a, str>], width: usize, positions: &Positions) -> (Cells<'a>, More) {
    let cells = Column::ALL.map(|column| match fields.get(positions[column as usize]) {
        Some(text) => Cell::Text(text.clone()),
        // A line of blanks may be shorter than the header.
        None if fields.iter().all(|field| field.trim().is_empty()) => Cell::Blank,
        None => Cell::Absent,
    });
    let filled = |fields: &[Cow<'_, str>]| fields.iter().any(|field| !field.trim().is_empty());
    let more = if filled(fields.get(width..).unwrap_or_default()) {
        More::Beyond
    } else if filled(fields) {
        More::Extra
    } else {
        More::Nothing
    };
    (cells, more)
}

fn locate(headers: &HeaderMap, names: &[Cow<'_, str>]) -> Result<Positions, HeaderFault> {
    headers.locate(names.iter().map(AsRef::as_ref).enumerate())
}

fn no_match(fault: HeaderFault) -> Stop {
    Stop::Headers(fault.to_string())
}
