//! An operator and how its statements are read and matched (contract, `PUT /operateurs/{code}`).

use std::collections::{BTreeMap, HashMap};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::column::Column;
use super::field_error::{FieldError, read_body};
use super::rule::{Rule, RuleBody, parse_rules};
use super::status::{StatusVocabulary, VocabularyBody};
use super::text::{MAX_TEXT, check_text, fold_header};

const MAX_CODE: usize = 32;

/// An operator's whole configuration. Serialising gives the contract's body back, defaults filled in; parsing
/// that again gives an equal value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OperatorConfig {
    /// The code that requests name, 1 to 32 of `[A-Za-z0-9_-]`.
    pub code: String,
    /// The name shown to people.
    pub nom: String,
    /// A longer name, may be empty.
    pub description: String,
    /// The aggregator's account with the operator.
    pub account: String,
    /// The aggregator's word for payments through this operator, by which its transactions are chosen.
    pub payment_method: String,
    /// Always `XOF` in this version.
    pub currency: String,
    /// The zone of dates without one.
    #[serde(serialize_with = "tz_name")]
    pub timezone: Tz,
    /// The two digits that the operator's 8-digit numbers got on 31 January 2021.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_number_prefix: Option<String>,
    /// The names under which each column may stand in a file.
    pub headers: BTreeMap<Column, Vec<String>>,
    /// The operator's words for a payment's status.
    pub status: StatusVocabulary,
    /// Matching rules, in the order in which they run.
    pub rules: Vec<Rule>,
}

fn tz_name<S: Serializer>(tz: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(tz.name())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    code: Option<String>,
    nom: Option<String>,
    description: Option<String>,
    account: Option<String>,
    payment_method: Option<String>,
    currency: Option<String>,
    timezone: Option<String>,
    old_number_prefix: Option<String>,
    headers: Option<BTreeMap<Column, Vec<String>>>,
    status: Option<VocabularyBody>,
    rules: Option<Vec<RuleBody>>,
}

impl OperatorConfig {
    /// Reads the body of `PUT /operateurs/{code}`.
    ///
    /// # Errors
    /// The first field that is missing, unknown, contradictory, or beyond what this version can honour.
    pub fn parse(body: Value) -> Result<Self, FieldError> {
        let body: Body = read_body(body)?;
        let code = required("code", body.code)?;
        if code.len() > MAX_CODE || !code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        {
            return Err(FieldError::new(
                "code",
                format_args!("1 to {MAX_CODE} of A-Z, a-z, 0-9, _ and - are expected"),
            ));
        }
        let currency = body.currency.unwrap_or_else(|| "XOF".to_owned());
        if currency != "XOF" {
            return Err(FieldError::new("currency", "only XOF is supported"));
        }
        let timezone = body.timezone.map_or(Ok(Tz::Africa__Abidjan), |name| {
            name.parse().map_err(|_| FieldError::new("timezone", "not a zone of the IANA database"))
        })?;
        Ok(Self {
            code,
            nom: required("nom", body.nom)?,
            description: text("description", body.description)?.unwrap_or_default(),
            account: required("account", body.account)?,
            payment_method: required("payment_method", body.payment_method)?,
            currency,
            timezone,
            old_number_prefix: two_digits("old_number_prefix", body.old_number_prefix)?,
            headers: complete_headers(body.headers.unwrap_or_default())?,
            status: StatusVocabulary::from_body(body.status.unwrap_or_default())?,
            rules: body.rules.map_or_else(|| Ok(Rule::defaults()), parse_rules)?,
        })
    }

    /// The contract's body with the defaults filled in, as it is stored and shown.
    pub fn to_json(&self) -> Value {
        // Every key is a string and no field can fail to serialise.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The largest `window_s` of the rules, in seconds: how far around a task's window the aggregator's
    /// transactions are fetched.
    pub fn largest_window_s(&self) -> u32 {
        self.rules.iter().filter_map(Rule::window_s).max().unwrap_or(0)
    }
}

fn text(field: &str, given: Option<String>) -> Result<Option<String>, FieldError> {
    let Some(given) = given.map(|text| text.trim().to_owned()) else { return Ok(None) };
    check_text(&given, MAX_TEXT).map_err(|error| FieldError::new(field, error))?;
    Ok(Some(given))
}

fn required(field: &str, given: Option<String>) -> Result<String, FieldError> {
    text(field, given)?.filter(|text| !text.is_empty()).ok_or_else(|| FieldError::new(field, "required"))
}

fn two_digits(field: &str, given: Option<String>) -> Result<Option<String>, FieldError> {
    match given {
        Some(given) if given.len() != 2 || !given.bytes().all(|b| b.is_ascii_digit()) => {
            Err(FieldError::new(field, "two digits are expected"))
        }
        given => Ok(given),
    }
}

/// Gives columns without aliases their own name, and refuses aliases that two columns share.
fn complete_headers(
    mut headers: BTreeMap<Column, Vec<String>>,
) -> Result<BTreeMap<Column, Vec<String>>, FieldError> {
    for column in Column::ALL {
        headers.entry(column).or_insert_with(|| vec![column.name().to_owned()]);
    }
    let mut taken: HashMap<String, Column> = HashMap::new();
    for (column, aliases) in &headers {
        let name = column.name();
        if aliases.is_empty() {
            return Err(FieldError::new(format!("headers.{name}"), "at least one name is expected"));
        }
        for (index, alias) in aliases.iter().enumerate() {
            let field = || format!("headers.{name}[{index}]");
            check_text(alias, MAX_TEXT).map_err(|error| FieldError::new(field(), error))?;
            let folded = fold_header(alias);
            if folded.is_empty() {
                return Err(FieldError::new(field(), "blank"));
            }
            if let Some(other) = taken.insert(folded, *column).filter(|other| other != column) {
                return Err(FieldError::new(
                    field(),
                    format_args!("the same name stands under {}", other.name()),
                ));
            }
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::rule::IdField;
    use crate::domain::status::StatusClass;

    fn minimal() -> Value {
        json!({"code": "DDVAMOOVCI", "nom": "DDVAMOOVCI", "account": "2250000000544", "payment_method": "FLOOZ"})
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = minimal();
        body[field] = value;
        body
    }

    fn field_at_fault(body: Value) -> String {
        OperatorConfig::parse(body).unwrap_err().field
    }

    #[test]
    fn what_is_not_configured_has_its_default() {
        let operator = OperatorConfig::parse(minimal()).unwrap();
        assert_eq!(operator.currency, "XOF");
        assert_eq!(operator.timezone, Tz::Africa__Abidjan);
        assert_eq!(operator.headers[&Column::PaymentDate], ["payment_date"]);
        assert_eq!(operator.status.classify("SUCCES"), StatusClass::Success);
        assert_eq!(
            operator.rules,
            [Rule::by_id("id", IdField::Payid, None), Rule::by_id("trans_id", IdField::TransId, None)]
        );
    }

    #[test]
    fn a_configuration_survives_storage() {
        let operator = OperatorConfig::parse(json!({
            "code": "DDVAMOOVCI", "nom": "DDVAMOOVCI", "description": "DDVAMOOV Côte d'Ivoire",
            "account": "2250000000544", "payment_method": "FLOOZ", "currency": "XOF", "timezone": "Africa/Abidjan",
            "old_number_prefix": "01",
            "headers": {"payment_date": ["payment_date", "Date opération"], "payid": ["payid", "Référence"]},
            "status": {"success": ["SUCCES", "Réussi"], "failed": ["ECHEC", "Échoué"], "pending": ["En attente"]},
            "rules": [{"name": "id", "keys": ["payid"], "window_s": 300, "fee_bps": 0, "fee_round": "half_up"}]
        }))
        .unwrap();
        let stored = operator.to_json();
        assert_eq!(stored["headers"]["payid"], json!(["payid", "Référence"]));
        assert_eq!(stored["headers"]["agent"], json!(["agent"]));
        assert_eq!(
            stored["rules"],
            json!([{"name": "id", "keys": ["payid"], "window_s": 300, "fee_bps": 0, "fee_round": "half_up"}])
        );
        assert_eq!(OperatorConfig::parse(stored).unwrap(), operator);
    }

    #[test]
    fn the_field_at_fault_is_named() {
        assert_eq!(field_at_fault(json!({"nom": "x"})), "code");
        assert_eq!(field_at_fault(with("code", json!("a b"))), "code");
        assert_eq!(field_at_fault(with("code", json!("A".repeat(33)))), "code");
        assert_eq!(field_at_fault(with("nom", json!(" "))), "nom");
        assert_eq!(field_at_fault(with("account", json!("a\u{0}b"))), "account");
        assert_eq!(field_at_fault(with("currency", json!("EUR"))), "currency");
        assert_eq!(field_at_fault(with("timezone", json!("Africa/Nowhere"))), "timezone");
        for prefix in ["", "1", "225", "0a", "٠١", " 01"] {
            assert_eq!(field_at_fault(with("old_number_prefix", json!(prefix))), "old_number_prefix");
        }
        assert_eq!(field_at_fault(with("headers", json!({"payid": []}))), "headers.payid");
        assert_eq!(
            field_at_fault(with("headers", json!({"payid": ["Réf"], "trans_id": ["REF"]}))),
            "headers.trans_id[0]"
        );
        assert_eq!(
            field_at_fault(with("status", json!({"success": ["OK"], "failed": ["ok "]}))),
            "status.failed[0]"
        );
        assert_eq!(field_at_fault(with("rules", json!([]))), "rules");
        assert_eq!(field_at_fault(with("nom", json!(5))), "nom");
    }

    #[test]
    fn rules_beyond_this_version_are_refused_and_not_ignored() {
        let rule = |extra: Value| {
            let mut rule = json!({"name": "a", "keys": ["payid"]});
            rule.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            field_at_fault(with("rules", json!([{"name": "id", "keys": ["payid"]}, rule])))
        };
        assert_eq!(rule(json!({"keys": ["phone", "amount"]})), "rules[1].keys");
        assert_eq!(rule(json!({"keys": ["payid", "trans_id"]})), "rules[1].keys");
        assert_eq!(rule(json!({"cardinality": "1:n"})), "rules[1].cardinality");
        assert_eq!(rule(json!({"compare": "sum"})), "rules[1].compare");
        assert_eq!(rule(json!({"only_if_blank": "payid"})), "rules[1].only_if_blank");
        assert_eq!(rule(json!({"fee_bps": 100})), "rules[1].fee_bps");
        assert_eq!(rule(json!({"fee_round": "down"})), "rules[1].fee_round");
        assert_eq!(rule(json!({"window_s": 604_801})), "rules[1].window_s");
        assert_eq!(rule(json!({"window_s": -1})), "rules[1].window_s");
        assert_eq!(rule(json!({"name": "id"})), "rules[1].name");
        assert!(rule(json!({"tolerance": 5})).starts_with("rules[1]"));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = OperatorConfig::parse(with("surprise", json!(1))).unwrap_err();
        assert!(error.to_string().contains("surprise"), "{error}");
        let error = OperatorConfig::parse(with("headers", json!({"phone": ["x"]}))).unwrap_err();
        assert!(error.field.starts_with("headers"), "{error}");
    }
}
