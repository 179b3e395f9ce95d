//! From hashes to indicators: out of the cache, out of a call that is under way, or by a call of our own.

mod cache;
mod flights;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::request::{self, RequestContext};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span};

pub use self::cache::{Cache, Lifetimes};
use self::flights::{Claim, Flight, Flights, Landing, Seat};
use crate::caps::{CHUNK, Caps, CapsError, Found};
use crate::domain::indicators::{Indicators, Known};
use crate::domain::proxy_hash::ProxyHash;
use crate::domain::pseudonym::HashDigest;
use crate::metrics;

/// Calls that one request may have under way at once.
const CALLS_OF_A_REQUEST: usize = 4;

/// A hash with the key under which it is kept.
#[derive(Clone, Copy)]
pub struct Asked {
    /// The hash.
    pub hash: ProxyHash,
    /// Its digest.
    pub digest: HashDigest,
}

/// The indicators of the hashes that CAPS knows, in the order in which they were asked for.
#[derive(Debug, PartialEq)]
pub struct Answer {
    /// The hash as its canonical spelling, which is the one of the request, and its indicators.
    pub indicators: Vec<(ProxyHash, Indicators)>,
    /// Whether an absent hash may be undetermined.
    pub truncated: bool,
}

/// The way to the directory that all requests of the process share.
pub struct Lookup {
    caps: Caps,
    cache: Arc<Cache>,
    flights: Arc<Flights>,
    /// Calls run here and not in the thread of the request: whoever joins one must not depend on who began it.
    runtime: Handle,
    budget: Duration,
}

impl Lookup {
    /// Calls run on `runtime`, and all calls of a request within `budget`.
    pub fn new(caps: Caps, cache: Cache, runtime: Handle, budget: Duration) -> Self {
        Self { caps, cache: Arc::new(cache), flights: Arc::default(), runtime, budget }
    }

    /// Looks distinct hashes up. `requester_ref` is made only where CAPS has to be asked.
    pub async fn indicators(
        &self,
        asked: &[Asked],
        requester_ref: impl Fn() -> String,
    ) -> Result<Answer, CapsError> {
        let now = Instant::now();
        let mut known: Vec<Option<Known>> = asked.iter().map(|asked| self.cache.get(asked, now)).collect();
        let missing: Vec<usize> = positions(&known);
        metrics::cached(&known);
        let mut truncated = false;
        if !missing.is_empty() {
            truncated = self.ask(asked, &missing, &mut known, &requester_ref(), now).await?;
        }
        let indicators = asked
            .iter()
            .zip(&known)
            .filter_map(|(asked, known)| Some((asked.hash, (*known)??)))
            .collect::<Vec<_>>();
        Ok(Answer { indicators, truncated })
    }

    /// Fills in what was missing; whether an answer was truncated.
    async fn ask(
        &self,
        asked: &[Asked],
        missing: &[usize],
        known: &mut [Option<Known>],
        requester_ref: &str,
        now: Instant,
    ) -> Result<bool, CapsError> {
        let deadline = now + self.budget;
        let caller = Caller {
            requester_ref: requester_ref.into(),
            context: RequestContext {
                correlation_id: request::current().map(|context| context.correlation_id).unwrap_or_default(),
                deadline: Some(deadline),
            },
            calls: Arc::new(Semaphore::new(CALLS_OF_A_REQUEST)),
        };
        // How long the caller waits, and not how long the call may last: others may have joined it.
        let patience = request::current()
            .and_then(|context| context.deadline)
            .map_or(deadline, |callers| callers.min(deadline));

        let hashes: Vec<Asked> = missing.iter().filter_map(|at| asked.get(*at).copied()).collect();
        let Claim { known: landed, joined, own } =
            self.flights.claim(&hashes, |asked| self.cache.get(asked, now));
        metrics::joined(joined.iter().map(|seat| seat.hashes.len()).sum());
        let mut seats = joined;
        seats.extend(own.into_iter().map(|landing| self.start(landing, &caller)));

        let mut outcome = Outcome::default();
        let mut refused_to_others = Vec::new();
        for seat in seats {
            match wait(&seat.flight, patience).await {
                // A refusal is an answer to the whole call of somebody else, and may be for a hash of theirs: we ask for
                // ourselves, and its cause, which may quote their hashes, stays theirs.
                Err(CapsError::Refused(_)) if !seat.is_own => refused_to_others.extend(seat.hashes),
                answer => outcome.add(answer),
            }
        }
        let again: Vec<Seat> = refused_to_others
            .chunks(CHUNK)
            .map(|chunk| self.start(Landing::unshared(chunk.to_vec()), &caller))
            .collect();
        for seat in again {
            outcome.add(wait(&seat.flight, patience).await);
        }
        let (mut found, truncated) = outcome.result()?;
        found.extend(landed.into_iter().filter_map(|(asked, known)| Some((asked.hash, known?))));
        for at in missing {
            if let (Some(asked), Some(known)) = (asked.get(*at), known.get_mut(*at)) {
                *known = Some(found.get(&asked.hash).copied());
            }
        }
        Ok(truncated)
    }

    /// Sends a call on its way, whatever becomes of the request that wanted it.
    fn start(&self, landing: Landing, caller: &Caller) -> Seat {
        let seat = landing.seat();
        let (caps, cache, caller) = (self.caps.clone(), self.cache.clone(), caller.clone());
        let span = Span::current();
        let context = caller.context;
        let call = async move {
            let hashes: Vec<ProxyHash> = landing.hashes().iter().map(|asked| asked.hash).collect();
            let _place = caller.calls.acquire().await;
            let answer = if context.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                Err(CapsError::Failed("budget spent"))
            } else {
                metrics::chunk(hashes.len());
                caps.search(&hashes, &caller.requester_ref).await
            };
            match &answer {
                Ok(found) => cache.keep(landing.hashes(), found, Instant::now()),
                Err(CapsError::Refused(_)) => {}
                Err(CapsError::Failed(reason)) => tracing::warn!(reason, "CAPS could not be asked"),
            }
            landing.land(answer);
        };
        self.runtime.spawn(request::within(context, call).instrument(span));
        seat
    }
}

/// For whom calls are made.
#[derive(Clone)]
struct Caller {
    requester_ref: Arc<str>,
    context: RequestContext,
    calls: Arc<Semaphore>,
}

fn positions(known: &[Option<Known>]) -> Vec<usize> {
    known.iter().enumerate().filter(|(_, known)| known.is_none()).map(|(at, _)| at).collect()
}

async fn wait(flight: &Flight, until: Instant) -> Result<Arc<Found>, CapsError> {
    let landed = tokio::time::timeout_at(until.into(), flight.landed()).await;
    landed.unwrap_or(Err(CapsError::Failed("budget spent")))
}

/// What the calls of a request have brought so far.
#[derive(Default)]
struct Outcome {
    found: HashMap<ProxyHash, Indicators>,
    truncated: bool,
    refused: Option<CapsError>,
    failed: Option<CapsError>,
}

impl Outcome {
    fn add(&mut self, answer: Result<Arc<Found>, CapsError>) {
        match answer {
            Ok(found) => {
                self.found.extend(found.indicators.iter().copied());
                self.truncated |= found.truncated;
            }
            Err(refused @ CapsError::Refused(_)) => self.refused = Some(refused),
            Err(failed @ CapsError::Failed(_)) => self.failed = Some(failed),
        }
    }

    /// A refusal beats a technical failure, and either beats what other calls have found.
    fn result(self) -> Result<(HashMap<ProxyHash, Indicators>, bool), CapsError> {
        match self.refused.or(self.failed) {
            Some(error) => Err(error),
            None => Ok((self.found, self.truncated)),
        }
    }
}
