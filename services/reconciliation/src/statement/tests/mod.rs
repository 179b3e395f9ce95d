//! Statements of every format, good, bad and hostile.

mod csv_files;
mod json_rows;
mod workbooks;

use std::io::{Cursor, Write};

use chrono::{DateTime, Utc};
use common::redact::Personal;
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Formula, Workbook};
use serde_json::json;
use zip::write::SimpleFileOptions;

use super::*;
use crate::domain::column::Column;

const HEADER: [&str; 8] =
    ["payment_date", "payid", "status", "phone_num", "amount", "trans_id", "account", "agent"];
const GOOD: [&str; 8] =
    ["24/05/2021 07:52:26", "8210524022760", "SUCCES", "0143705652 ", "5,000", "", "ONECI", "cinetpay"];

fn operator() -> OperatorConfig {
    operator_with(json!({}))
}

fn operator_with(extra: serde_json::Value) -> OperatorConfig {
    let mut body = json!({"code": "MOOV", "nom": "MOOV", "account": "1", "payment_method": "FLOOZ"});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    OperatorConfig::parse(body).unwrap()
}

fn read_with(bytes: &[u8], format: Format, operator: &OperatorConfig) -> Result<Vec<StatementRow>, Refusal> {
    let mut rows = Vec::new();
    let mut sink = |row| {
        rows.push(row);
        Ok(())
    };
    let count = read(Cursor::new(bytes), format, operator, &Limits { max_rows: 2_000 }, &mut sink)?;
    assert_eq!(count, rows.len() as u64);
    Ok(rows)
}

fn read_all(bytes: &[u8], format: Format) -> Result<Vec<StatementRow>, Refusal> {
    read_with(bytes, format, &operator())
}

/// The lines and columns at fault.
fn problems(bytes: &[u8], format: Format) -> Vec<(u32, &'static str)> {
    match read_all(bytes, format) {
        Err(Refusal::Content { problems }) => {
            problems.iter().map(|problem| (problem.line, problem.column)).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// Why the file as a whole is refused.
fn no_match(bytes: &[u8], format: Format) -> String {
    match read_all(bytes, format) {
        Err(Refusal::Headers(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn lines(rows: &[StatementRow]) -> Vec<u32> {
    rows.iter().map(|row| row.line).collect()
}

fn csv_of(rows: &[&[&str]], delimiter: u8) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new().delimiter(delimiter).flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(*row).unwrap();
    }
    writer.into_inner().unwrap()
}

fn good_with(column: Column, text: &str) -> [&str; 8] {
    let mut row = GOOD;
    row[column as usize] = text;
    row
}

fn good_row(line: u32) -> StatementRow {
    StatementRow {
        line,
        payment_date: "2021-05-24T07:52:26Z".parse().unwrap(),
        payid: Some("8210524022760".to_owned()),
        status: "SUCCES".to_owned(),
        phone_num: Personal::new("0143705652 ".to_owned()),
        amount_text: "5,000".to_owned(),
        amount: 5_000,
        trans_id: None,
        account: "ONECI".to_owned(),
        agent: "cinetpay".to_owned(),
    }
}

/// Texts that any of the formats can hold.
fn field() -> impl Strategy<Value = String> {
    "[A-Za-z0-9é;,'\"&<>_. -]{0,12}"
}

fn amount() -> impl Strategy<Value = String> {
    (0_i64..1_000_000_000).prop_map(|amount| amount.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let header = HEADER.join(";").into_bytes();
        let good: serde_json::Value = HEADER.iter().zip(GOOD).map(|(name, text)| (*name, text)).collect();
        let array = format!("[{good}").into_bytes();
        for start in [&b""[..], &header, &array, b"PK\x03\x04", b"\xff\xfe"] {
            for format in [Format::Csv, Format::Xlsx, Format::Json] {
                let _ = read_all(&[start, &bytes].concat(), format);
            }
        }
    }

    #[test]
    fn the_same_rows_read_the_same_from_every_format(
        rows in proptest::collection::vec(
            (field(), "[A-Z]{1,8}", field(), amount(), field(), field(), field()),
            1..8,
        )
    ) {
        let rows: Vec<[String; 8]> = rows
            .into_iter()
            .map(|(payid, status, phone, amount, trans_id, account, agent)| {
                ["24/05/2021 07:52:26".to_owned(), payid, status, phone, amount, trans_id, account, agent]
            })
            .collect();
        let borrowed: Vec<[&str; 8]> = rows.iter().map(|row| row.each_ref().map(String::as_str)).collect();
        let mut table: Vec<&[&str]> = vec![&HEADER];
        table.extend(borrowed.iter().map(|row| row as &[&str]));
        let objects: Vec<serde_json::Map<String, serde_json::Value>> = borrowed
            .iter()
            .map(|row| HEADER.iter().zip(row).map(|(name, text)| ((*name).to_owned(), json!(text))).collect())
            .collect();

        let from_csv = read_all(&csv_of(&table, b';'), Format::Csv).unwrap();
        let from_xlsx = read_all(&workbooks::written(&table), Format::Xlsx).unwrap();
        let from_json = read_all(json!(objects).to_string().as_bytes(), Format::Json).unwrap();
        prop_assert_eq!(from_csv.len(), rows.len());
        prop_assert_eq!(&from_csv, &from_xlsx);
        prop_assert_eq!(&from_csv, &from_json);
    }
}
