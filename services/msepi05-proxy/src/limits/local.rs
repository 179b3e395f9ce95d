use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;

use super::{Demand, Outcome, Refusal, Remaining, Rules};
use crate::domain::bucket::{Bucket, Rate};
use crate::domain::customer::CustomerLimit;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Buckets in this process's memory: 8 KiB for a customer.
pub struct Local {
    started: Instant,
    clients: Cache<Arc<str>, Arc<Mutex<Bucket>>>,
    customers: Cache<u128, Arc<Mutex<CustomerLimit>>>,
}

impl Local {
    /// Room for `customers`; beyond it the one that was used least is forgotten, as is one whose bucket is full and whose
    /// hashes are too old to be known.
    pub fn new(customers: u64, rules: &Rules) -> Self {
        let idle = (2 * rules.period).max(rules.customer.time_for(rules.customer.limit)).min(YEAR);
        Self {
            started: Instant::now(),
            clients: Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(120)).build(),
            customers: Cache::builder().max_capacity(customers).time_to_idle(idle).build(),
        }
    }

    pub(super) fn take(&self, rules: &Rules, demand: &Demand<'_>) -> Outcome {
        let now = Instant::now();
        let period = (self.started.elapsed().as_nanos() / rules.period.as_nanos().max(1)) as u64;
        let client_rate = Rate::per_minute(demand.client.per_minute).shared_by(rules.replicas);
        let customer_rate = rules.customer.shared_by(rules.replicas);

        let new_client = || Arc::new(Mutex::new(Bucket::full(client_rate, now)));
        let client = self.clients.get_with_by_ref(&demand.client.key, new_client);
        let new_customer = || Arc::new(Mutex::new(CustomerLimit::new(customer_rate, period, now)));
        let customer = self.customers.get_with(demand.customer.bucket, new_customer);
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
