//! Reading the aggregator's transactions from an upload: a JSON array or object, NDJSON, or CSV; streamed.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::Value;

use crate::domain::transaction::NewTransaction;

const LINE_LIMIT: u64 = 64 * 1024;

/// What an upload of transactions may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `application/json`: an array, or one object.
    Json,
    /// `application/x-ndjson`: an object a line.
    NdJson,
    /// `text/csv`: a header of field names, `,` between fields.
    Csv,
}

/// A row of the upload: its line, and the transaction or what is wrong with it. The line is the physical one in NDJSON
/// and CSV, the place in the array, from 1, in JSON.
#[derive(Debug)]
pub struct Row {
    /// From 1.
    pub line: u64,
    /// The transaction, or the reason of its rejection, which quotes no value.
    pub transaction: Result<NewTransaction, String>,
}

/// The upload as a whole cannot be read; rows before the fault don't count.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Malformed in a way that hides where rows begin and end.
    #[error("{0}")]
    Malformed(String),
    /// The spool file failed.
    #[error("spool file: {0}")]
    Io(#[from] std::io::Error),
    /// Whoever took the rows has stopped.
    #[error("nobody takes the rows")]
    Abandoned,
}

/// Told to stop by the sink.
#[derive(Debug)]
pub struct Stop;

/// Reads every row of the upload.
pub fn read(
    file: File,
    format: Format,
    sink: &mut dyn FnMut(Row) -> Result<(), Stop>,
) -> Result<(), ReadError> {
    let reader = BufReader::with_capacity(256 * 1024, file);
    match format {
        Format::Json => read_json(reader, sink),
        Format::NdJson => read_ndjson(reader, sink),
        Format::Csv => read_csv(reader, sink),
    }
}

fn parse(value: Value) -> Result<NewTransaction, String> {
    NewTransaction::parse(value).map_err(|error| error.to_string())
}

fn read_json(
    mut reader: impl BufRead,
    sink: &mut dyn FnMut(Row) -> Result<(), Stop>,
) -> Result<(), ReadError> {
    let is_array = loop {
        match reader.fill_buf()?.first() {
            Some(b' ' | b'\t' | b'\r' | b'\n') => reader.consume(1),
            first => break first == Some(&b'['),
        }
    };
    let mut stopped = false;
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let outcome = if is_array {
        Rows { sink, stopped: &mut stopped }.deserialize(&mut deserializer)
    } else {
        serde::Deserialize::deserialize(&mut deserializer).map(|value: Value| {
            stopped = sink(Row { line: 1, transaction: parse(value) }).is_err();
        })
    };
    match outcome.and_then(|()| deserializer.end()) {
        _ if stopped => Err(ReadError::Abandoned),
        Ok(()) => Ok(()),
        Err(error) if error.is_io() => Err(ReadError::Io(error.into())),
        Err(error) => Err(ReadError::Malformed(error.to_string())),
    }
}

struct Rows<'a> {
    sink: &'a mut dyn FnMut(Row) -> Result<(), Stop>,
    stopped: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of transactions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut line = 0;
        while let Some(value) = rows.next_element::<Value>()? {
            line += 1;
            if (self.sink)(Row { line, transaction: parse(value) }).is_err() {
                *self.stopped = true;
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

fn read_ndjson(
    mut reader: impl BufRead,
    sink: &mut dyn FnMut(Row) -> Result<(), Stop>,
) -> Result<(), ReadError> {
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        if reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.len() as u64 == LINE_LIMIT && text.last() != Some(&b'\n') {
            return Err(ReadError::Malformed(format!("line {line} is longer than {LINE_LIMIT} bytes")));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let transaction = match serde_json::from_slice(&text) {
            Ok(value) => parse(value),
            Err(_) => Err("not a JSON object".to_owned()),
        };
        sink(Row { line, transaction }).map_err(|Stop| ReadError::Abandoned)?;
    }
    Ok(())
}

fn read_csv(reader: impl BufRead, sink: &mut dyn FnMut(Row) -> Result<(), Stop>) -> Result<(), ReadError> {
    let malformed = |error: csv::Error| match error.into_kind() {
        csv::ErrorKind::Io(error) => ReadError::Io(error),
        csv::ErrorKind::Utf8 { pos, .. } => {
            ReadError::Malformed(format!("line {}: not UTF-8", pos.map_or(0, |pos| pos.line())))
        }
        _ => ReadError::Malformed("not CSV".to_owned()),
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(reader);
    let headers = reader.headers().map_err(malformed)?.clone();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(malformed)? {
        let line = record.position().map_or(0, csv::Position::line);
        let transaction =
            NewTransaction::from_csv_record(&headers, &record).map_err(|error| error.to_string());
        sink(Row { line, transaction }).map_err(|Stop| ReadError::Abandoned)?;
    }
    Ok(())
}
