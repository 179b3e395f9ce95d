//! What can go wrong on demand, and which call it befalls.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Mutex, PoisonError};

use caps_sandbox::faults::{Body, Status};
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `GET /search`
    CompanyRegister,
    /// `GET /siren/{siren}`
    Sirene,
    /// `GET /geocodage/search`
    Address,
    /// `POST /verify`
    PayeeVerification,
    /// The resolver.
    Dns,
}

/// A fault and the calls it is for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The calls it is for; all members must hold.
    #[serde(default)]
    pub r#match: Match,
    /// How often it fires; without it, until it is deleted.
    pub times: Option<NonZeroU32>,
    /// What goes wrong.
    pub fault: Fault,
}

/// The calls that a fault is for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// What is asked; anything where absent.
    pub endpoint: Option<Endpoint>,
    /// Occurs in what the journal shows as `asked`.
    pub asked: Option<String>,
    /// Counted from 1, among the calls since the fault was added for which the other members hold.
    pub nth: Option<NonZeroU64>,
}

/// What goes wrong; members combine.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// The answer comes that much later.
    pub latency_ms: Option<u32>,
    /// The answer has this status; other than 200, without a body.
    pub status: Option<Status>,
    /// `Retry-After`
    pub retry_after_s: Option<u32>,
    /// The connection is reset instead of an answer.
    pub reset: bool,
    /// The headers at once, then a byte a second.
    pub drip: bool,
    /// How the body is spoiled.
    pub body: Option<Body>,
    /// What the resolver does; the others but `latency_ms` are not for it.
    pub dns: Option<DnsFault>,
}

/// What goes wrong with a resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DnsFault {
    /// No answer.
    Drop,
    /// It cannot tell.
    Servfail,
    /// It does not want to.
    Refused,
    /// Over UDP the answer does not fit.
    Truncated,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    /// Calls so far for which the match held, `nth` aside.
    seen: u64,
}

/// The faults in force, with the number of the last one that was added.
#[derive(Debug, Default)]
pub struct Faults(Mutex<(u64, Vec<Armed>)>);

impl Faults {
    /// Adds a fault after the others; its number.
    pub fn add(&self, rule: Rule) -> u64 {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.0 += 1;
        faults.1.push(Armed { rule, seen: 0 });
        faults.0
    }

    /// Removes all faults.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clear();
    }

    /// What befalls a call: the first fault that fires. The others count the call, and keep their firings.
    pub fn befall(&self, endpoint: Endpoint, asked: &str) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fault = None;
        faults.1.retain_mut(|Armed { rule, seen }| {
            let Match { endpoint: at, asked: text, nth } = &rule.r#match;
            let holds =
                at.is_none_or(|it| it == endpoint) && text.as_deref().is_none_or(|text| asked.contains(text));
            *seen += u64::from(holds);
            if !holds || fault.is_some() || nth.is_some_and(|nth| nth.get() != *seen) {
                return true;
            }
            fault = Some(rule.fault.clone());
            let Some(times) = rule.times else { return true };
            rule.times = NonZeroU32::new(times.get() - 1);
            rule.times.is_some()
        });
        fault
    }
}
