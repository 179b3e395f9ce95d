use opentelemetry::metrics::{Counter, Gauge};
use opentelemetry::{KeyValue, global};

use crate::store::Backlog;

/// `garant.jobs.*`, each by `kind`.
pub(crate) struct Metrics {
    claimed: Counter<u64>,
    completed: Counter<u64>,
    retried: Counter<u64>,
    failed: Counter<u64>,
    queued: Gauge<i64>,
    oldest: Gauge<f64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let meter = global::meter("garant.jobs");
        let counter = |name, description| meter.u64_counter(name).with_description(description).build();
        Self {
            claimed: counter("garant.jobs.claimed", "Attempts begun"),
            completed: counter("garant.jobs.completed", "Jobs done"),
            retried: counter("garant.jobs.retried", "Attempts that failed and will be repeated"),
            failed: counter("garant.jobs.failed", "Jobs given up"),
            queued: meter
                .i64_gauge("garant.jobs.queued")
                .with_description("Jobs that wait for a worker")
                .build(),
            oldest: meter
                .f64_gauge("garant.jobs.oldest_age")
                .with_unit("s")
                .with_description("How long the oldest due job has waited")
                .build(),
        }
    }

    pub(crate) fn claimed(&self, kind: &str) {
        self.claimed.add(1, &by(kind));
    }

    pub(crate) fn completed(&self, kind: &str) {
        self.completed.add(1, &by(kind));
    }

    pub(crate) fn retried(&self, kind: &str) {
        self.retried.add(1, &by(kind));
    }

    pub(crate) fn failed(&self, kind: &str) {
        self.failed.add(1, &by(kind));
    }

    pub(crate) fn backlog(&self, backlog: &Backlog) {
        self.queued.record(backlog.queued, &by(&backlog.kind));
        self.oldest.record(backlog.oldest_s, &by(&backlog.kind));
    }
}

fn by(kind: &str) -> [KeyValue; 1] {
    [KeyValue::new("kind", kind.to_owned())]
}
