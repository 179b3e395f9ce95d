use std::time::{Duration, Instant};

use super::Asked;
use crate::caps::Found;
use crate::domain::indicators::{Known, lifetime};
use crate::domain::pseudonym::HashDigest;

/// How long answers are kept.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    /// Of a hash that CAPS knows.
    pub found: Duration,
    /// Of one that it doesn't.
    pub unknown: Duration,
}

/// What CAPS has said of late, by keyed digest. An entry that has expired answers no more, and makes room when room is
/// needed.
pub struct Cache {
    entries: quick_cache::sync::Cache<HashDigest, Entry>,
    lifetimes: Lifetimes,
}

#[derive(Clone, Copy)]
struct Entry {
    known: Known,
    until: Instant,
}

impl Cache {
    /// Room for `capacity` hashes.
    pub fn new(capacity: usize, lifetimes: Lifetimes) -> Self {
        Self { entries: quick_cache::sync::Cache::new(capacity), lifetimes }
    }

    pub(super) fn get(&self, asked: &Asked, now: Instant) -> Option<Known> {
        self.entries.get(&asked.digest).filter(|entry| now < entry.until).map(|entry| entry.known)
    }

    /// Keeps an answer. Absence from a truncated one means nothing and is not kept.
    pub(super) fn keep(&self, asked: &[Asked], found: &Found, now: Instant) {
        for Asked { hash, digest } in asked {
            let known = found.indicators.iter().find(|(found, _)| found == hash).map(|(_, known)| *known);
            let configured = match known {
                Some(_) => self.lifetimes.found,
                None if found.truncated => continue,
                None => self.lifetimes.unknown,
            };
            let lifetime = lifetime(configured, rand::random(), found.max_age);
            if !lifetime.is_zero() {
                self.entries.insert(*digest, Entry { known, until: now + lifetime });
            }
        }
    }
}
