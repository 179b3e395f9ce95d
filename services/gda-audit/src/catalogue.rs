//! The editions in force, and the index of all their records: immutable, and swapped whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::config::{Config, ListConfig};
use crate::domain::audit::EditionRef;
use crate::domain::control::{self, ControlType};
use crate::domain::flow::Flow;
use crate::domain::folder::{Facts, Found};
use crate::domain::person::Hash;
use crate::domain::record::Record;
use crate::domain::screening::{Index, Screener, Subject};
use crate::store::editions::{self, StoredRecord};
use crate::store::lists;

/// An edition in force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// Its list.
    pub source: String,
    /// What the list is for.
    pub control_type: ControlType,
    /// Its number.
    pub id: i64,
    /// Its last update.
    pub last_update: DateTime<Utc>,
    /// Its entries.
    pub total: usize,
}

/// What a hit shows of its record.
#[derive(Debug)]
pub struct Entry {
    /// Place of its edition among those in force.
    pub edition: usize,
    /// Its main name.
    pub name: Box<str>,
    /// Programmes or positions.
    pub programmes: Box<[String]>,
    /// The record as the edition has it.
    pub record: Hash,
    /// Of what tells who it is.
    pub facts: Hash,
}

/// The editions of one moment, indexed.
#[derive(Debug)]
pub struct Catalogue {
    /// By source.
    pub editions: Vec<InForce>,
    /// By place in the index.
    pub entries: Vec<Entry>,
    /// All records.
    pub index: Index,
}

/// What a control has found.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// As the audit trail keeps it, in its order.
    pub hits: Vec<control::Hit>,
    /// Of what tells who each record is, in the same order.
    pub facts: Vec<Hash>,
}

impl Findings {
    /// In the one order.
    pub fn in_order(mut found: Vec<(control::Hit, Hash)>) -> Self {
        found.sort_by(|(a, _), (b, _)| a.cmp_order(b));
        let (hits, facts) = found.into_iter().unzip();
        Self { hits, facts }
    }

    /// As the risk folder takes it over; `person` is of what tells who the person is.
    pub fn found(&self, person: Hash) -> Vec<Found> {
        let found = |(hit, record): (&control::Hit, &Hash)| Found {
            list: hit.list.clone(),
            record_id: hit.record_id.clone(),
            record: hit.record,
            score: hit.score,
            facts: Facts { record: *record, person },
        };
        self.hits.iter().zip(&self.facts).map(found).collect()
    }
}

impl Catalogue {
    /// Reads and indexes editions, by source: source, control type and number of each.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn load(
        pool: &PgPool,
        wanted: impl Iterator<Item = (String, ControlType, i64)>,
    ) -> Result<Self, sqlx::Error> {
        let (mut in_force, mut entries, mut records) = (Vec::new(), Vec::new(), Vec::new());
        for (source, control_type, id) in wanted {
            let Some(edition) = editions::by_id(pool, id).await? else { continue };
            let before = records.len();
            let mut rows = std::pin::pin!(editions::records(pool, id));
            while let Some(record) = rows.next().await {
                let StoredRecord { record, hash } = record?;
                entries.push(entry(in_force.len(), &record, hash));
                records.push(record);
            }
            let last_update = edition.last_update();
            in_force.push(InForce { source, control_type, id, last_update, total: records.len() - before });
        }
        // Seconds of one core, which requests must not wait for.
        let index = tokio::task::spawn_blocking(move || Index::build(&records))
            .await
            .map_err(|_| sqlx::Error::WorkerCrashed)?;
        Ok(Self { editions: in_force, entries, index })
    }

    /// Some records of these editions, each with its edition's place among them.
    pub fn of(editions: Vec<InForce>, records: &[(usize, StoredRecord)]) -> Self {
        let entries = records.iter().map(|(edition, stored)| entry(*edition, &stored.record, stored.hash));
        Self {
            editions,
            entries: entries.collect(),
            index: Index::build(records.iter().map(|(_, stored)| &stored.record)),
        }
    }

    /// The editions that a flow screens against, with their places.
    pub fn meant(&self, flow: &Flow) -> impl Iterator<Item = (usize, &InForce)> {
        self.editions.iter().enumerate().filter(|(_, edition)| is_meant(flow, edition))
    }

    /// The editions that a flow screens against, in the order of their lists.
    pub fn editions_of(&self, flow: &Flow) -> Vec<EditionRef> {
        self.meant(flow)
            .map(|(_, edition)| EditionRef {
                id: edition.id,
                source: edition.source.clone(),
                control_type: edition.control_type,
                date: edition.last_update,
                total: edition.total as u64,
            })
            .collect()
    }

    /// Whether a flow can be used: every list that it names is in force, and each of its control types has one. Else
    /// what is wanting.
    pub fn wants(&self, flow: &Flow) -> Option<String> {
        let in_force = |list: &String| self.editions.iter().any(|edition| edition.source == *list);
        let has_type = |it: &ControlType| {
            self.editions.iter().any(|edition| edition.control_type == *it && flow.has_list(&edition.source))
        };
        let list = flow.lists.iter().find(|list| !in_force(list)).cloned();
        list.or_else(|| flow.control_types.iter().find(|it| !has_type(it)).map(|it| it.as_str().to_owned()))
    }

    /// Screens somebody as a flow says: what was found for each of its control types, in their order.
    pub fn screen(&self, screener: &mut Screener<'_>, flow: &Flow, subject: &Subject) -> Vec<Findings> {
        let mut findings: Vec<Vec<(control::Hit, Hash)>> = vec![Vec::new(); flow.control_types.len()];
        for hit in screener.screen(subject, flow.least_threshold()) {
            let Some(entry) = self.entries.get(hit.record) else { continue };
            let edition = self.editions.get(entry.edition).filter(|edition| is_meant(flow, edition));
            let Some(edition) = edition else { continue };
            let of_type = flow.control_types.iter().position(|it| *it == edition.control_type);
            let Some(found) = of_type.and_then(|place| findings.get_mut(place)) else { continue };
            if hit.comparison.score < flow.threshold(edition.control_type) {
                continue;
            }
            let hit = control::Hit {
                list: edition.source.clone(),
                record_id: hit.id,
                record: entry.record,
                score: hit.comparison.score,
                applied_scores: hit.comparison.applied_scores,
            };
            found.push((hit, entry.facts));
        }
        findings.into_iter().map(Findings::in_order).collect()
    }

    /// Whether a record is in an edition of the list that is in force.
    pub fn is_listed(&self, list: &str, record_id: &str) -> bool {
        self.entry_of(list, record_id, |_| true).is_some()
    }

    /// A record of this identifier on a list.
    pub fn entry_of(&self, list: &str, record_id: &str, is_it: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let edition = self.editions.iter().position(|edition| edition.source == list)?;
        let mut entries = self.index.places_of(record_id).filter_map(|place| self.entries.get(place));
        entries.find(|entry| entry.edition == edition && is_it(entry))
    }
}

fn is_meant(flow: &Flow, edition: &InForce) -> bool {
    flow.control_types.contains(&edition.control_type) && flow.has_list(&edition.source)
}

/// The catalogue in force.
pub struct Holder {
    pool: PgPool,
    lists: Vec<ListConfig>,
    current: ArcSwapOption<Catalogue>,
    changed: Notify,
}

impl Holder {
    /// With nothing in force yet.
    pub fn new(pool: PgPool, config: &Config) -> Self {
        Self { pool, lists: config.lists.clone(), current: ArcSwapOption::empty(), changed: Notify::new() }
    }

    /// The catalogue in force; `None` until the first one is loaded.
    pub fn current(&self) -> Option<Arc<Catalogue>> {
        self.current.load_full()
    }

    /// What a list is for, if it is configured.
    pub fn control_type(&self, source: &str) -> Option<ControlType> {
        self.lists.iter().find(|list| list.source == source).map(|list| list.control_type)
    }

    /// Makes the next look at the database happen at once.
    pub fn look_now(&self) {
        self.changed.notify_one();
    }

    /// Loads what the database has in force, unless it is loaded. Whether something changed.
    ///
    /// # Errors
    /// The database does not answer; what was loaded stays.
    pub async fn refresh(&self) -> Result<bool, sqlx::Error> {
        let in_force: BTreeMap<String, i64> = lists::all(&self.pool)
            .await?
            .into_iter()
            .filter_map(|list| Some((list.source, list.in_force?)))
            .filter(|(source, _)| self.lists.iter().any(|list| list.source == *source))
            .collect();
        let loaded = self.current();
        let is_loaded = |catalogue: &Catalogue| {
            catalogue
                .editions
                .iter()
                .map(|edition| (&edition.source, edition.id))
                .eq(in_force.iter().map(|(s, id)| (s, *id)))
        };
        if loaded.is_some_and(|catalogue| is_loaded(&catalogue)) {
            return Ok(false);
        }
        let wanted = in_force.into_iter().filter_map(|(source, id)| {
            let control_type = self.lists.iter().find(|list| list.source == source)?.control_type;
            Some((source, control_type, id))
        });
        let catalogue = Catalogue::load(&self.pool, wanted).await?;
        tracing::info!(
            editions = catalogue.editions.len(),
            records = catalogue.entries.len(),
            "lists in force"
        );
        self.current.store(Some(Arc::new(catalogue)));
        Ok(true)
    }

    /// Refreshes for ever: when told, and every `poll`.
    pub async fn follow(self: Arc<Self>, poll: std::time::Duration) {
        loop {
            if let Err(error) = self.refresh().await {
                tracing::warn!(
                    error = common::db::loggable(&error),
                    "the lists in force could not be loaded"
                );
            }
            let _ = tokio::time::timeout(poll, self.changed.notified()).await;
        }
    }
}

fn entry(edition: usize, record: &Record, hash: Hash) -> Entry {
    Entry {
        record: hash,
        facts: record.facts_hash(),
        edition,
        name: record.names.first().map(|name| name.whole.as_str()).unwrap_or_default().into(),
        programmes: record.programmes.clone().into(),
    }
}
