//! What happens to a classification, as it is stored: everything else is rebuilt from it.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::contract::{Contract, ContractNo};
use super::date::plus_months;
use super::engine::{DecisionRecord, Parameters};
use super::money::{Amount, Fx};
use super::reason::{ChangeReason, DecisionReason};
use super::request::Request;
use super::state::{Action, Actor, Party, Status};

/// What a request was granted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The limit.
    pub amount: Amount,
    /// Payment terms, in days.
    pub terms_days: u16,
    /// Payment method.
    pub payment_method: Option<String>,
    /// Which part of a commercial loss is covered, 0–100.
    pub commercial_risk_cover_pct: Decimal,
    /// Which part of a political loss is covered, 0–100.
    pub political_risk_cover_pct: Decimal,
    /// Of an offer.
    pub premium: Option<Premium>,
    /// Of a limit that is in force at once.
    pub term: Option<Term>,
}

/// What an offer costs, and how long it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Premium {
    /// Basis points of the limit a year.
    pub rate_bps: u32,
    /// Of the limit, a year.
    pub annual_amount: Amount,
    /// From this instant on it can't be accepted: the end of the 15th day in Madrid after that of the offer.
    pub offer_expires_at: DateTime<Utc>,
}

/// From when until when a limit is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Term {
    /// Its first day.
    pub effective_date: NaiveDate,
    /// Its last day.
    pub validity_date: NaiveDate,
    /// Why that is the last.
    pub validity_reason: ValidityReason,
}

/// Why a limit's validity ends when it does (`validityReasonCode`; the codes are ours).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ValidityReason {
    /// The contract ends.
    #[serde(rename = "1")]
    Contract,
    /// A limit is valid for so long, then it is studied again.
    #[serde(rename = "2")]
    Review,
}

impl Term {
    /// Of a limit that comes into force on a day.
    pub fn starting(day: NaiveDate, contract: &Contract, parameters: &Parameters) -> Self {
        let review = plus_months(day, parameters.validity_months).pred_opt().unwrap_or(day).max(day);
        let (validity_date, validity_reason) = match contract.until {
            Some(until) if until <= review => (until, ValidityReason::Contract),
            _ => (review, ValidityReason::Review),
        };
        Self { effective_date: day, validity_date, validity_reason }
    }
}

/// A reduction of which the insurer has given notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledChange {
    /// The limit to come.
    pub amount: Amount,
    /// From which day on.
    pub effective_date: NaiveDate,
}

/// A cancellation, to come or past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// The first day without the limit.
    pub date: NaiveDate,
    /// Why.
    pub reason_code: ChangeReason,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// 1–10, 10 best; none while it is studied, or where it didn't count.
    pub grade: Option<u8>,
    /// Why.
    pub reason_codes: Vec<DecisionReason>,
    /// Unless it was denied or referred.
    pub grant: Option<Grant>,
}

/// A request as it was taken in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requested {
    /// The classification's.
    pub id: Uuid,
    /// Under which contract.
    pub contract_no: ContractNo,
    /// Its number under that contract.
    pub request_no: u64,
    /// Number of the debtor's first grant under the contract, this one's if it is the first; none if it was never
    /// granted anything. An offer is a grant.
    pub endorsement_no: Option<u64>,
    /// What was asked for.
    pub request: Request,
    /// The rate at which it was looked at.
    pub fx: Fx,
    /// How it was answered.
    pub verdict: Verdict,
    /// What proves it; never an insured's to see.
    pub decision: Option<DecisionRecord>,
}

/// What an event changed. Type and payload are separate in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    content = "payload",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
pub enum Change {
    /// A request was taken in, and the engine answered it.
    Requested(Box<Requested>),
    /// An underwriter decided.
    Decided {
        /// How.
        verdict: Verdict,
    },
    /// The insured accepted the premium.
    PremiumAccepted {
        /// What is paid a year.
        annual_amount: Amount,
        /// How long the limit is in force.
        term: Term,
    },
    /// The insured refused the premium.
    PremiumDenied,
    /// The offer was not answered in time.
    OfferExpired,
    /// The limit was put out of force.
    Deactivated {
        /// By whom.
        by: Party,
        /// Why, where it was said.
        reason_code: Option<ChangeReason>,
    },
    /// The limit was put into force again.
    Activated {
        /// The engine's answer; never an insured's to see.
        decision: Option<Box<DecisionRecord>>,
    },
    /// The insured lowered the limit.
    Reduced {
        /// To what.
        amount: Amount,
    },
    /// The insurer gave notice of a reduction.
    ReductionScheduled(ScheduledChange),
    /// A reduction of which notice was given took effect.
    ReductionEffective {
        /// The limit from now on.
        amount: Amount,
    },
    /// The request was withdrawn before it was decided.
    Withdrawn {
        /// Why.
        reason_code: ChangeReason,
    },
    /// The limit will be cancelled.
    CancellationScheduled(Cancellation),
    /// The limit, or the offer, was cancelled.
    Cancelled(Cancellation),
    /// The limit's validity passed.
    Expired,
    /// A later request took the limit's place.
    Superseded {
        /// Its number.
        by_request_no: u64,
    },
}

impl Change {
    /// What was done.
    pub fn action(&self) -> Action {
        match self {
            Self::Requested(_) => Action::Create,
            Self::Decided { .. } => Action::Decide,
            Self::PremiumAccepted { .. } => Action::Accept,
            Self::PremiumDenied => Action::Deny,
            Self::OfferExpired | Self::Expired => Action::Expire,
            Self::Deactivated { .. } => Action::Deactivate,
            Self::Activated { .. } => Action::Activate,
            Self::Reduced { .. } | Self::ReductionScheduled(_) | Self::ReductionEffective { .. } => {
                Action::Reduce
            }
            Self::Withdrawn { .. } | Self::CancellationScheduled(_) | Self::Cancelled(_) => Action::Cancel,
            Self::Superseded { .. } => Action::Supersede,
        }
    }
}

/// An event of a classification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The status before; none for the first event.
    pub from: Option<Status>,
    /// The status after.
    pub to: Status,
    /// Who did it.
    pub actor: Actor,
    /// When it took effect, never before the event before it. Time's events have the instant that was due, not that of
    /// whoever noticed.
    pub at: DateTime<Utc>,
    /// What it changed.
    #[serde(flatten)]
    pub change: Change,
}

/// Events that do not follow from one another: not those of a classification that this code wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event {0} does not follow from those before it")]
pub struct Broken(
    /// Its number, from 1 on.
    pub u64,
);
