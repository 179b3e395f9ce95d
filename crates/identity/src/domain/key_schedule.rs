//! When signing keys are made, published, used and dropped.

use chrono::{DateTime, TimeDelta, Utc};

/// The longest life that an access token may be configured to have; keys and revocations are kept at least as long.
pub const LONGEST_ACCESS_TOKEN: TimeDelta = TimeDelta::hours(24);

/// The rhythm of rotation. A key signs from its `active_from` until its successor's.
#[derive(Debug, Clone, Copy)]
pub struct KeySchedule {
    /// How long a key signs.
    pub rotation: TimeDelta,
    /// How long a key is published before it signs, so that every cache of the key set has it by then.
    pub publish_ahead: TimeDelta,
}

impl KeySchedule {
    /// When a key that is missing now shall begin to sign; `None` while there is no need of one. `keys` are the
    /// existing keys' `active_from`.
    pub fn missing(&self, keys: &[DateTime<Utc>], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let Some(latest) = keys.iter().max() else { return Some(now) };
        let due = *latest + self.rotation;
        (due - self.publish_ahead <= now).then(|| due.max(now + self.publish_ahead))
    }
}

/// The key that signs now: the latest that has begun. The very first also signs for a replica whose clock is behind.
pub fn signing(keys: &[DateTime<Utc>], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let begun = keys.iter().filter(|active_from| **active_from <= now).max();
    begun.or_else(|| keys.iter().min()).copied()
}

/// Before this `active_from` no key can have signed a token that is still alive: those keys are dropped.
pub fn oldest_needed(keys: &[DateTime<Utc>], now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    signing(keys, now - LONGEST_ACCESS_TOKEN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCHEDULE: KeySchedule =
        KeySchedule { rotation: TimeDelta::days(90), publish_ahead: TimeDelta::days(1) };

    proptest! {
        /// However irregularly the service looks after its keys, there is always one to sign with, every key but the
        /// first was published a day before its use, and none is dropped while a token of it may live.
        #[test]
        fn keys_are_there_in_time_and_stay_long_enough(steps in prop::collection::vec(1_i64..2_000, 1..60)) {
            let start = DateTime::UNIX_EPOCH;
            let (mut now, mut keys, mut last_signed) = (start, Vec::new(), Vec::new());
            for hours in steps {
                if let Some(active_from) = SCHEDULE.missing(&keys, now) {
                    prop_assert!(keys.is_empty() || active_from >= now + SCHEDULE.publish_ahead);
                    keys.push(active_from);
                }
                if let Some(oldest) = oldest_needed(&keys, now) {
                    keys.retain(|active_from| *active_from >= oldest);
                }
                let key = signing(&keys, now);
                prop_assert!(key.is_some());
                last_signed.retain(|(_, at)| now - *at < LONGEST_ACCESS_TOKEN);
                prop_assert!(last_signed.iter().all(|(key, _)| keys.contains(key)));
                last_signed.extend(key.map(|key| (key, now)));
                now += TimeDelta::hours(hours);
            }
        }
    }
}
