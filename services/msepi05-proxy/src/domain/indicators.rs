//! What the directory says of a proxy, and how long that may be believed.

use std::time::Duration;

/// What a proxy's holder can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indicators {
    /// Whether they can pay.
    pub can_be_payer: bool,
    /// Whether they are a professional.
    pub pro: bool,
}

/// What is known of a proxy: its indicators, or that the directory does not know it.
pub type Known = Option<Indicators>;

/// How long an answer is kept: the configured time ± 10 %, so that what was asked together does not expire together,
/// and never beyond what CAPS allows. `jitter` is from 0 to 1.
pub fn lifetime(configured: Duration, jitter: f64, max_age: Option<Duration>) -> Duration {
    let jittered = configured.mul_f64(0.9 + 0.2 * jitter.clamp(0.0, 1.0));
    max_age.map_or(jittered, |max_age| jittered.min(max_age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_ten_percent_around_the_configured_time_and_never_beyond_max_age() {
        let found = Duration::from_secs(300);
        assert_eq!(lifetime(found, 0.0, None), Duration::from_secs(270));
        assert_eq!(lifetime(found, 1.0, None), Duration::from_secs(330));
        assert_eq!(lifetime(found, 1.0, Some(Duration::from_secs(60))), Duration::from_secs(60));
        assert_eq!(lifetime(found, 0.5, Some(Duration::ZERO)), Duration::ZERO);
    }
}
