use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::claims::Claims;
use super::verifier::{Authenticator, Refusal};
use crate::error::{Problem, ToProblem};

/// A scope as a type, for handler signatures.
pub trait Scope: 'static {
    /// The scope's name on the wire.
    const NAME: &'static str;
}

/// Who calls, by the pair of issuer and subject, never by name alone.
#[derive(Debug, Clone)]
pub struct Identity(Arc<Claims>);

impl Identity {
    /// The token's claims.
    pub fn claims(&self) -> &Claims {
        &self.0
    }

    /// The issuer of the identity.
    pub fn issuer(&self) -> &str {
        &self.0.iss
    }

    /// The subject within the issuer.
    pub fn subject(&self) -> &str {
        &self.0.sub
    }

    /// The login for people to read: the user's, else the client's (architecture §6).
    pub fn login(&self) -> &str {
        self.0.preferred_username.as_ref().map_or(self.0.client_id.as_str(), |login| login.expose())
    }

    /// Whether the token was granted `scope`.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.0.scope.split(' ').any(|granted| granted == scope)
    }
}

/// A caller who holds scope `S`. As an extractor it answers 401 or 403 with the RFC 6750 challenge.
#[derive(Debug)]
pub struct Caller<S> {
    identity: Identity,
    scope: PhantomData<S>,
}

impl<S> Deref for Caller<S> {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// 401 with a bare challenge: no token was sent (RFC 6750 §3).
    #[error("authentication is required")]
    Missing,
    /// 401 `invalid_token`: malformed, expired, revoked, another audience's, or not from a trusted issuer.
    #[error("the token is invalid, expired or revoked")]
    Invalid,
    /// 403 `insufficient_scope`, naming the scope.
    #[error("the scope {0} is required")]
    Scope(&'static str),
    /// 503: the token could not be verified now.
    #[error("the token cannot be verified now")]
    Unavailable,
}

impl ToProblem for AuthError {
    fn problem(&self) -> Problem {
        let detail = self.to_string();
        match self {
            Self::Missing => {
                Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).challenge("Bearer")
            }
            Self::Invalid => Problem::new(StatusCode::UNAUTHORIZED, "invalid_token", detail)
                .challenge("Bearer error=\"invalid_token\""),
            Self::Scope(scope) => Problem::new(StatusCode::FORBIDDEN, "insufficient_scope", detail)
                .challenge(format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"")),
            Self::Unavailable => Problem::unavailable(),
        }
    }
}

crate::error_response!(AuthError);

/// Middleware: verifies the bearer token, if one was sent, before the handler's extractors run.
pub async fn authenticate<B: MessageBody + 'static>(
    authenticator: Arc<Authenticator>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let outcome = match bearer(&request) {
        None => Err(AuthError::Missing),
        Some(token) => match authenticator.verify(token).await {
            Ok(claims) => Ok(Identity(claims)),
            Err(Refusal::Invalid) => Err(AuthError::Invalid),
            Err(Refusal::Unavailable) => Err(AuthError::Unavailable),
        },
    };
    request.extensions_mut().insert(outcome);
    next.call(request).await
}

fn bearer(request: &ServiceRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl FromRequest for Identity {
    type Error = AuthError;
    type Future = Ready<Result<Self, AuthError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let outcome = request.extensions().get::<Result<Identity, AuthError>>().cloned();
        ready(outcome.unwrap_or(Err(AuthError::Missing)))
    }
}

impl<S: Scope> FromRequest for Caller<S> {
    type Error = AuthError;
    type Future = Ready<Result<Self, AuthError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let identity = Identity::from_request(request, payload).into_inner();
        ready(identity.and_then(|identity| {
            if identity.has_scope(S::NAME) {
                Ok(Self { identity, scope: PhantomData })
            } else {
                Err(AuthError::Scope(S::NAME))
            }
        }))
    }
}
