//! What was revoked, known to every replica within a second.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use common::auth::{Claims, RevocationView, Unavailable};
use common::clock::SharedClock;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::store::revocations::{self, Kind, Revocation};

pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// A view older than this is not asked: a revocation must be honoured within 1 s.
const MAX_AGE: Duration = Duration::from_millis(800);
const DIRECT_TIMEOUT: Duration = Duration::from_secs(2);

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
    revoked: HashMap<(Kind, String), Revocation>,
    /// When the last complete look began.
    looked_at: Option<Instant>,
    /// Transactions before this one had ended by then, so their rows have been seen.
    horizon: i64,
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
        let began = Instant::now();
        let since = self.read(|view| view.horizon);
        let (horizon, revoked) = revocations::since(&self.pool, since).await?;
        let now = self.clock.now();
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.revoked.extend(revoked.into_iter().map(|r| ((r.kind, r.value.clone()), r)));
        view.revoked.retain(|_, r| r.expires_at > now);
        view.looked_at = Some(began);
        view.horizon = horizon;
        Ok(())
    }

    /// Makes what this replica revoked known here at once.
    pub(crate) fn add(&self, revoked: Vec<Revocation>) {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        view.revoked.extend(revoked.into_iter().map(|r| ((r.kind, r.value.clone()), r)));
    }

    fn read<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a token can be revoked by.
fn handles(claims: &Claims) -> impl Iterator<Item = (Kind, &str)> {
    let grant = claims.sid.as_deref().map(|sid| (Kind::Grant, sid));
    [(Kind::Token, claims.jti.as_str()), (Kind::Client, claims.client_id.as_str())].into_iter().chain(grant)
}

fn applies(revocation: &Revocation, claims: &Claims) -> bool {
    revocation.kind != Kind::Client || claims.iat <= revocation.issued_until.timestamp()
}

#[async_trait]
impl RevocationView for Revocations {
    async fn is_revoked(&self, claims: &Claims) -> Result<bool, Unavailable> {
        let known = self.read(|view| {
            let revoked = handles(claims).any(|(kind, value)| {
                view.revoked.get(&(kind, value.to_owned())).is_some_and(|r| applies(r, claims))
            });
            let is_fresh = view.looked_at.is_some_and(|at| at.elapsed() <= MAX_AGE);
            (revoked || is_fresh).then_some(revoked)
        });
        if let Some(revoked) = known {
            return Ok(revoked);
        }
        let (kinds, values): (Vec<_>, Vec<_>) =
            handles(claims).map(|(kind, value)| (kind.as_str().to_owned(), value.to_owned())).unzip();
        let asked = tokio::time::timeout(DIRECT_TIMEOUT, revocations::among(&self.pool, &kinds, &values));
        match asked.await {
            Ok(Ok(found)) => Ok(found.iter().any(|r| applies(r, claims))),
            Ok(Err(_)) | Err(_) => Err(Unavailable),
        }
    }
}
