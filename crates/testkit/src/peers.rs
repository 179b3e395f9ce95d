//! Peers of the services, played by the test.

use anyhow::{Context, Result};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// An OpenTelemetry collector (OTLP over HTTP, `/v1/traces` and `/v1/metrics`) that keeps all that it is sent.
pub struct Collector(MockServer);

impl Collector {
    /// Starts a collector on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        Self(server)
    }

    /// The collector's base URL, for `GARANT__TELEMETRY__OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        self.0.uri()
    }

    /// The bodies received at `path` so far, one after the other; protobuf keeps strings as they are.
    ///
    /// # Errors
    /// The server does not record.
    pub async fn received(&self, path: &str) -> Result<Vec<u8>> {
        let requests = self.0.received_requests().await.context("the collector does not record")?;
        Ok(requests.into_iter().filter(|r| r.url.path() == path).flat_map(|r| r.body).collect())
    }
}
