//! Splits a file into chunks of whole lines.

use std::io::Read;

use aws_lc_rs::digest::{SHA256, digest};
use rustc_hash::FxHashSet;
use serde::Deserialize;

use super::columns::Column;
use super::csv::{self, Header};
use super::{Format, LONGEST, is_blank, line_end, newlines};

/// Lines of a chunk.
const LINES: u64 = 4_000;
/// A chunk with so many bytes takes no further line.
const BYTES: usize = 4 * 1024 * 1024;
/// Bytes read at once.
const READ: u64 = 256 * 1024;

/// Lines of a file that are worked on together.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The number of its first line in the file.
    pub first_line: u64,
    /// Whole lines; of CSV, after the header's.
    pub content: Vec<u8>,
    /// Lines whose reference an earlier line of the file has.
    pub duplicates: Vec<i64>,
    lines: u64,
}

/// What a file has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Split {
    /// Persons, good and bad.
    pub lines: u64,
    /// How many chunks they make.
    pub chunks: i32,
}

/// Why a file was refused as a whole.
#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    /// There is nobody in it.
    #[error("the file has no person")]
    Empty,
    /// The first line of CSV names no reference.
    #[error("line 1: the header has no column `externalRefId`")]
    NoReference,
    /// The first line of CSV names nothing that can be screened.
    #[error("line 1: the header has no column `lastName` or `legalName`")]
    NoName,
    /// The first line of CSV has a column that no person has.
    #[error("line 1: the header has an unknown column `{0}`")]
    UnknownColumn(String),
    /// The first line of CSV has a column twice.
    #[error("line 1: the header has the column `{0}` twice")]
    ColumnTwice(String),
    /// The first line of NDJSON is something else.
    #[error("line 1: a JSON object a line is expected")]
    NoObject,
    /// Another encoding, or no text.
    #[error("line {0}: not UTF-8")]
    Encoding(u64),
    /// Longer than any person is, or a quote that nobody closes.
    #[error("line {0}: longer than {LONGEST} bytes, or a quote is not closed")]
    TooLong(u64),
    /// The spool file failed.
    #[error("spool file: {0}")]
    Io(#[from] std::io::Error),
    /// Whoever took the chunks has stopped.
    #[error("nobody takes the chunks")]
    Abandoned,
}

/// Told to stop by the sink.
#[derive(Debug)]
pub struct Stop;

/// Splits a file, in memory bounded by a chunk and, for each line, the hash of its reference.
///
/// # Errors
/// [`SplitError`]; chunks before the fault do not count.
pub fn split(
    mut input: impl Read,
    format: Format,
    sink: &mut dyn FnMut(Chunk) -> Result<(), Stop>,
) -> Result<Split, SplitError> {
    let mut splitter = Splitter { format, header: None, seen: FxHashSet::default(), split: Split::default() };
    let mut chunk = Chunk::default();
    let (mut buffer, mut line, mut is_end) = (Vec::new(), 1, false);
    while !is_end {
        is_end = input.by_ref().take(READ).read_to_end(&mut buffer)? == 0;
        if is_end && buffer.last().is_some_and(|byte| *byte != b'\n') {
            buffer.push(b'\n');
        }
        let mut from = 0;
        while let Some(record) = splitter.record(buffer.get(from..).unwrap_or_default()) {
            from += record.len();
            splitter.take(&mut chunk, line, record)?;
            line += newlines(record);
            if chunk.lines >= LINES || chunk.content.len() >= BYTES {
                splitter.pass(&mut chunk, sink)?;
            }
        }
        buffer.drain(..from);
        if buffer.len() > LONGEST || is_end && !buffer.is_empty() {
            return Err(SplitError::TooLong(line));
        }
    }
    if chunk.lines > 0 {
        splitter.pass(&mut chunk, sink)?;
    }
    if splitter.split.lines == 0 { Err(SplitError::Empty) } else { Ok(splitter.split) }
}

struct Splitter {
    format: Format,
    /// Of CSV, with its line.
    header: Option<(Header, Vec<u8>)>,
    /// Half of a SHA-256 of each reference: no two references have the same.
    seen: FxHashSet<u128>,
    split: Split,
}

impl Splitter {
    /// The record that a text begins with, with its line's end.
    fn record<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let end = match (&self.header, self.format) {
            (Some((header, _)), Format::Csv) => csv::record_end(text, header.delimiter),
            _ => line_end(text),
        };
        text.get(..end?)
    }

    fn take(&mut self, chunk: &mut Chunk, line: u64, record: &[u8]) -> Result<(), SplitError> {
        if std::str::from_utf8(record).is_err() {
            return Err(SplitError::Encoding(line));
        }
        if is_blank(record) {
            if chunk.lines > 0 {
                chunk.content.extend_from_slice(record);
            }
            return Ok(());
        }
        if self.format == Format::Csv && self.header.is_none() {
            self.header = Some((checked_header(record)?, record.to_vec()));
            return Ok(());
        }
        if chunk.lines == 0 {
            chunk.first_line = line;
            chunk.content.extend_from_slice(self.header.as_ref().map_or(b"", |(_, text)| text));
        }
        let record = if self.format == Format::NdJson && self.split.lines == 0 && chunk.lines == 0 {
            first_object(record)?
        } else {
            record
        };
        if self.is_repeated(record) {
            chunk.duplicates.push(i64::try_from(line).unwrap_or(i64::MAX));
        }
        chunk.content.extend_from_slice(record);
        chunk.lines += 1;
        Ok(())
    }

    fn is_repeated(&mut self, record: &[u8]) -> bool {
        let hash = match &self.header {
            Some((header, _)) => header.reference(record).filter(|it| !it.is_empty()).map(|it| hash(&it)),
            None => reference(record).filter(|it| !it.is_empty()).map(|it| hash(it.as_bytes())),
        };
        hash.is_some_and(|hash| !self.seen.insert(hash))
    }

    fn pass(
        &mut self,
        chunk: &mut Chunk,
        sink: &mut dyn FnMut(Chunk) -> Result<(), Stop>,
    ) -> Result<(), SplitError> {
        self.split.lines += chunk.lines;
        self.split.chunks += 1;
        sink(std::mem::take(chunk)).map_err(|Stop| SplitError::Abandoned)
    }
}

/// A header of CSV. What it has in place of a header may be a person: names of columns are told only where there is one.
fn checked_header(line: &[u8]) -> Result<Header, SplitError> {
    let (header, _) = csv::header(line).ok_or(SplitError::Empty)?;
    let columns: Vec<_> = header.columns.iter().flatten().collect();
    if !columns.contains(&&Column::Reference) {
        return Err(SplitError::NoReference);
    }
    if !columns.iter().any(|column| column.is_name()) {
        return Err(SplitError::NoName);
    }
    for (at, (column, name)) in header.columns.iter().zip(&header.names).enumerate() {
        if column.is_none() {
            return Err(SplitError::UnknownColumn(name.chars().take(64).collect()));
        }
        if header.columns.iter().take(at).any(|earlier| earlier == column) {
            return Err(SplitError::ColumnTwice(name.clone()));
        }
    }
    Ok(header)
}

fn first_object(line: &[u8]) -> Result<&[u8], SplitError> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let first = line.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') { Ok(line) } else { Err(SplitError::NoObject) }
}

fn hash(reference: &[u8]) -> u128 {
    let hash = digest(&SHA256, reference);
    hash.as_ref().first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}

#[derive(Deserialize)]
struct Referenced {
    #[serde(rename = "externalRef")]
    external_ref: Reference,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "externalRefId")]
    id: String,
}

/// The reference of a line of NDJSON, if it can be read.
fn reference(line: &[u8]) -> Option<String> {
    serde_json::from_slice(line).ok().map(|line: Referenced| line.external_ref.id)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    /// A line's number, and the person on it or what is wrong with it.
    type Read = (u64, Result<String, String>);

    fn all(text: impl AsRef<[u8]>, format: Format) -> Result<Vec<Read>, String> {
        let mut chunks = Vec::new();
        let split = split(text.as_ref(), format, &mut |chunk| {
            chunks.push(chunk);
            Ok(())
        });
        let split = split.map_err(|error| error.to_string())?;
        let mut read_lines = Vec::new();
        for chunk in &chunks {
            for (line, person) in read(format, &chunk.content, chunk.first_line).unwrap() {
                let person = match person {
                    Ok(_) if chunk.duplicates.contains(&(line as i64)) => Err("repeated".to_owned()),
                    Ok(person) => {
                        let identity = &person.identity;
                        let name = identity.last_name.clone().unwrap_or_default();
                        Ok(format!("{}={name}", person.external_ref.external_ref_id))
                    }
                    Err(error) => Err(format!("{}: {}", error.field, error.detail)),
                };
                read_lines.push((line, person));
            }
        }
        assert_eq!(split.lines, read_lines.len() as u64);
        assert_eq!(split.chunks as usize, chunks.len());
        Ok(read_lines)
    }

    fn csv(text: &str) -> Vec<Read> {
        all(text, Format::Csv).unwrap()
    }

    fn good(person: &str) -> Result<String, String> {
        Ok(person.to_owned())
    }

    #[test]
    fn csv_is_read_with_any_delimiter_quotes_and_line_ends() {
        for text in [
            "externalRefId,lastName\n1,Durand\n2,Dupont\n",
            "\u{feff}externalRefId;lastName\r\n1;Durand\r\n2;Dupont",
            "externalRef.externalRefId\tidentity.lastName\n1\tDurand\n\"2\"\t\"Dupont\"\n",
        ] {
            assert_eq!(csv(text), [(2, good("1=Durand")), (3, good("2=Dupont"))], "{text}");
        }
        let text = "lastName,externalRefId\n\"a\nb\",1\n\n\"c \"\"d\"\", e\",\" 2\"\nf\"\"g,3\n\"h\"i,4\n";
        assert_eq!(
            csv(text),
            [(2, good("1=a\nb")), (5, good(" 2=c \"d\", e")), (6, good("3=f\"\"g")), (7, good("4=hi"))]
        );
    }

    #[test]
    fn a_wrong_line_stops_nothing_and_is_told_by_its_number() {
        let text =
            "externalRefId,lastName,personType\n1,A,NATURAL\n2,B\n3,C,natural\n4,D,,x\n1,E,\n,F,\n,G,\n";
        let wrong_count = || Err(".: has another number of values than the header".to_owned());
        assert_eq!(
            csv(text),
            [
                (2, good("1=A")),
                (3, wrong_count()),
                (4, Err("personType: must be NATURAL or LEGAL".to_owned())),
                (5, wrong_count()),
                (6, Err("repeated".to_owned())),
                (7, good("=F")),
                (8, good("=G")),
            ]
        );
        let text = concat!(
            "\u{feff}{\"externalRef\":{\"externalRefId\":\"1\"},\"identity\":{\"lastName\":\"A\"}}\n",
            "\n{\"externalRef\":{\"externalRefId\":\"\\u0031\"}}\n[]\nDurand\n",
            "{\"identity\":{\"surname\":\"Durand\"}}\n{\"identity\":{\"lastName\":7}}"
        );
        assert_eq!(
            all(text, Format::NdJson).unwrap(),
            [
                (1, good("1=A")),
                (3, Err("repeated".to_owned())),
                (4, Err(".: is not a JSON object".to_owned())),
                (5, Err(".: is not a JSON object".to_owned())),
                (6, Err("identity.surname: unknown field".to_owned())),
                (7, Err("identity.lastName: has a value of another type".to_owned())),
            ]
        );
    }

    #[test]
    fn a_file_that_cannot_be_followed_is_refused_and_told_why() {
        let long = format!("externalRefId,lastName\n1,\"{}", "x".repeat(2 * LONGEST));
        for (text, reason) in [
            ("".as_bytes(), "no person"),
            (b"\n \n", "no person"),
            (b"externalRefId,lastName\n", "no person"),
            (b"Durand,Jean\n1,2\n", "no column `externalRefId`"),
            (b"externalRefId,firstName\n1,2\n", "no column `lastName` or `legalName`"),
            (b"externalRefId,lastName,shoeSize\n1,2,3\n", "unknown column `shoeSize`"),
            (b"externalRefId,lastName,identity.lastName\n1,2,3\n", "`identity.lastName` twice"),
            (b"externalRefId,lastName\n1,Ren\xe9\n", "line 2: not UTF-8"),
            (b"\xff\xfee\0x\0", "line 1: not UTF-8"),
            (b"externalRefId,lastName\n1,\"A\n2,B\n", "line 2: longer than"),
            (long.as_bytes(), "line 2: longer than"),
        ] {
            let refused = all(text, Format::Csv).unwrap_err();
            assert!(refused.contains(reason), "{reason}: {refused}");
        }
        assert!(all("[\n{}\n]\n", Format::NdJson).unwrap_err().contains("JSON object a line"));
    }

    #[test]
    fn a_long_file_comes_in_chunks_with_the_files_line_numbers() {
        let mut text = String::from("externalRefId,lastName\n");
        for n in 0..10_000 {
            let person = if n % 7 == 0 { format!("{n},\"a\n\nb\"\n\n") } else { format!("{n},Durand\n") };
            text += &person;
        }
        text += "0,Durand\n";
        let lines = csv(&text);
        assert_eq!(lines.len(), 10_001);
        let physical: Vec<&str> = text.split('\n').collect();
        for (n, (line, person)) in lines.iter().take(10_000).enumerate() {
            assert!(physical[*line as usize - 1].starts_with(&format!("{n},")), "{line}");
            assert!(person.as_ref().unwrap().starts_with(&format!("{n}=")));
        }
        assert_eq!(lines[10_000].1, Err("repeated".to_owned()));
    }
}
