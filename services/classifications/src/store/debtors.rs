//! What is known of debtors.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::unreadable;
use crate::domain::debtor::Debtor;

/// Adds debtors, each once, or replaces what is known of them.
pub async fn put(
    db: &mut PgConnection,
    debtors: &[Debtor],
    source: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let text = |read: fn(&Debtor) -> &str| debtors.iter().map(read).collect::<Vec<_>>();
    let profiles: Vec<String> = debtors
        .iter()
        .map(|debtor| serde_json::to_string(&debtor.profile))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    let exposures: Vec<String> = debtors.iter().map(|debtor| debtor.other_exposure.to_string()).collect();
    sqlx::query!(
        "INSERT INTO classifications.debtors (country, tax_code, name, profile, other_exposure, source, updated_at)
         SELECT country, tax_code, name, profile::json, other_exposure::numeric, $6, $7
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
              AS new (country, tax_code, name, profile, other_exposure)
         ON CONFLICT (country, tax_code) DO UPDATE
         SET name = EXCLUDED.name, profile = EXCLUDED.profile, other_exposure = EXCLUDED.other_exposure,
             source = EXCLUDED.source, updated_at = EXCLUDED.updated_at",
        &text(|debtor| debtor.id.country.as_str()) as &[&str],
        &text(|debtor| &debtor.id.tax_code) as &[&str],
        &text(|debtor| debtor.name.expose()) as &[&str],
        &profiles,
        &exposures,
        source,
        now,
    )
    .execute(db)
    .await
    .map(drop)
}
