//! Anti-enumeration: how many hashes a customer and a client application may ask for.
//!
//! In Redis all replicas share the buckets ([`shared`]); without it, and while it is away, each replica keeps its share
//! of them in memory ([`local`]).

mod local;
mod shared;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use opentelemetry::metrics::Counter;
use opentelemetry::{KeyValue, global};

pub use self::local::Local;
pub use self::shared::{Shared, SharedError};
use crate::domain::bucket::Rate;
use crate::domain::pseudonym::{Customer, HashDigest};

/// How much and how long.
#[derive(Debug, Clone)]
pub struct Rules {
    /// A customer's bucket.
    pub customer: Rate,
    /// Half of the time for which a customer's hashes are remembered.
    pub period: Duration,
    /// Replicas that share the limits where Redis doesn't do it for them.
    pub replicas: u32,
}

/// A client application's bucket.
#[derive(Debug, Clone)]
pub struct ClientBucket {
    /// Its name.
    pub key: Arc<str>,
    /// Hashes a minute.
    pub per_minute: u32,
}

/// Whose buckets, and for which distinct hashes; none only looks.
pub struct Demand<'a> {
    /// The client application.
    pub client: &'a ClientBucket,
    /// The customer.
    pub customer: Customer,
    /// The hashes.
    pub hashes: &'a [HashDigest],
}

impl Demand<'_> {
    /// What a customer's sketch sees of the hashes.
    fn elements(&self) -> impl Iterator<Item = u64> {
        self.hashes.iter().map(|hash| hash.prefix() ^ self.customer.salt)
    }
}

/// Tokens left after a demand, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remaining {
    /// The customer's.
    pub customer: u32,
    /// The client application's.
    pub client: u32,
}

/// A bucket that hasn't enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {bucket} bucket is empty")]
pub struct Refusal {
    /// `customer` or `client`.
    pub bucket: &'static str,
    /// When it will have.
    pub retry_after: Duration,
}

impl Refusal {
    const CUSTOMER: &'static str = "customer";
    const CLIENT: &'static str = "client";
}

/// What is left, and whether the demand was met.
pub type Outcome = (Remaining, Result<(), Refusal>);

static DEMANDS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("garant")
        .u64_counter("garant.proxies.limits")
        .with_description("Demands on the anti-enumeration buckets, by where they were kept and outcome")
        .build()
});

/// The buckets, as one of the server's threads uses them.
pub struct Limiter {
    rules: Rules,
    local: Arc<Local>,
    shared: Option<Shared>,
}

impl Limiter {
    /// Buckets in Redis where `shared` is given, and in `local` otherwise.
    pub fn new(rules: Rules, local: Arc<Local>, shared: Option<Shared>) -> Self {
        Self { rules, local, shared }
    }

    /// The same buckets for another thread, over a connection of its own.
    pub fn for_thread(&self) -> Self {
        let shared = self.shared.as_ref().map(Shared::for_thread);
        Self { rules: self.rules.clone(), local: self.local.clone(), shared }
    }

    /// Takes what is demanded from both buckets or from none.
    pub async fn take(&self, demand: &Demand<'_>) -> Outcome {
        let shared = match &self.shared {
            Some(shared) => shared.take(&self.rules, demand).await,
            None => None,
        };
        let (store, outcome) = match shared {
            Some(outcome) => ("redis", outcome),
            None => ("memory", self.local.take(&self.rules, demand)),
        };
        if !demand.hashes.is_empty() {
            let verdict = outcome.1.as_ref().map_or_else(|refusal| refusal.bucket, |()| "allowed");
            DEMANDS.add(1, &[KeyValue::new("store", store), KeyValue::new("outcome", verdict)]);
        }
        outcome
    }

    /// What is left, without taking. A request that names no customer has all of a customer's bucket left.
    pub async fn look(&self, client: &ClientBucket, customer: Option<Customer>) -> Remaining {
        let nobody = Customer { bucket: 0, salt: 0 };
        let customer = customer.unwrap_or(nobody);
        self.take(&Demand { client, customer, hashes: &[] }).await.0
    }

    /// The rules of the buckets.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}
