//! Screens everybody again because of a new edition.
//!
//! The edition's import queues one job, which splits the persons of each flow that screens against the list; each of its
//! jobs records a control for all persons of a range. Controls against the edition before it that are appended later,
//! by whoever had begun with it, see at that moment that they are late, and queue a job for their own persons.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use jobs::{Handler, HandlerError, Job, Lease};
use opentelemetry::metrics::Histogram;
use opentelemetry::{KeyValue, global};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::sync::Mutex;

use super::announce;
use super::batch::{ATTEMPTS, Background, CommitError, count_persons, in_force, origin};
use super::control::{hits_json, status_event, take_over};
use super::delta::{Delta, of_type};
use super::ledger::Segment;
use crate::catalogue::{Catalogue, Findings};
use crate::domain::audit::{self, ControlRow, ENGINE_VERSION, EditionRef, Header, Trigger, TriggerKind};
use crate::domain::control::{ControlType, Hit};
use crate::domain::flow::Flow;
use crate::domain::person::{Hash, PersonDocument};
use crate::domain::screening::{Screener, Sieve};
use crate::store::audit::{self as audit_store, Head};
use crate::store::editions::{self, StoredEdition};
use crate::store::rescreenings::{self, Controlled};
use crate::store::{bulk_settings, flows, folders, lists};
use crate::work::control::Recording;

/// The kind of the job that splits the persons.
pub const SPLIT: &str = "gda-audit.rescreen";
/// The kind of the jobs that screen them.
pub const SCREEN: &str = "gda-audit.rescreen-persons";

/// Persons of a job.
const PERSONS: i64 = 10_000;
/// How often and how many times a replica looks whether it has loaded the edition.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS: usize = 100;

#[derive(Debug, Serialize, Deserialize)]
struct SplitPayload {
    edition: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ScreenPayload {
    edition: i64,
    flow: i64,
    persons: Persons,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Persons {
    /// Of numbers after the first and up to the second.
    Range(i64, i64),
    /// That a segment controlled.
    Segment(i64),
}

/// Queues the screening of everybody against an edition, in the transaction that puts it in force.
pub async fn enqueue(db: &mut PgConnection, edition: i64) -> Result<(), sqlx::Error> {
    jobs::enqueue(db, SPLIT, &SplitPayload { edition }, jobs::MAX_ATTEMPTS, &origin()).await.map(drop)
}

/// Queues the screening of a segment's persons, if one of its editions is no longer in force. Right only after the segment
/// was appended: an edition that comes into force later is appended later too, and its own job sees the segment.
pub async fn enqueue_if_late(
    db: &mut PgConnection,
    segment: i64,
    header: &Header,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let Some(screening) = &header.screening else { return Ok(()) };
    let used: Vec<i64> = screening.editions.iter().map(|edition| edition.id).collect();
    for edition in lists::newer(&mut *db, &used).await? {
        let persons = Persons::Segment(segment);
        rescreenings::add_chunks(db, edition, screening.flow_id, 1, at).await?;
        enqueue_persons(db, edition, screening.flow_id, persons).await?;
    }
    Ok(())
}

async fn enqueue_persons(
    db: &mut PgConnection,
    edition: i64,
    flow: i64,
    persons: Persons,
) -> Result<(), sqlx::Error> {
    let payload = ScreenPayload { edition, flow, persons };
    jobs::enqueue(db, SCREEN, &payload, jobs::MAX_ATTEMPTS, &origin()).await.map(drop)
}

fn gone(what: &str) -> HandlerError {
    HandlerError::Permanent(format!("{what} is not there"))
}

/// Splits the persons.
pub struct Splitter(pub Background);

#[async_trait]
impl Handler for Splitter {
    fn kind(&self) -> &'static str {
        SPLIT
    }

    async fn run(&self, lease: &Lease) -> Result<(), HandlerError> {
        let SplitPayload { edition } = lease.job().payload()?;
        let Background { pool, clock, holder, .. } = &self.0;
        let source = editions::by_id(pool, edition).await?.ok_or_else(|| gone("the edition"))?.source;
        let mut tx = pool.begin().await?;
        bulk_settings(&mut tx).await?;
        lease.fence(&mut tx).await?;
        if let Some(control_type) = holder.control_type(&source) {
            for flow in flows::all(&mut *tx).await? {
                if !flow.control_types.contains(&control_type) || !flow.has_list(&source) {
                    continue;
                }
                let mut ends = rescreenings::boundaries(&mut tx, flow.id, control_type, PERSONS).await?;
                ends.push(i64::MAX);
                rescreenings::add_chunks(&mut tx, edition, flow.id, ends.len() as i32, clock.now()).await?;
                let mut after = 0;
                for until in ends {
                    enqueue_persons(&mut tx, edition, flow.id, Persons::Range(after, until)).await?;
                    after = until;
                }
            }
        }
        lease.complete(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn exhausted(&self, _: &mut PgConnection, _: &Job, _: &str) -> Result<(), sqlx::Error> {
        Ok(())
    }
}

/// Screens them.
pub struct Rescreener {
    background: Background,
    /// The last difference that was found, which the next job most likely needs too. Locked while it is looked for.
    last: Mutex<Option<(DeltaKey, Arc<Delta>)>>,
}

/// The flow, its past editions, and those of the catalogue.
type DeltaKey = (i64, Vec<EditionRef>, Vec<EditionRef>);

/// What is screened against what.
struct Task {
    edition: StoredEdition,
    flow: Flow,
    control_type: ControlType,
    persons: Persons,
}

impl Task {
    /// The flow, as far as it concerns the type.
    fn flow_of_type(&self) -> Flow {
        Flow { control_types: vec![self.control_type], ..self.flow.clone() }
    }
}

/// How a person is screened, as its last control tells.
enum Plan {
    /// It was against this edition or a newer one.
    Skip,
    Delta(Arc<Delta>),
    Full,
}

/// A person to be controlled.
struct Due {
    person: Controlled,
    /// Whether it must be screened to know the result.
    may_change: bool,
}

/// A person to be recorded.
struct Rescreened {
    person: Controlled,
    hits: Option<String>,
    /// Where the folder may change: what was found, and of what tells who the person is.
    change: Option<(Findings, Hash)>,
}

#[async_trait]
impl Handler for Rescreener {
    fn kind(&self) -> &'static str {
        SCREEN
    }

    async fn run(&self, lease: &Lease) -> Result<(), HandlerError> {
        let ScreenPayload { edition, flow, persons } = lease.job().payload()?;
        let Background { pool, holder, .. } = &self.background;
        let edition = editions::by_id(pool, edition).await?.ok_or_else(|| gone("the edition"))?;
        let flow = flows::by_id(pool, flow).await?.ok_or_else(|| gone("the flow"))?;
        let control_type = holder.control_type(&edition.source).ok_or_else(|| gone("the list"))?;
        let task = Arc::new(Task { edition, flow, control_type, persons });
        let mut attempt = 1;
        loop {
            let catalogue = self.catalogue(&task).await?;
            let screened = self.screen(&task, &catalogue).await?;
            match self.commit(lease, &task, &catalogue, &screened).await {
                Err(error) if attempt < ATTEMPTS && error.is_conflict() => attempt += 1,
                Err(error) => return Err(error.into()),
                Ok(head) => {
                    if let Some(head) = head {
                        // What is not kept now is by whoever appends next.
                        let _ = self.background.ledger.keep(head).await;
                    }
                    count_persons("rescreening", screened.len());
                    return Ok(());
                }
            }
        }
    }

    async fn exhausted(&self, conn: &mut PgConnection, job: &Job, reason: &str) -> Result<(), sqlx::Error> {
        let Ok(ScreenPayload { edition, flow, .. }) = job.payload() else { return Ok(()) };
        rescreenings::fail(conn, (edition, flow), reason).await
    }
}

impl Rescreener {
    /// That has screened nobody yet.
    pub fn new(background: Background) -> Self {
        Self { background, last: Mutex::default() }
    }

    async fn delta(
        &self,
        catalogue: &Catalogue,
        flow: &Flow,
        known: &[EditionRef],
    ) -> Result<Arc<Delta>, sqlx::Error> {
        let key = (flow.id, known.to_vec(), catalogue.editions_of(flow));
        let mut last = self.last.lock().await;
        if let Some((_, delta)) = last.as_ref().filter(|(last, _)| *last == key) {
            return Ok(delta.clone());
        }
        let delta = Arc::new(Delta::new(&self.background.pool, catalogue, flow, known).await?);
        *last = Some((key, delta.clone()));
        Ok(delta)
    }

    /// The catalogue in force, once it has the edition or a newer one.
    async fn catalogue(&self, task: &Task) -> Result<Arc<Catalogue>, HandlerError> {
        let holder = &self.background.holder;
        for _ in 0..LOOKS {
            let catalogue = in_force(holder, &task.flow)?;
            let has_it = catalogue
                .editions
                .iter()
                .any(|edition| edition.source == task.edition.source && edition.id >= task.edition.id);
            if has_it {
                return Ok(catalogue);
            }
            holder.look_now();
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(HandlerError::Unavailable("the edition is not loaded yet".to_owned()))
    }

    async fn screen(
        &self,
        task: &Arc<Task>,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Vec<Rescreened>, HandlerError> {
        let started = Instant::now();
        let mut tx = self.background.pool.begin().await?;
        bulk_settings(&mut tx).await?;
        let persons = match task.persons {
            Persons::Range(after, until) => {
                rescreenings::in_range(&mut tx, task.flow.id, task.control_type, (after, until)).await?
            }
            Persons::Segment(segment) => {
                rescreenings::of_segment(&mut tx, task.flow.id, task.control_type, segment).await?
            }
        };
        let mut segments: Vec<i64> = persons.iter().map(|person| person.segment).collect();
        segments.sort_unstable();
        segments.dedup();
        let headers = rescreenings::headers(&mut tx, &segments).await?;
        drop(tx);
        let started = spent("reading", started);
        let plans = Arc::new(self.plans(task, catalogue, headers).await?);
        let sieving = plans.clone();
        let due = blocking(move || due(&sieving, persons)).await?;
        let started = spent("screening", started);
        let snapshots: Vec<i64> =
            due.iter().filter(|due| due.may_change).map(|due| due.person.snapshot_id).collect();
        let documents = rescreenings::documents(&self.background.pool, &snapshots).await?;
        let started = spent("reading", started);
        let (task, catalogue) = (task.clone(), catalogue.clone());
        let screened = blocking(move || screened(&task, &catalogue, &plans, due, &documents)).await??;
        spent("screening", started);
        Ok(screened)
    }

    /// By segment of the last control.
    async fn plans(
        &self,
        task: &Task,
        catalogue: &Catalogue,
        headers: Vec<(i64, String)>,
    ) -> Result<FxHashMap<i64, Plan>, HandlerError> {
        let (flow, configuration) = (task.flow_of_type(), audit::configuration_hash(&task.flow));
        let mut plans = FxHashMap::default();
        for (segment, header) in headers {
            let header: Header = serde_json::from_str(&header)
                .map_err(|_| HandlerError::Permanent("a segment's header cannot be read".to_owned()))?;
            let Some(screening) = header.screening else { continue };
            let known = of_type(&screening.editions, task.control_type);
            let has_it = known
                .iter()
                .any(|edition| edition.source == task.edition.source && edition.id >= task.edition.id);
            let is_comparable =
                screening.engine == ENGINE_VERSION && screening.configuration == configuration;
            let plan = if has_it {
                Plan::Skip
            } else if is_comparable {
                Plan::Delta(self.delta(catalogue, &flow, &known).await?)
            } else {
                Plan::Full
            };
            plans.insert(segment, plan);
        }
        Ok(plans)
    }

    /// The chain's head then, if there was anybody.
    async fn commit(
        &self,
        lease: &Lease,
        task: &Task,
        catalogue: &Catalogue,
        screened: &[Rescreened],
    ) -> Result<Option<Head>, CommitError> {
        let Background { pool, clock, .. } = &self.background;
        let started = Instant::now();
        let mut tx = pool.begin().await?;
        bulk_settings(&mut tx).await?;
        lease.fence(&mut tx).await?;
        let head = if screened.is_empty() {
            None
        } else {
            Some(self.record(&mut tx, task, catalogue, screened, clock.now()).await?)
        };
        let key = (task.edition.id, task.flow.id);
        rescreenings::count_chunk(&mut tx, key, screened.len() as i64, clock.now()).await?;
        lease.complete(&mut tx).await?;
        tx.commit().await?;
        spent("recording", started);
        Ok(head)
    }

    /// Records controls of persons of whom only those are locked whose folders may change: the others can be controlled
    /// by anybody meanwhile. Such a control of the same snapshot finds the same, or is late and queues its own job; after
    /// one of another snapshot this one may be the last by number, but it is not taken for the person's as it is now:
    /// the next time such a person is screened in full.
    async fn record(
        &self,
        db: &mut PgConnection,
        task: &Task,
        catalogue: &Catalogue,
        screened: &[Rescreened],
        at: DateTime<Utc>,
    ) -> Result<Head, CommitError> {
        let changing = || screened.iter().filter(|it| it.change.is_some()).map(|it| &it.person);
        let ids: Vec<i64> = changing().map(|person| person.id).collect();
        if !ids.is_empty() {
            let snapshots: Vec<i64> = changing().map(|person| person.snapshot_id).collect();
            let segments: Vec<i64> = changing().map(|person| person.segment).collect();
            rescreenings::lock(db, &ids).await?;
            if !rescreenings::are_unchanged(db, task.control_type, &ids, &snapshots, &segments).await? {
                return Err(CommitError::Controlled);
            }
        }
        let segment = audit_store::reserve_segment(db).await?;
        let mut folders = folders::of_persons(db, &ids).await?;
        let (mut controls, mut events) = (Vec::with_capacity(screened.len()), Vec::new());
        let (mut changed, mut news) = (Vec::new(), Vec::new());
        for Rescreened { person, hits, change } in screened {
            let key = (person.id, task.control_type);
            if let Some((findings, facts)) = change {
                let is_listed = |list: &str, record: &str| catalogue.is_listed(list, record);
                let source = task.flow.source_id;
                if let Some(change) = take_over(&mut folders, key, source, findings, *facts, is_listed, at) {
                    changed.push((key, change.folder));
                    if let Some(status) = change.status {
                        events.push(status_event(key, &status).map_err(super::ledger::LedgerError::from)?);
                        news.push((key, status));
                    }
                }
            }
            controls.push(ControlRow {
                person_id: person.id,
                control_type: task.control_type,
                snapshot_id: person.snapshot_id,
                snapshot: person.snapshot_hash(),
                import_id: person.import_id,
                hits: hits.clone(),
            });
        }
        folders::save_all(db, &changed.iter().map(|(key, folder)| (*key, folder)).collect::<Vec<_>>())
            .await?;
        announce::statuses(db, &news, at).await?;
        let trigger = Trigger { kind: TriggerKind::Batch, login: task.edition.imported_by.clone() };
        let header = Recording { flow: &task.flow, catalogue, trigger, at, import: None }.header();
        let appended = Segment { id: segment, header: &header, controls: &controls, events: &events };
        let head = self.background.ledger.append(db, &appended).await?;
        enqueue_if_late(db, segment, &header, at).await?;
        Ok(head)
    }
}

/// Measures a part of a job; when the next one begins.
fn spent(part: &'static str, since: Instant) -> Instant {
    static PARTS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
        global::meter("garant")
            .f64_histogram("garant.gda_audit.rescreening.duration")
            .with_unit("s")
            .with_description("Of the jobs that screen everybody again, by part")
            .with_boundaries(vec![0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])
            .build()
    });
    let now = Instant::now();
    PARTS.record((now - since).as_secs_f64(), &[KeyValue::new("part", part)]);
    now
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, HandlerError> {
    let work = tokio::task::spawn_blocking(work).await;
    work.map_err(|_| HandlerError::Failed("the screening failed".to_owned()))
}

fn plan_of<'p>(plans: &'p FxHashMap<i64, Plan>, person: &Controlled) -> &'p Plan {
    let is_known = person.controlled_snapshot == person.snapshot_id;
    plans.get(&person.segment).filter(|_| is_known).unwrap_or(&Plan::Full)
}

/// Who is to be controlled, and of whom another result is possible.
fn due(plans: &FxHashMap<i64, Plan>, persons: Vec<Controlled>) -> Vec<Due> {
    let mut sieves: FxHashMap<*const Delta, (&Delta, Sieve<'_>)> = FxHashMap::default();
    let mut due = Vec::with_capacity(persons.len());
    for person in persons {
        let may_change = match plan_of(plans, &person) {
            Plan::Skip => continue,
            Plan::Full => true,
            Plan::Delta(delta) => {
                let (_, sieve) =
                    sieves.entry(Arc::as_ptr(delta)).or_insert_with(|| (delta.as_ref(), delta.sieve()));
                delta.may_change(sieve, person.search_keys.as_deref(), person.hits.as_deref())
            }
        };
        due.push(Due { person, may_change });
    }
    sieves.into_values().for_each(|(delta, sieve)| delta.keep(sieve));
    due
}

fn screened(
    task: &Task,
    catalogue: &Catalogue,
    plans: &FxHashMap<i64, Plan>,
    due: Vec<Due>,
    documents: &HashMap<i64, String>,
) -> Result<Vec<Rescreened>, HandlerError> {
    let unreadable =
        |_: serde_json::Error| HandlerError::Permanent("what is stored cannot be read".to_owned());
    let flow = task.flow_of_type();
    let mut full: Option<Screener<'_>> = None;
    let mut screeners: FxHashMap<*const Delta, Screener<'_>> = FxHashMap::default();
    let mut screened = Vec::with_capacity(due.len());
    for Due { mut person, may_change } in due {
        if !may_change {
            screened.push(Rescreened { hits: person.hits.take(), person, change: None });
            continue;
        }
        let document = documents.get(&person.snapshot_id).ok_or_else(|| gone("the snapshot"))?;
        let document: PersonDocument = serde_json::from_str(document).map_err(unreadable)?;
        let subject = document
            .subject()
            .map_err(|_| HandlerError::Permanent("what is stored cannot be screened".to_owned()))?;
        let last: Vec<Hit> = match &person.hits {
            Some(hits) => serde_json::from_str(hits).map_err(unreadable)?,
            None => Vec::new(),
        };
        let findings = match plan_of(plans, &person) {
            Plan::Delta(delta) => {
                let screener = screeners.entry(Arc::as_ptr(delta)).or_insert_with(|| delta.screener());
                delta.screen(screener, catalogue, &subject, &last)
            }
            _ => {
                let screener = full.get_or_insert_with(|| Screener::new(&catalogue.index));
                let findings = catalogue.screen(screener, &flow, &subject).pop().unwrap_or_default();
                // Where nothing was and is found there is nothing to take over.
                (!findings.hits.is_empty() || !last.is_empty()).then_some(findings)
            }
        };
        let (hits, change) = match findings {
            None => (person.hits.take(), None),
            Some(findings) => {
                (hits_json(&findings).map_err(unreadable)?, Some((findings, document.facts_hash())))
            }
        };
        screened.push(Rescreened { person, hits, change });
    }
    Ok(screened)
}
