//! Heads in a table of another database.

use std::time::Duration;

use async_stream::try_stream;
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};

use super::{Anchor, AnchorError, SignedHead};
use crate::store::heads;

/// Connections at most: one for heads, one for who verifies.
const CONNECTIONS: u32 = 2;
/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A database whose administrators are not those of the service's own.
pub struct PostgresAnchor {
    pool: PgPool,
}

impl PostgresAnchor {
    /// In this database; connected by the first use.
    pub fn new(options: PgConnectOptions) -> Self {
        let timeout = format!("{}ms", PATIENCE.as_millis());
        let options = options.disable_statement_logging().options([("statement_timeout", timeout)]);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        Self { pool: pool.connect_lazy_with(options) }
    }
}

impl From<sqlx::Error> for AnchorError {
    fn from(error: sqlx::Error) -> Self {
        Self(common::db::loggable(&error))
    }
}

#[async_trait]
impl Anchor for PostgresAnchor {
    async fn write(&self, head: &SignedHead) -> Result<(), AnchorError> {
        match heads::add(&self.pool, head).await {
            Err(error) if heads::has_no_table(&error) => {
                heads::create_table(&self.pool).await?;
                Ok(heads::add(&self.pool, head).await?)
            }
            added => Ok(added?),
        }
    }

    fn heads(&self) -> BoxStream<'_, Result<SignedHead, AnchorError>> {
        Box::pin(try_stream! {
            let mut after = None;
            loop {
                let page = match heads::page(&self.pool, after.as_ref()).await {
                    Err(error) if heads::has_no_table(&error) => return,
                    page => page?,
                };
                let Some(last) = page.last().cloned() else { break };
                for head in page {
                    yield head;
                }
                after = Some(last);
            }
        })
    }
}
