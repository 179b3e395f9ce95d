//! What the service counts of its work. No label holds anything of a person.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use common::clock::SharedClock;
use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

use crate::catalogue::Holder;

static SCREENINGS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.screenings")
        .with_description("Persons screened and pairs compared, by operation and outcome")
        .build()
});

static DURATION: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("garant")
        .f64_histogram("garant.screening.duration")
        .with_unit("s")
        .with_description("How long one person's screening took in the index, by operation")
        .with_boundaries(vec![0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.1])
        .build()
});

/// A person was screened, or a pair compared; `hit` says whether something reached the threshold.
pub fn screened(operation: &'static str, hit: bool, took: Duration) {
    let operation = KeyValue::new("operation", operation);
    DURATION.record(took.as_secs_f64(), std::slice::from_ref(&operation));
    SCREENINGS.add(1, &[operation, KeyValue::new("outcome", if hit { "hit" } else { "no_hit" })]);
}

/// Shows the records and the age of every edition in force.
pub fn observe_editions(holder: &Arc<Holder>, clock: SharedClock) {
    let meter = global::meter("garant");
    let each = |holder: &Arc<Holder>| {
        let holder = Arc::downgrade(holder);
        move || {
            holder
                .upgrade()
                .and_then(|holder| holder.current())
                .map(|c| c.editions.clone())
                .unwrap_or_default()
        }
    };
    let editions = each(holder);
    meter
        .u64_observable_gauge("garant.lists.records")
        .with_description("Records of the edition in force, by list")
        .with_callback(move |gauge| {
            for edition in editions() {
                gauge.observe(edition.total as u64, &[KeyValue::new("source", edition.source)]);
            }
        })
        .build();
    let editions = each(holder);
    meter
        .i64_observable_gauge("garant.lists.age")
        .with_unit("s")
        .with_description("Time since the last update of the edition in force, by list")
        .with_callback(move |gauge| {
            let now = clock.now();
            for edition in editions() {
                let age = (now - edition.last_update).num_seconds();
                gauge.observe(age, &[KeyValue::new("source", edition.source)]);
            }
        })
        .build();
}
