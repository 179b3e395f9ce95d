//! Requests at a fixed rate, whether or not the answers keep up.

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
            let answer = request(n).send().await?;
            let status = answer.status();
            let body = answer.bytes().await?;
            ensure!(status == StatusCode::OK, "{status}: {}", String::from_utf8_lossy(&body));
            Ok(due.elapsed())
        });
    }
    let outcomes: Result<Vec<_>> = under_way.join_all().await.into_iter().collect();
    let mut sorted = outcomes?;
    sorted.sort_unstable();
    Ok(Latencies { sorted })
}
