//! Stores sightings and decisions of requests that come together in one transaction: a request is answered after it is
//! committed, and a hundred of them cost hardly more than one.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use common::clock::SharedClock;
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::domain::history::{self, Sighting};
use crate::domain::outcome::Weights;
use crate::domain::score::{Evidence, Score};
use crate::store::decisions::{self, Decision};
use crate::store::sightings;

/// Requests stored in one transaction at most.
const TOGETHER: usize = 256;
/// Requests that may wait for it.
const WAITING: usize = 1_024;
/// How long one may.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Too many wait, or for too long, or the database does not answer: safe to repeat.
    #[error("the decision cannot be stored now")]
    Unavailable,
    /// What is stored could not be written.
    #[error("the decision cannot be written")]
    Unwritten(#[from] serde_json::Error),
}

/// What is known of a request, but for who else was seen on its IBAN.
pub struct Application {
    /// Who asks.
    pub account_id: i64,
    /// What was found out.
    pub evidence: Evidence,
    /// Who is to be remembered, if anybody.
    pub sighting: Option<Sighting>,
}

/// A decision that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// Its number.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// What it is, and why.
    pub score: Score,
}

struct Waiting {
    application: Application,
    answer: oneshot::Sender<Decided>,
}

/// The way to the database.
#[derive(Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Waiting>,
}

impl Recorder {
    /// Starts to record, until every clone is dropped. The pool is its own: it needs one connection.
    pub fn start(pool: PgPool, clock: SharedClock, weights: Weights) -> Self {
        let (queue, mut waiting) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let mut together = Vec::with_capacity(TOGETHER);
            while waiting.recv_many(&mut together, TOGETHER).await > 0 {
                // Who no longer waits is not recorded: it was told nothing, and repeats.
                together.retain(|waiting: &Waiting| !waiting.answer.is_closed());
                let (applications, answers): (Vec<_>, Vec<_>) =
                    together.drain(..).map(|waiting| (waiting.application, waiting.answer)).unzip();
                match record(&pool, &clock, &weights, applications).await {
                    Ok(decided) => {
                        for (answer, decided) in answers.into_iter().zip(decided) {
                            let _ = answer.send(decided);
                        }
                    }
                    Err(error) => tracing::error!(error = error.loggable(), "decisions cannot be stored"),
                }
            }
        });
        Self { queue }
    }

    /// Scores and stores.
    ///
    /// # Errors
    /// [`RecordError`]
    pub async fn record(&self, application: Application) -> Result<Decided, RecordError> {
        let (answer, decided) = oneshot::channel();
        let waiting = Waiting { application, answer };
        self.queue.try_send(waiting).map_err(|_| RecordError::Unavailable)?;
        match tokio::time::timeout(PATIENCE, decided).await {
            Ok(Ok(decided)) => Ok(decided),
            _ => Err(RecordError::Unavailable),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error("database")]
    Database(#[from] sqlx::Error),
    #[error("JSON")]
    Json(#[from] serde_json::Error),
}

impl BatchError {
    fn loggable(&self) -> String {
        match self {
            Self::Database(error) => common::db::loggable(error),
            Self::Json(error) => error.to_string(),
        }
    }
}

async fn record(
    pool: &PgPool,
    clock: &SharedClock,
    weights: &Weights,
    applications: Vec<Application>,
) -> Result<Vec<Decided>, BatchError> {
    if applications.is_empty() {
        return Ok(Vec::new());
    }
    let now = clock.now();
    let mut tx = pool.begin().await?;
    let seen: Vec<&Sighting> = applications.iter().filter_map(|it| it.sighting.as_ref()).collect();
    let mut persons = Vec::new().into_iter();
    if !seen.is_empty() {
        let since = now - TimeDelta::days(history::DAYS);
        persons = sightings::record(&mut tx, &seen, now, since).await?.into_iter();
    }
    let (mut decided, mut stored) = (Vec::with_capacity(applications.len()), Vec::new());
    for Application { account_id, mut evidence, sighting } in applications {
        if sighting.is_some() {
            evidence.outcomes.push(history::outcome(persons.next().unwrap_or(1)));
        }
        let score = Score::of(&evidence, weights);
        let id = Uuid::now_v7();
        let names: Vec<&str> = evidence.down.iter().map(|connector| connector.name()).collect();
        stored.push(Decision {
            id,
            account_id,
            decided_at: now,
            score: score.points.into(),
            raw: score.raw.into(),
            reasons: serde_json::to_string(&score.reasons)?,
            degraded: names.join(","),
        });
        decided.push(Decided { id, at: now, score });
    }
    decisions::add(&mut tx, &stored).await?;
    tx.commit().await?;
    Ok(decided)
}
