//! JSON logs, OTLP traces and metrics, and the Prometheus registry.
//!
//! The configured level holds for Garant's own crates. Libraries below us (HTTP, TLS, SQL) log headers, bodies and
//! parameters at their finer levels, so they stay at WARN whatever is configured: that is what keeps personal data and
//! tokens out of a log at TRACE.

use opentelemetry::{KeyValue, global, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// `telemetry.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Level of Garant's own logs and spans: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: LogLevel,
    /// Base URL of an OTLP/HTTP collector (`http://collector:4318`); without it nothing is exported.
    pub otlp_endpoint: Option<url::Url>,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { level: LogLevel::Info, otlp_endpoint: None }
    }
}

/// A level of logging.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
#[error("telemetry: {0}")]
pub struct TelemetryError(String);

/// Telemetry of the process; [`Telemetry::flush`] before it ends.
pub struct Telemetry {
    registry: prometheus::Registry,
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Installs telemetry for the process. `targets` are the crates whose logs follow the configured level.
    pub fn install(
        config: &TelemetryConfig,
        service: &'static str,
        targets: &[&str],
    ) -> Result<Self, TelemetryError> {
        let failed = |error: &dyn std::fmt::Display| TelemetryError(error.to_string());
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        global::set_text_map_propagator(TraceContextPropagator::new());

        let registry = prometheus::Registry::new();
        let prometheus = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .map_err(|error| failed(&error))?;
        let mut meters = SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(prometheus);
        let mut tracers = None;
        if let Some(endpoint) = &config.otlp_endpoint {
            let endpoint = endpoint.as_str().trim_end_matches('/');
            let metrics = MetricExporter::builder()
                .with_http()
                .with_endpoint(format!("{endpoint}/v1/metrics"))
                .build()
                .map_err(|error| failed(&error))?;
            meters = meters.with_periodic_exporter(metrics);
            let spans = SpanExporter::builder()
                .with_http()
                .with_endpoint(format!("{endpoint}/v1/traces"))
                .build()
                .map_err(|error| failed(&error))?;
            tracers =
                Some(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(spans).build());
        }
        let meters = meters.build();
        global::set_meter_provider(meters.clone());

        let level = Level::from(config.level);
        let filter = targets.iter().fold(Targets::new().with_default(Level::WARN), |filter, target| {
            filter.with_target(*target, level)
        });
        let spans = tracers.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("garant"))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
        });
        tracing_subscriber::registry()
            .with(filter)
            .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false))
            .with(spans)
            .try_init()
            .map_err(|error| failed(&error))?;
        Ok(Self { registry, meters, tracers })
    }

    /// The registry behind `/metrics`.
    pub fn registry(&self) -> prometheus::Registry {
        self.registry.clone()
    }

    /// Sends what is still buffered; a collector that is away does not hold up the stop.
    pub fn flush(self) {
        if let Some(tracers) = self.tracers {
            let _ = tracers.shutdown_with_timeout(std::time::Duration::from_secs(2));
        }
        let _ = self.meters.shutdown_with_timeout(std::time::Duration::from_secs(2));
    }
}
