//! Requests, and what a contract has on a debtor when one comes in.

use chrono::{DateTime, Utc};
use common::redact::Personal;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::classification::Classification;
use super::contract::Contract;
use super::country::Country;
use super::date::date_of;
use super::engine::Parameters;
use super::money::{Amount, AmountFault, Currency};
use super::refusal::Refusal;
use super::state::{self, Actor, Status};
use super::tax_code::TaxCode;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RequestType {
    /// A limit on a debtor that has none.
    #[default]
    New,
    /// A higher limit.
    Increase,
    /// A lower limit: [`Classification::reduce`] on the one in force, not a classification of its own.
    Reduction,
    /// The same limit, or a lower one, for longer.
    Prolongation,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// What is asked for.
    pub request_type: RequestType,
    /// The debtor's country.
    pub country: Country,
    /// The debtor's tax code.
    pub tax_code: TaxCode,
    /// The debtor's name, as the insured wrote it.
    pub company_name: Option<Personal<String>>,
    /// The insured's own reference.
    pub customer_reference: Option<String>,
    /// The contract's currency.
    pub currency: Currency,
    /// The limit asked for.
    pub amount: Amount,
    /// Payment terms asked for, in days.
    pub terms_days: u16,
    /// Payment method asked for.
    pub payment_method: Option<String>,
    /// Free text, for the underwriter.
    pub comments: Option<Personal<String>>,
}

/// A limit that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its request's number.
    pub request_no: u64,
    /// ACTIVE or INACTIVE.
    pub status: Status,
    /// How much.
    pub amount: Amount,
}

/// What a contract has on a debtor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The one limit.
    pub limit: Option<Limit>,
    /// The number of the one open request.
    pub pending: Option<u64>,
    /// The number of the first grant.
    pub endorsement_no: Option<u64>,
}

impl Standing {
    /// From all the contract's classifications of the debtor, at an instant.
    pub fn of<'a>(classifications: impl IntoIterator<Item = &'a Classification>, now: DateTime<Utc>) -> Self {
        let mut standing = Self::default();
        for classification in classifications {
            let it = classification.at(now);
            if let Some(amount) = it.granted_amount().filter(|_| it.status.is_live()) {
                standing.limit = Some(Limit { request_no: it.request_no, status: it.status, amount });
            }
            if it.status.is_pending() {
                standing.pending = Some(it.request_no);
            }
            standing.endorsement_no = standing.endorsement_no.or(it.endorsement_no);
        }
        standing
    }

    /// The least that helps a request: see [`super::engine::Inputs::at_least`].
    pub fn at_least(&self, request: &Request, parameters: &Parameters) -> Option<Amount> {
        let limit = self.limit?;
        match request.request_type {
            RequestType::Increase => {
                let unit = Decimal::new(1, request.currency.decimals());
                Some(Amount::down(limit.amount.value().saturating_add(unit), request.currency))
            }
            RequestType::Prolongation => {
                Some(Amount::down(parameters.grantable(request.amount.value()), request.currency))
            }
            RequestType::New | RequestType::Reduction => None,
        }
    }

    /// Whether a request can be looked at. Everything is checked that is not the engine's to say, so that nobody is
    /// screened for a request that is refused.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn check(&self, request: &Request, contract: &Contract, now: DateTime<Utc>) -> Result<(), Refusal> {
        if !contract.is_in_force(date_of(now)) {
            return Err(Refusal::ContractNotInForce);
        }
        if request.currency != contract.currency {
            return Err(Refusal::Currency);
        }
        if let Some(request_no) = self.pending {
            return Err(Refusal::Duplicate { request_no });
        }
        match (request.request_type, self.limit) {
            (RequestType::New, Some(Limit { request_no, .. })) => Err(Refusal::Duplicate { request_no }),
            (RequestType::New, None) => Ok(()),
            (_, None) => Err(Refusal::NoLimit),
            (RequestType::Increase, Some(limit)) if request.amount <= limit.amount => {
                Err(AmountFault::NotAnIncrease.into())
            }
            (RequestType::Prolongation, Some(limit)) if request.amount > limit.amount => {
                Err(AmountFault::TooMuch.into())
            }
            (RequestType::Reduction, Some(Limit { status, .. })) => {
                Err(Refusal::State { status, allowed: state::allowed(status, Actor::Insured) })
            }
            (RequestType::Increase | RequestType::Prolongation, Some(_)) => Ok(()),
        }
    }
}
