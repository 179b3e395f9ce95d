use std::convert::Infallible;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use quick_cache::sync::Cache;

use super::{Demand, Outcome, Refusal, Remaining, Rules};
use crate::domain::bucket::{Bucket, Rate};
use crate::domain::customer::CustomerLimit;

const CLIENTS: usize = 10_000;

/// Buckets in this process's memory: 8 KiB for a customer.
pub struct Local {
    started: Instant,
    clients: Cache<Arc<str>, Arc<Mutex<Bucket>>>,
    customers: Cache<u128, Arc<Mutex<CustomerLimit>>>,
}

impl Local {
    /// Room for `customers`; beyond it one that was used little is forgotten.
    pub fn new(customers: usize) -> Self {
        Self { started: Instant::now(), clients: Cache::new(CLIENTS), customers: Cache::new(customers) }
    }

    pub(super) fn take(&self, rules: &Rules, demand: &Demand<'_>) -> Outcome {
        let now = Instant::now();
        let period = (self.started.elapsed().as_nanos() / rules.period.as_nanos().max(1)) as u64;
        let client_rate = Rate::per_minute(demand.client.per_minute).shared_by(rules.replicas);
        let customer_rate = rules.customer.shared_by(rules.replicas);

        let client = entry(&self.clients, &demand.client.key, || Bucket::full(client_rate, now));
        let new_customer = || CustomerLimit::new(customer_rate, period, now);
        let customer = entry(&self.customers, &demand.customer.bucket, new_customer);
        let (mut client, mut customer) = (locked(&client), locked(&customer));

        let asked = demand.hashes.len() as f64;
        let missing = asked - client.level(client_rate, now);
        let verdict = if demand.hashes.is_empty() {
            Ok(())
        } else if missing > 0.0 {
            Err(Refusal { bucket: Refusal::CLIENT, retry_after: client_rate.time_for(missing) })
        } else {
            let elements: Vec<u64> = demand.elements().collect();
            match customer.take(&elements, customer_rate, period, now) {
                Ok(()) => {
                    client.take(asked, client_rate, now);
                    Ok(())
                }
                Err(retry_after) => Err(Refusal { bucket: Refusal::CUSTOMER, retry_after }),
            }
        };
        let remaining = Remaining {
            customer: customer.level(customer_rate, now) as u32,
            client: client.level(client_rate, now) as u32,
        };
        (remaining, verdict)
    }
}

/// What is kept under a key, made where it is missing; of several that make it at once one prevails.
fn entry<K: Clone + Eq + Hash, T>(
    cache: &Cache<K, Arc<Mutex<T>>>,
    key: &K,
    new: impl FnOnce() -> T,
) -> Arc<Mutex<T>> {
    let made = cache.get_or_insert_with(key, || Ok::<_, Infallible>(Arc::new(Mutex::new(new()))));
    match made {
        Ok(entry) => entry,
        Err(never) => match never {},
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
