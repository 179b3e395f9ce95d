//! One row's cells, as the formats give them, turned into a statement's row.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use crate::domain::amount::parse_amount;
use crate::domain::column::Column;
use crate::domain::instant::{local_instant, parse_instant};
use crate::domain::operator::OperatorConfig;
use crate::domain::statement_row::{LineProblem, StatementRow};
use crate::domain::text::{MAX_TEXT, check_text};

/// Whole numbers up to here are exact in a double.
pub(super) const MAX_EXACT: u64 = 1 << 53;
pub(super) const NOT_EXACT: &str = "a number above 2^53 is not exact; write it as text";

/// What a file holds for one column of one row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    /// The row ends before the column, or lacks its key.
    Absent,
    Blank,
    Text(Cow<'a, str>),
    /// A spreadsheet's number: in the date column days since the workbook's epoch.
    Number {
        value: f64,
        epoch_1904: bool,
    },
    /// Something that stands for no value.
    Bad(&'static str),
}

/// The cells of our eight columns, by `Column as usize`.
pub(super) type Cells<'a> = [Cell<'a>; Column::ALL.len()];

impl Cell<'_> {
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Blank => true,
            Self::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// The file's own text, whose numbers have neither exponent nor `.0`.
    fn text(&self) -> Result<Cow<'_, str>, String> {
        let text = match self {
            Self::Absent => return Err("the column is missing in this row".to_owned()),
            Self::Blank => Cow::Borrowed(""),
            Self::Text(text) => Cow::Borrowed(text.as_ref()),
            Self::Number { value, .. } => Cow::Owned(whole_number(*value)?),
            Self::Bad(reason) => return Err((*reason).to_owned()),
        };
        check_text(&text, MAX_TEXT).map_err(|error| error.to_string())?;
        Ok(text)
    }

    fn trimmed(&self) -> Result<String, String> {
        Ok(self.text()?.trim().to_owned())
    }

    fn id(&self) -> Result<Option<String>, String> {
        Ok(Some(self.trimmed()?).filter(|id| !id.is_empty()))
    }

    fn instant(&self, operator: &OperatorConfig) -> Result<DateTime<Utc>, String> {
        match self {
            Self::Number { value, epoch_1904 } => {
                let local = from_serial(*value, *epoch_1904).ok_or("not a date")?;
                local_instant(local, operator.timezone)
            }
            _ => parse_instant(&self.text()?, operator.timezone),
        }
        .map_err(|error| error.to_string())
    }
}

/// A double's text, where it is whole and exact.
///
/// From 2^53 on a double may stand for another number than the file's, so 2^53 itself is refused too.
pub(super) fn whole_number(value: f64) -> Result<String, &'static str> {
    if value.abs() >= MAX_EXACT as f64 {
        Err(NOT_EXACT)
    } else if value.fract() != 0.0 || value.is_nan() {
        Err("a number with a fraction")
    } else {
        Ok((value as i64).to_string())
    }
}

/// The moment of a spreadsheet's serial number: days since 30 December 1899, or since 1 January 1904, to the
/// millisecond. That is right from March 1900 on; earlier years are refused anyway.
fn from_serial(days: f64, epoch_1904: bool) -> Option<NaiveDateTime> {
    let epoch =
        if epoch_1904 { NaiveDate::from_ymd_opt(1904, 1, 1) } else { NaiveDate::from_ymd_opt(1899, 12, 30) }?;
    let milliseconds = (days * 86_400_000.0).round();
    if !(0.0..1e15).contains(&milliseconds) {
        return None;
    }
    epoch.and_hms_opt(0, 0, 0)?.checked_add_signed(TimeDelta::milliseconds(milliseconds as i64))
}

/// Reads a row, or names every problem that it has.
pub(super) fn read_row(
    line: u32,
    cells: &Cells<'_>,
    operator: &OperatorConfig,
) -> Result<StatementRow, Vec<LineProblem>> {
    let mut problems = Vec::new();
    let row = StatementRow {
        line,
        payment_date: keep(&mut problems, line, Column::PaymentDate, cells, |cell| cell.instant(operator)),
        payid: keep(&mut problems, line, Column::Payid, cells, Cell::id),
        status: keep(&mut problems, line, Column::Status, cells, |cell| {
            cell.id()?.ok_or_else(|| "the status is missing".to_owned())
        }),
        phone_num: keep(&mut problems, line, Column::PhoneNum, cells, |cell| Ok(cell.text()?.into_owned()))
            .into(),
        amount_text: keep(&mut problems, line, Column::Amount, cells, |cell| Ok(cell.text()?.into_owned())),
        amount: 0,
        trans_id: keep(&mut problems, line, Column::TransId, cells, Cell::id),
        account: keep(&mut problems, line, Column::Account, cells, Cell::trimmed),
        agent: keep(&mut problems, line, Column::Agent, cells, Cell::trimmed),
    };
    let amount_read = !problems.iter().any(|problem| problem.column == Column::Amount.name());
    match parse_amount(&row.amount_text) {
        Ok(amount) if problems.is_empty() => return Ok(StatementRow { amount, ..row }),
        Err(error) if amount_read => problems.push(problem(line, Column::Amount, error.to_string())),
        _ => {}
    }
    Err(problems)
}

fn keep<'a, T: Default>(
    problems: &mut Vec<LineProblem>,
    line: u32,
    column: Column,
    cells: &Cells<'a>,
    read: impl FnOnce(&Cell<'a>) -> Result<T, String>,
) -> T {
    read(&cells[column as usize]).unwrap_or_else(|reason| {
        problems.push(problem(line, column, reason));
        T::default()
    })
}

fn problem(line: u32, column: Column, reason: String) -> LineProblem {
    LineProblem { line, column: column.name(), reason }
}
