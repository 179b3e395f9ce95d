//! Replays a past control from what is frozen: the snapshot, the editions and the flow.

use std::sync::Arc;

use sqlx::PgPool;
use tokio::sync::Mutex;

use super::control::hits_json;
use crate::catalogue::{Catalogue, Holder};
use crate::domain::audit::{self, ENGINE_VERSION, EditionRef, Header, Screening};
use crate::domain::control::ControlType;
use crate::domain::flow::Flow;
use crate::domain::person::PersonDocument;
use crate::domain::screening::Screener;
use crate::store::audit_trail::StoredControl;
use crate::store::flows;

/// Why a control was not replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// 409: only its own version of the engine can.
    #[error("the control was made by version {0} of the engine, and this is version {ENGINE_VERSION}")]
    OtherEngine(String),
    /// 409: the trail would not verify either.
    #[error("the control's {0} not what it was made with: see /audit/verify")]
    Changed(&'static str),
    /// 500
    #[error("what is stored cannot be read")]
    Unreadable,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl From<serde_json::Error> for ReplayError {
    fn from(_: serde_json::Error) -> Self {
        Self::Unreadable
    }
}

/// A control made again.
pub struct Replayed {
    /// How it had been made.
    pub screening: Screening,
    /// What it finds now, as JSON; `None` for nothing.
    pub hits: Option<String>,
}

/// Replays controls.
pub struct Replayer {
    holder: Arc<Holder>,
    /// The last editions that were indexed for a replay: whoever goes through old controls asks for them again. Locked
    /// while an index is built, so that one is at a time.
    last: Mutex<Option<(Vec<EditionRef>, Arc<Catalogue>)>>,
}

impl Replayer {
    /// With the editions in force, which need no index of their own.
    pub fn new(holder: Arc<Holder>) -> Self {
        Self { holder, last: Mutex::default() }
    }

    /// Makes a control again.
    ///
    /// # Errors
    /// [`ReplayError`]
    pub async fn replay(&self, pool: &PgPool, control: &StoredControl) -> Result<Replayed, ReplayError> {
        let header: Header = serde_json::from_str(&control.header)?;
        let screening = header.screening.ok_or(ReplayError::Unreadable)?;
        if screening.engine != ENGINE_VERSION {
            return Err(ReplayError::OtherEngine(screening.engine));
        }
        let flow = flows::by_id(pool, screening.flow_id).await?;
        let flow = flow
            .filter(|flow| audit::configuration_hash(flow) == screening.configuration)
            .ok_or(ReplayError::Changed("flow is"))?;
        let catalogue = self.catalogue(pool, &flow, &screening.editions).await?;
        let document: PersonDocument = serde_json::from_str(&control.document)?;
        let subject = document.subject().map_err(|_| ReplayError::Unreadable)?;
        let findings = catalogue.screen(&mut Screener::new(&catalogue.index), &flow, &subject);
        let control_type = ControlType::of_code(control.r#type);
        let place = flow.control_types.iter().position(|it| Some(*it) == control_type);
        let findings = place.and_then(|place| findings.get(place)).ok_or(ReplayError::Unreadable)?;
        Ok(Replayed { screening, hits: hits_json(findings)? })
    }

    /// The editions as they were, indexed.
    async fn catalogue(
        &self,
        pool: &PgPool,
        flow: &Flow,
        editions: &[EditionRef],
    ) -> Result<Arc<Catalogue>, ReplayError> {
        let has_them = |catalogue: &Arc<Catalogue>| catalogue.editions_of(flow) == editions;
        if let Some(in_force) = self.holder.current().filter(has_them) {
            return Ok(in_force);
        }
        let mut last = self.last.lock().await;
        if let Some((_, catalogue)) = last.as_ref().filter(|(indexed, _)| indexed == editions) {
            return Ok(catalogue.clone());
        }
        let wanted =
            editions.iter().map(|edition| (edition.source.clone(), edition.control_type, edition.id));
        let catalogue = Arc::new(Catalogue::load(pool, wanted).await?);
        if !has_them(&catalogue) {
            return Err(ReplayError::Changed("editions are"));
        }
        *last = Some((editions.to_vec(), catalogue.clone()));
        Ok(catalogue)
    }
}
