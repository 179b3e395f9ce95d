//! What one customer may still ask, for a replica that keeps it in memory. `limits/take.lua` is the same rule in Redis.

use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate};
use super::sketch::Sketch;

/// A customer's tokens, and which hashes they have asked for in this period and the one before.
#[derive(Clone)]
pub struct CustomerLimit {
    bucket: Bucket,
    period: u64,
    /// Of this period and the one before.
    known: Sketch,
    /// Of this period: what will be known in the next one.
    current: Sketch,
}

impl CustomerLimit {
    /// Of somebody who has asked for nothing yet. `period` numbers the time of `now`.
    pub fn new(rate: Rate, period: u64, now: Instant) -> Self {
        let bucket = Bucket::full(rate, now);
        Self { bucket, period, known: Sketch::default(), current: Sketch::default() }
    }

    /// Tokens left.
    pub fn level(&self, rate: Rate, now: Instant) -> f64 {
        self.bucket.level(rate, now)
    }

    /// Charges for those of the hashes that are new to this customer. Where the tokens don't suffice nothing is
    /// charged or remembered, and the answer is when they will.
    pub fn take(&mut self, elements: &[u64], rate: Rate, period: u64, now: Instant) -> Result<(), Duration> {
        self.turn(period);
        let level = self.bucket.level(rate, now);
        // What may have to be refused is tried on a copy.
        let before = (level < elements.len() as f64).then(|| self.known.clone());
        let charge = elements.iter().filter(|element| self.known.add(**element)).count() as f64;
        if let Some(before) = before
            && charge > level
        {
            self.known = before;
            return Err(rate.time_for(charge - level));
        }
        self.bucket.take(charge, rate, now);
        for element in elements {
            self.current.add(*element);
        }
        Ok(())
    }

    fn turn(&mut self, period: u64) {
        if period != self.period {
            let ended = std::mem::take(&mut self.current);
            self.known = if period == self.period + 1 { ended } else { Sketch::default() };
            self.period = period;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngCore, SeedableRng};

    use super::*;

    const RATE: Rate = Rate { limit: 100.0, per_hour: 5.0 };

    fn hashes(seed: u64, count: usize) -> Vec<u64> {
        let mut random = StdRng::seed_from_u64(seed);
        (0..count).map(|_| random.next_u64()).collect()
    }

    #[test]
    fn the_same_contacts_are_charged_once_and_again_after_two_periods() {
        let now = Instant::now();
        let mut customer = CustomerLimit::new(RATE, 0, now);
        let contacts = hashes(1, 60);
        for period in [0, 0, 1, 2, 3] {
            assert_eq!(customer.take(&contacts, RATE, period, now), Ok(()));
            assert_eq!(customer.level(RATE, now), 40.0, "period {period}");
        }
        assert!(customer.take(&contacts, RATE, 5, now).is_err(), "forgotten after a period without them");
    }

    #[test]
    fn a_refused_call_leaves_no_trace() {
        let now = Instant::now();
        let mut customer = CustomerLimit::new(RATE, 0, now);
        customer.take(&hashes(1, 60), RATE, 0, now).unwrap();
        let wait = customer.take(&hashes(2, 50), RATE, 0, now).unwrap_err();
        assert_eq!(wait, Duration::from_secs(10 * 720), "ten tokens at five an hour");
        assert_eq!(customer.level(RATE, now), 40.0);
        customer.take(&hashes(2, 40), RATE, 0, now).unwrap();
        assert_eq!(customer.level(RATE, now), 0.0, "the forty of the refused call were still new");
    }
}
