//! Classifications as they stand.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::chain::Hash;
use super::record::KEY_LIFE;
use super::situation::Stored;
use super::{signed, unreadable, unsigned};
use crate::domain::classification::Classification;
use crate::domain::contract::ContractNo;
use crate::domain::country::Country;
use crate::domain::debtor::DebtorId;
use crate::work::command::{By, Filter};

/// By which number a command names a classification.
#[derive(Debug, Clone, Copy)]
pub enum Named<'a> {
    /// The request's.
    Request(u64),
    /// The first grant's: that of the debtor's present limit.
    Endorsement(u64),
    /// The debtor: its present limit.
    Debtor(&'a DebtorId),
}

/// A command that was carried out under a key.
pub struct Kept {
    /// SHA-256 of what was asked for.
    pub fingerprint: Vec<u8>,
    /// What it was about.
    pub classification_id: Uuid,
    /// As it left it.
    pub version: u64,
}

/// What a command is about.
pub struct Target {
    /// Whose contract it is.
    pub holder: String,
    /// The classification.
    pub request: Option<(u64, DebtorId)>,
    /// What the key stands for.
    pub kept: Option<Kept>,
}

/// What a command is about, and whether it was carried out; none where there is no such contract.
pub async fn target(
    db: impl PgExecutor<'_>,
    contract_no: &ContractNo,
    named: Named<'_>,
    by: &By,
    key: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<Target>, sqlx::Error> {
    let (request_no, endorsement_no, debtor) = match named {
        Named::Request(number) => (Some(signed(number)), None, None),
        Named::Endorsement(number) => (None, Some(signed(number)), None),
        Named::Debtor(debtor) => (None, None, Some(debtor)),
    };
    let row = sqlx::query!(
        r#"SELECT c.holder, k.request_no AS "request_no?", k.country AS "country?", k.tax_code AS "tax_code?",
                  i.fingerprint AS "fingerprint?", i.classification_id AS "classification_id?", i.version AS "version?"
           FROM classifications.contracts c
           LEFT JOIN LATERAL (
               SELECT request_no, country, tax_code FROM classifications.classifications
               WHERE contract_no = $1
                 AND (request_no = $2 OR endorsement_no = $3 OR (country = $8 AND tax_code = $9))
               ORDER BY (status IN ('ACTIVE', 'INACTIVE')) DESC, request_no DESC LIMIT 1) k ON true
           LEFT JOIN classifications.idempotency i ON i.login = $4 AND i.client_id = $5 AND i.key = $6 AND i.at > $7
           WHERE c.number = $1"#,
        contract_no.as_str(),
        request_no,
        endorsement_no,
        by.login.expose(),
        by.client_id,
        key,
        now - KEY_LIFE,
        debtor.map(|debtor| debtor.country.as_str()),
        debtor.map(|debtor| debtor.tax_code.as_str()),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Target {
        holder: row.holder,
        request: row.request_no.zip(row.country).zip(row.tax_code).and_then(
            |((number, country), tax_code)| {
                Some((unsigned(number), DebtorId { country: Country::parse(&country)?, tax_code }))
            },
        ),
        kept: kept(row.fingerprint, row.classification_id, row.version),
    }))
}

pub(super) fn kept(
    fingerprint: Option<Vec<u8>>,
    classification_id: Option<Uuid>,
    version: Option<i64>,
) -> Option<Kept> {
    Some(Kept {
        fingerprint: fingerprint?,
        classification_id: classification_id?,
        version: unsigned(version?),
    })
}

/// What a key stands for.
pub async fn kept_under(
    db: impl PgExecutor<'_>,
    by: &By,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Option<Kept>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT fingerprint, classification_id, version FROM classifications.idempotency
         WHERE login = $1 AND client_id = $2 AND key = $3 AND at > $4",
        by.login.expose(),
        by.client_id,
        key,
        now - KEY_LIFE,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.and_then(|row| kept(Some(row.fingerprint), Some(row.classification_id), Some(row.version))))
}

/// The id and number of a contract's classification.
pub async fn id(
    db: impl PgExecutor<'_>,
    contract_no: &ContractNo,
    request_no: u64,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM classifications.classifications WHERE contract_no = $1 AND request_no = $2",
        contract_no.as_str(),
        signed(request_no),
    )
    .fetch_optional(db)
    .await
}

fn classification(document: &str, decision: Option<&str>) -> Result<Classification, sqlx::Error> {
    let mut it: Classification = serde_json::from_str(document).map_err(unreadable)?;
    it.decision = decision.map(serde_json::from_str).transpose().map_err(unreadable)?;
    Ok(it)
}

/// Up to `limit` of a contract's classifications after a request's number that may pass a filter, time not taken into
/// account: whoever filters by status must look again. The engine's decisions are left out unless asked for.
pub async fn page(
    db: impl PgExecutor<'_>,
    contract_no: &ContractNo,
    filter: &Filter,
    after: u64,
    limit: u32,
    now: DateTime<Utc>,
    with_decision: bool,
) -> Result<Vec<Classification>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT document::text AS "document!", CASE WHEN $10 THEN decision::text END AS decision
           FROM classifications.classifications
           WHERE contract_no = $1 AND request_no > $2
             AND ($3::bigint IS NULL OR request_no = $3)
             AND ($4::bigint IS NULL OR endorsement_no = $4)
             AND ($5::text IS NULL OR (country = $5 AND tax_code = $6))
             AND ($7::text IS NULL OR customer_reference = $7)
             AND ($8::text IS NULL OR status = $8 OR next_due <= $9)
             AND ($3::bigint IS NOT NULL OR status <> 'DENIED')
           ORDER BY request_no LIMIT $11"#,
        contract_no.as_str(),
        signed(after),
        filter.request_no.map(signed),
        filter.endorsement_no.map(signed),
        filter.debtor.as_ref().map(|(country, _)| country.as_str()),
        filter.debtor.as_ref().map(|(_, tax_code)| tax_code.as_str()),
        filter.customer_reference.as_deref(),
        filter.status.map(|status| status.as_str()),
        now,
        with_decision,
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| classification(&row.document, row.decision.as_deref())).collect()
}

/// The ids of up to `limit` of a contract's classifications after a request's number, with the numbers; the filter's
/// parts that an event can change are not looked at.
pub async fn ids(
    db: impl PgExecutor<'_>,
    contract_no: &ContractNo,
    filter: &Filter,
    after: u64,
    limit: u32,
) -> Result<Vec<(Uuid, u64)>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, request_no FROM classifications.classifications
         WHERE contract_no = $1 AND request_no > $2
           AND ($3::bigint IS NULL OR request_no = $3)
           AND ($4::bigint IS NULL OR endorsement_no = $4)
           AND ($5::text IS NULL OR (country = $5 AND tax_code = $6))
           AND ($7::text IS NULL OR customer_reference = $7)
         ORDER BY request_no LIMIT $8",
        contract_no.as_str(),
        signed(after),
        filter.request_no.map(signed),
        filter.endorsement_no.map(signed),
        filter.debtor.as_ref().map(|(country, _)| country.as_str()),
        filter.debtor.as_ref().map(|(_, tax_code)| tax_code.as_str()),
        filter.customer_reference.as_deref(),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, unsigned(row.request_no))).collect())
}

/// Of the first of a contract's debtors on which time has changed something, all that stands.
pub async fn due(
    db: &mut PgConnection,
    contract_no: &ContractNo,
    now: DateTime<Utc>,
) -> Result<Vec<Stored>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT k.document::text AS "document!", k.decision::text AS decision, k.head AS "head!"
           FROM (SELECT country, tax_code FROM classifications.classifications
                 WHERE contract_no = $1 AND next_due <= $2 ORDER BY next_due LIMIT 1) first
           JOIN classifications.classifications k
                ON k.contract_no = $1 AND k.country = first.country AND k.tax_code = first.tax_code
           WHERE k.status IN ('ACTIVE', 'INACTIVE', 'IN_STUDY', 'PREMIUM_PENDING')"#,
        contract_no.as_str(),
        now,
    )
    .fetch_all(db)
    .await?;
    let stored = rows.into_iter().map(|row| {
        let head = Hash::try_from(row.head.as_slice()).map_err(unreadable)?;
        Ok(Stored { classification: classification(&row.document, row.decision.as_deref())?, head })
    });
    stored.collect()
}
