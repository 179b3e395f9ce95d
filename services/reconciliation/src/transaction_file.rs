//! Reading the aggregator's transactions from an upload: a JSON array or object, NDJSON, or CSV; streamed.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Read};

use serde_json::Value;

use crate::domain::transaction::NewTransaction;
use crate::statement::json_array::{Fault, Fields, read_array, read_element};
use crate::statement::records::{Next, Records};
use crate::statement::{MAX_RECORD, TOO_LONG};

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

/// Reads every row of the upload, in bounded memory: a row longer than 64 KiB makes the upload malformed.
pub fn read(
    input: impl Read,
    format: Format,
    sink: &mut dyn FnMut(Row) -> Result<(), Stop>,
) -> Result<(), ReadError> {
    match format {
        Format::Json => read_json(BufReader::with_capacity(256 * 1024, input), sink),
        Format::NdJson => read_ndjson(BufReader::with_capacity(256 * 1024, input), sink),
        Format::Csv => read_csv(input, sink),
    }
}

fn parse(element: Option<Fields>) -> Result<NewTransaction, String> {
    let fields = element.ok_or("not a JSON object")?;
    NewTransaction::parse(fields).map_err(|error| error.to_string())
}

fn malformed(line: impl Into<u64>, reason: impl Display) -> ReadError {
    ReadError::Malformed(format!("line {}: {reason}", line.into()))
}

fn abandoned(Stop: Stop) -> ReadError {
    ReadError::Abandoned
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
    if !is_array {
        return read_object(reader, sink);
    }
    let mut line = 0;
    let read = read_array(reader, |element| {
        line += 1;
        sink(Row { line, transaction: parse(element) })
    });
    read.map_err(|fault| match fault {
        Fault::Stopped(stop) => abandoned(stop),
        Fault::Io(error) => ReadError::Io(error),
        Fault::TooLong => malformed(line + 1, TOO_LONG),
        Fault::BadElement(error) | Fault::NoArray(error) => ReadError::Malformed(error.to_string()),
    })
}

fn read_object(reader: impl Read, sink: &mut dyn FnMut(Row) -> Result<(), Stop>) -> Result<(), ReadError> {
    let mut text = Vec::new();
    if reader.take(MAX_RECORD as u64 + 1).read_to_end(&mut text)? > MAX_RECORD {
        return Err(malformed(1_u64, TOO_LONG));
    }
    let element = read_element(&text).map_err(|error| ReadError::Malformed(error.to_string()))?;
    sink(Row { line: 1, transaction: parse(element) }).map_err(abandoned)
}

fn read_ndjson(
    mut reader: impl BufRead,
    sink: &mut dyn FnMut(Row) -> Result<(), Stop>,
) -> Result<(), ReadError> {
    let mut text = Vec::new();
    for line in 1_u64.. {
        text.clear();
        if reader.by_ref().take(MAX_RECORD as u64).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        if text.len() == MAX_RECORD && text.last() != Some(&b'\n') {
            return Err(malformed(line, TOO_LONG));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let transaction = parse(read_element(&text).unwrap_or_default());
        sink(Row { line, transaction }).map_err(abandoned)?;
    }
    Ok(())
}

fn read_csv(input: impl Read, sink: &mut dyn FnMut(Row) -> Result<(), Stop>) -> Result<(), ReadError> {
    let mut records = Records::new(input);
    let Some((line, header)) = next_record(&mut records)? else {
        return Err(malformed(1_u64, "the header is missing"));
    };
    let columns: Vec<&str> = header.iter().map(|name| name.trim()).collect();
    NewTransaction::check_columns(&columns).map_err(|error| malformed(line, error))?;
    while let Some((line, fields)) = next_record(&mut records)? {
        let transaction = if fields.len() == columns.len() {
            let names = columns.iter().map(|name| (*name).to_owned());
            parse(Some(names.zip(fields.into_iter().map(Value::String)).collect()))
        } else {
            Err("as many fields as the header has are expected".to_owned())
        };
        sink(Row { line: line.into(), transaction }).map_err(abandoned)?;
    }
    Ok(())
}

/// The next record that is not blank, and its line.
fn next_record<R: Read>(records: &mut Records<R>) -> Result<Option<(u32, Vec<String>)>, ReadError> {
    loop {
        let line = match records.next()? {
            Next::Record(_) if records.is_blank() => continue,
            Next::Record(line) => line,
            Next::Unfit(line, reason) => return Err(malformed(line, reason)),
            Next::End => return Ok(None),
        };
        let fields: Result<Vec<String>, _> =
            records.fields().map(|field| std::str::from_utf8(field).map(str::to_owned)).collect();
        return fields.map(|fields| Some((line, fields))).map_err(|_| malformed(line, "not UTF-8"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = r#"{"cpm_trans_id":"T1","payid":"P1","payment_method":"FLOOZ","status":"ACCEPTED",
        "cpm_amount":5000,"currency":"XOF","cel_phone_num":"0143705651","cpm_payment_date":"2021-05-24T07:52:30Z"}"#;
    const HEADER: &str =
        "cpm_trans_id,payid,payment_method,status,cpm_amount,currency,cel_phone_num,cpm_payment_date\n";
    const RECORD: &str = "T1,P1,FLOOZ,ACCEPTED,5000,XOF,0143705651,2021-05-24T07:52:30Z\n";

    fn item() -> String {
        ITEM.replace('\n', "")
    }

    /// The lines, and of the rejected ones the reasons.
    fn read_all(format: Format, text: impl AsRef<[u8]>) -> Result<Vec<(u64, Option<String>)>, String> {
        let mut rows = Vec::new();
        let read = read(text.as_ref(), format, &mut |row| {
            rows.push((row.line, row.transaction.err()));
            Ok(())
        });
        read.map(|()| rows).map_err(|error| error.to_string())
    }

    fn rejected(line: u64, reason: &str) -> (u64, Option<String>) {
        (line, Some(reason.to_owned()))
    }

    #[test]
    fn every_format_tells_the_same_transaction() {
        let one = |format, text: String| {
            let mut rows = Vec::new();
            let read = read(text.as_bytes(), format, &mut |row| {
                rows.push(row.transaction);
                Ok(())
            });
            read.unwrap();
            assert_eq!(rows.len(), 1);
            rows.remove(0).unwrap()
        };
        let transaction = one(Format::Json, item());
        assert_eq!(one(Format::Json, format!(" [{ITEM}]\n")), transaction);
        assert_eq!(one(Format::NdJson, item()), transaction);
        assert_eq!(one(Format::Csv, format!("\u{feff}{HEADER}{RECORD}")), transaction);
    }

    #[test]
    fn rows_have_their_lines_and_bad_ones_a_reason() {
        let item = item();
        assert_eq!(
            read_all(Format::Json, format!("[{item},5,{{}},[{item}]]")).unwrap(),
            [
                (1, None),
                rejected(2, "not a JSON object"),
                rejected(3, "cpm_trans_id: required"),
                rejected(4, "not a JSON object"),
            ]
        );
        assert_eq!(
            read_all(Format::NdJson, format!("\n{item}\nnonsense\n{item}{item}\n{item}")).unwrap(),
            [(2, None), rejected(3, "not a JSON object"), rejected(4, "not a JSON object"), (5, None)]
        );
        assert_eq!(
            read_all(Format::Csv, format!("\n{HEADER}\n{RECORD},,\n{RECORD}T2\n")).unwrap(),
            [(4, None), (6, None), rejected(7, "as many fields as the header has are expected")]
        );
    }

    #[test]
    fn a_key_given_twice_is_rejected_however_it_comes() {
        let twice = item().replace("{", r#"{"cpm_trans_id":"T0","#);
        let refused = [rejected(1, "cpm_trans_id: given twice")];
        assert_eq!(read_all(Format::Json, &twice).unwrap(), refused);
        assert_eq!(read_all(Format::Json, format!("[{twice}]")).unwrap(), refused);
        assert_eq!(read_all(Format::NdJson, &twice).unwrap(), refused);
    }

    #[test]
    fn a_header_that_is_wrong_is_told_once() {
        let refusal = |header: &str| read_all(Format::Csv, format!("{header}{RECORD}{RECORD}")).unwrap_err();
        assert_eq!(refusal(&HEADER.replace("status", "payid")), "line 1: payid: given twice");
        assert_eq!(refusal(&HEADER.replace("status", "surprise")), "line 1: surprise: unknown field");
        assert_eq!(refusal(&HEADER.replace(",status", "")), "line 1: status: required");
        assert_eq!(read_all(Format::Csv, "").unwrap_err(), "line 1: the header is missing");
    }

    #[test]
    fn an_endless_row_is_malformed_at_its_line() {
        let item = item();
        let zeros = "0,".repeat(100_000);
        for (format, text, line) in [
            (Format::Json, format!("[{item},[{zeros}0]]"), 2),
            (Format::Json, format!("[{item},{{\"x\":[{zeros}0]}},{item}]"), 2),
            (Format::Json, format!("{{\"x\":[{zeros}0]}}"), 1),
            (Format::NdJson, format!("{item}\n[{zeros}0]\n"), 2),
            (Format::Csv, format!("{HEADER}{RECORD}\"{zeros}"), 3),
            (Format::Csv, format!("\"{zeros}"), 1),
        ] {
            assert_eq!(read_all(format, text).unwrap_err(), format!("line {line}: longer than 64 KiB"));
        }
        assert_eq!(
            read_all(Format::Csv, format!("{HEADER}{}", ",".repeat(600))).unwrap_err(),
            "line 2: more than 512 columns"
        );
    }

    /// The bound holds for each row, not for the upload.
    #[test]
    fn many_rows_together_may_be_longer_than_one_may_be() {
        let count = 1_000;
        let array = format!("[{}]", vec![item(); count].join(","));
        assert_eq!(read_all(Format::Json, array).unwrap().len(), count);
        assert_eq!(read_all(Format::Csv, format!("{HEADER}{}", RECORD.repeat(count))).unwrap().len(), count);
    }

    #[test]
    fn text_that_is_not_utf8_is_malformed() {
        let text = [HEADER.as_bytes(), RECORD.as_bytes(), b"T\xe9,", RECORD.as_bytes()].concat();
        assert_eq!(read_all(Format::Csv, text).unwrap_err(), "line 3: not UTF-8");
    }
}
