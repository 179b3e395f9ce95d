//! Contracts.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::{unreadable, unsigned};
use crate::domain::contract::{Contract, ContractNo};
use crate::domain::money::{Amount, Currency};

/// Adds a contract; false where there is one of its number.
pub async fn insert(
    db: &mut PgConnection,
    contract: &Contract,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let added = sqlx::query!(
        "INSERT INTO classifications.contracts
                (number, holder, currency, valid_from, valid_until, debtor_cap, aggregate, terms_days,
                 commercial_risk_cover_pct, political_risk_cover_pct, created_at)
         VALUES ($1, $2, $3, $4, $5, $6::text::numeric, $7::text::numeric, $8, $9::text::numeric, $10::text::numeric, $11)
         ON CONFLICT (number) DO NOTHING",
        contract.number.as_str(),
        contract.holder.expose(),
        contract.currency.as_str(),
        contract.from,
        contract.until,
        contract.debtor_cap.to_string(),
        contract.aggregate.to_string(),
        i32::from(contract.terms_days),
        contract.commercial_risk_cover_pct.to_string(),
        contract.political_risk_cover_pct.to_string(),
        now,
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() > 0)
}

/// All contracts, by number.
pub async fn all(pool: &PgPool) -> Result<Vec<Contract>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT number, holder, currency, valid_from, valid_until, debtor_cap::text AS "debtor_cap!",
                  aggregate::text AS "aggregate!", terms_days, commercial_risk_cover_pct::text AS "commercial!",
                  political_risk_cover_pct::text AS "political!"
           FROM classifications.contracts ORDER BY number"#
    )
    .fetch_all(pool)
    .await?;
    let contracts = rows.into_iter().map(|row| {
        let currency = Currency::parse(&row.currency).ok_or(sqlx::Error::RowNotFound)?;
        let number = |text: &str| text.parse::<Decimal>().map_err(unreadable);
        Ok(Contract {
            number: ContractNo::parse(&row.number).ok_or(sqlx::Error::RowNotFound)?,
            holder: row.holder.into(),
            currency,
            from: row.valid_from,
            until: row.valid_until,
            debtor_cap: Amount::down(number(&row.debtor_cap)?, currency),
            aggregate: Amount::down(number(&row.aggregate)?, currency),
            terms_days: u16::try_from(row.terms_days).unwrap_or(u16::MAX),
            commercial_risk_cover_pct: number(&row.commercial)?,
            political_risk_cover_pct: number(&row.political)?,
        })
    });
    contracts.collect()
}

/// Whose a contract is.
pub async fn holder(db: impl PgExecutor<'_>, number: &ContractNo) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!("SELECT holder FROM classifications.contracts WHERE number = $1", number.as_str())
        .fetch_optional(db)
        .await
}

/// Contracts under which time has changed something that nobody has written.
pub async fn due(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<Vec<ContractNo>, sqlx::Error> {
    let numbers = sqlx::query_scalar!(
        "SELECT DISTINCT contract_no FROM
             (SELECT contract_no FROM classifications.classifications WHERE next_due <= $1 ORDER BY next_due LIMIT 10000) first",
        now
    )
    .fetch_all(db)
    .await?;
    Ok(numbers.iter().filter_map(|number| ContractNo::parse(number)).collect())
}

/// What whoever sweeps must know of a contract.
pub struct Swept {
    /// Of its aggregate.
    pub committed: Decimal,
    /// The number of its next request.
    pub next_request_no: u64,
    /// Its holder's subject at this service's own issuer.
    pub subject: String,
}

/// Locks a contract; none where somebody else has it locked.
pub async fn lock_to_sweep(db: &mut PgConnection, number: &ContractNo) -> Result<Option<Swept>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT c.committed::text AS "committed!", c.next_request_no,
                  coalesce((SELECT u.subject::text FROM identity.users u WHERE u.username = c.holder), c.holder) AS "subject!"
           FROM classifications.contracts c WHERE c.number = $1 FOR NO KEY UPDATE SKIP LOCKED"#,
        number.as_str()
    )
    .fetch_optional(db)
    .await?;
    let swept = row.map(|row| {
        Ok(Swept {
            committed: row.committed.parse().map_err(unreadable)?,
            next_request_no: unsigned(row.next_request_no),
            subject: row.subject,
        })
    });
    swept.transpose()
}
