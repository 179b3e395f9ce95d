//! The editions in force, and the index of all their records: immutable, and swapped whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::config::{Config, ListConfig};
use crate::domain::control::ControlType;
use crate::domain::record::Record;
use crate::domain::screening::Index;
use crate::store::{editions, lists};

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
        let (mut in_force_editions, mut entries, mut records) = (Vec::new(), Vec::new(), Vec::new());
        for (source, id) in in_force {
            let Some(config) = self.lists.iter().find(|list| list.source == source) else { continue };
            let Some(edition) = editions::by_id(&self.pool, id).await? else { continue };
            let before = records.len();
            let mut rows = std::pin::pin!(editions::records(&self.pool, id));
            while let Some(record) = rows.next().await {
                let record = record?;
                entries.push(entry(in_force_editions.len(), &record));
                records.push(record);
            }
            in_force_editions.push(InForce {
                source,
                control_type: config.control_type,
                id,
                last_update: edition.last_update(),
                total: records.len() - before,
            });
        }
        // Seconds of one core, which requests must not wait for.
        let index = tokio::task::spawn_blocking(move || Index::build(&records))
            .await
            .map_err(|_| sqlx::Error::WorkerCrashed)?;
        tracing::info!(editions = in_force_editions.len(), records = entries.len(), "lists in force");
        self.current.store(Some(Arc::new(Catalogue { editions: in_force_editions, entries, index })));
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

fn entry(edition: usize, record: &Record) -> Entry {
    Entry {
        edition,
        name: record.names.first().map(|name| name.whole.as_str()).unwrap_or_default().into(),
        programmes: record.programmes.clone().into(),
    }
}
