//! The two headers of the contract: which call this is, and on behalf of whom.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use common::error::{Problem, ToProblem};
use common::request::canonical_uuid;

use super::code;

const CORRELATION_ID: &str = "Correlationid";
const CUSTOMER: &str = "numtecprs";

/// A header that is missing, repeated or wrong: 400 REQ0001, its name told and its value never quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not there.
    #[error("En-tête {0} absent.")]
    Missing(&'static str),
    /// More than once.
    #[error("En-tête {0} présent plusieurs fois.")]
    Repeated(&'static str),
    /// Not a UUID in its canonical spelling.
    #[error("En-tête {CORRELATION_ID} invalide : un UUID de la forme 8-4-4-4-12 est attendu.")]
    CorrelationId,
    /// Only white space.
    #[error("En-tête {CUSTOMER} vide.")]
    Blank,
}

impl ToProblem for HeaderError {
    fn problem(&self) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, code::HEADER, self.to_string())
    }
}

/// The bank's identifier of the customer: opaque bytes, not blank.
pub(super) fn numtecprs(request: &HttpRequest) -> Result<&[u8], HeaderError> {
    let value = single(request, CUSTOMER)?.as_bytes();
    if value.trim_ascii().is_empty() { Err(HeaderError::Blank) } else { Ok(value) }
}

/// Whether the call names itself as the contract wants.
pub(super) fn require_correlation_id(request: &HttpRequest) -> Result<(), HeaderError> {
    let value = single(request, CORRELATION_ID)?;
    let id = value.to_str().ok().and_then(canonical_uuid);
    id.map(|_| ()).ok_or(HeaderError::CorrelationId)
}

fn single<'a>(request: &'a HttpRequest, name: &'static str) -> Result<&'a HeaderValue, HeaderError> {
    let mut values = request.headers().get_all(name);
    let value = values.next().ok_or(HeaderError::Missing(name))?;
    if values.next().is_some() { Err(HeaderError::Repeated(name)) } else { Ok(value) }
}
