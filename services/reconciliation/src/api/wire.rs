//! How instants and figures are written.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::tasks::StoredTask;

/// `2021-05-27T00:00:00Z`
pub(super) fn to_second(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `2021-06-21T18:36:43.473262Z`
pub(super) fn to_microsecond(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A figure: a number, the same number as text in lists, or `ENCOURS` until it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Figure {
    /// Known, as a number.
    Number(i64),
    /// Known, as text; or `ENCOURS`.
    Text(String),
}

impl Figure {
    fn number(value: Option<i64>) -> Self {
        value.map_or_else(|| Self::Text("ENCOURS".to_owned()), Self::Number)
    }

    fn text(value: Option<i64>) -> Self {
        Self::Text(value.map_or_else(|| "ENCOURS".to_owned(), |value| value.to_string()))
    }
}

/// The six figures of a task. Amounts in whole XOF; `diff…` is operator minus aggregator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    montant_operateur: Figure,
    montant_cinetpay: Figure,
    diff_montant: Figure,
    count_operator: Figure,
    count_cinetpay: Figure,
    diff_count: Figure,
}

impl Figures {
    /// Numbers, as in a task's detail.
    pub(super) fn numbers(task: &StoredTask) -> Self {
        Self::with(task, Figure::number)
    }

    /// Text, as in the list of tasks.
    pub(super) fn texts(task: &StoredTask) -> Self {
        Self::with(task, Figure::text)
    }

    fn with(task: &StoredTask, write: fn(Option<i64>) -> Figure) -> Self {
        let diff = |a: Option<i64>, b: Option<i64>| a.zip(b).map(|(a, b)| a - b);
        Self {
            montant_operateur: write(task.montant_operateur),
            montant_cinetpay: write(task.montant_cinetpay),
            diff_montant: write(diff(task.montant_operateur, task.montant_cinetpay)),
            count_operator: write(task.count_operator),
            count_cinetpay: write(task.count_cinetpay),
            diff_count: write(diff(task.count_operator, task.count_cinetpay)),
        }
    }
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskBody {
    id: i64,
    date_creation: String,
    date_update: String,
    #[schema(pattern = "^(ATTENTE|ENCOURS|TERMINE|ECHEC)$")]
    etat: String,
    owner: String,
    file_name: String,
    libelle: String,
    /// Empty; at `ECHEC` the reason.
    description: String,
    date_debut: String,
    date_fin: String,
    #[serde(flatten)]
    figures: Figures,
    operateur: i32,
}

impl TaskBody {
    /// As one of a list.
    pub(super) fn listed(task: &StoredTask) -> Self {
        Self::with(task, Figures::texts(task))
    }

    /// By itself.
    pub(super) fn detailed(task: &StoredTask) -> Self {
        Self::with(task, Figures::numbers(task))
    }

    fn with(task: &StoredTask, figures: Figures) -> Self {
        Self {
            id: task.id,
            date_creation: to_microsecond(task.created_at),
            date_update: to_microsecond(task.updated_at),
            etat: task.state.clone(),
            owner: task.owner_login.clone(),
            file_name: task.file_name.clone(),
            libelle: crate::domain::task::libelle(task.created_at),
            description: task.failure.clone().unwrap_or_default(),
            date_debut: to_second(task.window_start),
            date_fin: to_second(task.window_end),
            figures,
            operateur: task.operator_id,
        }
    }
}
