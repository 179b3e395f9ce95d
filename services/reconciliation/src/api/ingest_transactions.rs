//! `POST /transactions/`: the aggregator's side.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use common::auth::Caller;
use common::body::{BodyError, has_media_type};
use common::error::{Problem, ToProblem};
use serde::Serialize;
use utoipa::ToSchema;

use super::ErrorBody;
use super::scope::TransactionsWrite;
use super::upload::{self, UploadError};
use crate::State;
use crate::transaction_file::Format;
use crate::work::ingest::{self, IngestError, Ingested};

/// Why transactions were not taken.
#[derive(Debug, thiserror::Error)]
pub enum TransactionsError {
    /// 415
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 400, 408, 413, 503
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// 400, 503, 500
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

impl ToProblem for TransactionsError {
    fn problem(&self) -> Problem {
        match self {
            Self::Body(error) => error.problem(),
            Self::Upload(error) => error.problem(),
            Self::Ingest(IngestError::Malformed(detail)) => {
                Problem::new(StatusCode::BAD_REQUEST, "invalid", detail)
            }
            Self::Ingest(IngestError::Database(error)) if ingest::is_conflict(error) => {
                Problem::unavailable()
            }
            Self::Ingest(IngestError::Database(error)) => common::db::problem(error),
            Self::Ingest(IngestError::Spool(_) | IngestError::Reader) => Problem::internal(),
        }
    }
}

common::error_response!(TransactionsError);

/// One of the aggregator's transactions.
#[derive(ToSchema)]
#[schema(as = NewTransaction)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
pub struct TransactionBody {
    #[schema(min_length = 1, max_length = 128)]
    cpm_trans_id: String,
    /// The operator's number of the payment.
    payid: Option<String>,
    payment_method: String,
    /// `ACCEPTED` is success, `PENDING` and `WAITING…` pending, anything else failed.
    status: String,
    /// Whole XOF.
    #[schema(minimum = 0)]
    cpm_amount: i64,
    /// `XOF`
    currency: String,
    cel_phone_num: Option<String>,
    cpm_payment_date: String,
    /// What an operator's `trans_id` is compared with; by default `cpm_trans_id`.
    trans_id: Option<String>,
}

/// What an upload did, by row.
#[derive(Serialize, ToSchema)]
pub struct IngestedBody {
    received: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    /// The first 1,000.
    rejected: Vec<RejectionBody>,
}

/// A row that was not taken.
#[derive(Serialize, ToSchema)]
pub struct RejectionBody {
    line: u64,
    reason: String,
}

impl From<Ingested> for IngestedBody {
    fn from(ingested: Ingested) -> Self {
        let rejected = ingested.rejected.into_iter();
        Self {
            received: ingested.received,
            inserted: ingested.tally.inserted,
            updated: ingested.tally.updated,
            unchanged: ingested.tally.unchanged,
            rejected: rejected.map(|r| RejectionBody { line: r.line, reason: r.reason }).collect(),
        }
    }
}

/// Stores the aggregator's transactions: a JSON array (or one object), NDJSON or CSV of any size. Idempotent by
/// `cpm_trans_id`: the same content changes nothing, other content is a new version. All good rows of an upload are
/// stored together; bad rows are listed.
#[utoipa::path(post, path = "/transactions/", tag = "transactions", operation_id = "ingestTransactions",
    request_body(content((Vec<TransactionBody> = "application/json"), (String = "application/x-ndjson"),
        (String = "text/csv"))),
    security(("bearer" = ["transactions:write"])),
    responses(
        (status = 200, body = IngestedBody),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    ))]
pub async fn ingest(
    state: web::Data<State>,
    _caller: Caller<TransactionsWrite>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, TransactionsError> {
    let format = format(&request)?;
    let limits = &state.config.upload;
    let file = {
        let _place = upload::admit(&state.spooling)?;
        upload::spool(payload, limits.max_bytes, Duration::from_secs(limits.idle_s)).await?
    };
    let _turn = upload::turn(&state.uploads).await?;
    let ingested = ingest::take(&state.pool, &file, format, state.clock.now()).await?;
    Ok(HttpResponse::Ok().json(IngestedBody::from(ingested)))
}

fn format(request: &HttpRequest) -> Result<Format, BodyError> {
    let formats = [
        ("application/json", Format::Json),
        ("application/x-ndjson", Format::NdJson),
        ("text/csv", Format::Csv),
    ];
    formats
        .into_iter()
        .find(|(media_type, _)| has_media_type(request, media_type))
        .map(|(_, format)| format)
        .ok_or(BodyError::MediaType("application/json, application/x-ndjson or text/csv"))
}
