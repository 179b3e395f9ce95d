use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use common::client::public::{BUDGET, PublicClient, PublicUrl};
use common::clock::SharedClock;
use common::db::{is_unavailable, loggable};
use common::seal::SealingKey;
use common::server::Profile;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use crate::error::SetupError;
use crate::metrics::Metrics;
use crate::store::{Claimed, Fence, Record};
use crate::subscription::State;
use crate::{WebhooksConfig, signature, store};

/// How long a delivery stays with a replica that has gone silent.
const LEASE: Duration = Duration::from_secs(60);
const KEEP_HOUSE_EVERY: Duration = Duration::from_secs(15);

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// A replica's sender. Dropping it ends its tasks where they stand, as a crash would: its deliveries are sent by others
/// when their leases lapse. [`Dispatcher::shutdown`] is the graceful way.
#[must_use = "dropping a dispatcher stops it"]
pub struct Dispatcher {
    stopping: watch::Sender<bool>,
    main: JoinHandle<()>,
}

impl Dispatcher {
    /// Starts to send. It takes from `pool` one connection for good (to listen) and up to two now and then (to claim and
    /// record).
    pub fn start(
        pool: PgPool,
        config: &WebhooksConfig,
        profile: Profile,
        clock: SharedClock,
    ) -> Result<Self, SetupError> {
        let replica = Arc::new(Replica {
            pool,
            secrets: config.sealing_key()?,
            client: PublicClient::new(profile)?,
            profile,
            config: config.clone(),
            clock,
            metrics: Metrics::new(),
            wake: Notify::new(),
        });
        let (stopping, stopped) = watch::channel(false);
        Ok(Self { stopping, main: tokio::spawn(replica.work(stopped)) })
    }

    /// Stops claiming and waits up to `grace` for what is being sent, which takes some ten seconds at most. What is left
    /// then is sent again by another replica when its lease lapses.
    pub async fn shutdown(mut self, grace: Duration) {
        self.stopping.send_replace(true);
        if timeout(grace, &mut self.main).await.is_err() {
            tracing::warn!("webhooks under way were cut; they will be sent again");
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.main.abort();
    }
}

struct Replica {
    pool: PgPool,
    secrets: SealingKey,
    client: PublicClient,
    profile: Profile,
    config: WebhooksConfig,
    clock: SharedClock,
    metrics: Metrics,
    wake: Notify,
}

/// How an attempt ended.
enum Outcome {
    Delivered(StatusCode),
    /// 410: the receiver wants nothing any more.
    Gone,
    Failed {
        status: Option<StatusCode>,
        reason: String,
    },
}

impl Outcome {
    fn unsent(reason: impl Into<String>) -> Self {
        Self::Failed { status: None, reason: reason.into() }
    }
}

impl Replica {
    async fn work(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut background = JoinSet::new();
        background.spawn(Arc::clone(&self).listen());
        background.spawn(Arc::clone(&self).keep_house());

        let poll = Duration::from_millis(self.config.poll_ms);
        let mut sending = JoinSet::new();
        while !*stopping.borrow_and_update() {
            let free = self.config.concurrency.saturating_sub(sending.len());
            if free > 0 {
                for (delivery, claimed_at) in self.claim(free).await {
                    let span = span_of(&delivery);
                    sending.spawn(Arc::clone(&self).attempt(delivery, claimed_at).instrument(span));
                }
            }
            let full = sending.len() >= self.config.concurrency;
            tokio::select! {
                _ = stopping.changed() => {}
                Some(ended) = sending.join_next() => report(ended),
                () = self.wake.notified(), if !full => {}
                () = sleep(poll.mul_f64(rand::random_range(0.75..1.25))), if !full => {}
            }
        }
        while let Some(ended) = sending.join_next().await {
            report(ended);
        }
    }

    async fn claim(&self, free: usize) -> Vec<(Claimed, Instant)> {
        // The lease is counted from before the claim was sent, so that it never seems to last longer than it does.
        let sent = Instant::now();
        let limit = i64::try_from(free).unwrap_or(i64::MAX);
        let per_subscription = i64::from(self.config.concurrency_per_subscription);
        match store::claim(&self.pool, self.clock.now(), limit, per_subscription, LEASE).await {
            Ok(claimed) => claimed.into_iter().map(|delivery| (delivery, sent)).collect(),
            Err(error) => {
                tracing::warn!(error = loggable(&error), "no webhooks could be claimed");
                Vec::new()
            }
        }
    }

    async fn attempt(self: Arc<Self>, delivery: Claimed, claimed_at: Instant) {
        // A replica that was suspended meanwhile must not send what another one may have taken over.
        if claimed_at.elapsed() + BUDGET > LEASE {
            tracing::warn!("claimed too long ago to be sent; its lease will lapse");
            return;
        }
        let outcome = self.send(&delivery).await;
        // Where it can't be recorded before the lease lapses it is sent again.
        while let Err(error) = self.record(&delivery, &outcome).await {
            if !is_unavailable(&error) || claimed_at.elapsed() > LEASE {
                tracing::error!(error = loggable(&error), "a webhook's outcome could not be recorded");
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    async fn send(&self, delivery: &Claimed) -> Outcome {
        let Fence { message, subscription, .. } = delivery.fence;
        let secret = match self.secrets.open(&subscription.to_string(), &delivery.sealed_secret) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%error, "a webhook's secret can't be opened: is webhooks.key_secret the same?");
                return Outcome::unsent("the secret cannot be read");
            }
        };
        let url = match PublicUrl::parse(&delivery.url, self.profile) {
            Ok(url) => url,
            Err(error) => return Outcome::unsent(format!("the URL {error}")),
        };
        let headers = headers(&secret, &message.to_string(), self.clock.now().timestamp(), &delivery.body);
        match self.client.post(&url, headers, Bytes::from(delivery.body.clone())).await {
            Ok(status) if status.is_success() => Outcome::Delivered(status),
            Ok(StatusCode::GONE) => Outcome::Gone,
            Ok(status) => {
                Outcome::Failed { status: Some(status), reason: format!("answered {}", status.as_u16()) }
            }
            Err(error) => Outcome::unsent(error.to_string()),
        }
    }

    /// Writes down how the attempt ended. Nothing is written where it no longer owns the delivery.
    async fn record(&self, delivery: &Claimed, outcome: &Outcome) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let code = |status: StatusCode| i16::try_from(status.as_u16()).ok();
        let mut record = Record {
            state: State::Delivered,
            failures: delivery.failures,
            due_at: now,
            status: None,
            error: None,
            at: now,
        };
        let label = match outcome {
            Outcome::Delivered(status) => {
                record.status = code(*status);
                "delivered"
            }
            Outcome::Gone => {
                record.state = State::Failed;
                record.status = code(StatusCode::GONE);
                record.error = Some("answered 410");
                "gone"
            }
            Outcome::Failed { status, reason } => {
                record.failures = delivery.failures.saturating_add(1);
                record.status = status.and_then(code);
                record.error = Some(reason);
                match self.config.wait(record.failures) {
                    Some(wait) => {
                        record.state = State::Pending;
                        record.due_at = now + wait;
                        "retried"
                    }
                    None => {
                        record.state = State::Failed;
                        "failed"
                    }
                }
            }
        };
        let mut transaction = self.pool.begin().await?;
        let owned = store::record(&mut transaction, delivery.fence, &record).await?;
        if owned && matches!(outcome, Outcome::Gone) {
            store::disable(&mut transaction, delivery.fence.subscription, now).await?;
        }
        transaction.commit().await?;
        if owned {
            self.metrics.attempted(&delivery.event, label);
            tracing::info!(
                outcome = label,
                failures = record.failures,
                reason = record.error,
                "attempt ended"
            );
        } else {
            tracing::warn!("the attempt no longer owns the delivery; it leaves no trace");
        }
        Ok(())
    }

    /// Wakes the replica at each notification. Those that an outage swallows are made good by polling.
    async fn listen(self: Arc<Self>) {
        loop {
            match self.hear().await {
                Err(sqlx::Error::PoolClosed) => return,
                Err(error) => tracing::debug!(error = loggable(&error), "not listening for webhooks"),
                Ok(never) => match never {},
            }
            sleep(Duration::from_millis(self.config.poll_ms)).await;
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

    async fn keep_house(self: Arc<Self>) {
        loop {
            if let Err(error) = self.tidy().await {
                tracing::warn!(error = loggable(&error), "webhooks were not tidied up");
            }
            sleep(KEEP_HOUSE_EVERY).await;
        }
    }

    async fn tidy(&self) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        self.metrics.backlog(&store::backlog(&self.pool, now).await?);
        store::give_up_disabled(&self.pool).await?;
        store::purge(&self.pool, now - TimeDelta::days(self.config.retention_days.into())).await
    }
}

fn headers(secret: &[u8], id: &str, timestamp: i64, body: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
    for (name, value) in [(ID, id), (SIGNATURE, &signature::sign(secret, id, timestamp, body))] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers
}

fn span_of(delivery: &Claimed) -> tracing::Span {
    let Fence { message, subscription, attempt } = delivery.fence;
    tracing::info_span!("webhook", event = delivery.event, %message, %subscription, attempt)
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if ended.is_err() {
        tracing::error!("a webhook's task broke; its lease will lapse");
    }
}
