//! The rules by which an operator's rows and the aggregator's transactions are paired.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field_error::FieldError;
use super::text::check_text;

/// The longest time between the two sides of a pair that a rule may allow, in seconds.
pub const MAX_WINDOW_S: u32 = 604_800;

const MAX_RULES: usize = 16;
const MAX_NAME: usize = 64;
const BY_ID_ONLY: &str = "not supported: this version matches by id only, with name, keys (payid or trans_id) and \
                          window_s";

/// An identifier that both sides carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdField {
    /// The operator's.
    Payid,
    /// The aggregator's.
    TransId,
}

impl fmt::Display for IdField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Payid => "payid",
            Self::TransId => "trans_id",
        })
    }
}

/// One rule: rows with the same value of its key belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    name: String,
    keys: [IdField; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    window_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_bps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fee_round: Option<String>,
}

impl Rule {
    /// A rule on one identifier.
    pub fn by_id(name: impl Into<String>, key: IdField, window_s: Option<u32>) -> Self {
        Self { name: name.into(), keys: [key], window_s, fee_bps: None, fee_round: None }
    }

    /// The rules of an operator that names none: by `payid`, then by `trans_id`.
    pub fn defaults() -> Vec<Self> {
        vec![Self::by_id("id", IdField::Payid, None), Self::by_id("trans_id", IdField::TransId, None)]
    }

    /// The name that results carry.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The identifier on which rows are compared.
    pub const fn key(&self) -> IdField {
        let [key] = self.keys;
        key
    }

    /// The longest time between the two sides of a pair, in seconds; `None`: any.
    pub const fn window_s(&self) -> Option<u32> {
        self.window_s
    }
}

/// A rule as configured, with the keys of the contract that this version refuses rather than ignores.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleBody {
    name: Option<String>,
    keys: Option<Vec<String>>,
    window_s: Option<i64>,
    fee_bps: Option<i64>,
    fee_round: Option<String>,
    cardinality: Option<Value>,
    compare: Option<Value>,
    only_if_blank: Option<Value>,
}

pub(super) fn parse_rules(bodies: Vec<RuleBody>) -> Result<Vec<Rule>, FieldError> {
    if !(1..=MAX_RULES).contains(&bodies.len()) {
        return Err(FieldError::new("rules", format_args!("1 to {MAX_RULES} rules are expected")));
    }
    let mut names = BTreeSet::new();
    bodies
        .into_iter()
        .enumerate()
        .map(|(index, body)| {
            let rule = parse_rule(body)
                .map_err(|error| FieldError::new(format!("rules[{index}].{}", error.field), error.reason))?;
            if names.insert(rule.name.clone()) {
                Ok(rule)
            } else {
                Err(FieldError::new(format!("rules[{index}].name"), "another rule has this name"))
            }
        })
        .collect()
}

fn parse_rule(body: RuleBody) -> Result<Rule, FieldError> {
    for (field, given) in [
        ("cardinality", body.cardinality.is_some()),
        ("compare", body.compare.is_some()),
        ("only_if_blank", body.only_if_blank.is_some()),
        ("fee_bps", body.fee_bps.is_some_and(|bps| bps != 0)),
        // Without a fee there is nothing to round, and the contract's own example says `half_up` there.
        ("fee_round", body.fee_round.as_deref().is_some_and(|round| round != "half_up")),
    ] {
        if given {
            return Err(FieldError::new(field, BY_ID_ONLY));
        }
    }
    let name = body.name.map(|name| name.trim().to_owned()).unwrap_or_default();
    if name.is_empty() {
        return Err(FieldError::new("name", "required"));
    }
    check_text(&name, MAX_NAME).map_err(|error| FieldError::new("name", error))?;
    let key = match body.keys.unwrap_or_default().as_slice() {
        [key] if key == "payid" => IdField::Payid,
        [key] if key == "trans_id" => IdField::TransId,
        [] => return Err(FieldError::new("keys", "required")),
        _ => return Err(FieldError::new("keys", BY_ID_ONLY)),
    };
    let window_s = body
        .window_s
        .map(|seconds| {
            u32::try_from(seconds).ok().filter(|seconds| *seconds <= MAX_WINDOW_S).ok_or_else(|| {
                FieldError::new("window_s", format_args!("0 to {MAX_WINDOW_S} seconds are expected"))
            })
        })
        .transpose()?;
    Ok(Rule {
        name,
        keys: [key],
        window_s,
        fee_bps: body.fee_bps.and_then(|bps| u32::try_from(bps).ok()),
        fee_round: body.fee_round,
    })
}
