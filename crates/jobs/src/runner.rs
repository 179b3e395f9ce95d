use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use common::db::is_unavailable;
use common::request::{self, RequestContext};
use futures_util::FutureExt;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;
use uuid::Uuid;

use crate::handler::{Handler, HandlerError};
use crate::job::{Job, State};
use crate::lease::{Lease, LeaseError};
use crate::metrics::Metrics;
use crate::store;

const LOST: &str = "the worker was lost";
const STOPPED: &str = "the worker was stopped";
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);
const MEASURE_EVERY: Duration = Duration::from_secs(15);
const RELEASE_WITHIN: Duration = Duration::from_secs(3);

/// How a replica works on the queue.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name written on the jobs that it holds, for people to read; it decides nothing.
    pub worker: String,
    /// How many jobs it runs at once.
    pub concurrency: usize,
    /// How long a job stays with a worker that has gone silent. Renewed every third of it.
    pub lease: Duration,
    /// How often it looks for jobs of which no notification told it: lapsed leases, ended back-offs. Jittered.
    pub poll: Duration,
    /// The wait after a first failure; it doubles with each further one, up to a minute. Jittered.
    pub backoff: Duration,
}

impl Settings {
    /// Two jobs at once, a lease of 30 s, a poll each second, back-off from 1 s.
    pub fn new(worker: impl Into<String>) -> Self {
        Self {
            worker: worker.into(),
            concurrency: 2,
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(1),
            backoff: Duration::from_secs(1),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Working,
    Draining,
    Releasing,
}

/// A replica's worker. Dropping it ends its tasks where they stand, as a crash would: its jobs are taken over when
/// their leases lapse. [`Runner::shutdown`] is the graceful way.
#[must_use = "dropping a runner stops it"]
pub struct Runner {
    phase: watch::Sender<Phase>,
    main: JoinHandle<()>,
}

impl Runner {
    /// Starts to work on the handlers' kinds. Beside what the handlers use, it takes from `pool` one connection for
    /// good (to listen) and one now and then (to claim, renew and record).
    pub fn start(pool: PgPool, settings: Settings, handlers: Vec<Arc<dyn Handler>>) -> Self {
        let handlers: HashMap<_, _> = handlers.into_iter().map(|handler| (handler.kind(), handler)).collect();
        let (phase, phases) = watch::channel(Phase::Working);
        let replica = Arc::new(Replica {
            pool,
            settings,
            kinds: handlers.keys().map(|&kind| kind.to_owned()).collect(),
            handlers,
            metrics: Metrics::new(),
            wake: Notify::new(),
            take_over_from: watch::Sender::new(Instant::now()),
        });
        Self { phase, main: tokio::spawn(replica.work(phases)) }
    }

    /// Stops claiming, lets running jobs go on for up to `grace`, then puts the rest back into the queue, where
    /// another replica takes them at once and no failure is counted.
    pub async fn shutdown(mut self, grace: Duration) {
        self.phase.send_replace(Phase::Draining);
        if timeout(grace, &mut self.main).await.is_err() {
            self.phase.send_replace(Phase::Releasing);
            if timeout(RELEASE_WITHIN, &mut self.main).await.is_err() {
                tracing::warn!("jobs could not be put back in time; their leases will lapse");
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.main.abort();
    }
}

struct Replica {
    pool: PgPool,
    settings: Settings,
    handlers: HashMap<&'static str, Arc<dyn Handler>>,
    kinds: Vec<String>,
    metrics: Metrics,
    wake: Notify,
    /// From when on lapsed leases are taken over: one lease after the database was last found away.
    take_over_from: watch::Sender<Instant>,
}

/// How an attempt ended.
enum Outcome {
    Returned,
    Failed(HandlerError),
    Released,
}

impl Replica {
    async fn work(self: Arc<Self>, mut phase: watch::Receiver<Phase>) {
        let mut background = JoinSet::new();
        background.spawn(Arc::clone(&self).listen());
        background.spawn(Arc::clone(&self).measure());

        let mut running = JoinSet::new();
        while *phase.borrow_and_update() == Phase::Working {
            let free = self.settings.concurrency.saturating_sub(running.len());
            if free > 0 {
                for (job, claimed_at) in self.claim(free).await {
                    let span = span_of(&job);
                    let correlation_id = job.origin.correlation_id;
                    let attempt = Arc::clone(&self).attempt(job, claimed_at, phase.clone());
                    running.spawn(within(correlation_id, attempt).instrument(span));
                }
            }
            let full = running.len() >= self.settings.concurrency;
            tokio::select! {
                _ = phase.changed() => {}
                Some(ended) = running.join_next() => report(ended),
                () = self.wake.notified(), if !full => {}
                () = sleep(self.settings.poll.mul_f64(rand::random_range(0.75..1.25))), if !full => {}
            }
        }
        while let Some(ended) = running.join_next().await {
            report(ended);
        }
    }

    async fn claim(&self, free: usize) -> Vec<(Job, Instant)> {
        // The lease is counted from before the claim was sent, so that it never seems to last longer than it does.
        let sent = Instant::now();
        let Settings { worker, lease, .. } = &self.settings;
        let limit = i64::try_from(free).unwrap_or(i64::MAX);
        let take_over = sent >= *self.take_over_from.borrow();
        match store::claim(&self.pool, &self.kinds, limit, worker, *lease, take_over, LOST).await {
            Ok(jobs) => jobs.into_iter().map(|job| (job, sent)).collect(),
            Err(error) => {
                self.saw_outage(&error);
                tracing::warn!(error = %HandlerError::from(error), "no jobs could be claimed");
                Vec::new()
            }
        }
    }

    /// Whether the database was away. If so, this replica leaves lapsed leases alone for a while: their workers may
    /// live and be about to put the jobs back.
    fn saw_outage(&self, error: &sqlx::Error) -> bool {
        let outage = is_unavailable(error);
        if outage {
            self.take_over_from.send_replace(Instant::now() + self.settings.lease);
        }
        outage
    }

    async fn attempt(self: Arc<Self>, job: Job, claimed_at: Instant, mut phase: watch::Receiver<Phase>) {
        let Some(handler) = self.handlers.get(job.kind.as_str()) else { return };
        self.metrics.claimed(&job.kind);
        let lease = Lease::new(job);
        let keeper = lease.keeper(self.pool.clone(), self.settings.lease, claimed_at);
        // On a task of its own, a handler that computes without yielding cannot keep it from renewing.
        let mut keeping = JoinSet::new();
        keeping.spawn(keeper.keep().in_current_span());

        let outcome = if lease.job().failures >= lease.job().max_attempts {
            let reason = lease.job().last_error.clone().unwrap_or_else(|| LOST.to_owned());
            Outcome::Failed(HandlerError::Permanent(reason))
        } else {
            tokio::select! {
                returned = AssertUnwindSafe(handler.run(&lease)).catch_unwind() => match returned {
                    Ok(Ok(())) => Outcome::Returned,
                    Ok(Err(error)) => Outcome::Failed(error),
                    // The panic's message may quote data; the panic hook has told it to whoever may know.
                    Err(_) => Outcome::Failed(HandlerError::Failed("the handler panicked".to_owned())),
                },
                lost = keeping.join_next() => Outcome::Failed(match lost {
                    Some(Ok(error)) => error.into(),
                    Some(Err(_)) | None => LeaseError::Superseded.into(),
                }),
                _ = phase.wait_for(|phase| *phase == Phase::Releasing) => Outcome::Released,
            }
        };
        keeping.abort_all();

        // However long an outage lasts, even past the lease: if another attempt has taken over, nothing is written.
        while let Err(error) = self.record(handler.as_ref(), lease.job(), &outcome).await {
            if !self.saw_outage(&error) {
                let error = HandlerError::from(error);
                tracing::error!(%error, "the attempt's end could not be recorded; its lease will lapse");
                return;
            }
            sleep(Duration::from_millis(500).min(self.settings.lease / 10)).await;
        }
    }

    /// Writes down how the attempt ended. Nothing is written where the attempt no longer owns the job.
    async fn record(&self, handler: &dyn Handler, job: &Job, outcome: &Outcome) -> Result<(), sqlx::Error> {
        match outcome {
            Outcome::Returned => match store::state(&self.pool, job.fence()).await? {
                Some(State::Done) => {
                    self.metrics.completed(&job.kind);
                    tracing::info!("job done");
                    Ok(())
                }
                Some(State::Running) => {
                    self.retry(handler, job, "the handler did not complete the job").await
                }
                _ => {
                    superseded();
                    Ok(())
                }
            },
            Outcome::Failed(HandlerError::Failed(reason)) => self.retry(handler, job, reason).await,
            Outcome::Failed(HandlerError::Permanent(reason)) => {
                self.give_up(handler, job, job.failures.saturating_add(1).min(job.max_attempts), reason).await
            }
            Outcome::Failed(HandlerError::Unavailable(reason)) => {
                self.requeue(job, job.failures, self.backoff(job.attempt), reason).await
            }
            Outcome::Failed(HandlerError::Lease(_)) => {
                superseded();
                Ok(())
            }
            Outcome::Released => self.requeue(job, job.failures, Duration::ZERO, STOPPED).await,
        }
    }

    async fn retry(&self, handler: &dyn Handler, job: &Job, reason: &str) -> Result<(), sqlx::Error> {
        let failures = job.failures.saturating_add(1);
        if failures >= job.max_attempts {
            return self.give_up(handler, job, failures, reason).await;
        }
        self.requeue(job, failures, self.backoff(failures), reason).await
    }

    async fn requeue(
        &self,
        job: &Job,
        failures: i32,
        delay: Duration,
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        if store::requeue(&self.pool, job.fence(), failures, delay, reason).await? {
            self.metrics.retried(&job.kind);
            tracing::warn!(reason, failures, delay_ms = delay.as_millis(), "job put back");
        } else {
            superseded();
        }
        Ok(())
    }

    async fn give_up(
        &self,
        handler: &dyn Handler,
        job: &Job,
        failures: i32,
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        match self.fail(handler, job, failures, reason).await {
            Err(error) if !is_unavailable(&error) => {
                let error = HandlerError::from(error);
                tracing::error!(%error, "the job could not be given up; it will be tried again");
                self.requeue(job, failures, self.backoff(job.attempt), reason).await
            }
            ended => ended,
        }
    }

    async fn fail(
        &self,
        handler: &dyn Handler,
        job: &Job,
        failures: i32,
        reason: &str,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        if !store::fail(&mut transaction, job.fence(), failures, reason).await? {
            superseded();
            return Ok(());
        }
        handler.exhausted(&mut transaction, job, reason).await?;
        transaction.commit().await?;
        self.metrics.failed(&job.kind);
        tracing::error!(reason, failures, "job given up");
        Ok(())
    }

    /// The wait after the `n`th of a row of failures: doubled each time, then shortened by up to half at random.
    fn backoff(&self, n: i32) -> Duration {
        let doublings = u32::try_from(n).unwrap_or(0).saturating_sub(1).min(16);
        let longest = self.settings.backoff.saturating_mul(1 << doublings).min(LONGEST_BACKOFF);
        longest.mul_f64(rand::random_range(0.5..1.0))
    }

    /// Wakes the replica at each notification. Those that an outage swallows are made good by polling.
    async fn listen(self: Arc<Self>) {
        loop {
            match self.hear().await {
                Err(sqlx::Error::PoolClosed) => return,
                Err(error) => tracing::debug!(error = %HandlerError::from(error), "not listening for jobs"),
                Ok(never) => match never {},
            }
            sleep(self.settings.poll).await;
        }
    }

    async fn hear(&self) -> Result<std::convert::Infallible, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(store::CHANNEL).await?;
        loop {
            listener.recv().await?;
            self.wake.notify_one();
        }
    }

    async fn measure(self: Arc<Self>) {
        loop {
            match store::backlog(&self.pool, &self.kinds).await {
                Ok(kinds) => kinds.iter().for_each(|backlog| self.metrics.backlog(backlog)),
                Err(error) => {
                    tracing::debug!(error = %HandlerError::from(error), "the queue was not measured")
                }
            }
            if let Err(error) = store::purge(&self.pool).await {
                tracing::warn!(error = %HandlerError::from(error), "ended jobs were not purged");
            }
            sleep(MEASURE_EVERY).await;
        }
    }
}

fn superseded() {
    tracing::warn!("the attempt no longer owns the job; it leaves no trace");
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err() {
        tracing::error!("an attempt's task broke; its lease will lapse");
    }
}

fn span_of(job: &Job) -> tracing::Span {
    let span = tracing::info_span!(
        "job",
        kind = job.kind,
        id = %job.id,
        attempt = job.attempt,
        correlation_id = job.origin.correlation_id.map(tracing::field::display),
    );
    if let Some(traceparent) = &job.origin.traceparent {
        request::continue_trace(&span, traceparent);
    }
    span
}

/// Does `work` as part of the request that it comes from.
async fn within(correlation_id: Option<Uuid>, work: impl Future<Output = ()>) {
    match correlation_id {
        Some(correlation_id) => {
            request::within(RequestContext { correlation_id, deadline: None }, work).await;
        }
        None => work.await,
    }
}
