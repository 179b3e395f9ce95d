//! Profiles: one a user, under the user's own number.

use common::redact::Personal;
use sqlx::PgExecutor;

/// A user's profile; personal data throughout.
#[derive(Debug, Clone)]
pub struct StoredProfile {
    /// The user's number, and the profile's.
    pub user_id: i64,
    /// Telephone number as the user gave it.
    pub telephone: Personal<String>,
    /// WhatsApp number as the user gave it.
    pub numero_whatsapp: Personal<String>,
    /// The user's function in the company.
    pub fonction: Personal<String>,
    /// Staff number.
    pub matricule: Personal<String>,
}

/// The user's profile, if they have one.
pub async fn of_user(db: impl PgExecutor<'_>, user_id: i64) -> Result<Option<StoredProfile>, sqlx::Error> {
    sqlx::query!(
        "SELECT user_id, telephone, numero_whatsapp, fonction, matricule
         FROM reconciliation.profiles WHERE user_id = $1",
        user_id
    )
    .map(|row| StoredProfile {
        user_id: row.user_id,
        telephone: row.telephone.into(),
        numero_whatsapp: row.numero_whatsapp.into(),
        fonction: row.fonction.into(),
        matricule: row.matricule.into(),
    })
    .fetch_optional(db)
    .await
}

/// Everybody's profiles, by user.
pub async fn all(db: impl PgExecutor<'_>) -> Result<Vec<StoredProfile>, sqlx::Error> {
    sqlx::query!(
        "SELECT user_id, telephone, numero_whatsapp, fonction, matricule
         FROM reconciliation.profiles ORDER BY user_id"
    )
    .map(|row| StoredProfile {
        user_id: row.user_id,
        telephone: row.telephone.into(),
        numero_whatsapp: row.numero_whatsapp.into(),
        fonction: row.fonction.into(),
        matricule: row.matricule.into(),
    })
    .fetch_all(db)
    .await
}

/// Creates or replaces the user's profile.
pub async fn put(db: impl PgExecutor<'_>, profile: &StoredProfile) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO reconciliation.profiles (user_id, telephone, numero_whatsapp, fonction, matricule)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (user_id) DO UPDATE SET telephone = excluded.telephone,
             numero_whatsapp = excluded.numero_whatsapp, fonction = excluded.fonction,
             matricule = excluded.matricule",
        profile.user_id,
        profile.telephone.expose(),
        profile.numero_whatsapp.expose(),
        profile.fonction.expose(),
        profile.matricule.expose()
    )
    .execute(db)
    .await
    .map(drop)
}
