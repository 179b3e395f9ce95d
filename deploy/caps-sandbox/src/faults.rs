//! What can go wrong on demand, and which call it befalls.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::directory::ProxyHash;

/// A fault and the calls it is for.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// The calls it is for; all members must hold.
    pub r#match: Match,
    /// How often it fires; without it, until it is deleted.
    pub times: Option<NonZeroU32>,
    /// How likely it fires on a call that it is for.
    #[serde(deserialize_with = "probability")]
    pub probability: f64,
    /// What goes wrong.
    pub fault: Fault,
}

impl Default for Rule {
    fn default() -> Self {
        Self { r#match: Match::default(), times: None, probability: 1.0, fault: Fault::default() }
    }
}

/// The calls that a fault is for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The call asks for it.
    pub hash: Option<ProxyHash>,
    /// Counted from 1, among the calls since the fault was added for which the other members hold.
    pub nth: Option<NonZeroU64>,
    /// The call's `X-Correlation-Id`.
    pub correlation_id: Option<String>,
}

/// What goes wrong; members combine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// The answer comes that much later.
    pub latency_ms: Option<u32>,
    /// The answer has this status instead of 200, and no results.
    pub status: Option<Status>,
    /// The answer is this error instead of the results.
    pub error: Option<Error>,
    /// `Retry-After`
    pub retry_after_s: Option<u32>,
    /// `Cache-Control: max-age`
    pub max_age_s: Option<u32>,
    /// Only that many results, and `truncated` if there were more.
    pub truncate_to: Option<usize>,
    /// The connection is reset instead of an answer.
    pub reset: bool,
    /// The headers at once, then a byte a second.
    pub drip: bool,
    /// How the body is spoiled as a whole.
    pub body: Option<Body>,
    /// What stands in place of the boolean `can_be_payer`.
    pub value: Option<Value>,
    /// How the list of results is spoiled.
    pub items: Option<Items>,
}

/// A status that may end a call.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
pub struct Status(u16);

impl Status {
    /// Its number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Status {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, &'static str> {
        if (200..=599).contains(&status) { Ok(Self(status)) } else { Err("must be 200 to 599") }
    }
}

/// An error as CAPS words it; what is left out is missing in the answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Error {
    /// `CAPS-0042`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How a body is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Body {
    /// The JSON ends in the middle, the HTTP message does not.
    Cut,
    /// A web page.
    Html,
}

/// What stands in place of a boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// `null`
    Null,
    /// Nothing, not even its name.
    Missing,
    /// `"true"` or `"false"`
    String,
}

/// How a list of results is spoiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Items {
    /// One more, of a hash that was not asked for.
    Unrequested,
    /// Each twice, the second time with the opposite flags, so that it shows which one was believed.
    Duplicated,
    /// Not in the order of the request: the reverse.
    Shuffled,
}

fn probability<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let probability = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&probability) {
        return Ok(probability);
    }
    Err(serde::de::Error::custom("must be 0 to 1"))
}

/// What matching needs to know of a call.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The hashes it asks for.
    pub hashes: &'a [ProxyHash],
    /// Its `X-Correlation-Id`.
    pub correlation_id: Option<&'a str>,
}

impl Match {
    fn holds_but_for_nth(&self, call: Asked<'_>) -> bool {
        self.hash.is_none_or(|hash| call.hashes.contains(&hash))
            && self.correlation_id.as_deref().is_none_or(|id| call.correlation_id == Some(id))
    }
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    /// Calls so far for which the match held, `nth` aside.
    seen: u64,
}

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Armed>>);

impl Faults {
    /// Adds a fault after the others; its id.
    pub fn add(&self, rule: Rule) -> Uuid {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Armed { rule, seen: 0 });
        Uuid::new_v4()
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What befalls a call: the first fault that fires. The others count the call, and keep their firings.
    pub fn befall(&self, call: Asked<'_>) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fault = None;
        faults.retain_mut(|Armed { rule, seen }| {
            if !rule.r#match.holds_but_for_nth(call) {
                return true;
            }
            *seen += 1;
            let fires = fault.is_none()
                && rule.r#match.nth.is_none_or(|nth| nth.get() == *seen)
                && rand::random_bool(rule.probability);
            if !fires {
                return true;
            }
            fault = Some(rule.fault.clone());
            match rule.times {
                None => true,
                Some(times) => {
                    rule.times = NonZeroU32::new(times.get() - 1);
                    rule.times.is_some()
                }
            }
        });
        fault
    }
}
