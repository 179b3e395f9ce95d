//! What was revoked, known to every replica within a second.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use common::auth::{Claims, RevocationView, Unavailable};
use common::clock::SharedClock;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::store::revocations::{self, CLIENT, GRANT, Revocation, Revoked, TOKEN};

pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// A view older than this is not asked: a revocation must be honoured within 1 s.
const MAX_AGE: Duration = Duration::from_millis(800);
const DIRECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often everything is read again: after a restore, rows may bear numbers of another history.
const FULL_INTERVAL: TimeDelta = TimeDelta::seconds(60);

/// The revocations as this replica last saw them; where it hasn't looked for too long, the database is asked, and
/// where that doesn't answer nobody is let in.
pub(crate) struct Revocations {
    /// Connections of its own: revocations must not wait behind requests.
    pool: PgPool,
    clock: SharedClock,
    view: RwLock<View>,
}

#[derive(Default)]
struct View {
    /// When the last token concerned has expired, by the `jti` of a token or the id of a grant.
    tokens_and_grants: HashMap<Uuid, DateTime<Utc>>,
    clients: HashMap<String, RevokedClient>,
    /// When the last complete look began.
    looked_at: Option<Instant>,
    /// When everything was last read.
    read_all_at: Option<DateTime<Utc>>,
    /// Transactions before this one had ended by then, so their rows have been seen.
    horizon: i64,
}

struct RevokedClient {
    issued_until: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl View {
    fn add(&mut self, revocation: Revocation) {
        let Revocation { revoked, issued_until, expires_at } = revocation;
        match revoked {
            Revoked::Token(id) | Revoked::Grant(id) => {
                self.tokens_and_grants.insert(id, expires_at);
            }
            Revoked::Client(client_id) => {
                self.clients.insert(client_id, RevokedClient { issued_until, expires_at });
            }
        }
    }

    fn is_revoked(&self, claims: &Claims) -> bool {
        let ids = [Some(claims.jti.as_str()), claims.sid.as_deref()];
        // Every id of ours is a UUID.
        let mut ids = ids.into_iter().flatten().filter_map(|id| id.parse().ok());
        ids.any(|id: Uuid| self.tokens_and_grants.contains_key(&id))
            || self.clients.get(&claims.client_id).is_some_and(|client| is_of(client.issued_until, claims))
    }
}

impl Revocations {
    pub(crate) fn new(pool: &PgPool, clock: SharedClock) -> Self {
        let options = pool.connect_options().as_ref().clone();
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .acquire_timeout(DIRECT_TIMEOUT)
            .connect_lazy_with(options);
        Self { pool, clock, view: RwLock::default() }
    }

    /// Looks for what was revoked since the last look.
    pub(crate) async fn poll(&self) -> Result<(), sqlx::Error> {
        let (began, now) = (Instant::now(), self.clock.now());
        let (read_all_at, since) = self.read(|view| (view.read_all_at, view.horizon));
        let read_all_at = read_all_at.filter(|at| now - *at < FULL_INTERVAL);
        let since = if read_all_at.is_some() { since } else { 0 };
        let (mut horizon, mut revoked) = revocations::since(&self.pool, since).await?;
        if horizon < since {
            // The database went back, by a restore or to a replica that lagged: what it writes now bears lower numbers.
            (horizon, revoked) = revocations::since(&self.pool, 0).await?;
        }
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        for revocation in revoked {
            view.add(revocation);
        }
        view.looked_at = Some(began);
        view.read_all_at = Some(read_all_at.unwrap_or(now));
        view.horizon = horizon;
        Ok(())
    }

    /// Makes what this replica revoked known here at once.
    pub(crate) fn add(&self, revocation: Revocation) {
        self.view.write().unwrap_or_else(PoisonError::into_inner).add(revocation);
    }

    /// Forgets what concerns only expired tokens.
    pub(crate) fn sweep(&self) {
        let now = self.clock.now();
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.tokens_and_grants.retain(|_, expires_at| *expires_at > now);
        view.clients.retain(|_, client| client.expires_at > now);
    }

    fn read<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn is_stored(&self, claims: &Claims) -> Result<bool, sqlx::Error> {
        let (kinds, values): (Vec<_>, Vec<_>) =
            [(TOKEN, Some(&claims.jti)), (GRANT, claims.sid.as_ref()), (CLIENT, Some(&claims.client_id))]
                .into_iter()
                .filter_map(|(kind, value)| Some((kind.to_owned(), value?.clone())))
                .unzip();
        let found = revocations::among(&self.pool, &kinds, &values).await?;
        Ok(found.iter().any(|r| !matches!(r.revoked, Revoked::Client(_)) || is_of(r.issued_until, claims)))
    }
}

/// Whether a client's token is among those issued up to then.
fn is_of(issued_until: DateTime<Utc>, claims: &Claims) -> bool {
    claims.iat <= issued_until.timestamp()
}

#[async_trait]
impl RevocationView for Revocations {
    async fn is_revoked(&self, claims: &Claims) -> Result<bool, Unavailable> {
        let known = self.read(|view| {
            let revoked = view.is_revoked(claims);
            let is_fresh = view.looked_at.is_some_and(|at| at.elapsed() <= MAX_AGE);
            (revoked || is_fresh).then_some(revoked)
        });
        if let Some(revoked) = known {
            return Ok(revoked);
        }
        match tokio::time::timeout(DIRECT_TIMEOUT, self.is_stored(claims)).await {
            Ok(Ok(revoked)) => Ok(revoked),
            Ok(Err(_)) | Err(_) => Err(Unavailable),
        }
    }
}

#[cfg(test)]
mod tests {
    use common::clock::{Clock, ManualClock};

    use super::*;
    use crate::store::empty_database;

    impl Revocations {
        fn knows(&self, id: Uuid) -> bool {
            self.read(|view| view.tokens_and_grants.contains_key(&id))
        }
    }

    #[tokio::test]
    async fn a_database_that_went_back_hides_no_revocation() {
        let (_database, pool) = empty_database().await;
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);
        let revocations = Revocations::new(&pool, clock.clone());
        revocations.poll().await.unwrap();
        // As if the look had been at a database far ahead of this one.
        revocations.view.write().unwrap().horizon = i64::MAX;

        let grant = Uuid::now_v7();
        revocations::insert(&pool, &Revocation::of_grant(grant, clock.now())).await.unwrap();
        revocations.poll().await.unwrap();
        assert!(revocations.knows(grant));
        assert!(revocations.read(|view| view.horizon < i64::MAX));
    }

    #[tokio::test]
    async fn what_concerns_expired_tokens_is_forgotten_and_nothing_else() {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);
        let pool = PgPool::connect_lazy("postgres://nowhere.invalid/none").unwrap();
        let revocations = Revocations::new(&pool, clock.clone());
        let (now, [expired, living]) = (clock.now(), [Uuid::now_v7(), Uuid::now_v7()]);
        revocations.add(Revocation::of_token(expired, now + TimeDelta::hours(1), now));
        revocations.add(Revocation::of_token(living, now + TimeDelta::hours(3), now));
        clock.advance(TimeDelta::hours(2));
        revocations.sweep();
        assert_eq!((revocations.knows(expired), revocations.knows(living)), (false, true));
    }
}
