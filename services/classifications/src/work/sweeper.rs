//! Writes down what time has changed, so that subscribers hear of it. Nobody waits for it: who reads takes time into
//! account, who writes writes it first.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use common::clock::SharedClock;
use rust_decimal::Decimal;
use sqlx::PgPool;
use tokio::task::JoinHandle;

use super::{announce, capacity};
use crate::domain::contract::ContractNo;
use crate::store::record::{self, Changed, KEY_LIFE, Record};
use crate::store::{classifications, contracts};

/// Debtors of a contract whose changes one transaction writes.
const DEBTORS_AT_ONCE: usize = 100;

/// Sweeps until it is aborted. `issuer` is this service's own, whose subjects contracts' holders are.
pub fn start(pool: PgPool, clock: SharedClock, every: Duration, issuer: String) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(every);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match sweep(&pool, &issuer, clock.now()).await {
                Ok(0) => {}
                Ok(events) => tracing::info!(events, "time has changed classifications"),
                Err(error) => tracing::warn!(error = common::db::loggable(&error), "the sweeper failed"),
            }
        }
    })
}

/// Writes what time has changed until an instant, and forgets callers' old keys; how many events. Contracts that another
/// replica or a command has locked are left out: they are written by that, or next time.
///
/// # Errors
/// The database failed; what was committed stays.
pub async fn sweep(pool: &PgPool, issuer: &str, now: DateTime<Utc>) -> Result<u64, sqlx::Error> {
    let now = now.trunc_subsecs(6);
    let mut events = 0;
    for contract_no in contracts::due(pool, now).await? {
        loop {
            let (written, is_done) = sweep_contract(pool, &contract_no, issuer, now).await?;
            events += written;
            if is_done {
                break;
            }
        }
    }
    record::forget_keys(&mut *pool.acquire().await?, now - KEY_LIFE).await?;
    Ok(events)
}

async fn sweep_contract(
    pool: &PgPool,
    contract_no: &ContractNo,
    issuer: &str,
    now: DateTime<Utc>,
) -> Result<(u64, bool), sqlx::Error> {
    let mut tx = pool.begin().await?;
    let Some(mut contract) = contracts::lock_to_sweep(&mut tx, contract_no).await? else {
        return Ok((0, true));
    };
    let mut written = 0;
    for _ in 0..DEBTORS_AT_ONCE {
        let own = classifications::due(&mut tx, contract_no, now).await?;
        let changed: Vec<Changed> = own
            .iter()
            .filter_map(|stored| Changed::new(Some(stored), stored.classification.due(now), None))
            .filter(|changed| !changed.events.is_empty())
            .collect();
        if changed.is_empty() {
            tx.commit().await?;
            return Ok((written, true));
        }
        contract.committed = (contract.committed + capacity::change(&own, &changed)).max(Decimal::ZERO);
        let record = Record {
            contract_no,
            next_request_no: contract.next_request_no,
            committed: contract.committed,
            changed: &changed,
            evidence: None,
            key: None,
        };
        record::write(&mut tx, &record).await?;
        announce::changes(&mut tx, issuer, &contract.subject, &changed, now).await?;
        written += changed.iter().map(|it| it.events.len() as u64).sum::<u64>();
    }
    tx.commit().await?;
    Ok((written, false))
}
