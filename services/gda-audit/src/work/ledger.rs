//! Appends to the audit trail.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::clock::SharedClock;
use sqlx::PgConnection;

use crate::anchor::{self, Anchor, AnchorError, Signer};
use crate::config::AuditConfig;
use crate::domain::audit::{self, ControlRow, EventRow, Header};
use crate::domain::person::Hash;
use crate::store::audit::{self as store, Head, NewSegment};

/// Why nothing was appended, or nothing more can be.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The head of the chain can't be kept outside the database.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A header that is no JSON.
    #[error("the segment's header cannot be written")]
    Header(#[from] serde_json::Error),
}

/// The audit trail, as one replica appends to it.
///
/// A segment is appended in the transaction of what it tells, and its head is written to the anchor after the commit and
/// before anybody is answered. Before the next segment follows, the anchor has the head of the one before: so the
/// database is never ahead of it by more than the segment in flight.
pub struct Ledger {
    anchor: Arc<dyn Anchor>,
    signer: Signer,
    clock: SharedClock,
    /// The last place that this replica has written to the anchor.
    anchored: AtomicI64,
}

/// What is appended.
pub struct Segment<'a> {
    /// Its number, from [`store::reserve_segment`].
    pub id: i64,
    /// What its rows have in common.
    pub header: &'a Header,
    /// Its controls.
    pub controls: &'a [ControlRow],
    /// Its events.
    pub events: &'a [EventRow],
}

impl Ledger {
    /// With the configured anchor and key.
    ///
    /// # Errors
    /// They are not what they should be.
    pub fn open(config: &AuditConfig, clock: SharedClock) -> anyhow::Result<Self> {
        let (anchor, signer) = (anchor::open(&config.anchor.url)?, Signer::new(&config.signing_key)?);
        Ok(Self { anchor, signer, clock, anchored: AtomicI64::new(0) })
    }

    /// Appends a segment, as the last thing in its transaction: whoever comes next waits until that ends.
    ///
    /// # Errors
    /// [`LedgerError`]; the transaction must be rolled back.
    pub async fn append(&self, db: &mut PgConnection, segment: &Segment<'_>) -> Result<Head, LedgerError> {
        let Segment { id, controls, events, .. } = *segment;
        let positioned = |first: i32, count: usize| first..first.saturating_add(count as i32);
        let control_hashes: Vec<Hash> =
            controls.iter().zip(positioned(0, controls.len())).map(|(row, at)| row.hash(id, at)).collect();
        let first_event = controls.len() as i32;
        let event_hashes: Vec<Hash> = events
            .iter()
            .zip(positioned(first_event, events.len()))
            .map(|(row, at)| row.hash(id, at))
            .collect();
        store::add_controls(db, id, controls, &control_hashes).await?;
        store::add_events(db, id, first_event, events, &event_hashes).await?;

        let header = serde_json::to_string(segment.header)?;
        let root = audit::root(id, &header, control_hashes.iter().chain(&event_hashes).copied());
        let previous = store::lock_head(db).await?;
        self.keep(previous).await?;
        let seq = previous.seq + 1;
        let head = Head { seq, hash: audit::link(&previous.hash, seq, &root) };
        let rows = controls.len() + events.len();
        store::append(db, &NewSegment { head, id, header: &header, rows, root }).await?;
        Ok(head)
    }

    /// Writes the head of a committed segment to the anchor.
    ///
    /// # Errors
    /// The anchor is away; whoever appends next writes it first.
    pub async fn keep(&self, head: Head) -> Result<(), AnchorError> {
        if head.seq <= self.anchored.load(Ordering::Acquire) {
            return Ok(());
        }
        let kept = self.anchor.write(&self.signer.sign(head, self.clock.now())).await;
        if let Err(error) = &kept {
            tracing::error!(seq = head.seq, %error, "the head of the audit trail is not kept outside the database");
        }
        kept?;
        self.anchored.fetch_max(head.seq, Ordering::AcqRel);
        Ok(())
    }

    /// Where heads are kept.
    pub fn anchor(&self) -> &dyn Anchor {
        self.anchor.as_ref()
    }

    /// Whose signature they have.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }
}
