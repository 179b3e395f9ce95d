//! The records of a delimited text, in memory of a fixed size.

use std::io::{self, Read};
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{MAX_COLUMNS, MAX_RECORD, TOO_LONG};

/// What comes next in a text.
pub(crate) enum Next {
    /// A record that starts on this line.
    Record(u32),
    /// A record that cannot be taken in, and why; the text cannot be followed beyond it.
    Unfit(u32, &'static str),
    /// The end.
    End,
}

/// The records of a text, each with the physical line on which it starts.
pub(crate) struct Records<R> {
    text: R,
    buffer: Vec<u8>,
    /// What of `buffer` is read and not consumed yet.
    unread: Range<usize>,
    core: Reader,
    line: u32,
    after_cr: bool,
    /// The current record's fields, one after the other, and where each ends.
    content: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: Read> Records<R> {
    /// The records of `text`, between whose fields `,` stands.
    pub(crate) fn new(text: R) -> Self {
        Self {
            text,
            buffer: vec![0; MAX_RECORD],
            unread: 0..0,
            core: Reader::new(),
            line: 1,
            after_cr: false,
            content: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Puts another delimiter in the place of `,`; right only before the first record is read.
    pub(super) fn set_delimiter(&mut self, delimiter: u8) {
        self.core = ReaderBuilder::new().delimiter(delimiter).build();
    }

    /// The text's beginning, as much of it as a record may have; right only before the first record is read.
    pub(super) fn beginning(&mut self) -> io::Result<&[u8]> {
        // As much room as a decoder needs at least ([`super::encoding::Utf8`]).
        while let Some(free) = self.buffer.get_mut(self.unread.end..).filter(|free| free.len() >= 16) {
            match self.text.read(free)? {
                0 => break,
                more => self.unread.end += more,
            }
        }
        Ok(self.unread())
    }

    /// Goes to the next record. Lines without a character are none.
    pub(crate) fn next(&mut self) -> io::Result<Next> {
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
                ReadRecordResult::OutputFull => return Ok(Next::Unfit(line, TOO_LONG)),
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

    /// The current record's fields.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let field = self.content.get(start..end).unwrap_or_default();
            start = end;
            field
        })
    }

    /// Whether the current record has blanks only.
    pub(crate) fn is_blank(&self) -> bool {
        self.fields().all(|field| String::from_utf8_lossy(field).trim().is_empty())
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
