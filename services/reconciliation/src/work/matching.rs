//! Matching a task in the background.
//!
//! An attempt reads both sides, matches them in memory, and commits results, figures, state and the end of the job in
//! one transaction: killed at any point, it leaves nothing, and the next attempt comes to the same answer.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use common::clock::SharedClock;
use common::request;
use jobs::{Handler, HandlerError, Job, JobId, Lease};
use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

use crate::domain::instant::Window;
use crate::domain::matching::{Figures, Outcome, reconcile};
use crate::domain::operator::OperatorConfig;
use crate::domain::rule::Rule;
use crate::store::results::NewResult;
use crate::store::tasks::{StoredFigures, StoredTask, Visibility};
use crate::store::{bulk_timeouts, operators, results, statement_rows, tasks, transactions};

/// The kind of the jobs that match a task.
pub const KIND: &str = "reconciliation.match";

/// What such a job says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Payload {
    /// The task.
    pub task_id: i64,
}

/// Queues the matching of a task, in the caller's transaction.
pub async fn enqueue(conn: &mut PgConnection, task_id: i64) -> Result<JobId, sqlx::Error> {
    let origin = jobs::Origin {
        correlation_id: request::current().map(|context| context.correlation_id),
        traceparent: request::traceparent(),
    };
    jobs::enqueue(conn, KIND, &Payload { task_id }, jobs::MAX_ATTEMPTS, &origin).await
}

/// Does those jobs.
pub struct Matcher {
    /// The service's database.
    pub pool: PgPool,
    /// The time, for the task's `dateUpdate`.
    pub clock: SharedClock,
}

#[async_trait]
impl Handler for Matcher {
    fn kind(&self) -> &'static str {
        KIND
    }

    async fn run(&self, lease: &Lease) -> Result<(), HandlerError> {
        let Payload { task_id } = lease.job().payload()?;
        let task = tasks::find(&self.pool, task_id, Visibility::All)
            .await?
            .ok_or_else(|| HandlerError::Permanent("the task is not there".to_owned()))?;
        tasks::begin(&self.pool, task_id, lease.job().id, self.clock.now()).await?;
        let operator = self.operator(&task).await?;
        let window = Window::restore(task.window_start, task.window_end, task.window_until);

        let rows = statement_rows::of_task(&self.pool, task_id, &operator.status).await?;
        let reach = TimeDelta::seconds(operator.largest_window_s().into());
        let (from, until) = (earlier(window.start(), reach), later(window.end_exclusive(), reach));
        let transactions = transactions::in_window(&self.pool, &operator.payment_method, from, until).await?;
        let total = (rows.len() + transactions.len()) as i64;
        lease.progress(0, total);

        let operator = Arc::new(operator);
        let matched = {
            let operator = operator.clone();
            tokio::task::spawn_blocking(move || {
                let outcome = reconcile(&operator.rules, &window, rows, transactions);
                outcome.check().map(|()| outcome)
            })
        };
        let outcome = matched
            .await
            .map_err(|_| HandlerError::Failed("the matching failed".to_owned()))?
            .map_err(|broken| HandlerError::Failed(broken.to_string()))?;
        self.commit(lease, task_id, &operator, &outcome, total).await?;
        count(&outcome);
        Ok(())
    }

    async fn exhausted(&self, conn: &mut PgConnection, job: &Job, reason: &str) -> Result<(), sqlx::Error> {
        match job.payload::<Payload>() {
            Ok(Payload { task_id }) => tasks::fail(conn, task_id, job.id, reason, self.clock.now()).await,
            Err(_) => Ok(()),
        }
    }
}

impl Matcher {
    async fn operator(&self, task: &StoredTask) -> Result<OperatorConfig, HandlerError> {
        let stored = operators::configuration(&self.pool, task.operator_id, task.operator_version).await?;
        OperatorConfig::parse(stored)
            .map_err(|error| HandlerError::Permanent(format!("the operator's configuration: {error}")))
    }

    async fn commit(
        &self,
        lease: &Lease,
        task_id: i64,
        operator: &OperatorConfig,
        outcome: &Outcome,
        total: i64,
    ) -> Result<(), HandlerError> {
        let mut transaction = self.pool.begin().await?;
        bulk_timeouts(&mut transaction).await?;
        lease.fence(&mut transaction).await?;
        // In the order of kinds, which is the order of the arrays in `details_taches`.
        let mut ordered: Vec<_> = outcome.results.iter().collect();
        ordered.sort_by_key(|result| result.kind);
        let mut done = 0;
        let rows = ordered.into_iter().map(|result| {
            done += i64::from(result.operator_row.is_some()) + i64::from(result.transaction.is_some());
            lease.progress(done, total);
            NewResult {
                kind: result.kind.as_str(),
                rule: result.rule.and_then(|index| operator.rules.get(index)).map(Rule::name),
                reason: result.reason.to_string(),
                statement_row_id: result.operator_row,
                transaction: result.transaction.as_ref().map(|(id, version)| (id.as_ref(), *version)),
            }
        });
        results::replace(&mut transaction, task_id, rows).await?;
        let figures = StoredFigures::from(&outcome.figures);
        tasks::finish(&mut transaction, task_id, lease.job().id, &figures, self.clock.now()).await?;
        lease.progress(total, total);
        lease.complete(&mut transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Counts the rows of a finished run by kind.
fn count(outcome: &Outcome) {
    static ROWS: LazyLock<Counter<u64>> = LazyLock::new(|| {
        global::meter("garant")
            .u64_counter("garant.reconciliation.rows")
            .with_description("Rows of finished tasks, by kind")
            .build()
    });
    for (kind, part) in &outcome.parts {
        let rows = part.operator.count.max(part.aggregator.count);
        ROWS.add(rows.unsigned_abs(), &[KeyValue::new("kind", kind.as_str())]);
    }
}

fn earlier(instant: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    instant.checked_sub_signed(by).unwrap_or(instant)
}

fn later(instant: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    instant.checked_add_signed(by).unwrap_or(instant)
}

impl From<&Figures> for StoredFigures {
    fn from(figures: &Figures) -> Self {
        let Figures { all, successful } = figures;
        Self {
            montant_operateur: all.montant_operateur,
            montant_cinetpay: all.montant_cinetpay,
            count_operator: all.count_operator,
            count_cinetpay: all.count_cinetpay,
            successful_montant_operateur: successful.montant_operateur,
            successful_montant_cinetpay: successful.montant_cinetpay,
            successful_count_operator: successful.count_operator,
            successful_count_cinetpay: successful.count_cinetpay,
        }
    }
}
