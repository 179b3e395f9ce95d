use opentelemetry::metrics::{Counter, Gauge};
use opentelemetry::{KeyValue, global};

use crate::store::Backlog;

/// `garant.webhooks.*`
pub(crate) struct Metrics {
    deliveries: Counter<u64>,
    pending: Gauge<i64>,
    oldest: Gauge<f64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("garant.webhooks");
        Self {
            deliveries: meter
                .u64_counter("garant.webhooks.deliveries")
                .with_description("Attempts to deliver, by event and outcome")
                .build(),
            pending: meter
                .i64_gauge("garant.webhooks.pending")
                .with_description("Deliveries that are neither done nor given up")
                .build(),
            oldest: meter
                .f64_gauge("garant.webhooks.oldest_age")
                .with_unit("s")
                .with_description("How long ago the oldest pending delivery was published")
                .build(),
        }
    }

    pub(crate) fn attempted(&self, event: &str, outcome: &'static str) {
        self.deliveries
            .add(1, &[KeyValue::new("event", event.to_owned()), KeyValue::new("outcome", outcome)]);
    }

    pub(crate) fn backlog(&self, backlog: &Backlog) {
        self.pending.record(backlog.pending, &[]);
        self.oldest.record(backlog.oldest_s, &[]);
    }
}
