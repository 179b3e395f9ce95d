//! Proves the audit trail: walks the chain, recomputes every hash of it, and holds it to its anchor.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use futures_util::{StreamExt, TryStreamExt};
use serde::Serialize;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use super::ledger::Ledger;
use crate::anchor::{AnchorError, SignedHead};
use crate::domain::audit::{self, ControlRow, EditionProof, EventKind, EventRow, GENESIS, Header, Screening};
use crate::domain::control::{ControlType, hex};
use crate::domain::person::{Hash, PersonDocument, sha256};
use crate::domain::record::Record;
use crate::domain::screening;
use crate::store::audit::Head;
use crate::store::proof::{
    self, StoredControl, StoredEdition, StoredEvent, StoredRecord, StoredSegment, StoredSnapshot,
};

/// Rows that are read at once, but for a segment's.
const ROWS: i64 = 20_000;
/// Anchored heads that are looked up at once.
const HEADS: usize = 1_000;

/// Why the trail could not be verified: nothing is said about it.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// 503: one at a time, on a replica.
    #[error("another verification is under way")]
    Busy,
    /// 503: the anchor is away.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// 500
    #[error("the verification ended early")]
    Ended,
}

/// What a verification has found.
#[derive(Debug)]
pub struct Report {
    /// Segments that are as they were written.
    pub segments: i64,
    /// Their rows.
    pub rows: i64,
    /// The place up to which that is so.
    pub head: Head,
    /// The last anchored head; `None` where the fault was found before the anchor was asked, or it has none.
    pub anchor: Option<SignedHead>,
    /// The first fault, in the order of the chain; `None`: the trail is what was written.
    pub fault: Option<Fault>,
}

/// What a fault is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FaultKind {
    /// A control's row.
    Control,
    /// An event's row.
    Event,
    /// A row that is missing.
    Row,
    /// What was known of the person at a control.
    Snapshot,
    /// A segment as a whole.
    Segment,
    /// An edition of a list.
    Edition,
    /// A record of a list.
    Record,
    /// The head that the database keeps.
    Chain,
    /// What the anchor keeps.
    Anchor,
    /// What stands now is not what the trail ends with.
    Projection,
}

/// Something that is not as it was written.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is at.
    pub kind: FaultKind,
    /// The place in the chain.
    pub seq: Option<i64>,
    /// The segment.
    pub segment: Option<i64>,
    /// The row's position there.
    pub position: Option<i32>,
    /// The edition, the record's list and hash, or the snapshot.
    pub id: Option<String>,
    /// What is wrong.
    pub reason: &'static str,
}

impl Fault {
    fn new(kind: FaultKind, reason: &'static str) -> Self {
        Self { kind, seq: None, segment: None, position: None, id: None, reason }
    }

    fn at(mut self, seq: i64, segment: i64) -> Self {
        self.seq = Some(seq);
        self.segment = Some(segment);
        self
    }

    fn row(mut self, segment: i64, position: i32) -> Self {
        self.segment = Some(segment);
        self.position = Some(position);
        self
    }
}

/// Why the walk does not go on.
enum Stop {
    Fault(Fault),
    Error(VerifyError),
}

impl Stop {
    fn at(self, seq: i64, segment: i64) -> Self {
        match self {
            Self::Fault(fault) => Self::Fault(fault.at(seq, segment)),
            error => error,
        }
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Error(error.into())
    }
}

/// Verifies the trail, one run at a time.
pub struct Verifier {
    ledger: Arc<Ledger>,
    turn: Semaphore,
}

impl Verifier {
    /// Of a trail and its anchor.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, turn: Semaphore::new(1) }
    }

    /// Verifies the trail from its beginning to its end.
    ///
    /// # Errors
    /// [`VerifyError`]
    pub async fn verify(&self, pool: &PgPool) -> Result<Report, VerifyError> {
        let _turn = self.turn.try_acquire().map_err(|_| VerifyError::Busy)?;
        let mut report =
            Report { segments: 0, rows: 0, head: Head { seq: 0, hash: GENESIS }, anchor: None, fault: None };
        let mut outcome = walk(pool, &mut report).await;
        if outcome.is_ok() {
            // After the database: what it had committed by then was anchored by now, but for the segment in flight.
            outcome = hold_to_anchor(pool, &self.ledger, &mut report).await;
        }
        match outcome {
            Ok(()) => Ok(report),
            Err(Stop::Fault(fault)) => Ok(Report { fault: Some(fault), ..report }),
            Err(Stop::Error(error)) => Err(error),
        }
    }
}

async fn walk(pool: &PgPool, report: &mut Report) -> Result<(), Stop> {
    let mut tx = proof::begin(pool).await?;
    let db = &mut *tx;
    let mut editions = Editions::load(db).await?;
    loop {
        let segments = proof::segments(&mut *db, report.head.seq, ROWS).await?;
        if segments.is_empty() {
            break;
        }
        let mut rows = rows(db, &segments).await?;
        for segment in segments {
            let rows = rows.remove(&segment.id).unwrap_or_default();
            let (head, header) = check_segment(&segment, rows, report.head)?;
            let checked = match (&header.edition, &header.screening) {
                (Some(edition), _) => editions.check(db, edition).await,
                (_, Some(screening)) => editions.check_screening(screening).map_err(Stop::from),
                _ => Ok(()),
            };
            checked.map_err(|stop| stop.at(segment.seq, segment.id))?;
            report.head = head;
            report.segments += 1;
            report.rows += i64::from(segment.rows);
        }
    }
    check_rest(db, report.head, &editions).await
}

/// What was computed of a segment's rows.
#[derive(Default)]
struct Rows {
    hashes: Vec<Hash>,
    fault: Option<Fault>,
}

impl Rows {
    /// Takes the next row of a segment: its hash as computed, or what is wrong with it.
    fn add(&mut self, kind: FaultKind, place: (i64, i32), computed: Result<Hash, Fault>, stored: &[u8]) {
        let (segment, position) = place;
        let expected = self.hashes.len() as i32;
        let fault = match computed {
            _ if position > expected => {
                Some(Fault::new(FaultKind::Row, "the row is missing").row(segment, expected))
            }
            _ if position < expected => {
                Some(Fault::new(kind, "the row is where another one is").row(segment, position))
            }
            Err(fault) => Some(fault.row(segment, position)),
            Ok(hash) => {
                self.hashes.push(hash);
                (hash != stored)
                    .then(|| Fault::new(kind, "the row is not what was hashed").row(segment, position))
            }
        };
        self.fault = self.fault.take().or(fault);
    }
}

/// Reads the rows of segments.
async fn rows(db: &mut PgConnection, segments: &[StoredSegment]) -> Result<HashMap<i64, Rows>, sqlx::Error> {
    let ids: Vec<i64> = segments.iter().map(|segment| segment.id).collect();
    let mut rows: HashMap<i64, Rows> = HashMap::with_capacity(ids.len());
    {
        let mut controls = pin!(proof::controls(&mut *db, &ids));
        while let Some(row) = controls.try_next().await? {
            let place = (row.segment, row.position);
            rows.entry(row.segment).or_default().add(
                FaultKind::Control,
                place,
                control_hash(&row),
                &row.hash,
            );
        }
    }
    let mut events = pin!(proof::events(db, &ids));
    while let Some(row) = events.try_next().await? {
        let place = (row.segment, row.position);
        rows.entry(row.segment).or_default().add(FaultKind::Event, place, event_hash(&row), &row.hash);
    }
    Ok(rows)
}

fn control_hash(row: &StoredControl) -> Result<Hash, Fault> {
    let fault = |kind, reason| Fault::new(kind, reason);
    let missing = || fault(FaultKind::Snapshot, "the control's snapshot is missing");
    let document = row.document.as_deref().ok_or_else(missing)?;
    let snapshot = sha256(document.as_bytes());
    if row.snapshot.as_deref() != Some(snapshot.as_slice()) {
        return Err(fault(FaultKind::Snapshot, "the control's snapshot is not what was hashed"));
    }
    let control = ControlRow {
        person_id: row.person_id,
        control_type: ControlType::of_code(row.r#type)
            .ok_or_else(|| fault(FaultKind::Control, "there is no such control type"))?,
        snapshot_id: row.snapshot_id,
        snapshot,
        import_id: row.import_id,
        hits: row.hits.clone(),
    };
    Ok(control.hash(row.segment, row.position))
}

fn event_hash(row: &StoredEvent) -> Result<Hash, Fault> {
    let unknown = || Fault::new(FaultKind::Event, "there is no such event");
    let event = EventRow {
        person_id: row.person_id,
        control_type: ControlType::of_code(row.r#type).ok_or_else(unknown)?,
        kind: EventKind::parse(&row.kind).ok_or_else(unknown)?,
        body: row.body.clone(),
    };
    Ok(event.hash(row.segment, row.position))
}

/// Checks a segment against its rows and its place; the head after it.
fn check_segment(segment: &StoredSegment, rows: Rows, previous: Head) -> Result<(Head, Header), Fault> {
    let StoredSegment { seq, id, .. } = *segment;
    let fault = |reason| Fault::new(FaultKind::Segment, reason).at(seq, id);
    if seq != previous.seq + 1 {
        let missing = Fault::new(FaultKind::Segment, "the segment at this place is missing");
        return Err(Fault { seq: Some(previous.seq + 1), ..missing });
    }
    if let Some(fault) = rows.fault {
        return Err(fault.at(seq, id));
    }
    let count = rows.hashes.len() as i32;
    if count != segment.rows {
        let reason = if count < segment.rows { "the row is missing" } else { "the row was added" };
        return Err(Fault::new(FaultKind::Row, reason).at(seq, id).row(id, count.min(segment.rows)));
    }
    let root = audit::root(id, &segment.header, rows.hashes.into_iter());
    if root != segment.root.as_slice() {
        return Err(fault("the segment's header, or a row with its hash, is not what was hashed"));
    }
    let hash = audit::link(&previous.hash, seq, &root);
    if hash != segment.hash.as_slice() {
        return Err(fault("the segment does not follow the one before it"));
    }
    let header = serde_json::from_str(&segment.header).map_err(|_| fault("the header cannot be read"))?;
    Ok((Head { seq, hash }, header))
}

/// The editions, and which of them the trail has put in force so far.
struct Editions {
    stored: HashMap<i64, StoredEdition>,
    proven: HashSet<i64>,
}

impl Editions {
    async fn load(db: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let stored = proof::editions(db).await?.into_iter().map(|edition| (edition.id, edition)).collect();
        Ok(Self { stored, proven: HashSet::new() })
    }

    /// Checks an edition against what the trail says of it.
    async fn check(&mut self, db: &mut PgConnection, proof: &EditionProof) -> Result<(), Stop> {
        let fault =
            |reason| Fault { id: Some(proof.id.to_string()), ..Fault::new(FaultKind::Edition, reason) };
        let stored = self.stored.get(&proof.id).ok_or_else(|| fault("the edition is missing"))?;
        if stored.source != proof.source
            || stored.content != proof.content
            || stored.total != proof.total as i64
        {
            return Err(fault("the edition is not what was put in force").into());
        }
        let mut all = Context::new(&SHA256);
        let mut hashes = pin!(proof::record_hashes(db, proof.id));
        while let Some(hash) = hashes.try_next().await? {
            all.update(&hash);
        }
        if all.finish().as_ref() != proof.records {
            return Err(fault("the edition's records are not those that were put in force").into());
        }
        self.proven.insert(proof.id);
        Ok(())
    }

    /// Checks the editions that a segment's controls were made against.
    fn check_screening(&self, screening: &Screening) -> Result<(), Fault> {
        for edition in &screening.editions {
            let fault =
                |reason| Fault { id: Some(edition.id.to_string()), ..Fault::new(FaultKind::Edition, reason) };
            let stored = self.stored.get(&edition.id).filter(|_| self.proven.contains(&edition.id));
            let stored =
                stored.ok_or_else(|| fault("it was screened against an edition that was not in force"))?;
            if (&stored.source, stored.date, stored.total)
                != (&edition.source, edition.date, edition.total as i64)
            {
                return Err(fault("the edition is not what was screened against"));
            }
        }
        Ok(())
    }
}

/// Checks what no segment has led to.
async fn check_rest(db: &mut PgConnection, head: Head, editions: &Editions) -> Result<(), Stop> {
    if proof::head(&mut *db).await? != Some((head.seq, head.hash.to_vec())) {
        return Err(
            Fault::new(FaultKind::Chain, "the head that the database keeps is not the chain's").into()
        );
    }
    if let Some((is_control, segment, position)) = proof::row_without_segment(&mut *db).await? {
        let kind = if is_control { FaultKind::Control } else { FaultKind::Event };
        return Err(Fault::new(kind, "the row's segment is not in the chain").row(segment, position).into());
    }
    if let Some(id) = editions.stored.keys().filter(|id| !editions.proven.contains(*id)).min() {
        let fault = Fault::new(FaultKind::Edition, "the edition was never put in force");
        return Err(Fault { id: Some(id.to_string()), ..fault }.into());
    }
    {
        let mut records = pin!(proof::records(&mut *db));
        while let Some(record) = records.try_next().await? {
            check_record(&record)?;
        }
    }
    {
        let mut snapshots = pin!(proof::snapshots(&mut *db));
        while let Some(snapshot) = snapshots.try_next().await? {
            check_search_keys(&snapshot)?;
        }
    }
    if let Some(row) = proof::person_astray(&mut *db).await? {
        let fault =
            Fault::new(FaultKind::Projection, "the person stands at another snapshot than at this control");
        return Err(fault.row(row.segment, row.position).into());
    }
    if let Some(row) = proof::folder_astray(db).await? {
        let fault =
            Fault::new(FaultKind::Projection, "the risk folder is in another state than this status says");
        return Err(fault.row(row.segment, row.position).into());
    }
    Ok(())
}

fn check_record(stored: &StoredRecord) -> Result<(), Fault> {
    let written =
        serde_json::from_str::<Record>(&stored.record).and_then(|record| serde_json::to_string(&record));
    if written.is_ok_and(|text| sha256(text.as_bytes()) == stored.hash.as_slice()) {
        return Ok(());
    }
    let fault = Fault::new(FaultKind::Record, "the record is not what was hashed");
    Err(Fault { id: Some(format!("{}/{}", stored.source, hex::encode(&stored.hash))), ..fault })
}

/// False keys would hide the person from a re-screening. Those of another version of the engine are not used.
fn check_search_keys(stored: &StoredSnapshot) -> Result<(), Fault> {
    let written = || {
        let document: PersonDocument = serde_json::from_str(&stored.document).ok()?;
        document.subject().ok()?.search_keys()
    };
    if !screening::is_current(&stored.search_keys) || written().as_deref() == Some(&*stored.search_keys) {
        return Ok(());
    }
    let fault = Fault::new(FaultKind::Snapshot, "the snapshot's search keys are not those of its document");
    Err(Fault { id: Some(stored.id.to_string()), ..fault })
}

/// Holds the chain to all that is anchored: signed by our key, and the chain's at its place.
async fn hold_to_anchor(pool: &PgPool, ledger: &Arc<Ledger>, report: &mut Report) -> Result<(), Stop> {
    let mut pages = ledger.anchor().heads().try_chunks(HEADS);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Stop::Error(error.1.into()))?;
        // Some tens of milliseconds, which other requests of this thread must not wait for.
        let signers = ledger.clone();
        let verified = tokio::task::spawn_blocking(move || {
            let verified = |head: SignedHead| (signers.signer().verified(&head), head);
            page.into_iter().map(verified).collect::<Vec<_>>()
        });
        let verified = verified.await.map_err(|_| Stop::Error(VerifyError::Ended))?;
        let seqs: Vec<i64> = verified.iter().map(|(_, head)| head.seq).collect();
        let places: HashMap<i64, (Vec<u8>, i64)> = proof::places(pool, &seqs)
            .await?
            .into_iter()
            .map(|((seq, hash), id)| (seq, (hash, id)))
            .collect();
        for (hash, head) in verified {
            check_anchored(&head, hash, places.get(&head.seq))?;
            if report.anchor.as_ref().is_none_or(|last| last.seq < head.seq) {
                report.anchor = Some(head);
            }
        }
    }
    let anchored = report.anchor.as_ref().map_or(0, |head| head.seq);
    if report.head.seq > anchored + 1 {
        let fault = Fault::new(
            FaultKind::Anchor,
            "the chain is ahead of its anchor by more than the segment in flight",
        );
        return Err(Fault { seq: Some(anchored + 1), ..fault }.into());
    }
    Ok(())
}

fn check_anchored(
    head: &SignedHead,
    hash: Option<Hash>,
    place: Option<&(Vec<u8>, i64)>,
) -> Result<(), Fault> {
    let fault = |reason| Fault { seq: Some(head.seq), ..Fault::new(FaultKind::Anchor, reason) };
    let hash = hash.ok_or_else(|| fault("the anchor holds a head that this key has not signed"))?;
    let behind = "the chain is behind its anchor: its end is gone, or an older state was restored";
    let (chained, segment) = place.ok_or_else(|| fault(behind))?;
    if hash != chained.as_slice() {
        return Err(fault("the chain is not the anchored one").at(head.seq, *segment));
    }
    Ok(())
}
