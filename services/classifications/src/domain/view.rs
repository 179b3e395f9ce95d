//! What the API shows of classifications and their events. An insured never sees how the engine decided: that would
//! tell of other insureds' business, and tip off a sanctions hit.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::classification::Classification;
use super::contract::ContractNo;
use super::date::date_of;
use super::engine::{DecisionRecord, Rule};
use super::event::{Event, ValidityReason};
use super::money::Amount;
use super::reason::{ChangeReason, DecisionReason};
use super::request::RequestType;
use super::state::{Actor, Party, Status};
use super::tax_code::IdCheck;

/// A classification as the API shows it (contract, "Classification"). It holds personal data and is not to be logged.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Classification)]
#[expect(missing_docs, reason = "the contract defines the fields")]
pub struct View {
    pub id: Uuid,
    pub contract_no: ContractNo,
    pub request_no: u64,
    pub endorsement_no: Option<u64>,
    pub request_type: RequestType,
    pub country_code: &'static str,
    pub tax_code: String,
    pub id_check: IdCheck,
    pub company_name: Option<String>,
    pub customer_reference: Option<String>,
    pub currency_code: &'static str,
    pub credit_limit_requested: Amount,
    pub credit_limit_granted: Option<Amount>,
    pub fx_rate: String,
    pub fx_date: NaiveDate,
    pub payment_terms_requested: u16,
    pub payment_terms_granted: Option<u16>,
    pub payment_method_requested_code: Option<String>,
    pub payment_method_granted_code: Option<String>,
    pub commercial_risk_cover_pct: Option<String>,
    pub political_risk_cover_pct: Option<String>,
    pub commercial_risk_group_code: Option<u8>,
    pub classification_decision_code: &'static str,
    #[schema(value_type = Vec<String>)]
    pub reason_codes: Vec<DecisionReason>,
    pub premium: Option<PremiumView>,
    pub scheduled_change: Option<ScheduledChangeView>,
    pub status: Status,
    pub status_code: u8,
    pub deactivated_by: Option<Party>,
    pub request_entry_date: NaiveDate,
    pub classification_date: Option<NaiveDate>,
    pub effective_date: Option<NaiveDate>,
    pub validity_date: Option<NaiveDate>,
    pub cancellation_date: Option<NaiveDate>,
    pub validity_reason_code: Option<ValidityReason>,
    /// For underwriters only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionView>,
    pub version: u64,
}

/// What a limit costs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Premium)]
#[expect(missing_docs, reason = "the contract defines the fields")]
pub struct PremiumView {
    pub rate_bps: u32,
    pub annual_amount: Amount,
    pub offer_expires_at: DateTime<Utc>,
}

/// A reduction of which the insurer has given notice.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ScheduledChange)]
#[expect(missing_docs, reason = "the contract defines the fields")]
pub struct ScheduledChangeView {
    pub amount: Amount,
    pub effective_date: NaiveDate,
}

/// How the engine decided.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Decision)]
#[expect(missing_docs, reason = "the contract defines the fields")]
pub struct DecisionView {
    pub engine_version: String,
    pub inputs_hash: String,
    pub explanation: Vec<Rule>,
}

/// An event as the API shows it. It holds personal data and is not to be logged.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Event)]
pub struct EventView {
    /// Its number, from 1 on.
    pub seq: u64,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status before; none for the first event.
    pub from: Option<Status>,
    /// The status after.
    pub to: Status,
    /// Who did it.
    pub actor: Actor,
    /// When it took effect.
    pub at: DateTime<Utc>,
    /// What it changed; null where its type says all.
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Value>,
}

impl View {
    /// For an insured: without the engine's decision. Take time into account before: [`Classification::at`].
    pub fn for_insured(it: &Classification) -> Self {
        Self::of(it, None)
    }

    /// For an underwriter.
    pub fn for_underwriter(it: &Classification) -> Self {
        Self::of(it, it.decision.as_ref())
    }

    fn of(it: &Classification, decision: Option<&DecisionRecord>) -> Self {
        let grant = it.grant.as_ref();
        let term = grant.and_then(|grant| grant.term);
        let pct = |value: rust_decimal::Decimal| format!("{value:.2}");
        Self {
            id: it.id,
            contract_no: it.contract_no.clone(),
            request_no: it.request_no,
            endorsement_no: it.endorsement_no,
            request_type: it.request.request_type,
            country_code: it.request.country.as_str(),
            tax_code: it.request.tax_code.as_str().to_owned(),
            id_check: it.request.tax_code.id_check(),
            company_name: it.request.company_name.as_ref().map(|name| name.expose().clone()),
            customer_reference: it.request.customer_reference.clone(),
            currency_code: it.request.currency.as_str(),
            credit_limit_requested: it.request.amount,
            credit_limit_granted: it.granted_amount(),
            fx_rate: it.fx.rate.to_string(),
            fx_date: it.fx.date,
            payment_terms_requested: it.request.terms_days,
            payment_terms_granted: grant.map(|grant| grant.terms_days),
            payment_method_requested_code: it.request.payment_method.clone(),
            payment_method_granted_code: grant.and_then(|grant| grant.payment_method.clone()),
            commercial_risk_cover_pct: grant.map(|grant| pct(grant.commercial_risk_cover_pct)),
            political_risk_cover_pct: grant.map(|grant| pct(grant.political_risk_cover_pct)),
            commercial_risk_group_code: it.grade,
            classification_decision_code: decision_code(it),
            reason_codes: it.reason_codes.clone(),
            premium: grant.and_then(|grant| grant.premium.as_ref()).map(|premium| PremiumView {
                rate_bps: premium.rate_bps,
                annual_amount: premium.annual_amount,
                offer_expires_at: premium.offer_expires_at,
            }),
            scheduled_change: it.scheduled_change.map(|change| ScheduledChangeView {
                amount: change.amount,
                effective_date: change.effective_date,
            }),
            status: it.status,
            status_code: it.status.code(),
            deactivated_by: it.deactivated_by,
            request_entry_date: date_of(it.requested_at),
            classification_date: it.decided_at.map(date_of),
            effective_date: term.map(|term| term.effective_date),
            validity_date: term.map(|term| term.validity_date),
            cancellation_date: it.cancellation.map(|cancellation| cancellation.date),
            validity_reason_code: term.map(|term| term.validity_reason),
            decision: decision.map(|record| DecisionView {
                engine_version: record.engine_version.clone(),
                inputs_hash: record.inputs_hash.clone(),
                explanation: record.decision.explanation.clone(),
            }),
            version: it.version,
        }
    }
}

impl EventView {
    /// For an insured: without the engine's decision, and without reasons that only the insurer has.
    ///
    /// # Errors
    /// None that can occur: nothing in an event has no JSON.
    pub fn for_insured(seq: u64, event: &Event) -> serde_json::Result<Self> {
        let mut view = Self::for_underwriter(seq, event)?;
        if let Some(Value::Object(payload)) = &mut view.payload {
            payload.remove("decision");
            let reason = payload.get("reasonCode").and_then(Value::as_str).and_then(ChangeReason::parse);
            if reason.is_some_and(|reason| !reason.is_for(Party::Insured)) {
                payload.remove("reasonCode");
            }
        }
        Ok(view)
    }

    /// For an underwriter.
    ///
    /// # Errors
    /// None that can occur: nothing in an event has no JSON.
    pub fn for_underwriter(seq: u64, event: &Event) -> serde_json::Result<Self> {
        let mut change = serde_json::to_value(&event.change)?;
        let kind = change.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let payload = change.get_mut("payload").map(Value::take);
        Ok(Self { seq, kind, from: event.from, to: event.to, actor: event.actor, at: event.at, payload })
    }
}

/// `classificationDecisionCode`, of UN/EDIFACT 4507, credit cover response type (directory D.00A).
fn decision_code(it: &Classification) -> &'static str {
    match it.status {
        Status::InStudy | Status::Withdrawn => "6",
        Status::Denied => "3",
        Status::PremiumPending | Status::PremiumDenied | Status::OfferExpired => "4",
        Status::Cancelled => "8",
        _ if it.is_reduced => "9",
        _ if it.granted_amount() < Some(it.request.amount) => "5",
        _ => "2",
    }
}
