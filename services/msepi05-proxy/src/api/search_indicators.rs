//! `POST /proxies_indicators`: which of these hashed proxies can pay or be paid.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use common::body;
use common::error::{Problem, ToProblem};
use serde::Serialize;

use super::client_application::ClientApplication;
use super::hashes_body::{self, HashesError};
use super::requester::{self, HeaderError};
use super::{code, tell, tell_problem};
use crate::caps::CapsError;
use crate::domain::proxy_hash::ProxyHash;
use crate::limits::{Demand, Limiter, Refusal, Remaining};
use crate::lookup::{Answer, Asked};
use crate::{State, metrics};

/// Why a search has no answer, and what is left in the buckets.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct SearchError {
    reason: Reason,
    remaining: Remaining,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Body(#[from] HashesError),
    #[error(transparent)]
    Bucket(#[from] Refusal),
    #[error(transparent)]
    Caps(#[from] CapsError),
    #[error("the answer cannot be written")]
    Unwritten(#[from] serde_json::Error),
}

impl ToProblem for SearchError {
    fn problem(&self) -> Problem {
        let problem = match &self.reason {
            Reason::Header(error) => error.problem(),
            Reason::Body(error) => error.problem(),
            Reason::Bucket(refusal) => {
                let message = "Trop de proxies demandés : réessayez plus tard.";
                Problem::new(StatusCode::TOO_MANY_REQUESTS, code::BUCKET, message)
                    .retry_after(refusal.retry_after)
            }
            Reason::Caps(CapsError::Refused(cause)) => {
                let message = format!("La requête ne peut pas être traitée par CAPS. Cause : {cause}");
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code::CAPS, message)
            }
            Reason::Caps(CapsError::Failed(_)) | Reason::Unwritten(_) => Problem::internal(),
        };
        tell_problem(problem, self.remaining)
    }
}

common::error_response!(SearchError);

#[derive(Serialize)]
struct ProxyIndicatorsResponse {
    indicators: Vec<IndicatorsBody>,
    truncated: bool,
}

#[derive(Serialize)]
struct IndicatorsBody {
    proxy_hash: ProxyHash,
    can_be_payer: bool,
    pro: bool,
}

/// Bytes of an indicator on the wire at most.
const INDICATOR: usize = 96;

impl From<Answer> for ProxyIndicatorsResponse {
    fn from(answer: Answer) -> Self {
        let indicators = answer.indicators.into_iter().map(|(proxy_hash, known)| IndicatorsBody {
            proxy_hash,
            can_be_payer: known.can_be_payer,
            pro: known.pro,
        });
        Self { indicators: indicators.collect(), truncated: answer.truncated }
    }
}

fn written(answer: Answer) -> Result<HttpResponse, serde_json::Error> {
    let answer = ProxyIndicatorsResponse::from(answer);
    let mut body = Vec::with_capacity(64 + INDICATOR * answer.indicators.len());
    serde_json::to_writer(&mut body, &answer)?;
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}

/// Authentication has passed; then headers, body, buckets, cache, CAPS, in this order (contract, "Order").
pub async fn search(
    state: web::Data<State>,
    limiter: web::Data<Limiter>,
    client: ClientApplication,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, SearchError> {
    let customer = requester::numtecprs(&request);
    let asked = match asked(&state, customer, &request, payload).await {
        Ok(asked) => asked,
        Err(reason) => {
            let customer = customer.ok().map(|numtecprs| state.pepper.customer(numtecprs));
            return Err(SearchError { reason, remaining: limiter.look(&client.bucket, customer).await });
        }
    };
    let numtecprs = customer.unwrap_or_default();
    let digests: Vec<_> = asked.iter().map(|asked| asked.digest).collect();
    let demand =
        Demand { client: &client.bucket, customer: state.pepper.customer(numtecprs), hashes: &digests };
    let (remaining, verdict) = limiter.take(&demand).await;
    let failed = |reason| SearchError { reason, remaining };
    verdict.map_err(|refusal| failed(refusal.into()))?;

    let requester_ref = || state.pepper.requester_ref(numtecprs);
    let answer =
        state.lookup.indicators(&asked, requester_ref).await.map_err(|error| failed(error.into()))?;
    metrics::answered(&client.name, answer.indicators.len(), asked.len() - answer.indicators.len());
    let mut response = written(answer).map_err(|error| failed(error.into()))?;
    tell(response.headers_mut(), remaining);
    Ok(response)
}

/// The distinct hashes of a request whose headers and body are right.
async fn asked(
    state: &State,
    customer: Result<&[u8], HeaderError>,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Vec<Asked>, Reason> {
    requester::require_correlation_id(request)?;
    customer?;
    if !body::has_media_type(request, "application/json") {
        return Err(HashesError::MediaType.into());
    }
    let body = body::bytes(payload).await.map_err(|_| HashesError::Unread)?;
    let hashes = hashes_body::parse(&body)?;
    let all = hashes.len();
    let distinct = distinct(hashes);
    metrics::duplicates(all - distinct.len());
    Ok(distinct.into_iter().map(|hash| Asked { digest: state.pepper.hash(&hash), hash }).collect())
}

/// As many as 1,000: a sorted list of those seen is cheaper than a table that a client could fill with collisions.
fn distinct(mut hashes: Vec<ProxyHash>) -> Vec<ProxyHash> {
    let mut seen: Vec<ProxyHash> = Vec::with_capacity(hashes.len());
    hashes.retain(|hash| match seen.binary_search(hash) {
        Ok(_) => false,
        Err(place) => {
            seen.insert(place, *hash);
            true
        }
    });
    hashes
}
