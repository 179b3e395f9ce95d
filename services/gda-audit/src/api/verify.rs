//! `GET /audit/verify`: whether the audit trail is what was written.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use common::auth::Caller;
use common::error::{Problem, ToProblem};
use serde::Serialize;
use utoipa::ToSchema;

use super::scope::ScreeningRead;
use super::screen::instant;
use super::{ProblemBody, ids};
use crate::State;
use crate::domain::control::hex;
use crate::work::verify::{Fault, FaultKind, Report, VerifyError};

impl ToProblem for VerifyError {
    fn problem(&self) -> Problem {
        match self {
            Self::Busy => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, "verification_under_way", self.to_string())
                    .retry_after(Duration::from_secs(10))
            }
            Self::Anchor(_) => Problem::unavailable().cause(self.to_string()),
            Self::Database(error) => common::db::problem(error),
            Self::Ended => Problem::internal(),
        }
    }
}

common::error_response!(VerifyError);

/// What was verified, and the first thing that is not as it was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerifiedBody {
    valid: bool,
    /// Segments that are as they were written, from the beginning.
    segments: i64,
    /// Their rows: controls and events.
    rows: i64,
    /// The chain's head after them.
    head: ChainHeadBody,
    /// The last anchored head; absent where there is none, or the fault was found before the anchor was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    anchor: Option<AnchoredHeadBody>,
    /// The first fault, in the order of the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) problem: Option<FaultBody>,
}

/// A place in the chain.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChainHeadBody {
    /// From 1; 0 where there is nothing yet.
    seq: i64,
    /// The chain's hash there, hexadecimal.
    hash: String,
}

/// A place in the chain, as it is kept outside the database.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnchoredHeadBody {
    seq: i64,
    hash: String,
    /// When it was signed.
    at: String,
}

/// Something that is not as it was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultBody {
    kind: FaultKind,
    /// The place in the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    seq: Option<i64>,
    /// The segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    segment: Option<String>,
    /// The row's position in the segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    position: Option<i32>,
    /// The row's id, as the other operations give it; the edition's; or the record's list and hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<String>,
    /// What is wrong, for people.
    reason: &'static str,
}

impl fmt::Display for FaultBody {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}", self.reason)?;
        let place = |name: &str, value: Option<String>| value.map(|value| format!(", {name} {value}"));
        let places = [
            place("id", self.id.clone()),
            place("segment", self.segment.clone()),
            place("place in the chain", self.seq.map(|seq| seq.to_string())),
        ];
        places.into_iter().flatten().try_for_each(|place| to.write_str(&place))
    }
}

impl From<Fault> for FaultBody {
    fn from(fault: Fault) -> Self {
        let row = fault.segment.zip(fault.position).map(|(segment, position)| ids::row(segment, position));
        Self {
            kind: fault.kind,
            seq: fault.seq,
            segment: fault.segment.map(|segment| segment.to_string()),
            position: fault.position,
            id: fault.id.or(row),
            reason: fault.reason,
        }
    }
}

impl From<Report> for VerifiedBody {
    fn from(report: Report) -> Self {
        Self {
            valid: report.fault.is_none(),
            segments: report.segments,
            rows: report.rows,
            head: ChainHeadBody { seq: report.head.seq, hash: hex::encode(&report.head.hash) },
            anchor: report.anchor.map(|head| AnchoredHeadBody {
                seq: head.seq,
                at: instant(head.at),
                hash: head.hash,
            }),
            problem: report.fault.map(FaultBody::from),
        }
    }
}

/// Verifies the audit trail from its beginning to its end, and holds it to its anchor: every row, segment and link, the
/// snapshots and editions that controls were made with, and that what stands now is what the trail ends with. Takes
/// seconds for a million rows; one at a time on a replica.
#[utoipa::path(get, path = "/audit/verify", tag = "audit", operation_id = "verifyAudit",
    security(("bearer" = ["screening:read"])),
    responses(
        (status = 200, description = "Verified, with or without a fault", body = VerifiedBody),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ))]
pub async fn show(
    state: web::Data<State>,
    _caller: Caller<ScreeningRead>,
) -> Result<HttpResponse, VerifyError> {
    let report = state.verifier.verify(&state.pool).await?;
    Ok(HttpResponse::Ok().json(VerifiedBody::from(report)))
}
