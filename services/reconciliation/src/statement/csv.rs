//! Statements as delimited text.

use std::borrow::Cow;
use std::io::{self, Read, Seek};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::cell::{Cell, Cells};
use super::encoding::Utf8;
use super::header::{HeaderFault, HeaderMap, Positions};
use super::intake::{Intake, More, Stop};
use super::{MAX_COLUMNS, MAX_RECORD};
use crate::domain::column::Column;

pub(super) fn read<R: Read + Seek>(
    input: R,
    headers: &HeaderMap,
    intake: &mut Intake<'_>,
) -> Result<(), Stop> {
    let mut records = Records::new(Utf8::new(input)?);
    let delimiter = records.sniff(headers)?;
    records.core = core(delimiter);
    let (width, positions) = loop {
        match records.next()? {
            Next::Record(_) if records.is_blank() => {}
            Next::Record(_) => {
                break (records.ends.len(), locate(headers, &records.fields()).map_err(no_match)?);
            }
            Next::Unfit(_, reason) => return Err(Stop::Headers(reason.to_owned())),
            Next::End => return Ok(()),
        }
    };
    loop {
        match records.next()? {
            Next::Record(line) => {
                let (cells, more) = cells(&records.fields(), width, &positions);
                intake.take(line, &cells, more)?;
            }
            Next::Unfit(line, reason) => return Err(intake.give_up(line, reason)),
            Next::End => return Ok(()),
        }
    }
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

fn core(delimiter: u8) -> Reader {
    ReaderBuilder::new().delimiter(delimiter).build()
}

/// What comes next in a file.
enum Next {
    /// A record that starts on this line.
    Record(u32),
    /// A record that cannot be taken in, and why.
    Unfit(u32, &'static str),
    End,
}

/// The records of a text, each with the physical line on which it starts, in memory of a fixed size.
struct Records<R> {
    text: Utf8<R>,
    buffer: Vec<u8>,
    /// What of `buffer` is read and not consumed yet.
    unread: std::ops::Range<usize>,
    core: Reader,
    line: u32,
    after_cr: bool,
    /// The current record's fields, one after the other, and where each ends.
    content: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read + Seek> Records<R> {
    fn new(text: Utf8<R>) -> Self {
        Self {
            text,
            buffer: vec![0; MAX_RECORD],
            unread: 0..0,
            core: core(b','),
            line: 1,
            after_cr: false,
            content: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// The delimiter under which the first record has all the columns.
    fn sniff(&mut self, headers: &HeaderMap) -> Result<u8, Stop> {
        let mut length = 0;
        while let Some(free) = self.buffer.get_mut(length..).filter(|free| free.len() >= 16) {
            match self.text.read(free)? {
                0 => break,
                more => length += more,
            }
        }
        self.unread = 0..length;
        let mut found = Vec::new();
        for delimiter in *b",;\t" {
            match locate(headers, &first_record(self.unread(), delimiter)) {
                Ok(_) => return Ok(delimiter),
                Err(HeaderFault::Missing(missing)) => found.push((missing.len(), delimiter)),
                Err(HeaderFault::Twice(_)) => found.push((0, delimiter)),
            }
        }
        // The one under which most columns are found tells best what is missing.
        Ok(found.into_iter().min_by_key(|(missing, _)| *missing).map_or(b',', |(_, delimiter)| delimiter))
    }

    fn next(&mut self) -> io::Result<Next> {
        self.skip_line_ends()?;
        let line = self.line;
        self.content.resize(MAX_RECORD, 0);
        self.ends.resize(MAX_COLUMNS, 0);
        let (mut written, mut ended) = (0, 0);
        loop {
            let (result, taken, more, fields) = self.core.read_record(
                self.buffer.get(self.unread.clone()).unwrap_or_default(),
                self.content.get_mut(written..).unwrap_or_default(),
                self.ends.get_mut(ended..).unwrap_or_default(),
            );
            self.consume(taken);
            written += more;
            ended += fields;
            match result {
                ReadRecordResult::InputEmpty => self.fill()?,
                ReadRecordResult::OutputFull => return Ok(Next::Unfit(line, "longer than 64 KiB")),
                ReadRecordResult::OutputEndsFull => return Ok(Next::Unfit(line, "more than 512 columns")),
                ReadRecordResult::Record => {
                    self.content.truncate(written);
                    self.ends.truncate(ended);
                    return Ok(Next::Record(line));
                }
                ReadRecordResult::End => return Ok(Next::End),
            }
        }
    }

    fn fields(&self) -> Vec<Cow<'_, str>> {
        split(&self.content, &self.ends)
    }

    fn is_blank(&self) -> bool {
        self.fields().iter().all(|field| field.trim().is_empty())
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.unread.clone()).unwrap_or_default()
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.unread.is_empty() {
            let length = self.text.read(&mut self.buffer)?;
            self.unread = 0..length;
        }
        Ok(())
    }

    /// The parser skips blank lines too, but without saying on which line it then is.
    fn skip_line_ends(&mut self) -> io::Result<()> {
        loop {
            self.fill()?;
            let ends = self.unread().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.consume(ends);
            if ends == 0 || !self.unread.is_empty() {
                return Ok(());
            }
        }
    }

    fn consume(&mut self, count: usize) {
        let until = self.unread.start + count;
        for byte in self.buffer.get(self.unread.start..until).unwrap_or_default() {
            let ends_line = *byte == b'\r' || (*byte == b'\n' && !self.after_cr);
            self.after_cr = *byte == b'\r';
            self.line = self.line.saturating_add(u32::from(ends_line));
        }
        self.unread.start = until;
    }
}

fn split<'a>(content: &'a [u8], ends: &[usize]) -> Vec<Cow<'a, str>> {
    let mut start = 0;
    ends.iter()
        .map(|&end| {
            let field = content.get(start..end).unwrap_or_default();
            start = end;
            String::from_utf8_lossy(field)
        })
        .collect()
}

/// The fields of the first record that is not blank, as names; a header that is too long gives none.
fn first_record(mut text: &[u8], delimiter: u8) -> Vec<Cow<'static, str>> {
    let mut core = core(delimiter);
    let mut content = vec![0; MAX_RECORD];
    let mut ends = vec![0; MAX_COLUMNS];
    let (mut written, mut ended) = (0, 0);
    loop {
        let (result, taken, more, fields) = core.read_record(
            text,
            content.get_mut(written..).unwrap_or_default(),
            ends.get_mut(ended..).unwrap_or_default(),
        );
        text = text.get(taken..).unwrap_or_default();
        written += more;
        ended += fields;
        match result {
            // The next round is given nothing, by which the parser knows the end.
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::Record => {
                let names = split(&content, ends.get(..ended).unwrap_or_default());
                if names.iter().any(|name| !name.trim().is_empty()) {
                    return names.into_iter().map(|name| Cow::Owned(name.into_owned())).collect();
                }
                (written, ended) = (0, 0);
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull | ReadRecordResult::End => {
                return Vec::new();
            }
        }
    }
}
