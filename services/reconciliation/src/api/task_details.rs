//! `GET /details_taches/{id}`: everything that a task found, streamed.

use actix_web::{HttpResponse, web};
use async_stream::try_stream;
use bytes::Bytes;
use common::auth::{AuthError, Identity};
use common::redact::Personal;
use futures_util::Stream;
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use super::ErrorBody;
use super::tasks::{Reader, TaskError, find};
use super::wire::{TaskBody, to_second};
use crate::State;
use crate::domain::matching::Kind;
use crate::domain::task::TaskState;
use crate::store::results::{self, AggregatorSide, OperatorSide, ResultRow};
use crate::store::tasks::StoredTask;

const PAGE: i64 = 2_000;

/// A task with its rows.
#[derive(Serialize, ToSchema)]
pub struct TaskDetailsBody {
    #[serde(flatten)]
    task: TaskBody,
    /// Operator's rows with the aggregator's that they correspond to: MATCHED, AMOUNT_MISMATCH, STATUS_MISMATCH.
    correspondent: Vec<CorrespondentBody>,
    /// Operator's rows without one: OPERATOR_ONLY.
    not_correspondent: Vec<OperatorRowBody>,
    /// Aggregator's rows without one: CINETPAY_ONLY.
    cinetpay_only: Vec<AggregatorRowBody>,
    /// DUPLICATE_OPERATOR and DUPLICATE_CINETPAY, each in its side's shape.
    duplicates: Vec<DuplicateBody>,
    /// Operator's rows outside the task's window, in no figure: OUT_OF_WINDOW.
    out_of_window: Vec<OperatorRowBody>,
}

/// A duplicate, in its side's shape.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub enum DuplicateBody {
    /// DUPLICATE_OPERATOR
    Operator(OperatorRowBody),
    /// DUPLICATE_CINETPAY
    Aggregator(AggregatorRowBody),
}

/// Why a row is where it is.
#[derive(Serialize, ToSchema)]
pub struct FindingBody {
    #[schema(
        pattern = "^(MATCHED|AMOUNT_MISMATCH|STATUS_MISMATCH|OPERATOR_ONLY|CINETPAY_ONLY|DUPLICATE_OPERATOR|DUPLICATE_CINETPAY|OUT_OF_WINDOW)$"
    )]
    kind: String,
    /// Name of the operator's rule that made it; null where none did.
    rule: Option<String>,
    /// Why, for people.
    reason: String,
}

/// A row of the operator's file; `phone_num` and `amount` are the file's own text.
#[derive(Serialize, ToSchema)]
pub struct OperatorRowBody {
    id: i64,
    payment_date: String,
    payid: String,
    status: String,
    #[schema(value_type = String)]
    phone_num: Personal<String>,
    amount: String,
    trans_id: String,
    account: String,
    agent: String,
    tache: i64,
    #[serde(flatten)]
    finding: FindingBody,
}

/// A row of the operator's file with the aggregator's transaction that it corresponds to.
#[derive(Serialize, ToSchema)]
#[allow(non_snake_case, reason = "the contract's names")]
pub struct CorrespondentBody {
    #[serde(flatten)]
    row: OperatorRowBody,
    payment_methodCorrespondant: String,
    StautTransactionCorrespondent: String,
    cpm_trans_idCorrespondent: String,
    /// Whole XOF.
    cpm_amountCorrespondent: i64,
    #[schema(value_type = String)]
    cel_phone_numCorrespondent: Personal<String>,
    cpm_payment_dateCorrespondent: String,
    payidCorrespondent: String,
}

/// A transaction of the aggregator.
#[derive(Serialize, ToSchema)]
pub struct AggregatorRowBody {
    cpm_trans_id: String,
    payid: String,
    payment_method: String,
    status: String,
    /// Whole XOF.
    cpm_amount: i64,
    currency: String,
    #[schema(value_type = String)]
    cel_phone_num: Personal<String>,
    cpm_payment_date: String,
    trans_id: String,
    tache: i64,
    #[serde(flatten)]
    finding: FindingBody,
}

/// A task with all its rows, each with its `kind`, `rule` and `reason`. The rows are there at TERMINE. The answer is
/// streamed; should another run replace the results meanwhile, it is cut off rather than mixed.
#[utoipa::path(get, path = "/details_taches/{id}", tag = "taches", operation_id = "showTacheDetails",
    params(("id" = i64, Path, minimum = 1)),
    security(("bearer" = ["read"])),
    responses(
        (status = 200, body = TaskDetailsBody),
        (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    ))]
pub async fn show(
    state: web::Data<State>,
    identity: Result<Identity, AuthError>,
    id: web::Path<i64>,
) -> Result<HttpResponse, TaskError> {
    let reader = Reader::admit(&state, identity)?;
    let task = find(&state, &reader, *id).await?;
    Ok(HttpResponse::Ok().content_type("application/json").streaming(document(state.pool.clone(), task)))
}

/// The arrays of the document, in the order in which the results are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Correspondent,
    NotCorrespondent,
    CinetpayOnly,
    Duplicates,
    OutOfWindow,
}

impl Section {
    const ALL: [Self; 5] = [
        Self::Correspondent,
        Self::NotCorrespondent,
        Self::CinetpayOnly,
        Self::Duplicates,
        Self::OutOfWindow,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Correspondent => "correspondent",
            Self::NotCorrespondent => "not_correspondent",
            Self::CinetpayOnly => "cinetpay_only",
            Self::Duplicates => "duplicates",
            Self::OutOfWindow => "out_of_window",
        }
    }
}

impl From<Kind> for Section {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Matched | Kind::AmountMismatch | Kind::StatusMismatch => Self::Correspondent,
            Kind::OperatorOnly => Self::NotCorrespondent,
            Kind::CinetpayOnly => Self::CinetpayOnly,
            Kind::DuplicateOperator | Kind::DuplicateCinetpay => Self::Duplicates,
            Kind::OutOfWindow => Self::OutOfWindow,
        }
    }
}

/// Why a document ends before its end: the connection is closed so that nobody takes the part for the whole.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("another run replaced the results")]
    Replaced,
    #[error("a stored result cannot be written")]
    Unwritable,
}

fn document(pool: PgPool, task: StoredTask) -> impl Stream<Item = Result<Bytes, Cut>> {
    try_stream! {
        let head = serde_json::to_string(&TaskBody::detailed(&task)).map_err(|_| Cut::Unwritable)?;
        let mut out = head.trim_end_matches('}').to_owned();
        let mut sections = Section::ALL.into_iter();
        let mut open: Option<Section> = None;
        let mut after = -1;
        // Without rows before TERMINE: until then the results, if any, are an earlier run's.
        while TaskState::parse(&task.state) == Some(TaskState::Termine) {
            // Pages, so that a slow reader holds no connection.
            let page = results::page(&pool, task.id, task.job_id, after, PAGE).await?;
            let is_last = (page.len() as i64) < PAGE;
            for row in page {
                after = row.ordinal;
                let section = Kind::parse(&row.kind).map(Section::from).ok_or(Cut::Unwritable)?;
                if open == Some(section) {
                    out.push(',');
                }
                while open != Some(section) {
                    let next = sections.next().ok_or(Cut::Unwritable)?;
                    begin(&mut out, open, next);
                    open = Some(next);
                }
                write_row(&mut out, task.id, row)?;
            }
            if is_last {
                if !results::stand(&pool, task.id, task.job_id).await? {
                    Err(Cut::Replaced)?;
                }
                break;
            }
            yield Bytes::from(std::mem::take(&mut out));
        }
        for next in sections {
            begin(&mut out, open, next);
            open = Some(next);
        }
        out.push_str("]}");
        yield Bytes::from(out);
    }
}

fn begin(out: &mut String, open: Option<Section>, next: Section) {
    if open.is_some() {
        out.push(']');
    }
    out.push_str(",\"");
    out.push_str(next.name());
    out.push_str("\":[");
}

fn write_row(out: &mut String, task: i64, row: ResultRow) -> Result<(), Cut> {
    let finding = FindingBody { kind: row.kind, rule: row.rule, reason: row.reason };
    let json = match (row.operator, row.aggregator) {
        (Some(operator), Some(aggregator)) => {
            serde_json::to_string(&correspondent(operator, aggregator, task, finding))
        }
        (Some(operator), None) => serde_json::to_string(&operator_row(operator, task, finding)),
        (None, Some(aggregator)) => serde_json::to_string(&aggregator_row(aggregator, task, finding)),
        (None, None) => return Err(Cut::Unwritable),
    };
    out.push_str(&json.map_err(|_| Cut::Unwritable)?);
    Ok(())
}

fn operator_row(row: OperatorSide, tache: i64, finding: FindingBody) -> OperatorRowBody {
    OperatorRowBody {
        id: row.id,
        payment_date: to_second(row.payment_date),
        payid: row.payid.unwrap_or_default(),
        status: row.status,
        phone_num: row.phone_num,
        amount: row.amount_text,
        trans_id: row.trans_id.unwrap_or_default(),
        account: row.account,
        agent: row.agent,
        tache,
        finding,
    }
}

fn correspondent(
    row: OperatorSide,
    transaction: AggregatorSide,
    tache: i64,
    finding: FindingBody,
) -> CorrespondentBody {
    CorrespondentBody {
        row: operator_row(row, tache, finding),
        payment_methodCorrespondant: transaction.payment_method,
        StautTransactionCorrespondent: transaction.status,
        cpm_trans_idCorrespondent: transaction.cpm_trans_id,
        cpm_amountCorrespondent: transaction.amount,
        cel_phone_numCorrespondent: transaction.phone,
        cpm_payment_dateCorrespondent: to_second(transaction.payment_date),
        payidCorrespondent: transaction.payid.unwrap_or_default(),
    }
}

fn aggregator_row(row: AggregatorSide, tache: i64, finding: FindingBody) -> AggregatorRowBody {
    AggregatorRowBody {
        cpm_trans_id: row.cpm_trans_id,
        payid: row.payid.unwrap_or_default(),
        payment_method: row.payment_method,
        status: row.status,
        cpm_amount: row.amount,
        currency: row.currency,
        cel_phone_num: row.phone,
        cpm_payment_date: to_second(row.payment_date),
        trans_id: row.trans_id,
        tache,
        finding,
    }
}
