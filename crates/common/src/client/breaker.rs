use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::CallError;

const SLOTS: usize = 10;

/// Closed while fewer than half of a peer's recent calls fail; then open for a while; then one probe decides.
///
/// Calls are counted in ten slots of a rolling window, so an old failure is forgotten in time and a peer that is
/// called seldom is not given up for two failures.
#[derive(Debug)]
pub struct Breaker {
    min_calls: u32,
    slot: Duration,
    open_for: Duration,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: [Slot; SLOTS],
    /// Until when nothing is let through; after that instant the next call is the probe.
    open_until: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    number: u64,
    calls: u32,
    failures: u32,
}

/// What an admitted call is to the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// One of many.
    Ordinary,
    /// The one whose outcome decides.
    Probe,
}

impl Breaker {
    /// Opens for `open_for` when at least `min_calls` calls of the last `window` were made and half of them failed.
    pub fn new(min_calls: u32, window: Duration, open_for: Duration) -> Self {
        let slot = (window / SLOTS as u32).max(Duration::from_millis(1));
        Self { min_calls, slot, open_for, started: Instant::now(), state: Mutex::default() }
    }

    /// Whether a call may be made now.
    ///
    /// # Errors
    /// [`CallError::Open`]
    pub fn admit(&self, now: Instant) -> Result<Admission, CallError> {
        let mut state = self.state();
        match state.open_until {
            None => Ok(Admission::Ordinary),
            Some(until) if now < until => Err(CallError::Open),
            Some(_) => {
                // The others wait another round for the probe's outcome, and for the next probe if it has none.
                state.open_until = Some(now + self.open_for);
                Ok(Admission::Probe)
            }
        }
    }

    /// Notes the outcome of a call that was admitted.
    pub fn record(&self, admission: Admission, failed: bool, now: Instant) {
        let mut state = self.state();
        match (admission, failed) {
            (Admission::Probe, true) => state.open_until = Some(now + self.open_for),
            (Admission::Probe, false) => *state = State::default(),
            // A call from before the opening says nothing about the peer's health now.
            (Admission::Ordinary, _) if state.open_until.is_some() => {}
            (Admission::Ordinary, failed) => {
                let number = self.slot_number(now);
                if let Some(slot) = state.slots.get_mut((number % SLOTS as u64) as usize) {
                    if slot.number != number {
                        *slot = Slot { number, ..Slot::default() };
                    }
                    slot.calls += 1;
                    slot.failures += u32::from(failed);
                }
                let recent = state.slots.iter().filter(|slot| slot.number + SLOTS as u64 > number);
                let (calls, failures) = recent
                    .fold((0, 0), |(calls, failures), slot| (calls + slot.calls, failures + slot.failures));
                if failed && calls >= self.min_calls && failures * 2 >= calls {
                    state.open_until = Some(now + self.open_for);
                }
            }
        }
    }

    /// Whether calls are kept from the peer.
    pub fn is_open(&self) -> bool {
        self.state().open_until.is_some()
    }

    /// Counted from one, so that an unused slot is never a recent one.
    fn slot_number(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.started).as_millis();
        u64::try_from(elapsed / self.slot.as_millis()).unwrap_or(u64::MAX / 2) + SLOTS as u64
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);
    const OPEN: Duration = Duration::from_secs(5);

    fn breaker() -> (Breaker, Instant) {
        let breaker = Breaker::new(20, WINDOW, OPEN);
        let now = breaker.started;
        (breaker, now)
    }

    fn calls(breaker: &Breaker, failed: bool, count: usize, now: Instant) {
        for _ in 0..count {
            breaker.record(Admission::Ordinary, failed, now);
        }
    }

    #[test]
    fn opens_at_half_of_twenty_and_not_before() {
        let (breaker, now) = breaker();
        calls(&breaker, true, 9, now);
        calls(&breaker, false, 10, now);
        calls(&breaker, true, 0, now);
        assert!(!breaker.is_open());
        calls(&breaker, true, 1, now);
        assert!(breaker.is_open(), "10 of 20 failed");
        assert_eq!(breaker.admit(now + OPEN - Duration::from_millis(1)), Err(CallError::Open));
    }

    #[test]
    fn nineteen_failures_are_too_few_and_old_ones_are_forgotten() {
        let (breaker, now) = breaker();
        calls(&breaker, true, 19, now);
        assert!(!breaker.is_open());
        calls(&breaker, true, 1, now + WINDOW + Duration::from_secs(1));
        assert!(!breaker.is_open(), "the nineteen are older than the window");
    }

    #[test]
    fn one_probe_decides_and_stragglers_do_not() {
        let (breaker, now) = breaker();
        calls(&breaker, true, 20, now);
        let later = now + OPEN;
        assert_eq!(breaker.admit(later), Ok(Admission::Probe));
        assert_eq!(breaker.admit(later), Err(CallError::Open), "one at a time");
        breaker.record(Admission::Ordinary, false, later);
        assert!(breaker.is_open(), "a straggler's success does not close it");
        breaker.record(Admission::Probe, true, later);
        assert_eq!(breaker.admit(later + OPEN), Ok(Admission::Probe));
        breaker.record(Admission::Probe, false, later + OPEN);
        assert_eq!(breaker.admit(later + OPEN), Ok(Admission::Ordinary));
        calls(&breaker, true, 19, later + OPEN);
        assert!(!breaker.is_open(), "what came before the opening no longer counts");
    }
}
