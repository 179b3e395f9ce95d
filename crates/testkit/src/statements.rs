//! Made-up statements with known differences: an operator's file and the aggregator's transactions.
//!
//! A sample is a function of its parameters, made row by row: a million rows need no more memory than a hundred.

use std::collections::BTreeMap;
use std::io::{Seek, Write};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
use serde::Serialize;

/// The columns of an operator's file, as the contract's default header.
const HEADER: [&str; 8] =
    ["payment_date", "payid", "status", "phone_num", "amount", "trans_id", "account", "agent"];
const XLSX_MAX_ROWS: u64 = 1_048_575;

/// How dates are written into CSV and JSON; XLSX carries date cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// `24/05/2021 07:52:26`
    DayFirst,
    /// `2021-05-24T07:52:26Z`
    Iso,
}

/// What a sample is made from.
#[derive(Debug, Clone)]
pub struct Params {
    /// Rows of the operator's file.
    pub rows: u64,
    /// Samples of different seeds share no id.
    pub seed: u32,
    /// The statement's day, in UTC, which is Abidjan's time.
    pub day: NaiveDate,
    /// The aggregator's name of the operator, `FLOOZ`.
    pub payment_method: String,
    /// The operator's column `account`.
    pub account: String,
    /// How dates are written.
    pub dates: DateStyle,
}

impl Params {
    /// A statement for the sandbox's operator `DDVAMOOVCI`, of 24 May 2021 for seed 1 and two days later for each
    /// further seed up to 999: their windows don't overlap, so that one database can hold several samples.
    pub fn new(rows: u64, seed: u32) -> Self {
        let first = NaiveDate::from_ymd_opt(2021, 5, 22).unwrap_or_default();
        Self {
            rows,
            seed,
            day: first + Days::new(2 * u64::from(seed % 1_000)),
            payment_method: "FLOOZ".to_owned(),
            account: "2250000000544".to_owned(),
            dates: DateStyle::DayFirst,
        }
    }
}

/// A row of the operator's file; `phone_num` and `amount` are the file's own text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorRow {
    /// As [`Params::dates`] says.
    pub payment_date: String,
    /// The operator's id of the payment.
    pub payid: String,
    /// In the operator's vocabulary.
    pub status: String,
    /// The subscriber's 10 digits.
    pub phone_num: String,
    /// Whole XOF, now and then with thousands marks.
    pub amount: String,
    /// Empty, as in the original's sample.
    pub trans_id: String,
    /// The operator's account.
    pub account: String,
    /// Who took the payment.
    pub agent: String,
    #[serde(skip)]
    payment: Payment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Payment {
    at: DateTime<Utc>,
    amount: i64,
}

/// A transaction of the aggregator, as `POST /transactions/` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transaction {
    /// The aggregator's id.
    pub cpm_trans_id: String,
    /// The operator's id.
    pub payid: String,
    /// As [`Params::payment_method`].
    pub payment_method: String,
    /// `ACCEPTED`, or an error's name.
    pub status: &'static str,
    /// Whole XOF.
    pub cpm_amount: i64,
    /// `XOF`
    pub currency: &'static str,
    /// The subscriber's 10 digits.
    pub cel_phone_num: String,
    /// UTC.
    pub cpm_payment_date: DateTime<Utc>,
}

/// The six figures of a task, in XOF and rows; a difference is operator − aggregator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the contract's names")]
pub struct Figures {
    pub montant_operateur: i64,
    pub montant_cinetpay: i64,
    pub diff_montant: i64,
    pub count_operator: i64,
    pub count_cinetpay: i64,
    pub diff_count: i64,
}

/// What a reconciliation of the sample must find.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expected {
    /// The six figures.
    pub figures: Figures,
    /// Results of each kind. A pair counts once; a duplicate counts beside the pair that its payment makes.
    pub kinds: BTreeMap<&'static str, u64>,
}

/// What happened to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Matched,
    AmountMismatch,
    StatusMismatch,
    OperatorOnly,
    CinetpayOnly,
    DuplicateOperator,
    DuplicateCinetpay,
    OutOfWindow,
}

/// The cases that differ, each with its share of the rows in units of 1/1,000. The two sides' differ, so that no figure
/// is 0 by symmetry.
const DIFFERENCES: [(Case, u64); 7] = [
    (Case::AmountMismatch, 5),
    (Case::StatusMismatch, 3),
    (Case::OperatorOnly, 4),
    (Case::CinetpayOnly, 3),
    (Case::DuplicateOperator, 1),
    (Case::DuplicateCinetpay, 1),
    (Case::OutOfWindow, 1),
];

/// Differences appear from this many rows on, and then each kind at least once.
const SMALLEST_WITH_DIFFERENCES: u64 = 200;

/// A statement and the aggregator's side of it.
#[derive(Debug, Clone)]
pub struct Sample {
    params: Params,
    /// Payments of each differing case; the rest match.
    differences: Vec<(Case, u64)>,
    payments: u64,
    /// Coprime with `payments`: steps through all of them in a scattered order.
    stride: u64,
}

impl Sample {
    /// The sample of these parameters.
    pub fn new(params: Params) -> Self {
        let count = |share: u64| {
            if params.rows < SMALLEST_WITH_DIFFERENCES { 0 } else { (params.rows * share / 1_000).max(1) }
        };
        let differences: Vec<_> = DIFFERENCES.map(|(case, share)| (case, count(share))).to_vec();
        let of = |wanted| differences.iter().find(|(case, _)| *case == wanted).map_or(0, |(_, n)| *n);
        // The operator's file has two rows of a payment that it repeats, none of one that it lacks.
        let payments = params.rows + of(Case::CinetpayOnly) - of(Case::DuplicateOperator);
        let stride = (payments * 61 / 100..).find(|step| greatest_common_divisor(*step, payments) == 1);
        Self { params, differences, payments, stride: stride.unwrap_or(1) }
    }

    /// The parameters that the sample was made from.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// `dateDebut` and `dateFin` of the request: the whole day at minute precision.
    pub fn window(&self) -> (String, String) {
        (format!("{}T00:00", self.params.day), format!("{}T23:59", self.params.day))
    }

    fn case(&self, payment: u64) -> Case {
        let scattered = u128::from(payment) * u128::from(self.stride) % u128::from(self.payments.max(1));
        let mut end = 0;
        for (case, count) in &self.differences {
            end += u128::from(*count);
            if scattered < end {
                return *case;
            }
        }
        Case::Matched
    }

    /// Both sides of one payment.
    fn payment(&self, index: u64) -> (Case, Vec<OperatorRow>, Vec<Transaction>) {
        let Params { seed, day, payment_method, account, dates, .. } = &self.params;
        let case = self.case(index);
        let mut rng = StdRng::seed_from_u64((u64::from(*seed) << 32) ^ index);
        let day_of_payment = if case == Case::OutOfWindow { *day - Days::new(1) } else { *day };
        // Early enough that the aggregator, some seconds later, is still within the day; far from it the day before.
        let second = if case == Case::OutOfWindow { 43_200 } else { rng.random_range(0..86_340) };
        let at = day_of_payment.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::seconds(second);
        let amount: i64 = rng.random_range(20..20_000) * 5;
        let phone = format!(
            "{}{:08}",
            ["01", "05", "07"].get(rng.random_range(0..3)).copied().unwrap_or("07"),
            rng.random_range(0..100_000_000)
        );
        let date = day.format("%y%m%d");
        let payid = format!("8{date}{seed:04}{index:08}");

        let row = OperatorRow {
            payment_date: match dates {
                DateStyle::DayFirst => at.format("%d/%m/%Y %H:%M:%S").to_string(),
                DateStyle::Iso => at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            },
            payid: payid.clone(),
            status: "SUCCES".to_owned(),
            phone_num: phone.clone(),
            amount: if rng.random_bool(0.25) { with_thousands_marks(amount) } else { amount.to_string() },
            trans_id: String::new(),
            account: account.clone(),
            agent: "cinetpay".to_owned(),
            payment: Payment { at, amount },
        };
        let transaction = Transaction {
            cpm_trans_id: format!("{payment_method}{date}.{seed}.{index:08}"),
            payid,
            payment_method: payment_method.clone(),
            status: if case == Case::StatusMismatch { "ERROR_FLOOZPAY_UNAVAILABLE" } else { "ACCEPTED" },
            cpm_amount: if case == Case::AmountMismatch { amount + 100 } else { amount },
            currency: "XOF",
            cel_phone_num: phone,
            cpm_payment_date: at + TimeDelta::seconds(rng.random_range(0..30)),
        };
        match case {
            Case::OperatorOnly => (case, vec![row], vec![]),
            Case::CinetpayOnly => (case, vec![], vec![transaction]),
            Case::DuplicateOperator => (case, vec![row.clone(), row], vec![transaction]),
            Case::DuplicateCinetpay => {
                let mut again = transaction.clone();
                again.cpm_trans_id.push_str(".2");
                (case, vec![row], vec![transaction, again])
            }
            _ => (case, vec![row], vec![transaction]),
        }
    }

    /// The operator's rows, in the file's order.
    pub fn operator_rows(&self) -> impl Iterator<Item = OperatorRow> + '_ {
        (0..self.payments).flat_map(|index| self.payment(index).1)
    }

    /// The aggregator's transactions.
    pub fn transactions(&self) -> impl Iterator<Item = Transaction> + '_ {
        (0..self.payments).flat_map(|index| self.payment(index).2)
    }

    /// What a reconciliation must find, from the contract's definitions.
    pub fn expected(&self) -> Expected {
        let mut expected = Expected::default();
        for index in 0..self.payments {
            let (case, rows, transactions) = self.payment(index);
            let kinds: &[&'static str] = match case {
                Case::Matched => &["MATCHED"],
                Case::AmountMismatch => &["AMOUNT_MISMATCH"],
                Case::StatusMismatch => &["STATUS_MISMATCH"],
                Case::OperatorOnly => &["OPERATOR_ONLY"],
                Case::CinetpayOnly => &["CINETPAY_ONLY"],
                Case::DuplicateOperator => &["MATCHED", "DUPLICATE_OPERATOR"],
                Case::DuplicateCinetpay => &["MATCHED", "DUPLICATE_CINETPAY"],
                Case::OutOfWindow => &["OUT_OF_WINDOW"],
            };
            for kind in kinds {
                *expected.kinds.entry(kind).or_default() += 1;
            }
            let figures = &mut expected.figures;
            for row in rows.iter().filter(|row| row.payment.at.date_naive() == self.params.day) {
                figures.montant_operateur += row.payment.amount;
                figures.count_operator += 1;
            }
            for transaction in transactions {
                if transaction.cpm_payment_date.date_naive() == self.params.day {
                    figures.montant_cinetpay += transaction.cpm_amount;
                    figures.count_cinetpay += 1;
                }
            }
        }
        let figures = &mut expected.figures;
        figures.diff_montant = figures.montant_operateur - figures.montant_cinetpay;
        figures.diff_count = figures.count_operator - figures.count_cinetpay;
        expected
    }

    /// The operator's file as CSV: UTF-8, comma, CRLF, a field quoted where it holds a comma (RFC 4180).
    ///
    /// # Errors
    /// `out` fails.
    pub fn write_csv(&self, mut out: impl Write) -> Result<()> {
        write!(out, "{}\r\n", HEADER.join(","))?;
        for row in self.operator_rows() {
            let amount = if row.amount.contains(',') { format!("\"{}\"", row.amount) } else { row.amount };
            write!(
                out,
                "{},{},{},{},{amount},{},{},{}\r\n",
                row.payment_date, row.payid, row.status, row.phone_num, row.trans_id, row.account, row.agent
            )?;
        }
        Ok(())
    }

    /// The operator's file as XLSX: date and amount are real cells, ids and phone numbers are text.
    ///
    /// # Errors
    /// `out` fails, or there are more rows than a sheet can hold.
    pub fn write_xlsx(&self, out: impl Write + Seek + Send) -> Result<()> {
        ensure!(self.params.rows <= XLSX_MAX_ROWS, "a sheet holds at most {XLSX_MAX_ROWS} rows");
        let date_format = Format::new().set_num_format("dd/mm/yyyy hh:mm:ss");
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        for (column, name) in (0..).zip(HEADER) {
            sheet.write_string(0, column, name)?;
        }
        for (line, row) in (1..).zip(self.operator_rows()) {
            sheet.write_datetime_with_format(
                line,
                0,
                ExcelDateTime::from_timestamp(row.payment.at.timestamp())?,
                &date_format,
            )?;
            sheet.write_string(line, 1, row.payid)?;
            sheet.write_string(line, 2, row.status)?;
            sheet.write_string(line, 3, row.phone_num)?;
            let amount =
                u32::try_from(row.payment.amount).context("an amount beyond the generator's range")?;
            sheet.write_number(line, 4, amount)?;
            sheet.write_string(line, 5, row.trans_id)?;
            sheet.write_string(line, 6, row.account)?;
            sheet.write_string(line, 7, row.agent)?;
        }
        workbook.save_to_writer(out)?;
        Ok(())
    }

    /// The operator's rows as a JSON array, which is what `fichier` holds.
    ///
    /// # Errors
    /// `out` fails.
    pub fn write_json(&self, mut out: impl Write) -> Result<()> {
        for (index, row) in self.operator_rows().enumerate() {
            out.write_all(if index == 0 { b"[" } else { b",\n" })?;
            serde_json::to_writer(&mut out, &row)?;
        }
        out.write_all(if self.params.rows == 0 { b"[]\n" } else { b"]\n" })?;
        Ok(())
    }

    /// The aggregator's side as NDJSON, which `POST /transactions/` takes.
    ///
    /// # Errors
    /// `out` fails.
    pub fn write_transactions(&self, mut out: impl Write) -> Result<()> {
        for transaction in self.transactions() {
            serde_json::to_writer(&mut out, &transaction)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

fn with_thousands_marks(amount: i64) -> String {
    if amount < 1_000 { amount.to_string() } else { format!("{},{:03}", amount / 1_000, amount % 1_000) }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_thousand_rows_hold_the_promised_differences() {
        let sample = Sample::new(Params::new(1_000, 3));
        let expected = sample.expected();
        assert_eq!(
            expected.kinds,
            BTreeMap::from([
                ("MATCHED", 986),
                ("AMOUNT_MISMATCH", 5),
                ("STATUS_MISMATCH", 3),
                ("OPERATOR_ONLY", 4),
                ("CINETPAY_ONLY", 3),
                ("DUPLICATE_OPERATOR", 1),
                ("DUPLICATE_CINETPAY", 1),
                ("OUT_OF_WINDOW", 1),
            ])
        );
        assert_eq!(sample.operator_rows().count(), 1_000);
        assert_eq!(expected.figures.count_operator, 999);
        assert_eq!(expected.figures.count_cinetpay, 998);
        assert_eq!(expected.figures.diff_count, 1);
        let written: i64 = sample
            .operator_rows()
            .filter(|row| row.payment_date.starts_with("28/05/2021"))
            .map(|row| row.amount.replace(',', "").parse::<i64>().unwrap())
            .sum();
        assert_eq!(expected.figures.montant_operateur, written);
    }

    #[test]
    fn every_difference_occurs_from_200_rows_on_and_none_before() {
        assert_eq!(Sample::new(Params::new(200, 1)).expected().kinds.len(), 8);
        let small = Sample::new(Params::new(199, 1)).expected();
        assert_eq!(small.kinds, BTreeMap::from([("MATCHED", 199)]));
        assert_eq!((small.figures.diff_montant, small.figures.diff_count), (0, 0));
        assert_eq!(Sample::new(Params::new(0, 1)).expected(), Expected::default());
    }

    #[test]
    fn a_sample_repeats_by_its_seed_and_shares_no_id_with_another() {
        let csv = |seed| {
            let mut out = Vec::new();
            Sample::new(Params::new(500, seed)).write_csv(&mut out).unwrap();
            out
        };
        assert_eq!(csv(1), csv(1));
        let (first, second) = (Sample::new(Params::new(500, 1)), Sample::new(Params::new(500, 2)));
        let ids = |sample: &Sample| -> BTreeSet<String> {
            sample.transactions().flat_map(|t| [t.cpm_trans_id, t.payid]).collect()
        };
        assert!(ids(&first).is_disjoint(&ids(&second)));
    }

    #[test]
    fn every_format_carries_every_row() {
        let sample = Sample::new(Params::new(300, 1));
        let mut csv = Vec::new();
        sample.write_csv(&mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        assert_eq!(csv.lines().count(), 301);
        assert!(csv.lines().any(|line| line.contains(",\"")), "some amounts have thousands marks");

        let mut json = Vec::new();
        sample.write_json(&mut json).unwrap();
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
        assert_eq!((rows.len(), rows[0].as_object().unwrap().len()), (300, 8));

        let mut transactions = Vec::new();
        sample.write_transactions(&mut transactions).unwrap();
        let lines = String::from_utf8(transactions).unwrap();
        assert_eq!(lines.lines().count(), sample.transactions().count());

        let mut xlsx = Cursor::new(Vec::new());
        sample.write_xlsx(&mut xlsx).unwrap();
        assert!(xlsx.into_inner().starts_with(b"PK"));
    }
}
