//! A transaction of the aggregator (contract, `POST /transactions/`).

use aws_lc_rs::digest::{Context, SHA256};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::redact::Personal;
use serde_json::Value;
use serde_json::map::{Entry, Map};

use super::amount::{MAX_AMOUNT, parse_amount};
use super::field_error::FieldError;
use super::instant::parse_instant;
use super::text::{MAX_TEXT, check_text};

const MAX_ID: usize = 128;
/// Whole numbers up to here are exact in every JSON implementation (RFC 8259, section 6).
const MAX_EXACT: u64 = 1 << 53;

const REQUIRED: [&str; 6] =
    ["cpm_trans_id", "payment_method", "status", "cpm_amount", "currency", "cpm_payment_date"];
const OPTIONAL: [&str; 3] = ["payid", "cel_phone_num", "trans_id"];
const GIVEN_TWICE: &str = "given twice";
const UNKNOWN: &str = "unknown field";

/// A transaction as received, without a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransaction {
    /// The aggregator's identifier, 1 to 128 characters.
    pub cpm_trans_id: String,
    /// The operator's identifier.
    pub payid: Option<String>,
    /// The operator through which it was paid.
    pub payment_method: String,
    /// The aggregator's word, verbatim.
    pub status: String,
    /// Whole XOF.
    pub amount: i64,
    /// Always `XOF` in this version.
    pub currency: String,
    /// The subscriber, may be blank.
    pub phone: Personal<String>,
    /// When it was paid, to the microsecond.
    pub payment_date: DateTime<Utc>,
    /// What an operator's `trans_id` is compared with; `cpm_trans_id` where none was given.
    pub trans_id: String,
}

impl NewTransaction {
    /// Reads the fields of one item of `POST /transactions/`.
    ///
    /// # Errors
    /// The first field that is missing, unknown, given twice or wrong; the reason never quotes a value.
    pub fn parse(fields: impl IntoIterator<Item = (String, Value)>) -> Result<Self, FieldError> {
        let mut item = Map::new();
        for (name, value) in fields {
            match item.entry(name) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(place) => return Err(FieldError::new(shortened(place.key()), GIVEN_TWICE)),
            };
        }
        let cpm_trans_id = required(&mut item, "cpm_trans_id", MAX_ID)?;
        let transaction = Self {
            payid: id(&mut item, "payid", MAX_TEXT)?,
            payment_method: required(&mut item, "payment_method", MAX_TEXT)?,
            status: required(&mut item, "status", MAX_TEXT)?,
            amount: amount(&mut item)?,
            currency: required(&mut item, "currency", MAX_TEXT)?,
            phone: id(&mut item, "cel_phone_num", MAX_TEXT)?.unwrap_or_default().into(),
            payment_date: parse_instant(&required(&mut item, "cpm_payment_date", MAX_TEXT)?, Tz::UTC)
                .map_err(|error| FieldError::new("cpm_payment_date", error))?,
            trans_id: id(&mut item, "trans_id", MAX_TEXT)?.unwrap_or_else(|| cpm_trans_id.clone()),
            cpm_trans_id,
        };
        if transaction.currency != "XOF" {
            return Err(FieldError::new("currency", "only XOF is supported"));
        }
        match item.into_iter().next() {
            Some((unknown, _)) => Err(FieldError::new(shortened(&unknown), UNKNOWN)),
            None => Ok(transaction),
        }
    }

    /// Checks the column names of a CSV body: its records can be read only if each required field has one, and
    /// none has two.
    ///
    /// # Errors
    /// The first name that is unknown or given twice, or the first that is missing.
    pub fn check_columns(names: &[&str]) -> Result<(), FieldError> {
        for (index, name) in names.iter().enumerate() {
            if !REQUIRED.contains(name) && !OPTIONAL.contains(name) {
                return Err(FieldError::new(shortened(name), UNKNOWN));
            }
            if names.iter().take(index).any(|earlier| earlier == name) {
                return Err(FieldError::new(*name, GIVEN_TWICE));
            }
        }
        match REQUIRED.into_iter().find(|name| !names.contains(name)) {
            Some(missing) => Err(FieldError::new(missing, "required")),
            None => Ok(()),
        }
    }

    /// A digest of all fields but the identifier: two receptions with the same digest are the same content.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        let mut field = |bytes: &[u8]| {
            // The length before each field keeps ("ab", "c") apart from ("a", "bc").
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        // A blank `payid` is never stored, so that empty stands for none.
        field(self.payid.as_deref().unwrap_or_default().as_bytes());
        field(self.payment_method.as_bytes());
        field(self.status.as_bytes());
        field(&self.amount.to_be_bytes());
        field(self.currency.as_bytes());
        field(self.phone.expose().as_bytes());
        field(&self.payment_date.timestamp_micros().to_be_bytes());
        field(self.trans_id.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        hash
    }
}

/// An identifier or other text, trimmed; `None` where absent, null or blank.
fn id(item: &mut Map<String, Value>, field: &str, max: usize) -> Result<Option<String>, FieldError> {
    let text = match item.remove(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => match number.as_u64().filter(|number| *number <= MAX_EXACT) {
            Some(number) => number.to_string(),
            None => return Err(FieldError::new(field, "a number that is not exact; send it as a string")),
        },
        Some(_) => return Err(FieldError::new(field, "a string is expected")),
    };
    check_text(&text, max).map_err(|error| FieldError::new(field, error))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn required(item: &mut Map<String, Value>, field: &str, max: usize) -> Result<String, FieldError> {
    id(item, field, max)?.ok_or_else(|| FieldError::new(field, "required"))
}

fn amount(item: &mut Map<String, Value>) -> Result<i64, FieldError> {
    let refuse = |reason: &str| Err(FieldError::new("cpm_amount", reason));
    match item.remove("cpm_amount") {
        None | Some(Value::Null) => refuse("required"),
        Some(Value::String(text)) => {
            check_text(&text, MAX_TEXT).map_err(|error| FieldError::new("cpm_amount", error))?;
            parse_amount(&text).map_err(|error| FieldError::new("cpm_amount", error))
        }
        Some(Value::Number(number)) => {
            // `5000.0` is whole; the bound lies far below the numbers that a float cannot hold.
            let whole = number.as_i64().or_else(|| {
                number.as_f64().filter(|n| n.fract() == 0.0 && n.abs() <= MAX_AMOUNT as f64).map(|n| n as i64)
            });
            match whole {
                Some(amount) if (0..=MAX_AMOUNT).contains(&amount) => Ok(amount),
                _ => refuse("not an amount of whole francs within the bounds"),
            }
        }
        Some(_) => refuse("a number or a string is expected"),
    }
}

/// A key that the sender chose, short enough for an answer.
fn shortened(key: &str) -> String {
    key.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item() -> Value {
        json!({"cpm_trans_id": "PT210524.00001", "payid": "8210524022001", "payment_method": "FLOOZ",
               "status": "ACCEPTED", "cpm_amount": 5000, "currency": "XOF", "cel_phone_num": "0143705651",
               "cpm_payment_date": "2021-05-24T07:52:30Z", "trans_id": "PT210524.00001"})
    }

    fn with(field: &str, value: Value) -> Value {
        let mut item = item();
        item[field] = value;
        item
    }

    fn parse(item: Value) -> Result<NewTransaction, FieldError> {
        NewTransaction::parse(item.as_object().unwrap().clone())
    }

    fn field_at_fault(item: Value) -> String {
        parse(item).unwrap_err().field
    }

    #[test]
    fn the_contracts_example_is_read() {
        let transaction = parse(item()).unwrap();
        assert_eq!(transaction.cpm_trans_id, "PT210524.00001");
        assert_eq!(transaction.payid.as_deref(), Some("8210524022001"));
        assert_eq!(transaction.amount, 5_000);
        assert_eq!(transaction.payment_date.to_rfc3339(), "2021-05-24T07:52:30+00:00");
    }

    #[test]
    fn a_phone_number_never_reaches_debug_output() {
        assert!(!format!("{:?}", parse(item()).unwrap()).contains("0143705651"));
    }

    #[test]
    fn forms_that_mean_the_same_have_the_same_content() {
        let hash = |item| parse(item).unwrap().content_hash();
        let original = hash(item());
        for same in [
            with("cpm_amount", json!("5,000")),
            with("cpm_amount", json!(5000.0)),
            with("payid", json!(8_210_524_022_001_u64)),
            with("payid", json!(" 8210524022001 ")),
            with("trans_id", Value::Null),
            with("cpm_payment_date", json!("2021-05-24T08:52:30+01:00")),
            with("cpm_payment_date", json!("2021-05-24 07:52:30")),
        ] {
            assert_eq!(hash(same.clone()), original, "{same}");
        }
        for other in [
            with("cpm_amount", json!(5001)),
            with("payid", Value::Null),
            with("status", json!("PENDING")),
            with("cel_phone_num", json!("")),
            with("trans_id", json!("OTHER")),
            with("cpm_payment_date", json!("2021-05-24T07:52:31Z")),
        ] {
            assert_ne!(hash(other.clone()), original, "{other}");
        }
    }

    #[test]
    fn the_field_at_fault_is_named() {
        for (field, value) in [
            ("cpm_trans_id", json!(" ")),
            ("cpm_trans_id", json!("x".repeat(129))),
            ("cpm_trans_id", json!("a\u{0}b")),
            ("cpm_trans_id", json!(["x"])),
            ("payid", json!(9_007_199_254_740_993_u64)),
            ("payid", json!(1.5)),
            ("payid", json!("x".repeat(257))),
            ("payment_method", Value::Null),
            ("status", json!("")),
            ("cpm_amount", json!("5000.50")),
            ("cpm_amount", json!(5000.5)),
            ("cpm_amount", json!(-1)),
            ("cpm_amount", json!(1e300)),
            ("cpm_amount", Value::Null),
            ("currency", json!("EUR")),
            ("cpm_payment_date", json!("2021-02-30T00:00:00Z")),
            ("surprise", json!(1)),
        ] {
            assert_eq!(field_at_fault(with(field, value.clone())), field, "{value}");
        }
    }
}
