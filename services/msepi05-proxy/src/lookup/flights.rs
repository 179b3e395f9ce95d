use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Asked;
use crate::caps::{CHUNK, CapsError, Found};
use crate::domain::indicators::Known;
use crate::domain::pseudonym::HashDigest;

type Answer = Result<Arc<Found>, CapsError>;

/// Calls to CAPS that are under way, by the hashes that they ask for: each hash is asked for once at a time.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<HashDigest, Flight>>);

/// A call under way, for whoever waits for it.
#[derive(Clone)]
pub(super) struct Flight(watch::Receiver<Option<Answer>>);

/// A place in a flight, for some of the hashes that it asks for.
pub(super) struct Seat {
    pub(super) flight: Flight,
    pub(super) hashes: Vec<Asked>,
    /// Whether the flight is for nobody else's hashes.
    pub(super) is_own: bool,
}

/// What became of a request's hashes.
#[derive(Default)]
pub(super) struct Claim {
    /// Became known since the request looked first.
    pub(super) known: Vec<(Asked, Known)>,
    /// Places in calls that are under way.
    pub(super) joined: Vec<Seat>,
    /// Calls that the request has to make, of at most [`CHUNK`] hashes each.
    pub(super) own: Vec<Landing>,
}

impl Flights {
    /// Joins the calls that ask for some of the hashes, and announces calls for the others. `cached` is asked again,
    /// since a call that ended a moment ago is in the cache and no longer here.
    pub(super) fn claim(
        self: &Arc<Self>,
        hashes: &[Asked],
        cached: impl Fn(&Asked) -> Option<Known>,
    ) -> Claim {
        let mut flights = self.locked();
        let mut claim = Claim::default();
        let mut own = Vec::new();
        for asked in hashes {
            if let Some(flight) = flights.get(&asked.digest) {
                match claim.joined.iter_mut().find(|seat| seat.flight.is(flight)) {
                    Some(seat) => seat.hashes.push(*asked),
                    None => claim.joined.push(Seat {
                        flight: flight.clone(),
                        hashes: vec![*asked],
                        is_own: false,
                    }),
                }
            } else if let Some(known) = cached(asked) {
                claim.known.push((*asked, known));
            } else {
                own.push(*asked);
            }
        }
        for chunk in own.chunks(CHUNK) {
            let mut landing = Landing::unshared(chunk.to_vec());
            landing.flights = Some(self.clone());
            flights.extend(chunk.iter().map(|asked| (asked.digest, landing.flight.clone())));
            claim.own.push(landing);
        }
        claim
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<HashDigest, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    fn is(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }

    /// The call's outcome, once it has one.
    pub(super) async fn landed(&self) -> Answer {
        let mut outcome = self.0.clone();
        let landed = outcome.wait_for(Option::is_some).await;
        landed.ok().and_then(|answer| answer.clone()).unwrap_or(Err(CapsError::Failed("abandoned")))
    }
}

/// The end of a call that is to be made. Dropped without an answer, it tells those who wait that there will be none.
pub(super) struct Landing {
    answer: watch::Sender<Option<Answer>>,
    flight: Flight,
    hashes: Vec<Asked>,
    flights: Option<Arc<Flights>>,
}

impl Landing {
    /// A call that nobody joins.
    pub(super) fn unshared(hashes: Vec<Asked>) -> Self {
        let (answer, flight) = watch::channel(None);
        Self { answer, flight: Flight(flight), hashes, flights: None }
    }

    pub(super) fn hashes(&self) -> &[Asked] {
        &self.hashes
    }

    /// The place of the request that makes the call.
    pub(super) fn seat(&self) -> Seat {
        Seat { flight: self.flight.clone(), hashes: self.hashes.clone(), is_own: true }
    }

    /// Ends the call. What may be kept of the answer must be in the cache by now.
    pub(super) fn land(mut self, answer: Result<Found, CapsError>) {
        // Nobody may join it from here on: who comes after its outcome is known asks anew.
        self.leave();
        self.answer.send_replace(Some(answer.map(Arc::new)));
    }

    fn leave(&mut self) {
        let Some(flights) = self.flights.take() else { return };
        let mut flights = flights.locked();
        for asked in &self.hashes {
            flights.remove(&asked.digest);
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.leave();
    }
}
