//! `POST /update_reconciliation/{id_tache}`: runs a task again on current data.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use tokio::time::{Instant, sleep};

use super::ErrorBody;
use super::scope::Write;
use super::tasks::visibility;
use super::wire::Figures;
use crate::State;
use crate::domain::task::TaskState;
use crate::store::tasks::{self, StoredTask, Visibility};
use crate::work::matching;

const WAIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why a task was not run again.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// 404: unknown, or another user's
    #[error("task not found")]
    NotFound,
    /// 409
    #[error("the task is ATTENTE or ENCOURS")]
    Running,
    /// 503, 500
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl ToProblem for UpdateError {
    fn problem(&self) -> Problem {
        match self {
            Self::NotFound => Problem::not_found(self.to_string()),
            Self::Running => Problem::new(StatusCode::CONFLICT, "task_running", self.to_string()),
            Self::Database(error) => common::db::problem(error),
        }
    }
}

common::error_response!(UpdateError);

/// Runs a task again on the transactions as they are now, with the operator's configuration that the task has. Waits up
/// to ten seconds; still running: `ENCOURS` in all six figures.
#[utoipa::path(post, path = "/update_reconciliation/{id_tache}", tag = "reconciliation",
    operation_id = "updateReconciliation",
    params(("id_tache" = i64, Path, minimum = 1)),
    security(("bearer" = ["write"])),
    responses(
        (status = 201, body = Figures),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, description = "The task is ATTENTE or ENCOURS", body = ErrorBody),
    ))]
pub async fn update(
    state: web::Data<State>,
    caller: Caller<Write>,
    id: web::Path<i64>,
) -> Result<HttpResponse, UpdateError> {
    let task = restart(&state, *id, visibility(&caller)).await?;
    let deadline = Instant::now() + WAIT;
    let mut latest = task;
    while !is_finished(&latest) && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
        // The run is queued whatever becomes of this look.
        if let Ok(Some(task)) = tasks::find(&state.pool, *id, Visibility::All).await {
            latest = task;
        }
    }
    Ok(HttpResponse::Created().json(Figures::numbers(&latest)))
}

async fn restart(state: &State, id: i64, visibility: Visibility<'_>) -> Result<StoredTask, UpdateError> {
    let mut transaction = state.pool.begin().await?;
    tasks::find(&mut *transaction, id, visibility).await?.ok_or(UpdateError::NotFound)?;
    let job = matching::enqueue(&mut transaction, id).await?;
    if !tasks::restart(&mut *transaction, id, job, state.clock.now()).await? {
        return Err(UpdateError::Running);
    }
    let restarted = tasks::find(&mut *transaction, id, Visibility::All).await?;
    transaction.commit().await?;
    restarted.ok_or(UpdateError::NotFound)
}

fn is_finished(task: &StoredTask) -> bool {
    matches!(TaskState::parse(&task.state), Some(TaskState::Termine | TaskState::Echec))
}
