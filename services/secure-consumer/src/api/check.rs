//! `POST /ssp/secure_consumer`: how genuine a consumer, a company and a bank account look.

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use common::body::{self, BodyError};
use common::error::{Problem, ToProblem};
use serde::Serialize;
use utoipa::ToSchema;

use super::RefusedBody;
use crate::State;
use crate::accounts::AccessError;
use crate::domain::form::{Code, Form, FormFault};
use crate::domain::score::Reason;
use crate::metrics;
use crate::work::desk::Decision;
use crate::work::recorder::RecordError;

static DECISION_ID: HeaderName = HeaderName::from_static("x-decision-id");
static SCORE_COLOUR: HeaderName = HeaderName::from_static("x-score-colour");
static DEGRADED: HeaderName = HeaderName::from_static("x-degraded");
static ERROR_FIELD: HeaderName = HeaderName::from_static("x-error-field");

/// Why there is no decision.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// 401, 429
    #[error(transparent)]
    Access(#[from] AccessError),
    /// 408, and 400 where the connection broke
    #[error(transparent)]
    Body(#[from] BodyError),
    /// 503, 500
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl ToProblem for CheckError {
    fn problem(&self) -> Problem {
        match self {
            Self::Access(error) => error.problem(),
            Self::Body(error) => error.problem(),
            Self::Record(RecordError::Unavailable) => Problem::unavailable(),
            Self::Record(RecordError::Unwritten(_)) => Problem::internal(),
        }
    }
}

common::error_response!(CheckError);

/// What may be sent: at least one of three sets, each whole. `FORM_*` and `MAND_*` say what is wrong.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only described, in the OpenAPI document")]
#[schema(as = ConsumerBody)]
pub struct CheckBody {
    /// Identity: all but the complement.
    #[schema(max_length = 70, nullable = false)]
    consumer_last_name: Option<String>,
    #[schema(max_length = 70, nullable = false)]
    consumer_first_name: Option<String>,
    #[schema(max_length = 16, nullable = false)]
    consumer_address_street_number: Option<String>,
    #[schema(max_length = 16, nullable = false)]
    consumer_address_street_type: Option<String>,
    #[schema(max_length = 70, nullable = false)]
    consumer_address_street_name: Option<String>,
    #[schema(max_length = 70, nullable = false)]
    consumer_address_complement: Option<String>,
    #[schema(max_length = 16, nullable = false)]
    consumer_zip_code: Option<String>,
    #[schema(max_length = 35, nullable = false)]
    consumer_city: Option<String>,
    /// ISO 3166-1 alpha-2
    #[schema(max_length = 2, nullable = false)]
    consumer_country: Option<String>,
    #[schema(max_length = 70, nullable = false)]
    consumer_email: Option<String>,
    #[schema(max_length = 16, nullable = false)]
    consumer_phone_number: Option<String>,
    /// Bank account.
    #[schema(max_length = 34, nullable = false)]
    iban: Option<String>,
    /// Company: its corporate name
    #[schema(max_length = 32, nullable = false)]
    social_reference: Option<String>,
    /// and its SIREN.
    #[schema(max_length = 9, nullable = false)]
    siren: Option<String>,
}

/// A score, or why there is none.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum AnswerBody {
    /// `result` is true
    Scored(ScoredBody),
    /// `result` is false
    Refused(RefusedBody),
}

/// A score.
#[derive(Serialize, ToSchema)]
pub struct ScoredBody {
    /// `true`
    result: bool,
    /// `0` to `100`, never 20 and never 70 to 80
    score: String,
    /// Before the caps; with `detail=1` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    raw: Option<u8>,
    /// What the score is made of; with `detail=1` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reasons: Option<Vec<Reason>>,
}

/// Scores how genuine a consumer, a company and a bank account look. Wrong form is answered 200 with `result` false;
/// bad content is a low score. Sent again, the same counts once in the history.
#[utoipa::path(post, path = "/ssp/secure_consumer", tag = "secure_consumer", operation_id = "secureConsumer",
    params(("detail" = Option<String>, Query, description = "`1`: with reasons, and with the field at fault")),
    request_body = CheckBody,
    security(("basic" = [])),
    responses(
        (status = 200, description = "The score, or what is wrong with the body's form", body = AnswerBody,
            headers(
                ("x-decision-id" = String, description = "By which the decision can be retrieved; with a score only"),
                ("x-score-colour" = String, description = "`red`, `orange` or `green`; with a score only"),
                ("x-degraded" = String, description = "Systems that should have been asked and did not answer; if any"),
                ("x-error-field" = String, description = "The field at fault; if one is"),
            )),
        (status = 400, description = "The connection broke", body = RefusedBody),
        (status = 401, description = "AUTH_001 to AUTH_005", body = RefusedBody),
        (status = 429, description = "RATE_001", body = RefusedBody),
    ))]
pub async fn check(
    state: web::Data<State>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, CheckError> {
    let merchant = state.accounts.merchant(&request).await?;
    let with_detail = request.query_string().split('&').any(|pair| pair == "detail=1");
    let form = match read(&request, payload).await? {
        Ok(form) => form,
        Err(fault) => {
            metrics::refused(fault.code.as_str());
            return Ok(refusal(fault, with_detail));
        }
    };
    let decision = state.desk.decide(merchant, &form).await?;
    metrics::decided(&decision);
    Ok(answer(decision, with_detail))
}

async fn read(request: &HttpRequest, payload: web::Payload) -> Result<Result<Form, FormFault>, BodyError> {
    let fault = |code| Ok(Err(FormFault { code, field: None }));
    if !body::has_media_type(request, "application/json") {
        return fault(Code::MediaType);
    }
    match body::bytes(payload).await {
        Ok(bytes) => Ok(Form::read(&bytes)),
        Err(BodyError::TooLarge) => fault(Code::Length),
        Err(error) => Err(error),
    }
}

fn refusal(FormFault { code, field }: FormFault, with_detail: bool) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(field) = field {
        response.insert_header((ERROR_FIELD.clone(), HeaderValue::from_static(field)));
    }
    let field = field.filter(|_| with_detail);
    response.json(AnswerBody::Refused(RefusedBody { result: false, code: code.as_str(), field }))
}

fn answer(decision: Decision, with_detail: bool) -> HttpResponse {
    let Decision { decided, down } = decision;
    let mut response = HttpResponse::Ok();
    response.insert_header((DECISION_ID.clone(), decided.id.to_string()));
    response.insert_header((SCORE_COLOUR.clone(), decided.score.colour().name()));
    if !down.is_empty() {
        let names: Vec<&str> = down.iter().map(|connector| connector.name()).collect();
        response.insert_header((DEGRADED.clone(), names.join(",")));
    }
    let score = decided.score;
    response.json(AnswerBody::Scored(ScoredBody {
        result: true,
        score: score.points.to_string(),
        raw: with_detail.then_some(score.raw),
        reasons: with_detail.then_some(score.reasons),
    }))
}
