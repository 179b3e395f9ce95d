//! Records what a control of persons has found: persons, snapshots, controls, risk folders, audit trail.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use super::announce;
use super::ledger::{Ledger, LedgerError, Segment};
use super::rescreen;
use crate::catalogue::{Catalogue, Findings};
use crate::domain::audit::{
    self, ControlRow, ENGINE_VERSION, EventKind, EventRow, Header, Kind, Screening, Trigger,
};
use crate::domain::flow::Flow;
use crate::domain::folder::{Folder, SYSTEM, State};
use crate::domain::person::{Hash, PersonDocument, sha256};
use crate::domain::screening::{Screener, Subject};
use crate::store::audit::{self as audit_store, Head};
use crate::store::folders::{self, Key, StoredFolder};
use crate::store::persons::{self, Bringing, Counting, NewSnapshot};

/// A person and what a screening by its flow has found.
pub struct Screened {
    /// The caller's reference.
    pub reference: String,
    /// What is known of the person: JSON.
    pub document: String,
    /// SHA-256 of that.
    pub snapshot: Hash,
    /// What a search looks up for it.
    pub search_keys: Option<Vec<u8>>,
    /// Of what tells who it is; only where something was found.
    pub facts: Hash,
    /// For each control type of the flow, in their order.
    pub findings: Vec<Findings>,
}

impl Screened {
    /// Screens a person.
    ///
    /// # Errors
    /// The document has no JSON.
    pub fn new(
        document: &PersonDocument,
        subject: &Subject,
        flow: &Flow,
        catalogue: &Catalogue,
        screener: &mut Screener<'_>,
    ) -> Result<Self, serde_json::Error> {
        let findings = catalogue.screen(screener, flow, subject);
        let is_found = findings.iter().any(|findings| !findings.hits.is_empty());
        let json = serde_json::to_string(document)?;
        Ok(Self {
            reference: document.external_ref.external_ref_id.clone(),
            snapshot: sha256(json.as_bytes()),
            document: json,
            search_keys: subject.search_keys(),
            facts: if is_found { document.facts_hash() } else { Hash::default() },
            findings,
        })
    }
}

/// How persons were controlled.
pub struct Recording<'a> {
    /// By which flow.
    pub flow: &'a Flow,
    /// Against what.
    pub catalogue: &'a Catalogue,
    /// By what and on whose behalf.
    pub trigger: Trigger,
    /// When.
    pub at: DateTime<Utc>,
    /// The import that brings the persons, where one does.
    pub import: Option<Bringing>,
}

impl Recording<'_> {
    /// What the segment's rows have in common.
    pub fn header(&self) -> Header {
        Header {
            kind: Kind::Control,
            at: self.at,
            trigger: self.trigger.clone(),
            screening: Some(Screening {
                flow_id: self.flow.id,
                flow_name: self.flow.name.clone(),
                editions: self.catalogue.editions_of(self.flow),
                engine: ENGINE_VERSION.to_owned(),
                configuration: audit::configuration_hash(self.flow),
            }),
            edition: None,
        }
    }
}

/// What was recorded.
pub struct Recorded {
    /// The chain's head after it: to be kept once the transaction is committed.
    pub head: Head,
    /// The persons' numbers, in the order in which they came.
    pub persons: Vec<i64>,
    /// Of the persons that have any, their risk folders as they stand now.
    pub folders: HashMap<Key, StoredFolder>,
}

/// A status, as its event keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusBody {
    /// The folder's state from then on.
    pub state: State,
    /// The highest score of its hits.
    pub max_matching_score: f32,
    /// Who decided, or `system`.
    pub author: String,
    /// Why.
    pub reason: String,
    /// What was decided of which hits; decisions only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<DecidedHit>,
}

/// A hit that was qualified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecidedHit {
    /// The list.
    pub list: String,
    /// The record on it.
    pub record_id: String,
    /// What it was taken for.
    pub state: State,
}

/// The event of a status.
///
/// # Errors
/// A body that is no JSON.
pub fn status_event(
    (person_id, control_type): Key,
    body: &StatusBody,
) -> Result<EventRow, serde_json::Error> {
    let body = serde_json::to_string(body)?;
    Ok(EventRow { person_id, control_type, kind: EventKind::Status, body })
}

/// Records a control of persons of one source, each of whom comes once, and appends it to the audit trail: the last
/// thing in its transaction.
///
/// # Errors
/// [`LedgerError`]; the transaction must be rolled back. A unique violation: another call has just added one of the
/// persons, and the same again will find it.
pub async fn record(
    db: &mut PgConnection,
    ledger: &Ledger,
    recording: &Recording<'_>,
    screened: &[Screened],
) -> Result<Recorded, LedgerError> {
    let Recording { flow, catalogue, import, .. } = *recording;
    let stored = store_persons(db, flow, import, screened).await?;
    let segment = audit_store::reserve_segment(db).await?;

    let known: Vec<i64> = stored.iter().filter(|person| !person.is_new).map(|person| person.id).collect();
    let mut folders = folders::of_persons(db, &known).await?;
    let (mut controls, mut events) = (Vec::new(), Vec::new());
    let (mut changed, mut news) = (Vec::new(), Vec::new());
    for (person, screened) in stored.iter().zip(screened) {
        for (control_type, findings) in flow.control_types.iter().zip(&screened.findings) {
            let key = (person.id, *control_type);
            let is_listed = |list: &str, record: &str| catalogue.is_listed(list, record);
            let change = take_over(
                &mut folders,
                key,
                flow.source_id,
                findings,
                screened.facts,
                is_listed,
                recording.at,
            );
            if let Some(change) = change {
                changed.push((key, change.folder));
                if let Some(status) = change.status {
                    events.push(status_event(key, &status)?);
                    news.push((key, status));
                }
            }
            controls.push(ControlRow {
                person_id: person.id,
                control_type: *control_type,
                snapshot_id: person.snapshot_id,
                snapshot: screened.snapshot,
                import_id: import.map(|import| import.import_id).or(person.import_id),
                hits: hits_json(findings)?,
            });
        }
    }
    folders::save_all(db, &changed.iter().map(|(key, folder)| (*key, folder)).collect::<Vec<_>>()).await?;
    announce::statuses(db, &news, recording.at).await?;
    let header = recording.header();
    let appended = Segment { id: segment, header: &header, controls: &controls, events: &events };
    let head = ledger.append(db, &appended).await?;
    rescreen::enqueue_if_late(db, segment, &header, recording.at).await?;
    Ok(Recorded { head, persons: stored.iter().map(|person| person.id).collect(), folders })
}

/// Two transactions met at the same persons: the other one commits, and the same again will find its rows.
pub fn is_conflict(error: &sqlx::Error) -> bool {
    common::db::has_code(error, &["23505", "40P01"])
}

/// Hits as a control's row keeps them.
///
/// # Errors
/// They have no JSON.
pub fn hits_json(findings: &Findings) -> Result<Option<String>, serde_json::Error> {
    if findings.hits.is_empty() { Ok(None) } else { serde_json::to_string(&findings.hits).map(Some) }
}

/// What a control changes of a folder.
pub struct Change {
    /// The folder as it is to be saved.
    pub folder: StoredFolder,
    /// The status that it adds.
    pub status: Option<StatusBody>,
}

/// Takes what a control has found over into the person's folder, which is made where there was none and something was
/// found. `None` where nothing changes.
pub fn take_over(
    folders: &mut HashMap<Key, StoredFolder>,
    key: Key,
    source_id: i64,
    findings: &Findings,
    person_facts: Hash,
    is_listed: impl Fn(&str, &str) -> bool,
    at: DateTime<Utc>,
) -> Option<Change> {
    if findings.hits.is_empty() && !folders.contains_key(&key) {
        return None;
    }
    let stored = folders.entry(key).or_insert_with(|| StoredFolder {
        source_id,
        version: 0,
        opened_at: at,
        updated_at: at,
        manual_information: None,
        folder: Folder::default(),
    });
    let before = stored.folder.clone();
    let why = stored.folder.control(findings.found(person_facts), is_listed);
    if why.is_none() && stored.folder == before {
        return None;
    }
    let status = why.map(|why| {
        stored.version += 1;
        stored.updated_at = at;
        StatusBody {
            state: stored.folder.state(),
            max_matching_score: stored.folder.max_score(),
            author: SYSTEM.to_owned(),
            reason: why.reason().to_owned(),
            decided: Vec::new(),
        }
    });
    Some(Change { folder: stored.clone(), status })
}

struct Stored {
    id: i64,
    snapshot_id: i64,
    import_id: Option<i64>,
    is_new: bool,
}

/// Adds and updates persons, with a snapshot of each that is new or changed.
async fn store_persons(
    db: &mut PgConnection,
    flow: &Flow,
    import: Option<Bringing>,
    screened: &[Screened],
) -> Result<Vec<Stored>, sqlx::Error> {
    let references: Vec<&str> = screened.iter().map(|person| person.reference.as_str()).collect();
    let known: HashMap<String, persons::StoredPerson> = persons::lock(db, flow.source_id, &references)
        .await?
        .into_iter()
        .map(|person| (person.reference.clone(), person))
        .collect();
    let is_unchanged = |person: &Screened| {
        known.get(&person.reference).is_some_and(|known| known.snapshot == person.snapshot)
    };
    let new = screened.iter().filter(|person| !known.contains_key(&person.reference)).count();
    let changed = screened.iter().filter(|person| !is_unchanged(person)).count();
    let mut ids = persons::reserve(db, new).await?.into_iter();
    let mut snapshots = persons::reserve_snapshots(db, changed).await?.into_iter();

    let too_few = || sqlx::Error::Protocol("fewer numbers than were asked for".to_owned());
    let mut stored = Vec::with_capacity(screened.len());
    for person in screened {
        let known = known.get(&person.reference);
        let id = known.map(|known| known.id).or_else(|| ids.next()).ok_or_else(too_few)?;
        let snapshot_id = known
            .filter(|known| known.snapshot == person.snapshot)
            .map(|known| known.snapshot_id)
            .or_else(|| snapshots.next())
            .ok_or_else(too_few)?;
        let import_id = known.and_then(|known| known.import_id);
        stored.push(Stored { id, snapshot_id, import_id, is_new: known.is_none() });
    }
    let both = || stored.iter().zip(screened);
    let new_snapshots =
        both().filter(|(_, person)| !is_unchanged(person)).map(|(stored, person)| NewSnapshot {
            id: stored.snapshot_id,
            person_id: stored.id,
            hash: &person.snapshot,
            document: &person.document,
            search_keys: person.search_keys.as_deref(),
        });
    persons::add_snapshots(db, new_snapshots).await?;
    let counting = Counting { flow_id: flow.id, control_types: &flow.control_types, import };
    let added = both()
        .filter(|(stored, _)| stored.is_new)
        .map(|(stored, person)| (stored.id, person.reference.as_str(), stored.snapshot_id));
    persons::add(db, flow.source_id, added, counting).await?;
    let (ids, snapshot_ids): (Vec<i64>, Vec<i64>) =
        stored.iter().filter(|person| !person.is_new).map(|person| (person.id, person.snapshot_id)).unzip();
    persons::update(db, &ids, &snapshot_ids, counting).await?;
    Ok(stored)
}
