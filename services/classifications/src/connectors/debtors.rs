//! Where debtors' figures come from: files, and a bureau where one is connected.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::NaiveDate;
use common::redact::Personal;
use rust_decimal::Decimal;

use super::Unavailable;
use crate::domain::country::Country;
use crate::domain::debtor::{Accounts, Debtor, DebtorId, Profile};
use crate::domain::tax_code::TaxCode;
use crate::work::command::RejectedLine;

/// A credit bureau, asked for debtors of whom the service knows nothing. Its answers are stored as a file's are.
#[async_trait]
pub trait Bureau: Send + Sync {
    /// How the stored figures name it.
    fn name(&self) -> &'static str;

    /// What it knows of a debtor; none where it knows nothing.
    ///
    /// # Errors
    /// [`Unavailable`], after which the debtor is one without figures.
    async fn debtor(&self, id: &DebtorId) -> Result<Option<Debtor>, Unavailable>;
}

/// The columns of a file, of which only the first three must be there.
const COLUMNS: [&str; 14] = [
    "countryCode",
    "taxCode",
    "name",
    "founded",
    "isInsolvent",
    "workingCapital",
    "retainedEarnings",
    "ebit",
    "totalAssets",
    "equity",
    "totalLiabilities",
    "turnover",
    "daysBeyondTerms",
    "otherExposure",
];
/// The longest name, in characters.
const LONGEST_NAME: usize = 200;

/// Why a file is no file of debtors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// No CSV, or not UTF-8.
    #[error("line {0} cannot be read: not CSV in UTF-8")]
    Csv(u64),
    /// A mandatory column is missing.
    #[error("the column {0} is missing")]
    Missing(&'static str),
    /// A column that a file does not have, or has twice.
    #[error("column {0} of the header is unknown or there twice")]
    Column(usize),
}

/// A file's debtors, and the lines that are none.
#[derive(Debug, Default)]
pub struct DebtorFile {
    /// Each once.
    pub debtors: Vec<Debtor>,
    /// In order.
    pub rejected: Vec<RejectedLine>,
}

/// Reads a CSV file in UTF-8 with a header, separated by commas. Accounts are in thousands of euros and all or none;
/// `otherExposure`, in euros, is what the insurer has at risk on the debtor outside this service; dates are ISO 8601.
///
/// # Errors
/// [`FileFault`]; a line that is wrong is only left out.
pub fn read_file(bytes: &[u8]) -> Result<DebtorFile, FileFault> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|_| FileFault::Csv(1))?.clone();
    let mut places = [None; COLUMNS.len()];
    for (place, name) in header.iter().enumerate() {
        let column = COLUMNS.iter().position(|column| *column == name).and_then(|at| places.get_mut(at));
        match column {
            Some(known @ None) => *known = Some(place),
            _ => return Err(FileFault::Column(place + 1)),
        }
    }
    if let Some((column, _)) = COLUMNS.iter().zip(places).take(3).find(|(_, place)| place.is_none()) {
        return Err(FileFault::Missing(column));
    }
    let mut file = DebtorFile::default();
    let mut seen = HashSet::new();
    for record in reader.into_records() {
        let record =
            record.map_err(|error| FileFault::Csv(error.position().map_or(1, csv::Position::line)))?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields = Fields { record: &record, places: &places };
        let debtor = fields.debtor().and_then(|debtor| {
            let is_new = seen.insert(debtor.id.clone());
            is_new.then_some(debtor).ok_or(("taxCode", "this debtor is on a line before".to_owned()))
        });
        match debtor {
            Ok(debtor) => file.debtors.push(debtor),
            Err((field, reason)) => {
                file.rejected.push(RejectedLine { line, field: Some(field), reason });
            }
        }
    }
    Ok(file)
}

/// The column at fault and what is wrong with it, without its content.
type Fault = (&'static str, String);

struct Fields<'a> {
    record: &'a csv::StringRecord,
    places: &'a [Option<usize>; COLUMNS.len()],
}

impl Fields<'_> {
    fn text(&self, column: &'static str) -> Option<&str> {
        let at = COLUMNS.iter().position(|known| *known == column)?;
        let place = (*self.places.get(at)?)?;
        self.record.get(place).filter(|text| !text.is_empty())
    }

    fn mandatory(&self, column: &'static str) -> Result<&str, Fault> {
        self.text(column).ok_or((column, "is mandatory".to_owned()))
    }

    fn read<T>(
        &self,
        column: &'static str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let fault = || (column, format!("is not {expected}"));
        self.text(column).map(|text| read(text).ok_or_else(fault)).transpose()
    }

    fn amount(&self, column: &'static str) -> Result<Option<Decimal>, Fault> {
        self.read(column, "a decimal number of at most 15 digits", decimal)
    }

    fn debtor(&self) -> Result<Debtor, Fault> {
        let country = Country::parse(self.mandatory("countryCode")?)
            .ok_or(("countryCode", "is no code of ISO 3166-1 alpha-2".to_owned()))?;
        let tax_code = TaxCode::parse(country, self.mandatory("taxCode")?)
            .map_err(|fault| ("taxCode", fault.to_string()))?;
        let name = self.mandatory("name")?;
        if name.chars().count() > LONGEST_NAME {
            return Err(("name", format!("is longer than {LONGEST_NAME} characters")));
        }
        let is_insolvent = self.read("isInsolvent", "true or false", |text| text.parse().ok())?;
        let other_exposure = self.amount("otherExposure")?.unwrap_or_default();
        if other_exposure < Decimal::ZERO {
            return Err(("otherExposure", "is below zero".to_owned()));
        }
        let days = |text: &str| text.parse().ok().filter(|days: &i32| days.abs() <= 3_650);
        Ok(Debtor {
            id: DebtorId { country, tax_code: tax_code.as_str().to_owned() },
            name: Personal::new(name.to_owned()),
            profile: Profile {
                founded: self.read("founded", "an ISO date", |text| text.parse::<NaiveDate>().ok())?,
                is_insolvent: is_insolvent.unwrap_or(false),
                accounts: self.accounts()?,
                days_beyond_terms: self.read("daysBeyondTerms", "a number of days", days)?,
            },
            other_exposure,
        })
    }

    fn accounts(&self) -> Result<Option<Accounts>, Fault> {
        const FIGURES: [&str; 7] = [
            "workingCapital",
            "retainedEarnings",
            "ebit",
            "totalAssets",
            "equity",
            "totalLiabilities",
            "turnover",
        ];
        if FIGURES.iter().all(|figure| self.text(figure).is_none()) {
            return Ok(None);
        }
        let figure = |column| {
            let amount = self.amount(column)?;
            amount.ok_or((column, "is missing, where other figures of the accounts are there".to_owned()))
        };
        Ok(Some(Accounts {
            working_capital: figure("workingCapital")?,
            retained_earnings: figure("retainedEarnings")?,
            ebit: figure("ebit")?,
            total_assets: figure("totalAssets")?,
            equity: figure("equity")?,
            total_liabilities: figure("totalLiabilities")?,
            turnover: figure("turnover")?,
        }))
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, decimals) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = is_digits(whole) && is_digits(decimals) && unsigned.len() <= 16;
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "countryCode,taxCode,name,founded,isInsolvent,workingCapital,retainedEarnings,ebit,\
                          totalAssets,equity,totalLiabilities,turnover,daysBeyondTerms,otherExposure";

    fn read(lines: &str) -> DebtorFile {
        read_file(format!("{HEADER}\n{lines}").as_bytes()).unwrap()
    }

    #[test]
    fn a_line_is_a_debtor_with_or_without_accounts() {
        let file = read(
            "ES,a-00000018,\"Uno, SA\",2001-03-01,false,800,900,400,4000,2000,2000,9000,5,50000\n\
             FR,000000018,Deux,,,,,,,,,,-3,\n",
        );
        assert!(file.rejected.is_empty());
        let [one, two] = &file.debtors[..] else { unreachable!() };
        assert_eq!((one.id.reference().as_str(), one.name.expose().as_str()), ("ES:A00000018", "Uno, SA"));
        assert_eq!(one.profile.accounts.as_ref().unwrap().turnover, Decimal::from(9_000));
        assert_eq!(one.other_exposure, Decimal::from(50_000));
        assert_eq!((two.profile.accounts.as_ref(), two.profile.days_beyond_terms), (None, Some(-3)));
        assert_eq!((two.profile.founded, two.profile.is_insolvent), (None, false));
    }

    #[test]
    fn a_wrong_line_is_left_out_and_named_without_its_content() {
        let file = read(
            "ES,A00000019,Uno,,,,,,,,,,,\n\
             XX,1,Uno,,,,,,,,,,,\n\
             ES,A00000018,,,,,,,,,,,,\n\
             ES,A00000018,Uno,1.3.2001,,,,,,,,,,\n\
             ES,A00000018,Uno,,no,,,,,,,,,\n\
             ES,A00000018,Uno,,,800,,,,,,,,\n\
             ES,A00000018,Uno,,,,,,,,,,soon,\n\
             ES,A00000018,Uno,,,,,,,,,,,1e5\n\
             ES,A00000018,Uno,,,,,,,,,,,-1\n\
             ES,A00000018,Uno\n\
             ES,A00000018,Uno,,,,,,,,,,,\n",
        );
        let faults: Vec<_> = file.rejected.iter().map(|it| (it.line, it.field.unwrap())).collect();
        assert_eq!(
            faults,
            [
                (2, "taxCode"),
                (3, "countryCode"),
                (4, "name"),
                (5, "founded"),
                (6, "isInsolvent"),
                (7, "retainedEarnings"),
                (8, "daysBeyondTerms"),
                (9, "otherExposure"),
                (10, "otherExposure"),
                (12, "taxCode"),
            ]
        );
        assert_eq!(file.debtors.len(), 1);
        assert!(file.rejected.iter().all(|it| !it.reason.contains("A0000001")));
    }

    #[test]
    fn columns_come_in_any_order_and_only_known_ones() {
        let file = read_file("\u{feff}name, taxCode,countryCode\nUno,A00000018,ES\n".as_bytes()).unwrap();
        assert_eq!(file.debtors.len(), 1);
        for (text, fault) in [
            ("", FileFault::Missing("countryCode")),
            ("countryCode,taxCode\n", FileFault::Missing("name")),
            ("countryCode,taxCode,name,color\n", FileFault::Column(4)),
            ("countryCode,taxCode,name,name\n", FileFault::Column(4)),
        ] {
            assert_eq!(read_file(text.as_bytes()).unwrap_err(), fault, "{text}");
        }
        let latin1 = b"countryCode,taxCode,name\nES,A00000018,Ca\xf1a\n";
        assert_eq!(read_file(latin1).unwrap_err(), FileFault::Csv(2));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_file(&bytes);
        }

        #[test]
        fn no_line_is_lost(lines in proptest::collection::vec("(ES|FR|XX)?,[A0-9]{0,9},[a-z]{0,3}(,[-0-9.e]{0,3}){11}", 0..8)) {
            let file = read(&lines.join("\n"));
            prop_assert_eq!(file.debtors.len() + file.rejected.len(), lines.len());
        }
    }
}
