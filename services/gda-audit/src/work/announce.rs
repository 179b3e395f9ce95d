//! Tells subscribers what happened to risk folders: one event for one folder, out of the transaction that changed it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use webhooks::{Audience, Event};

use super::control::StatusBody;
use crate::domain::audit::instant;
use crate::domain::control::ControlType;
use crate::domain::folder::State;
use crate::domain::person::ExternalRef;
use crate::ids;
use crate::store::folders::Key;
use crate::store::persons;

/// A risk folder got another status.
pub const STATUS_UPDATE: &str = "BLACKLIST_PEP_RISK_STATUS_UPDATE";
/// A risk folder's comments changed.
pub const COMMENTS_UPDATE: &str = "BLACKLIST_PEP_RISK_COMMENTS_UPDATE";
/// What this service tells of.
pub static EVENTS: [&str; 2] = [STATUS_UPDATE, COMMENTS_UPDATE];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusNews<'a> {
    #[serde(flatten)]
    folder: Folder,
    state: State,
    max_matching_score: f32,
    author_login: &'a str,
    date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommentNews<'a> {
    #[serde(flatten)]
    folder: Folder,
    comment_id: &'a str,
    /// `ADDED` or `DELETED`.
    change: &'static str,
    author_login: &'a str,
    date: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Folder {
    risk_folder_id: String,
    r#type: ControlType,
    external_ref: ExternalRef,
}

impl Folder {
    async fn of(db: &mut PgConnection, (person_id, control_type): Key) -> Result<Self, sqlx::Error> {
        let external_ref = persons::external_ref(db, person_id).await?;
        Ok(Self { risk_folder_id: ids::folder(person_id, control_type), r#type: control_type, external_ref })
    }
}

async fn publish(
    db: &mut PgConnection,
    name: &str,
    key: &str,
    data: &impl Serialize,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    webhooks::publish(db, &Event { name, key, audience: Audience::Everybody }, data, at).await
}

/// Tells of the statuses that folders got.
///
/// # Errors
/// The database failed.
pub async fn statuses(
    db: &mut PgConnection,
    news: &[(Key, StatusBody)],
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    // A batch may find thousands of risks where nobody listens.
    if news.is_empty() || !webhooks::is_wanted(db, STATUS_UPDATE).await? {
        return Ok(());
    }
    for (key, status) in news {
        let folder = Folder::of(db, *key).await?;
        let id = folder.risk_folder_id.clone();
        let data = StatusNews {
            folder,
            state: status.state,
            max_matching_score: status.max_matching_score,
            author_login: &status.author,
            date: instant(at),
        };
        publish(db, STATUS_UPDATE, &id, &data, at).await?;
    }
    Ok(())
}

/// What became of a comment.
pub struct CommentChange<'a> {
    /// The comment.
    pub comment_id: &'a str,
    /// `ADDED` or `DELETED`.
    pub change: &'static str,
    /// Whose change it is.
    pub login: &'a str,
}

/// Tells that a folder's comments changed; what they say stays here.
///
/// # Errors
/// The database failed.
pub async fn comment(
    db: &mut PgConnection,
    key: Key,
    change: &CommentChange<'_>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let folder = Folder::of(db, key).await?;
    let id = folder.risk_folder_id.clone();
    let data = CommentNews {
        folder,
        comment_id: change.comment_id,
        change: change.change,
        author_login: change.login,
        date: instant(at),
    };
    publish(db, COMMENTS_UPDATE, &id, &data, at).await
}
