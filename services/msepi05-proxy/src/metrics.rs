//! What the service counts of its work. No label holds a hash, a customer or anything that a client chose.

use std::sync::{Arc, LazyLock};

use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

use crate::domain::indicators::Known;

fn counter(name: &'static str, description: &'static str) -> Counter<u64> {
    global::meter("garant").u64_counter(name).with_description(description).build()
}

static HASHES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    counter("garant.proxies.hashes", "Hashes of requests, by where their indicators came from")
});

static INDICATORS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    counter("garant.proxies.indicators", "Distinct hashes answered, by client application and outcome")
});

static CHUNKS: LazyLock<Histogram<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_histogram("garant.caps.chunk.hashes")
        .with_description("Hashes in one call to CAPS")
        .with_boundaries(vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 99.0, 100.0])
        .build()
});

fn hashes(source: &'static str, count: usize) {
    if count > 0 {
        HASHES.add(count as u64, &[KeyValue::new("source", source)]);
    }
}

/// Hashes that a request repeats.
pub fn duplicates(count: usize) {
    hashes("duplicate", count);
}

/// Hashes found, known to be unknown, and missing in the cache.
pub fn cached(known: &[Option<Known>]) {
    let count = |wanted: fn(&Option<Known>) -> bool| known.iter().filter(|known| wanted(known)).count();
    hashes("cache_found", count(|known| matches!(known, Some(Some(_)))));
    hashes("cache_unknown", count(|known| matches!(known, Some(None))));
}

/// Hashes that another request had asked for already.
pub fn joined(count: usize) {
    hashes("joined", count);
}

/// A call to CAPS of so many hashes.
pub fn chunk(count: usize) {
    hashes("asked", count);
    CHUNKS.record(count as u64, &[]);
}

/// What a client application was told. The share of `absent` is what gives enumeration away.
pub fn answered(client: &Arc<str>, found: usize, absent: usize) {
    let client = KeyValue::new("client", client.clone());
    for (outcome, count) in [("found", found), ("absent", absent)] {
        if count > 0 {
            INDICATORS.add(count as u64, &[client.clone(), KeyValue::new("outcome", outcome)]);
        }
    }
}
