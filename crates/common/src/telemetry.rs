//! JSON logs, OTLP traces and metrics, and the Prometheus registry.
//!
//! The configured level holds for Garant's own crates. Libraries below us (HTTP, TLS, SQL) log headers, bodies and
//! parameters at their finer levels, so they stay at WARN whatever is configured: that is what keeps personal data and
//! tokens out of a log at TRACE.

use std::fmt;

use opentelemetry::{KeyValue, global, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
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
        // The resolver's warnings quote what was asked: the domain of somebody's address.
        let quiet = Targets::new().with_default(Level::WARN).with_target("hickory_net", Level::ERROR);
        let filter = targets.iter().fold(quiet, |filter, target| filter.with_target(*target, level));
        let spans = tracers.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("garant"))
                .with_location(false)
                .with_threads(false)
                .with_target(false)
        });
        tracing_subscriber::registry()
            .with(filter)
            .with(tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(JsonLine))
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

/// A log line: the event's own fields at the top level, those of the span that it happened in under `span`.
///
/// tracing-subscriber's JSON format parses the span's fields, which it has as JSON, and writes them anew for every event;
/// here they are written as they are, which makes a request a fifth cheaper.
struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        line.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut line)?;
        write!(line, "\",\"level\":\"{}\"", event.metadata().level())?;
        let mut fields = Fields { line: line.by_ref(), outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        line.write_str(",\"target\":")?;
        text(&mut line, event.metadata().target())?;
        if let Some(span) = context.lookup_current() {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map(|fields| fields.fields.as_str());
            line.write_str(",\"span\":")?;
            match fields.and_then(|fields| fields.strip_suffix('}')).filter(|fields| fields.len() > 1) {
                Some(fields) => write!(line, "{fields},")?,
                None => line.write_char('{')?,
            }
            line.write_str("\"name\":")?;
            text(&mut line, span.name())?;
            line.write_char('}')?;
        }
        line.write_str("}\n")
    }
}

/// Writes an event's fields as members of an object that has begun.
struct Fields<'a> {
    line: Writer<'a>,
    outcome: fmt::Result,
}

impl Fields<'_> {
    fn member(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        let line = &mut self.line;
        let written = line
            .write_char(',')
            .and_then(|()| text(line, field.name()))
            .and_then(|()| line.write_char(':'))
            .and_then(|()| value(line));
        self.outcome = self.outcome.and(written);
    }
}

impl Visit for Fields<'_> {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, |line| write!(line, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, |line| text(line, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field, |line| text(line, &format!("{value:?}")));
    }
}

fn text(line: &mut Writer<'_>, text: &str) -> fmt::Result {
    let json = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    line.write_str(&json)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_json_object_whatever_is_logged() {
        let log = Log::default();
        let writer = log.clone();
        let layer = tracing_subscriber::fmt::layer().fmt_fields(JsonFields::new()).event_format(JsonLine);
        let subscriber = tracing_subscriber::registry().with(layer.with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("alone");
            let outer = tracing::info_span!("outer", correlation_id = %"01-ab", odd = "a\"}\n");
            outer.in_scope(|| {
                tracing::warn!(status = 503, wrong = -1, quiet = true, said = "\"\u{7}é", "in a span")
            });
            tracing::info_span!("bare").in_scope(|| tracing::info!(cause = ?Some("x\\"), "in a bare span"));
        });
        let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut next = || {
            let mut line = lines.next().unwrap();
            assert!(line["timestamp"].take().as_str().unwrap().ends_with('Z'));
            assert!(line["target"].take().as_str().unwrap().starts_with("common"));
            line
        };
        assert_eq!(next(), json!({"timestamp": null, "target": null, "level": "INFO", "message": "alone"}));
        assert_eq!(
            next(),
            json!({
                "timestamp": null, "target": null, "level": "WARN", "message": "in a span",
                "status": 503, "wrong": -1, "quiet": true, "said": "\"\u{7}é",
                "span": {"correlation_id": "01-ab", "odd": "a\"}\n", "name": "outer"},
            })
        );
        let bare = next();
        assert_eq!((&bare["cause"], &bare["span"]), (&json!("Some(\"x\\\\\")"), &json!({"name": "bare"})));
    }
}
