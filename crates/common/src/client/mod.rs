//! Outgoing HTTP. Every call has a total budget that retries share, is bounded in number (bulkhead), stops while the
//! peer is down (breaker), and carries the correlation ID, the trace context and what is left of the deadline.
//!
//! The breaker, the bulkhead and the retry budget are one peer's: make one [`Client`] per peer and clone it.

mod breaker;
pub mod public;
mod tls;
mod token;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use opentelemetry::metrics::Counter;
use opentelemetry::propagation::Injector;
use opentelemetry::{KeyValue, global};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Request, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

pub use self::breaker::{Admission, Breaker};
pub use self::tls::{TlsConfig, TlsError};
pub use self::token::ServiceToken;
use crate::request;

/// `<peer>.*`: how one peer is called. Times in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// To open a connection.
    pub connect_timeout_ms: u64,
    /// For one attempt, the whole body included.
    pub attempt_timeout_ms: u64,
    /// For all attempts and the waits between them.
    pub total_timeout_ms: u64,
    /// Attempts at most, the first one included.
    pub max_attempts: u32,
    /// Calls under way at once; one more is refused at once.
    pub max_concurrent: usize,
    /// Largest answer in bytes.
    pub max_body: usize,
    /// Calls within the breaker's window below which it stays closed; at this number half of them failing opens it.
    pub breaker_min_calls: u32,
    /// The window in which calls are counted.
    pub breaker_window_ms: u64,
    /// How long the breaker stays open before one call probes the peer.
    pub breaker_open_ms: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 300,
            attempt_timeout_ms: 1_000,
            total_timeout_ms: 2_500,
            max_attempts: 3,
            max_concurrent: 64,
            max_body: 1024 * 1024,
            breaker_min_calls: 20,
            breaker_window_ms: 10_000,
            breaker_open_ms: 5_000,
        }
    }
}

/// Whether a request may be sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The peer does the same once or twice (GET, PUT, or a key that the peer checks).
    Safe,
    /// Sent again only where the first attempt did not reach the peer.
    Unsafe,
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The bulkhead is full.
    #[error("too many calls to the peer at once")]
    Full,
    /// The breaker is open.
    #[error("the peer is considered down")]
    Open,
    /// The budget ran out.
    #[error("the peer did not answer in time")]
    Timeout,
    /// No connection: the request did not reach the peer.
    #[error("the peer cannot be reached")]
    Unreachable,
    /// The connection broke; the peer may have acted on the request.
    #[error("the connection to the peer broke")]
    Broken,
    /// The answer is larger than allowed.
    #[error("the peer's answer is too large")]
    TooLarge,
    /// The answer is not what the peer's contract says.
    #[error("the peer's answer cannot be read")]
    Unreadable,
}

/// A complete answer, of any status.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: bytes::Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|_| CallError::Unreadable)
    }
}

static CALLS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.client.calls")
        .with_description("Outgoing calls, by peer and outcome")
        .build()
});

static RETRIES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.client.retries")
        .with_description("Attempts after the first, made or refused by the retry budget, by peer")
        .build()
});

/// Calls one peer.
#[derive(Clone)]
pub struct Client {
    peer: &'static str,
    http: reqwest::Client,
    config: ClientConfig,
    bulkhead: Arc<Semaphore>,
    breaker: Arc<Breaker>,
    retries: Arc<RetryBudget>,
}

impl Client {
    /// A client for the peer that metrics and spans call `peer`.
    pub fn new(peer: &'static str, config: &ClientConfig) -> Result<Self, TlsError> {
        Self::with_tls(peer, config, &TlsConfig::default())
    }

    /// A client that shows its own certificate, or trusts the peer's own authority only.
    #[allow(clippy::disallowed_methods, reason = "the one place where an HTTP client is built")]
    pub fn with_tls(peer: &'static str, config: &ClientConfig, tls: &TlsConfig) -> Result<Self, TlsError> {
        let builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let client = Self {
            peer,
            http: tls.apply(builder)?.build()?,
            config: config.clone(),
            bulkhead: Arc::new(Semaphore::new(config.max_concurrent)),
            breaker: Arc::new(Breaker::new(
                config.breaker_min_calls,
                Duration::from_millis(config.breaker_window_ms),
                Duration::from_millis(config.breaker_open_ms),
            )),
            retries: Arc::default(),
        };
        client.observe();
        Ok(client)
    }

    /// Shows breaker and bulkhead as gauges.
    fn observe(&self) {
        let meter = global::meter("garant");
        let peer = [KeyValue::new("peer", self.peer)];
        let (breaker, label) = (self.breaker.clone(), peer.clone());
        meter
            .u64_observable_gauge("garant.client.breaker.open")
            .with_description("1 while the breaker keeps calls from the peer")
            .with_callback(move |gauge| gauge.observe(u64::from(breaker.is_open()), &label))
            .build();
        let (bulkhead, places) = (self.bulkhead.clone(), self.config.max_concurrent);
        meter
            .u64_observable_gauge("garant.client.in_flight")
            .with_description("Calls under way, of the bulkhead's places")
            .with_callback(move |gauge| {
                gauge.observe(places.saturating_sub(bulkhead.available_permits()) as u64, &peer);
            })
            .build();
    }

    /// GETs a URL.
    pub async fn get(&self, url: Url) -> Result<Answer, CallError> {
        self.send(Request::new(Method::GET, url), Repeat::Safe).await
    }

    /// Sends a request whose body is in memory; any status is an answer. Retries end where the budget of the call or
    /// of the peer ends.
    pub async fn send(&self, request: Request, repeat: Repeat) -> Result<Answer, CallError> {
        self.call(request, repeat, Ok).await
    }

    /// As [`send`](Self::send), with `read` making sense of the answer: where it says [`CallError::Unreadable`], the
    /// breaker counts a failure of the peer.
    pub async fn call<T>(
        &self,
        request: Request,
        repeat: Repeat,
        read: impl Fn(Answer) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let span = tracing::info_span!(
            "call",
            otel.kind = "client",
            otel.name = format!("{} {}", request.method(), self.peer),
            peer = self.peer,
            http.response.status_code = field::Empty,
            attempts = field::Empty,
        );
        let (outcome, status) = self.attempts(request, repeat, read).instrument(span.clone()).await;
        if let Some(status) = status {
            span.record("http.response.status_code", status.as_u16());
        }
        let label = match &outcome {
            Ok(_) if status.is_some_and(|status| status.is_server_error()) => "server_error",
            Ok(_) => "answered",
            Err(CallError::Full) => "full",
            Err(CallError::Open) => "open",
            Err(CallError::Timeout) => "timeout",
            Err(CallError::Unreachable | CallError::Broken) => "unreachable",
            Err(CallError::TooLarge | CallError::Unreadable) => "unreadable",
        };
        CALLS.add(1, &[KeyValue::new("peer", self.peer), KeyValue::new("outcome", label)]);
        outcome
    }

    /// The outcome, and the status of the last answer.
    async fn attempts<T>(
        &self,
        request: Request,
        repeat: Repeat,
        read: impl Fn(Answer) -> Result<T, CallError>,
    ) -> (Result<T, CallError>, Option<StatusCode>) {
        let Ok(_place) = self.bulkhead.try_acquire() else { return (Err(CallError::Full), None) };
        let total = Duration::from_millis(self.config.total_timeout_ms);
        let mut deadline = Instant::now() + total;
        if let Some(callers) = request::current().and_then(|context| context.deadline) {
            deadline = deadline.min(callers);
        }
        self.retries.deposit();
        let mut attempt = 1;
        loop {
            let admission = match self.breaker.admit(Instant::now()) {
                Ok(admission) => admission,
                Err(open) => return (Err(open), None),
            };
            // `Request` with a streamed body can't be cloned, and none of ours has one.
            let Some(copy) = request.try_clone() else { return (Err(CallError::Unreachable), None) };
            let left = deadline.saturating_duration_since(Instant::now());
            let own = Duration::from_millis(self.config.attempt_timeout_ms);
            let answer = self.attempt(copy, left.min(own)).await;
            let (again, wait) = self.again(&answer, repeat, attempt, deadline);
            let status = answer.as_ref().ok().map(|answer| answer.status);
            let outcome = answer.and_then(&read);
            let failed = match &outcome {
                Ok(_) => status.is_some_and(|status| status.is_server_error()),
                Err(_) => true,
            };
            // A caller with little time left says nothing about the peer.
            if !matches!(outcome, Err(CallError::Timeout)) || left >= own {
                self.breaker.record(admission, failed, Instant::now());
            }
            Span::current().record("attempts", attempt);
            if !again || !self.may_retry() {
                return (outcome, status);
            }
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    /// Whether, but for the retry budget, another attempt may help, and after which wait.
    fn again(
        &self,
        answer: &Result<Answer, CallError>,
        repeat: Repeat,
        attempt: u32,
        deadline: Instant,
    ) -> (bool, Duration) {
        let mut wait = backoff(attempt);
        let again = match answer {
            Ok(answer) if repeat == Repeat::Safe => {
                let fits = |wait: &Duration| Instant::now() + *wait < deadline;
                match (answer.status.as_u16(), retry_after(answer)) {
                    // A peer that asks for more time than there is gets no second call for having said 429.
                    (429, Some(asked)) if !fits(&asked) => false,
                    (429 | 502 | 503 | 504, asked) => {
                        wait = asked.filter(fits).map_or(wait, |asked| wait.max(asked));
                        true
                    }
                    _ => false,
                }
            }
            Ok(_) => false,
            Err(CallError::Unreachable) => true,
            Err(CallError::Timeout | CallError::Broken) => repeat == Repeat::Safe,
            Err(_) => false,
        };
        (again && attempt < self.config.max_attempts && Instant::now() + wait < deadline, wait)
    }

    fn may_retry(&self) -> bool {
        let granted = self.retries.withdraw();
        let outcome = if granted { "made" } else { "refused" };
        RETRIES.add(1, &[KeyValue::new("peer", self.peer), KeyValue::new("outcome", outcome)]);
        granted
    }

    async fn attempt(&self, mut request: Request, limit: Duration) -> Result<Answer, CallError> {
        propagate(request.headers_mut(), limit);
        let exchange = async {
            let response = self.http.execute(request).await.map_err(|error| {
                if error.is_connect() {
                    CallError::Unreachable
                } else if error.is_timeout() {
                    CallError::Timeout
                } else {
                    CallError::Broken
                }
            })?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut body = bytes::BytesMut::new();
            let mut chunks = response.bytes_stream();
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.map_err(|_| CallError::Broken)?;
                if body.len() + chunk.len() > self.config.max_body {
                    return Err(CallError::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer { status, headers, body: body.freeze() })
        };
        tokio::time::timeout(limit, exchange).await.map_err(|_| CallError::Timeout)?
    }
}

/// `Retry-After` in seconds; its other form, a date, is not read.
fn retry_after(answer: &Answer) -> Option<Duration> {
    answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn propagate(headers: &mut HeaderMap, left: Duration) {
    if let Some(context) = request::current()
        && let Ok(value) = HeaderValue::from_str(&context.correlation_id.to_string())
    {
        headers.insert(request::CORRELATION_ID, value);
    }
    headers.insert(request::EXPECTED_TIMEOUT, HeaderValue::from(left.as_millis() as u64));
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut Outgoing(headers));
    });
}

struct Outgoing<'a>(&'a mut HeaderMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}

/// 50 ms doubled at each attempt, of which a random half, so that callers don't come back together.
fn backoff(attempt: u32) -> Duration {
    let full = 50_u64.saturating_mul(1 << attempt.min(6));
    Duration::from_millis(full / 2 + rand::random_range(0..=full / 2))
}

/// Retries are at most a tenth of the calls, with ten in hand: a peer in trouble is not hit three times as hard.
#[derive(Debug)]
struct RetryBudget {
    tenths: AtomicU64,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { tenths: AtomicU64::new(Self::MOST) }
    }
}

impl RetryBudget {
    const MOST: u64 = 100;

    fn deposit(&self) {
        let _ = self
            .tenths
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tenths| Some((tenths + 1).min(Self::MOST)));
    }

    fn withdraw(&self) -> bool {
        self.tenths
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tenths| tenths.checked_sub(10))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn client(change: impl FnOnce(&mut ClientConfig)) -> Client {
        let mut config =
            ClientConfig { attempt_timeout_ms: 200, total_timeout_ms: 600, ..Default::default() };
        change(&mut config);
        Client::new("peer", &config).unwrap()
    }

    async fn peer(answer: ResponseTemplate) -> (MockServer, Url) {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let url = server.uri().parse().unwrap();
        (server, url)
    }

    async fn requests(server: &MockServer) -> usize {
        server.received_requests().await.unwrap().len()
    }

    #[tokio::test]
    async fn a_safe_call_is_retried_and_an_unsafe_one_is_not() {
        let (server, url) = peer(ResponseTemplate::new(503)).await;
        let client = client(|_| ());
        assert_eq!(client.get(url.clone()).await.unwrap().status, 503);
        assert_eq!(requests(&server).await, 3);
        client.send(Request::new(Method::POST, url), Repeat::Unsafe).await.unwrap();
        assert_eq!(requests(&server).await, 4);
    }

    /// A peer that reads a request and closes the connection without an answer.
    async fn hanging_up() -> (Url, Arc<AtomicU32>) {
        use tokio::io::AsyncReadExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let requests = Arc::new(AtomicU32::new(0));
        let counted = requests.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                if stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        (url, requests)
    }

    #[tokio::test]
    async fn an_unsafe_call_that_may_have_reached_the_peer_is_not_sent_again() {
        let (url, requests) = hanging_up().await;
        let client = client(|_| ());
        let post = Request::new(Method::POST, url.clone());
        assert_eq!(client.send(post, Repeat::Unsafe).await.unwrap_err(), CallError::Broken);
        assert_eq!(requests.load(Ordering::Relaxed), 1);
        assert_eq!(client.get(url).await.unwrap_err(), CallError::Broken);
        assert_eq!(requests.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn a_caller_with_little_time_left_does_not_open_the_breaker() {
        let (_server, url) = peer(ResponseTemplate::new(200).set_delay(Duration::from_millis(50))).await;
        let client = client(|config| config.breaker_min_calls = 1);
        let deadline = Some(Instant::now() + Duration::from_millis(1));
        let context = request::RequestContext { correlation_id: uuid::Uuid::nil(), deadline };
        let hurried = request::within(context, client.get(url.clone())).await;
        assert_eq!(hurried.unwrap_err(), CallError::Timeout);
        assert_eq!(client.get(url).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn a_slow_peer_costs_the_budget_and_no_more() {
        let (_server, url) = peer(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).await;
        let started = Instant::now();
        assert_eq!(client(|_| ()).get(url).await.unwrap_err(), CallError::Timeout);
        assert!(started.elapsed() < Duration::from_millis(1_200), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn the_callers_deadline_cuts_the_budget() {
        let (server, url) = peer(ResponseTemplate::new(200).set_delay(Duration::from_secs(5))).await;
        let context = request::RequestContext {
            correlation_id: uuid::Uuid::from_u128(7),
            deadline: Some(Instant::now() + Duration::from_millis(50)),
        };
        let outcome = request::within(context, client(|_| ()).get(url)).await;
        assert_eq!(outcome.unwrap_err(), CallError::Timeout);
        let sent = server.received_requests().await.unwrap();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].headers[request::CORRELATION_ID], uuid::Uuid::from_u128(7).to_string());
        let left: u64 = sent[0].headers[request::EXPECTED_TIMEOUT].to_str().unwrap().parse().unwrap();
        assert!(left <= 50, "{left}");
    }

    #[tokio::test]
    async fn the_breaker_opens_when_half_of_the_calls_fail_and_heals_by_itself() {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(500)).up_to_n_times(2).mount(&server).await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        let url: Url = server.uri().parse().unwrap();
        let client = client(|config| {
            config.breaker_min_calls = 2;
            config.breaker_open_ms = 150;
        });
        for _ in 0..2 {
            assert_eq!(client.get(url.clone()).await.unwrap().status, 500);
        }
        assert_eq!(client.get(url.clone()).await.unwrap_err(), CallError::Open);
        assert_eq!(requests(&server).await, 2, "an open breaker must not reach the peer");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(client.get(url.clone()).await.unwrap().status, 200);
        assert_eq!(client.get(url).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn the_bulkhead_refuses_at_once() {
        let (_server, url) = peer(ResponseTemplate::new(200).set_delay(Duration::from_millis(150))).await;
        let client = client(|config| config.max_concurrent = 1);
        let (first, second) = tokio::join!(client.get(url.clone()), client.get(url));
        assert_eq!(first.unwrap().status, 200);
        assert_eq!(second.unwrap_err(), CallError::Full);
    }

    #[tokio::test]
    async fn a_retry_after_that_does_not_fit_ends_a_429_and_one_that_fits_is_waited_for() {
        for (seconds, total, expected) in [(30, 600, 1), (1, 2_000, 2)] {
            let answer = ResponseTemplate::new(429).insert_header("retry-after", seconds);
            let (server, url) = peer(answer).await;
            let client = client(|config| {
                config.total_timeout_ms = total;
                config.max_attempts = 2;
            });
            let started = Instant::now();
            assert_eq!(client.get(url).await.unwrap().status, 429);
            assert_eq!(requests(&server).await, expected);
            assert!(expected == 1 || started.elapsed() >= Duration::from_secs(seconds));
        }
    }

    #[tokio::test]
    async fn an_unreadable_answer_counts_against_the_peer() {
        let (server, url) = peer(ResponseTemplate::new(200)).await;
        let client = client(|config| config.breaker_min_calls = 2);
        let read = |_| Err::<(), _>(CallError::Unreadable);
        for expected in [CallError::Unreadable, CallError::Unreadable, CallError::Open] {
            let request = Request::new(Method::GET, url.clone());
            assert_eq!(client.call(request, Repeat::Safe, read).await.unwrap_err(), expected);
        }
        assert_eq!(requests(&server).await, 2, "an unreadable answer is not asked for again");
    }

    #[test]
    fn the_retry_budget_runs_out_and_refills_with_calls() {
        let budget = RetryBudget::default();
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 10);
        (0..10).for_each(|_| budget.deposit());
        assert!(budget.withdraw());
        assert!(!budget.withdraw());
    }
}
