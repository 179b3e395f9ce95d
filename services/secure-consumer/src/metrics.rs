//! What the service counts of its work. No label holds anything of a consumer.

use std::sync::LazyLock;

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

use crate::work::desk::Decision;

static DECISIONS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.secure_consumer.decisions")
        .with_description("Decisions, by colour and whether a connector was silent")
        .build()
});

static REFUSALS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.secure_consumer.refusals")
        .with_description("Requests of wrong form, by code")
        .build()
});

static OUTCOMES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.secure_consumer.outcomes")
        .with_description("How checks came out, by check and outcome")
        .build()
});

/// A decision was given.
pub fn decided(decision: &Decision) {
    DECISIONS.add(
        1,
        &[
            KeyValue::new("colour", decision.decided.score.colour().name()),
            KeyValue::new("degraded", !decision.down.is_empty()),
        ],
    );
    for reason in &decision.decided.score.reasons {
        OUTCOMES.add(
            1,
            &[KeyValue::new("check", reason.check.clone()), KeyValue::new("outcome", reason.outcome.clone())],
        );
    }
}

/// A body had the wrong form.
pub fn refused(code: &'static str) {
    REFUSALS.add(1, &[KeyValue::new("code", code)]);
}
