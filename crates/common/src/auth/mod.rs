//! The resource server: who calls, and whether they may.
//!
//! [`authenticate`] verifies a bearer token once, before the handler; a handler asks for [`Caller`] with the scope that
//! it needs, so its signature says who gets in. 401 and 403 therefore come before any look at the body.

mod caller;
mod claims;
mod issuer;
mod jwks;
mod verifier;

pub use caller::{AuthError, Caller, Identity, Scope, authenticate};
pub use claims::{Audience, Claims};
pub use issuer::{IssuerConfig, trusted_issuers};
pub use jwks::RemoteKeys;
pub use verifier::{
    Authenticator, KeySource, RevocationView, TrustedIssuer, Unavailable, VerificationKey, access_token_kid,
    token_digest, verified_claims,
};
