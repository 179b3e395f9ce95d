//! Changes of one risk folder by people: decisions, comments, what they add by hand.

use chrono::{DateTime, Utc};
use common::clock::SharedClock;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

use super::announce::{self, CommentChange};
use super::control::StatusBody;
use super::ledger::{Ledger, LedgerError, Segment};
use crate::domain::audit::{EventKind, EventRow, Header, Kind, Trigger, TriggerKind};
use crate::domain::folder::Folder;
use crate::ids;
use crate::store::audit;
use crate::store::audit_trail;
use crate::store::folders::{self, Key, StoredFolder};
use crate::store::persons;

/// Why a folder was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// 404: there is no such person, or it was never controlled for the type.
    #[error("there is no such risk folder")]
    NotFound,
    /// 409: it is not what the caller has seen.
    #[error("the risk folder has changed: it is at version {0}")]
    Stale(i64),
    /// The change itself is refused.
    #[error("{0}")]
    Refused(E),
    /// 503, 500
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl<E> From<sqlx::Error> for ChangeError<E> {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// Who changes a folder, and what the caller has seen of it.
pub struct Change<'a> {
    /// The folder.
    pub key: Key,
    /// The version that the caller has seen; none where the change holds whatever it is.
    pub expected: Option<i64>,
    /// Whose change it is.
    pub login: &'a str,
}

/// Where folders are changed.
pub struct Changes<'a> {
    /// The database.
    pub pool: &'a PgPool,
    /// The audit trail.
    pub ledger: &'a Ledger,
    /// The time.
    pub clock: &'a SharedClock,
}

/// What was done to a folder.
pub enum Done {
    /// It was decided of.
    Decided(StatusBody),
    /// Something was said.
    Commented(StoredComment),
    /// What was said was taken back.
    CommentDeleted(StoredDeletion),
    /// Something was added by hand: JSON of it and of who did.
    Added(String),
}

/// A comment, as its event keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredComment {
    /// What was said.
    pub text: String,
    /// By whom.
    pub author: String,
}

/// That a comment was deleted, as its event keeps it.
#[derive(Debug, Serialize, Deserialize)]
pub struct StoredDeletion {
    /// The comment's id.
    pub comment: String,
    /// By whom.
    pub author: String,
}

impl Done {
    fn event(&self) -> Result<(EventKind, String), serde_json::Error> {
        Ok(match self {
            Self::Decided(status) => (EventKind::Status, serde_json::to_string(status)?),
            Self::Commented(comment) => (EventKind::Comment, serde_json::to_string(comment)?),
            Self::CommentDeleted(deletion) => (EventKind::CommentDeleted, serde_json::to_string(deletion)?),
            Self::Added(information) => (EventKind::ManualInformation, information.clone()),
        })
    }

    async fn tell(
        &self,
        db: &mut PgConnection,
        change: &Change<'_>,
        segment: i64,
        at: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let (key, login) = (change.key, change.login);
        match self {
            Self::Decided(status) => announce::statuses(db, &[(key, status.clone())], at).await,
            Self::Commented(_) => {
                let comment_id = &ids::row(segment, 0);
                let change = CommentChange { comment_id, change: "ADDED", login };
                announce::comment(db, key, &change, at).await
            }
            Self::CommentDeleted(deletion) => {
                let change = CommentChange { comment_id: &deletion.comment, change: "DELETED", login };
                announce::comment(db, key, &change, at).await
            }
            Self::Added(_) => Ok(()),
        }
    }
}

/// A folder after a change.
pub struct Changed {
    /// As it stands now.
    pub folder: StoredFolder,
    /// When it was changed.
    pub at: DateTime<Utc>,
    /// The segment of the audit trail that tells it.
    pub segment: i64,
}

impl Changes<'_> {
    /// Changes a folder, raises its version, appends the event to the audit trail and tells subscribers, all or nothing.
    ///
    /// # Errors
    /// [`ChangeError`]; nothing has changed.
    pub async fn change<E>(
        &self,
        change: &Change<'_>,
        apply: impl FnOnce(&mut StoredFolder) -> Result<Done, E>,
    ) -> Result<Changed, ChangeError<E>> {
        let mut tx = self.pool.begin().await?;
        let mut folder = locked(&mut tx, change.key).await?.ok_or(ChangeError::NotFound)?;
        if change.expected.is_some_and(|expected| expected != folder.version) {
            return Err(ChangeError::Stale(folder.version));
        }
        let done = apply(&mut folder).map_err(ChangeError::Refused)?;
        let at = self.clock.now();
        folder.version += 1;
        folder.updated_at = at;
        folders::save(&mut tx, change.key, &folder).await?;
        let header = Header {
            kind: Kind::Folder,
            at,
            trigger: Trigger { kind: TriggerKind::Api, login: change.login.to_owned() },
            screening: None,
            edition: None,
        };
        let segment = audit::reserve_segment(&mut tx).await?;
        let (person_id, control_type) = change.key;
        let (kind, body) = done.event().map_err(LedgerError::from)?;
        let event = EventRow { person_id, control_type, kind, body };
        done.tell(&mut tx, change, segment, at).await?;
        let appended = Segment { id: segment, header: &header, controls: &[], events: &[event] };
        let head = self.ledger.append(&mut tx, &appended).await?;
        tx.commit().await?;
        self.ledger.keep(head).await.map_err(LedgerError::from)?;
        Ok(Changed { folder, at, segment })
    }
}

/// A folder, its person locked; one that nothing was ever found for is made.
async fn locked(db: &mut PgConnection, key: Key) -> Result<Option<StoredFolder>, sqlx::Error> {
    if !persons::lock_one(db, key.0).await? {
        return Ok(None);
    }
    if let Some(folder) = folders::one(db, key).await? {
        return Ok(Some(folder));
    }
    let Some(first) = audit_trail::first_control(&mut *db, key.0, key.1.code()).await? else {
        return Ok(None);
    };
    Ok(Some(StoredFolder {
        source_id: first.source_id,
        version: 0,
        opened_at: first.at,
        updated_at: first.at,
        manual_information: None,
        folder: Folder::default(),
    }))
}
