//! A contract's classifications, at present or at an instant before.

use std::collections::HashMap;

use async_stream::try_stream;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::PgPool;
use uuid::Uuid;

use super::command::{AsOf, By, CommandError, Filter, Page};
use super::desk::{Desk, sees};
use crate::domain::classification::Classification;
use crate::domain::contract::ContractNo;
use crate::domain::event::Event;
use crate::domain::state::Party;
use crate::store::{classifications, contracts, events};

/// Rows that are read at once, while the client has yet to take those before: no connection waits for a slow client.
const AT_ONCE: u32 = 500;

/// Classifications in the order of their requests.
pub type Classifications = BoxStream<'static, Result<Classification, CommandError>>;

impl Desk {
    /// Whether a contract is there and the caller's to see.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sees(&self, by: &By, contract_no: &ContractNo) -> Result<bool, sqlx::Error> {
        Ok(contracts::holder(&self.pool, contract_no).await?.is_some_and(|holder| sees(by, &holder)))
    }

    /// A contract's classifications with time taken into account, for an insured without the engine's decisions. `as_of`
    /// is never later than now.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] before the first, [`CommandError::Database`] also in the middle.
    pub async fn list(
        &self,
        by: &By,
        contract_no: &ContractNo,
        filter: &Filter,
        page: Option<Page>,
        as_of: AsOf,
    ) -> Result<Classifications, CommandError> {
        if !self.sees(by, contract_no).await? {
            return Err(CommandError::NotFound);
        }
        let now = self.now();
        let listing = Listing {
            pool: self.pool.clone(),
            contract_no: contract_no.clone(),
            filter: filter.clone(),
            at: as_of.map_or(now, |at| at.min(now)),
            is_past: as_of.is_some(),
            with_decision: by.party == Party::Insurer,
        };
        let Page { after, limit } = page.unwrap_or(Page { after: 0, limit: u32::MAX });
        let all = listing.all(after, limit.min(AT_ONCE));
        Ok(all.take(usize::try_from(limit).unwrap_or(usize::MAX)).boxed())
    }
}

struct Listing {
    pool: PgPool,
    contract_no: ContractNo,
    filter: Filter,
    at: DateTime<Utc>,
    is_past: bool,
    with_decision: bool,
}

impl Listing {
    fn all(
        self,
        mut after: u64,
        at_once: u32,
    ) -> impl futures_util::Stream<Item = Result<Classification, CommandError>> {
        try_stream! {
            loop {
                let Rows { classifications, last } = self.rows(after, at_once).await?;
                for classification in classifications {
                    let classification = classification.at(self.at);
                    if self.passes(&classification) {
                        yield classification;
                    }
                }
                match last {
                    Some(last) => after = last,
                    None => break,
                }
            }
        }
    }

    async fn rows(&self, after: u64, limit: u32) -> Result<Rows, CommandError> {
        if self.is_past {
            return self.past_rows(after, limit).await;
        }
        let (pool, contract_no, filter) = (&self.pool, &self.contract_no, &self.filter);
        let classifications =
            classifications::page(pool, contract_no, filter, after, limit, self.at, self.with_decision)
                .await?;
        let is_last = classifications.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        let last = classifications.last().map(|it| it.request_no).filter(|_| !is_last);
        Ok(Rows { classifications, last })
    }

    async fn past_rows(&self, after: u64, limit: u32) -> Result<Rows, CommandError> {
        let ids = classifications::ids(&self.pool, &self.contract_no, &self.filter, after, limit).await?;
        let is_last = ids.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        let keys: Vec<Uuid> = ids.iter().map(|(id, _)| *id).collect();
        let mut histories: HashMap<Uuid, Vec<Event>> = HashMap::new();
        for row in events::until(&self.pool, &keys, self.at).await? {
            let event = events::event(&row).ok_or(CommandError::Corrupt)?;
            histories.entry(row.classification_id).or_default().push(event);
        }
        let mut classifications = Vec::with_capacity(ids.len());
        for history in ids.iter().filter_map(|(id, _)| histories.get(id)) {
            let mut it = Classification::from_events(history)?;
            it.decision = it.decision.filter(|_| self.with_decision);
            classifications.push(it);
        }
        Ok(Rows { classifications, last: ids.last().map(|(_, request_no)| *request_no).filter(|_| !is_last) })
    }

    fn passes(&self, it: &Classification) -> bool {
        let filter = &self.filter;
        filter.status.is_none_or(|status| status == it.status)
            && (filter.endorsement_no.is_none() || filter.endorsement_no == it.endorsement_no)
            && (filter.request_no.is_some() || it.status.is_in_portfolio())
    }
}

struct Rows {
    classifications: Vec<Classification>,
    /// The last request's number, where there may be more.
    last: Option<u64>,
}
