use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use opentelemetry::global;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::{Demand, Outcome, Refusal, Remaining, Rules};

/// How long Redis is left alone after it failed; then one request tries it again.
const PAUSE_MS: u64 = 500;

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));

/// Buckets that all replicas share, in Redis, by one atomic script that reads Redis's own clock.
pub struct Shared {
    client: Client,
    timeout: Duration,
    health: Arc<Health>,
    /// Opened by the thread that uses it: a connection lives in the runtime that opened it.
    connection: Mutex<Option<MultiplexedConnection>>,
}

/// `redis.url` can't be read.
#[derive(Debug, thiserror::Error)]
#[error("not a redis:// or rediss:// URL")]
pub struct SharedError;

/// Whether Redis answers, as all threads see it.
struct Health {
    started: Instant,
    /// Milliseconds since `started` at which Redis may be tried again; 0 while it answers.
    down_until: AtomicU64,
}

impl Health {
    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64 + 1
    }

    /// Whether to ask Redis: always while it answers; else, when the pause is over, for one request.
    fn admits(&self) -> bool {
        let (now, down_until) = (self.now(), self.down_until.load(Ordering::Relaxed));
        if down_until == 0 {
            return true;
        }
        now >= down_until
            && self
                .down_until
                .compare_exchange(down_until, now + PAUSE_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn up(&self) {
        if self.down_until.swap(0, Ordering::Relaxed) != 0 {
            tracing::info!("Redis answers again: the limits are shared");
        }
    }

    fn down(&self, error: &str) {
        if self.down_until.swap(self.now() + PAUSE_MS, Ordering::Relaxed) == 0 {
            tracing::warn!(error, "Redis does not answer: each replica keeps its share of the limits");
        }
    }
}

impl Shared {
    /// Buckets at `url`, where a call may take `timeout`; nothing is connected yet.
    pub fn new(url: &SecretString, timeout: Duration) -> Result<Self, SharedError> {
        let client = Client::open(url.expose_secret()).map_err(|_| SharedError)?;
        let health = Arc::new(Health { started: Instant::now(), down_until: AtomicU64::new(0) });
        let seen = health.clone();
        global::meter("garant")
            .u64_observable_gauge("garant.proxies.redis.up")
            .with_description("1 while the limits are shared in Redis, 0 while each replica keeps its own")
            .with_callback(move |gauge| {
                gauge.observe(u64::from(seen.down_until.load(Ordering::Relaxed) == 0), &[]);
            })
            .build();
        Ok(Self { client, timeout, health, connection: Mutex::default() })
    }

    pub(super) fn for_thread(&self) -> Self {
        Self {
            client: self.client.clone(),
            timeout: self.timeout,
            health: self.health.clone(),
            connection: Mutex::default(),
        }
    }

    /// `None` while Redis is away.
    pub(super) async fn take(&self, rules: &Rules, demand: &Demand<'_>) -> Option<Outcome> {
        if !self.health.admits() {
            return None;
        }
        match tokio::time::timeout(self.timeout, self.ask_again(rules, demand)).await {
            Ok(Ok(outcome)) => {
                self.health.up();
                return Some(outcome);
            }
            // The server's own words may quote arguments; the kind says enough.
            Ok(Err(error)) => self.health.down(error.category()),
            Err(_) => self.health.down("timeout"),
        }
        *self.connection.lock().await = None;
        None
    }

    /// A connection that Redis has closed while nobody used it is no sign of ill health: it is opened anew. Were the
    /// hashes counted before it broke, the customer is not charged for them again.
    async fn ask_again(&self, rules: &Rules, demand: &Demand<'_>) -> Result<Outcome, RedisError> {
        let was_open = self.connection.lock().await.is_some();
        match self.ask(rules, demand).await {
            Err(error) if was_open && error.is_unrecoverable_error() => {
                *self.connection.lock().await = None;
                self.ask(rules, demand).await
            }
            outcome => outcome,
        }
    }

    async fn ask(&self, rules: &Rules, demand: &Demand<'_>) -> Result<Outcome, RedisError> {
        let mut connection = self.connection().await?;
        let customer = format!("msepi05:{{{:032x}}}:", demand.customer.bucket);
        let mut script = TAKE.prepare_invoke();
        script
            .key(format!("msepi05:client:{}", demand.client.key))
            .key(format!("{customer}bucket"))
            .key(format!("{customer}known"))
            .key(format!("{customer}current"))
            .key(format!("{customer}trial"))
            .arg(demand.client.per_minute)
            .arg(rules.customer.limit)
            .arg(rules.customer.per_hour)
            .arg(rules.period.as_secs().max(1));
        for element in demand.elements() {
            script.arg(&element.to_be_bytes());
        }
        let (verdict, customer, client, wait_ms): (u8, u32, u32, u64) =
            script.invoke_async(&mut connection).await?;
        let refused = |bucket| Refusal { bucket, retry_after: Duration::from_millis(wait_ms) };
        let verdict = match verdict {
            0 => Ok(()),
            1 => Err(refused(Refusal::CUSTOMER)),
            _ => Err(refused(Refusal::CLIENT)),
        };
        Ok((Remaining { customer, client }, verdict))
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = &*connection {
            return Ok(open.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(None);
        let open = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(connection.insert(open).clone())
    }
}
