//! A classification's history, and its decisions made again.

use super::command::{AsOf, By, CommandError, Past};
use super::desk::Desk;
use crate::domain::classification::Classification;
use crate::domain::contract::ContractNo;
use crate::domain::engine::{DecisionRecord, Snapshot};
use crate::domain::event::{Change, Event};
use crate::domain::refusal::Refusal;
use crate::domain::state::Party;
use crate::store::{classifications, events};

/// A past decision of the engine, and what it decides from the same inputs today.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The number of the event that tells it.
    pub seq: u64,
    /// As it was made.
    pub recorded: DecisionRecord,
    /// As it comes out now.
    pub repeated: DecisionRecord,
}

impl Desk {
    /// The events of a classification until an instant, those that time has brought about among them, whether they were
    /// written or not. Their hashes were verified.
    ///
    /// # Errors
    /// [`CommandError::NotFound`], [`CommandError::Corrupt`], [`CommandError::Database`]
    pub async fn events(
        &self,
        by: &By,
        contract_no: &ContractNo,
        request_no: u64,
        as_of: AsOf,
    ) -> Result<Vec<Past>, CommandError> {
        let id = self.id(by, contract_no, request_no).await?;
        let now = self.now();
        let instant = as_of.map_or(now, |at| at.min(now));
        let mut past = Vec::new();
        for stored in events::history(&self.pool, id, u64::MAX).await? {
            if as_of.is_none() || stored.event.at <= instant {
                let (login, client_id) = (stored.row.login.map(Into::into), stored.row.client_id);
                past.push(Past { seq: past.len() as u64 + 1, event: stored.event, login, client_id });
            }
        }
        if past.is_empty() {
            return Err(CommandError::NotFound);
        }
        let it = Classification::from_events(past.iter().map(|past| &past.event))?;
        for event in it.due(instant) {
            past.push(Past { seq: past.len() as u64 + 1, event, login: None, client_id: None });
        }
        Ok(past)
    }

    /// The engine's decisions on a classification, made again from what was stored of their inputs. For the insurer.
    ///
    /// # Errors
    /// [`CommandError::NotFound`], [`CommandError::Corrupt`] where the inputs are not those of the decision,
    /// [`CommandError::Database`]
    pub async fn replay_decisions(
        &self,
        by: &By,
        contract_no: &ContractNo,
        request_no: u64,
    ) -> Result<Vec<Replayed>, CommandError> {
        let id = self.id(by, contract_no, request_no).await?;
        if by.party != Party::Insurer {
            return Err(Refusal::Actor.into());
        }
        let events = events::history(&self.pool, id, u64::MAX).await?;
        let mut replayed = Vec::new();
        for (seq, snapshot) in events::snapshots(&self.pool, id).await? {
            let event = events.iter().find(|stored| stored.row.seq == seq).map(|stored| &stored.event);
            let recorded = event.and_then(recorded).ok_or(CommandError::Corrupt)?.clone();
            let repeated = serde_json::from_str::<Snapshot>(&snapshot)?.decide()?;
            if repeated.inputs_hash != recorded.inputs_hash {
                return Err(CommandError::Corrupt);
            }
            replayed.push(Replayed { seq: u64::try_from(seq).unwrap_or_default(), recorded, repeated });
        }
        Ok(replayed)
    }

    async fn id(
        &self,
        by: &By,
        contract_no: &ContractNo,
        request_no: u64,
    ) -> Result<uuid::Uuid, CommandError> {
        if !self.sees(by, contract_no).await? {
            return Err(CommandError::NotFound);
        }
        classifications::id(&self.pool, contract_no, request_no).await?.ok_or(CommandError::NotFound)
    }
}

fn recorded(event: &Event) -> Option<&DecisionRecord> {
    match &event.change {
        Change::Requested(requested) => requested.decision.as_ref(),
        Change::Activated { decision } => decision.as_deref(),
        _ => None,
    }
}
