//! One request's correlation ID, span, deadline and RED metrics.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use ipnet::IpNet;
use opentelemetry::metrics::Histogram;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use crate::server::is_trusted;

/// Header that carries the correlation ID in and out.
pub const CORRELATION_ID: &str = "x-correlation-id";
/// The other name under which it is accepted and echoed.
pub const CORRELATION_ID_ALIAS: &str = "correlationid";
/// How long the caller still waits, in milliseconds; Envoy sets it on what it forwards, our client on what it sends.
pub const EXPECTED_TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";

/// What code deep inside a request needs to know about it.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext {
    /// Ties together everything that one request of a channel caused, in every service.
    pub correlation_id: Uuid,
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
}

tokio::task_local! {
    static CONTEXT: RequestContext;
}

/// The request that the current task serves, if it serves one.
pub fn current() -> Option<RequestContext> {
    CONTEXT.try_with(|context| *context).ok()
}

/// Runs `work` as part of a request: background work that a request started keeps its correlation ID.
pub async fn within<F: Future>(context: RequestContext, work: F) -> F::Output {
    CONTEXT.scope(context, work).await
}

/// The W3C `traceparent` of the current span, for storing beside background work.
pub fn traceparent() -> Option<String> {
    let mut carrier = Carrier(None);
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.0
}

/// Makes `span` a child of the span that `traceparent` names; a malformed one is ignored.
pub fn continue_trace(span: &Span, traceparent: &str) {
    let carrier = Carrier(Some(traceparent.to_owned()));
    // Fails only when no OpenTelemetry layer is installed, where there is no trace to continue.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == "traceparent" {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == "traceparent")
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

struct Incoming<'a>(&'a HeaderMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

/// Middleware, the outermost: gives the request its context and span, counts and times it, echoes the correlation ID.
///
/// The span and the metrics carry the route's template and never the path, the query, a header or an address.
///
/// How long the caller waits is believed only from a trusted proxy.
pub async fn observe<B: MessageBody + 'static>(
    trusted_proxies: Arc<[IpNet]>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let started = Instant::now();
    let context = RequestContext {
        correlation_id: correlation_id(request.headers()).unwrap_or_else(Uuid::now_v7),
        deadline: expected_timeout(request.headers())
            .filter(|_| is_trusted(request.peer_addr(), &trusted_proxies))
            .map(|timeout| started + timeout),
    };
    let method = method_label(&request);
    // What is known only afterwards goes to the trace and to the event below, not to the span's fields: to record one
    // later costs the log more than all the rest of it.
    let span = tracing::info_span!(
        "request",
        otel.kind = "server",
        http.request.method = method,
        correlation_id = %context.correlation_id,
    );
    let parent =
        global::get_text_map_propagator(|propagator| propagator.extract(&Incoming(request.headers())));
    let _ = span.set_parent(parent);

    let mut response = match within(context, next.call(request).instrument(span.clone())).await {
        Ok(response) => response,
        Err(panicked) => {
            record(method, "panicked".to_owned(), 500, started.elapsed());
            return Err(panicked);
        }
    };

    let route = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    span.set_attribute("http.route", route.clone());
    span.set_attribute("http.response.status_code", i64::from(status));
    // Not by the field `otel.name`: recorded after the span has begun, it would be ignored.
    span.context().span().update_name(format!("{method} {route}"));
    let elapsed = started.elapsed();
    span.in_scope(|| {
        let duration_ms = elapsed.as_millis() as u64;
        tracing::info!(http.route = route, status, duration_ms, "request served");
    });
    record(method, route, status, elapsed);
    echo_correlation_id(response.headers_mut(), context.correlation_id);
    Ok(response)
}

/// Tells the client the correlation ID, under both names.
pub(crate) fn echo_correlation_id(headers: &mut HeaderMap, id: Uuid) {
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(HeaderName::from_static(CORRELATION_ID_ALIAS), value.clone());
        headers.insert(HeaderName::from_static(CORRELATION_ID), value);
    }
}

fn correlation_id(headers: &HeaderMap) -> Option<Uuid> {
    [CORRELATION_ID_ALIAS, CORRELATION_ID]
        .iter()
        .find_map(|name| canonical_uuid(headers.get(*name)?.to_str().ok()?))
}

/// A UUID in its canonical 8-4-4-4-12 spelling; `uuid` also reads braces, URNs and bare digits.
pub fn canonical_uuid(text: &str) -> Option<Uuid> {
    text.parse::<uuid::fmt::Hyphenated>().ok().map(Into::into)
}

fn expected_timeout(headers: &HeaderMap) -> Option<Duration> {
    headers.get(EXPECTED_TIMEOUT)?.to_str().ok()?.parse().ok().map(Duration::from_millis)
}

/// Any token is a method to HTTP; a label must not grow with what strangers send.
fn method_label(request: &ServiceRequest) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "OTHER",
    }
}

fn record(method: &'static str, route: String, status: u16, elapsed: Duration) {
    static DURATION: std::sync::LazyLock<Histogram<f64>> = std::sync::LazyLock::new(|| {
        global::meter("garant")
            .f64_histogram("http.server.request.duration")
            .with_unit("s")
            .with_description("Time to answer a request, by route, method and status")
            .with_boundaries(vec![
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            ])
            .build()
    });
    DURATION.record(
        elapsed.as_secs_f64(),
        &[
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route),
            KeyValue::new("http.response.status_code", i64::from(status)),
        ],
    );
}
