//! Writing what a command, or time, has changed.

use chrono::{DateTime, TimeDelta, Utc};
use common::redact::Personal;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::chain::{Hash, ORIGIN, Row};
use super::situation::Stored;
use super::{signed, unreadable};
use crate::domain::canonical;
use crate::domain::classification::Classification;
use crate::domain::contract::ContractNo;
use crate::domain::event::Event;
use crate::domain::state::Actor;

/// How long a key stands for its command.
pub const KEY_LIFE: TimeDelta = TimeDelta::hours(24);

/// Who is written down beside the events of a party.
#[derive(Clone, Copy)]
pub struct Author<'a> {
    /// The login.
    pub login: &'a Personal<String>,
    /// The client.
    pub client_id: &'a str,
}

/// A classification with new events.
pub struct Changed {
    /// As they leave it.
    pub after: Stored,
    /// They.
    pub events: Vec<Event>,
    rows: Vec<(Row, Hash, Hash)>,
}

impl Changed {
    /// A classification as events leave it; without one before, the first event makes it. None where they do not follow.
    pub fn new(before: Option<&Stored>, events: Vec<Event>, author: Option<Author<'_>>) -> Option<Self> {
        let (mut classification, mut head, rest) = match before {
            Some(stored) => (stored.classification.clone(), stored.head, events.as_slice()),
            None => (Classification::first(events.first()?).ok()?, ORIGIN, events.get(1..)?),
        };
        let first = if before.is_some() { classification.version + 1 } else { 1 };
        for event in rest {
            classification.apply(event).ok()?;
        }
        let mut rows = Vec::new();
        for (seq, event) in (first..).zip(&events) {
            let row = row(classification.id, seq, event, author)?;
            let hash = row.hash(&head).ok()?;
            rows.push((row, head, hash));
            head = hash;
        }
        Some(Self { after: Stored { classification, head }, events, rows })
    }
}

fn row(id: Uuid, seq: u64, event: &Event, author: Option<Author<'_>>) -> Option<Row> {
    let mut change = serde_json::to_value(&event.change).ok()?;
    let author = author.filter(|_| matches!(event.actor, Actor::Insured | Actor::Insurer));
    Some(Row {
        classification_id: id,
        seq: signed(seq),
        r#type: change.get("type")?.as_str()?.to_owned(),
        from: event.from.map(|status| status.as_str().to_owned()),
        to: event.to.as_str().to_owned(),
        actor: event.actor.as_str().to_owned(),
        login: author.map(|author| author.login.expose().clone()),
        client_id: author.map(|author| author.client_id.to_owned()),
        at: event.at,
        payload: canonical::json(&change.get_mut("payload").map(serde_json::Value::take)).ok()?,
    })
}

/// A caller's key for a command.
pub struct Key<'a> {
    /// Whose.
    pub author: Author<'a>,
    /// The key.
    pub key: &'a str,
    /// SHA-256 of what was asked for.
    pub fingerprint: &'a [u8; 32],
    /// What the command was about.
    pub classification_id: Uuid,
    /// As it left it.
    pub version: u64,
    /// When.
    pub at: DateTime<Utc>,
}

/// The inputs of the engine's decision that the last event of a classification tells.
pub struct Evidence {
    /// Whose event it is.
    pub classification_id: Uuid,
    /// Its number.
    pub seq: u64,
    /// Canonical JSON.
    pub snapshot: String,
}

/// All that one transaction writes.
pub struct Record<'a> {
    /// Whose row is locked.
    pub contract_no: &'a ContractNo,
    /// The number of its next request.
    pub next_request_no: u64,
    /// Of its aggregate, with these changes.
    pub committed: Decimal,
    /// In the order in which they are written: what a limit takes the place of comes before it.
    pub changed: &'a [Changed],
    /// Of the engine's decision, where it was asked.
    pub evidence: Option<&'a Evidence>,
    /// The caller's.
    pub key: Option<Key<'a>>,
}

/// Writes it, in one statement. False where the key stands for another command: then nothing must be committed.
pub async fn write(db: &mut PgConnection, record: &Record<'_>) -> Result<bool, sqlx::Error> {
    let after: Vec<&Stored> = record.changed.iter().map(|changed| &changed.after).collect();
    let mut documents = Vec::new();
    let mut decisions = Vec::new();
    for stored in &after {
        let mut document = stored.classification.clone();
        let decision = document.decision.take();
        documents.push(serde_json::to_string(&document).map_err(unreadable)?);
        decisions.push(decision.map(|it| serde_json::to_string(&it)).transpose().map_err(unreadable)?);
    }
    let of = |read: fn(&Classification) -> i64| {
        after.iter().map(|it| read(&it.classification)).collect::<Vec<_>>()
    };
    let text = |read: fn(&Classification) -> &str| {
        after.iter().map(|it| read(&it.classification)).collect::<Vec<_>>()
    };
    let ids: Vec<Uuid> = after.iter().map(|it| it.classification.id).collect();
    let endorsements: Vec<Option<i64>> =
        after.iter().map(|it| it.classification.endorsement_no.map(signed)).collect();
    let references: Vec<Option<&str>> =
        after.iter().map(|it| it.classification.request.customer_reference.as_deref()).collect();
    let due: Vec<Option<DateTime<Utc>>> = after.iter().map(|it| it.classification.next_due()).collect();
    let heads: Vec<&[u8]> = after.iter().map(|it| it.head.as_slice()).collect();

    let rows: Vec<&(Row, Hash, Hash)> = record.changed.iter().flat_map(|changed| &changed.rows).collect();
    let column = |read: fn(&Row) -> &str| rows.iter().map(|(row, ..)| read(row)).collect::<Vec<_>>();
    let option = |read: fn(&Row) -> Option<&str>| rows.iter().map(|(row, ..)| read(row)).collect::<Vec<_>>();
    let event_ids: Vec<Uuid> = rows.iter().map(|(row, ..)| row.classification_id).collect();
    let seqs: Vec<i64> = rows.iter().map(|(row, ..)| row.seq).collect();
    let times: Vec<DateTime<Utc>> = rows.iter().map(|(row, ..)| row.at).collect();
    let previous: Vec<&[u8]> = rows.iter().map(|(_, previous, _)| previous.as_slice()).collect();
    let hashes: Vec<&[u8]> = rows.iter().map(|(.., hash)| hash.as_slice()).collect();

    let evidence = record.evidence;
    let key = record.key.as_ref();
    sqlx::query_scalar!(
        r#"WITH key AS (
               INSERT INTO classifications.idempotency
                      (login, client_id, key, fingerprint, classification_id, version, at)
               SELECT $1, $2, $3, $4, $5, $6, $7 WHERE $3::text IS NOT NULL
               ON CONFLICT (login, client_id, key) DO UPDATE
               SET fingerprint = EXCLUDED.fingerprint, classification_id = EXCLUDED.classification_id,
                   version = EXCLUDED.version, at = EXCLUDED.at
               WHERE idempotency.at <= $8
               RETURNING 1),
           contract AS (
               UPDATE classifications.contracts SET next_request_no = $9, committed = $10::text::numeric
               WHERE number = $11),
           changed AS (
               INSERT INTO classifications.classifications
                      (id, contract_no, request_no, country, tax_code, endorsement_no, customer_reference, status,
                       next_due, version, head, document, decision)
               SELECT id, $11, request_no, country, tax_code, endorsement_no, customer_reference, status,
                      next_due, version, head, document::json, decision::json
               FROM unnest($12::uuid[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::text[], $18::text[],
                           $19::timestamptz[], $20::bigint[], $21::bytea[], $22::text[], $23::text[])
                    WITH ORDINALITY AS new (id, request_no, country, tax_code, endorsement_no, customer_reference, status,
                                            next_due, version, head, document, decision, place)
               ORDER BY place
               ON CONFLICT (id) DO UPDATE
               SET endorsement_no = EXCLUDED.endorsement_no, status = EXCLUDED.status, next_due = EXCLUDED.next_due,
                   version = EXCLUDED.version, head = EXCLUDED.head, document = EXCLUDED.document,
                   decision = EXCLUDED.decision),
           event AS (
               INSERT INTO classifications.events
                      (classification_id, seq, type, from_status, to_status, actor, login, client_id, at, payload,
                       prev_hash, hash)
               SELECT * FROM unnest($24::uuid[], $25::bigint[], $26::text[], $27::text[], $28::text[], $29::text[],
                                    $30::text[], $31::text[], $32::timestamptz[], $33::text[], $34::bytea[], $35::bytea[])),
           evidence AS (
               INSERT INTO classifications.decisions (classification_id, seq, snapshot)
               SELECT $36, $37, $38 WHERE $38::text IS NOT NULL)
           SELECT $3::text IS NULL OR EXISTS (SELECT FROM key) AS "is_kept!""#,
        key.map(|key| key.author.login.expose().as_str()),
        key.map(|key| key.author.client_id),
        key.map(|key| key.key),
        key.map(|key| key.fingerprint.as_slice()),
        key.map(|key| key.classification_id),
        key.map(|key| signed(key.version)),
        key.map(|key| key.at),
        key.map(|key| key.at - KEY_LIFE),
        signed(record.next_request_no),
        record.committed.to_string(),
        record.contract_no.as_str(),
        &ids,
        &of(|it| signed(it.request_no)),
        &text(|it| it.request.country.as_str()) as &[&str],
        &text(|it| it.request.tax_code.as_str()) as &[&str],
        &endorsements as &[Option<i64>],
        &references as &[Option<&str>],
        &text(|it| it.status.as_str()) as &[&str],
        &due as &[Option<DateTime<Utc>>],
        &of(|it| signed(it.version)),
        &heads as &[&[u8]],
        &documents,
        &decisions as &[Option<String>],
        &event_ids,
        &seqs,
        &column(|row| &row.r#type) as &[&str],
        &option(|row| row.from.as_deref()) as &[Option<&str>],
        &column(|row| &row.to) as &[&str],
        &column(|row| &row.actor) as &[&str],
        &option(|row| row.login.as_deref()) as &[Option<&str>],
        &option(|row| row.client_id.as_deref()) as &[Option<&str>],
        &times,
        &column(|row| &row.payload) as &[&str],
        &previous as &[&[u8]],
        &hashes as &[&[u8]],
        evidence.map(|evidence| evidence.classification_id),
        evidence.map(|evidence| signed(evidence.seq)),
        evidence.map(|evidence| evidence.snapshot.as_str()),
    )
    .fetch_one(db)
    .await
}

/// Deletes keys from before an instant.
pub async fn forget_keys(db: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let deleted =
        sqlx::query!("DELETE FROM classifications.idempotency WHERE at <= $1", before).execute(db).await?;
    Ok(deleted.rows_affected())
}
