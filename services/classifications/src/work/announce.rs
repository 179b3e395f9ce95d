//! What holders of contracts are told by webhooks: what happened to which classification. What it is now they ask for.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;
use webhooks::{Audience, Owner};

use crate::domain::contract::ContractNo;
use crate::domain::money::Amount;
use crate::domain::state::{Actor, Status};
use crate::store::record::Changed;

/// A classification got another status, the first one included.
pub const STATUS: &str = "CLASSIFICATION_STATUS";
/// In the same status, its limit changed, or notice was given of a change or of its end.
pub const LIMIT: &str = "CLASSIFICATION_LIMIT";
/// What this service tells of.
pub static EVENTS: [&str; 2] = [STATUS, LIMIT];

/// For an insured: without reasons and decisions (contract, "Decision engine v1").
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct News<'a> {
    classification_id: Uuid,
    contract_no: &'a ContractNo,
    request_no: u64,
    endorsement_no: Option<u64>,
    seq: u64,
    #[serde(rename = "type")]
    kind: &'a Value,
    from: Option<Status>,
    to: Status,
    actor: Actor,
    at: String,
    credit_limit_granted: Option<Amount>,
    scheduled_amount: Option<Amount>,
    scheduled_date: Option<NaiveDate>,
    cancellation_date: Option<NaiveDate>,
}

/// Tells a subject of an issuer of what changed, in the transaction that changes it. Amounts and dates are those after
/// all of it.
pub async fn changes(
    db: &mut PgConnection,
    issuer: &str,
    subject: &str,
    changed: &[Changed],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let owner = Owner::new(issuer, subject);
    for Changed { after, events, .. } in changed {
        let it = &after.classification;
        let first = it.version + 1 - events.len() as u64;
        for (seq, event) in (first..).zip(events) {
            let change =
                serde_json::to_value(&event.change).map_err(|error| sqlx::Error::Encode(error.into()))?;
            let news = News {
                classification_id: it.id,
                contract_no: &it.contract_no,
                request_no: it.request_no,
                endorsement_no: it.endorsement_no,
                seq,
                kind: change.get("type").unwrap_or(&Value::Null),
                from: event.from,
                to: event.to,
                actor: event.actor,
                at: event.at.to_rfc3339_opts(SecondsFormat::Micros, true),
                credit_limit_granted: it.granted_amount(),
                scheduled_amount: it.scheduled_change.map(|change| change.amount),
                scheduled_date: it.scheduled_change.map(|change| change.effective_date),
                cancellation_date: it.cancellation.map(|cancellation| cancellation.date),
            };
            let name = if event.from == Some(event.to) { LIMIT } else { STATUS };
            let key = it.id.to_string();
            let event = webhooks::Event { name, key: &key, audience: Audience::Owner(&owner) };
            webhooks::publish(db, &event, &news, now).await?;
        }
    }
    Ok(())
}
