//! `GET /proxies_indicators/limits`: what a customer and the calling client application may still ask.

use actix_web::{HttpRequest, HttpResponse, web};
use common::error::{Problem, ToProblem};
use serde::Serialize;

use super::client_application::ClientApplication;
use super::requester::{self, HeaderError};
use super::{tell, tell_problem};
use crate::State;
use crate::limits::{Limiter, Remaining};

/// A wrong header.
#[derive(Debug, thiserror::Error)]
#[error("{header}")]
pub struct LimitsError {
    header: HeaderError,
    remaining: Remaining,
}

impl ToProblem for LimitsError {
    fn problem(&self) -> Problem {
        tell_problem(self.header.problem(), self.remaining)
    }
}

common::error_response!(LimitsError);

#[derive(Serialize)]
struct LimitsBody {
    customer: CustomerBody,
    client: ClientBody,
}

#[derive(Serialize)]
struct CustomerBody {
    limit: u32,
    remaining: u32,
    refill_per_hour: u32,
}

#[derive(Serialize)]
struct ClientBody {
    limit_per_minute: u32,
    remaining: u32,
}

/// The limits and what is left of them.
pub async fn show(
    state: web::Data<State>,
    limiter: web::Data<Limiter>,
    client: ClientApplication,
    request: HttpRequest,
) -> Result<HttpResponse, LimitsError> {
    let numtecprs = requester::numtecprs(&request);
    let customer = numtecprs.ok().map(|numtecprs| state.pepper.customer(numtecprs));
    let remaining = limiter.look(&client.bucket, customer).await;
    if let Err(header) = numtecprs {
        return Err(LimitsError { header, remaining });
    }
    let rate = limiter.rules().customer;
    let mut response = HttpResponse::Ok().json(LimitsBody {
        customer: CustomerBody {
            limit: rate.limit as u32,
            remaining: remaining.customer,
            refill_per_hour: rate.per_hour as u32,
        },
        client: ClientBody { limit_per_minute: client.bucket.per_minute, remaining: remaining.client },
    });
    tell(response.headers_mut(), remaining);
    Ok(response)
}
