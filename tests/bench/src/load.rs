//! Requests at a fixed rate, whether or not the answers keep up; or as fast as they are answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use reqwest::{RequestBuilder, StatusCode};
use tokio::task::JoinSet;

/// What a load has shown.
pub(crate) struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { sorted: latencies }
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The latency that a share of the requests did not exceed.
    pub(crate) fn at(&self, share: f64) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }
}

/// Sends `request(n)` for each `n` at its own time and waits for all answers. A latency counts from the time at which
/// the request was due, so that a stall shows in every request that it held up.
///
/// # Errors
/// An answer is missing, or is not 200.
pub(crate) async fn at_rate(
    per_second: u64,
    lasting: Duration,
    request: impl Fn(u64) -> RequestBuilder + Send + Sync + 'static,
) -> Result<Latencies> {
    let request = Arc::new(request);
    let (start, count) = (Instant::now(), per_second * lasting.as_secs());
    let mut under_way = JoinSet::new();
    for n in 0..count {
        let due = start + Duration::from_secs(n) / u32::try_from(per_second)?;
        tokio::time::sleep_until(due.into()).await;
        let request = request.clone();
        under_way.spawn(async move {
            answered(request(n)).await?;
            Ok(due.elapsed())
        });
    }
    let outcomes: Result<Vec<_>> = under_way.join_all().await.into_iter().collect();
    Ok(Latencies::of(outcomes?))
}

/// As many requests as `connections` clients get answered one after the other.
///
/// # Errors
/// As [`at_rate`].
pub(crate) async fn back_to_back(
    connections: u64,
    lasting: Duration,
    request: impl Fn(u64) -> RequestBuilder + Send + Sync + 'static,
) -> Result<Latencies> {
    let (request, end) = (Arc::new(request), Instant::now() + lasting);
    let mut clients = JoinSet::new();
    for client in 0..connections {
        let request = request.clone();
        clients.spawn(async move {
            let mut latencies = Vec::new();
            let mut n = client;
            while Instant::now() < end {
                let sent = Instant::now();
                answered(request(n)).await?;
                latencies.push(sent.elapsed());
                n += connections;
            }
            Ok(latencies)
        });
    }
    let outcomes: Result<Vec<_>> = clients.join_all().await.into_iter().collect();
    Ok(Latencies::of(outcomes?.concat()))
}

async fn answered(request: RequestBuilder) -> Result<()> {
    let answer = request.send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    ensure!(status == StatusCode::OK, "{status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}
