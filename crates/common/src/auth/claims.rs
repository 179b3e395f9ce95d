use serde::{Deserialize, Serialize};

use crate::redact::Personal;

/// The claims of an access token (RFC 9068, with `roles` and `preferred_username`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer; with `sub` it is the caller's identity.
    pub iss: String,
    /// Subject: a user's or a client's stable identifier.
    pub sub: String,
    /// The services that may accept the token.
    pub aud: Audience,
    /// Expiry, seconds since the epoch.
    pub exp: i64,
    /// Time of issue, seconds since the epoch.
    pub iat: i64,
    /// Not to be accepted before, seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The token's own identifier.
    pub jti: String,
    /// The client to which the token was issued.
    pub client_id: String,
    /// Granted scopes, separated by spaces.
    #[serde(default)]
    pub scope: String,
    /// Roles of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The user's login, for people to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<Personal<String>>,
    /// The grant that the token belongs to: revoking the grant revokes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The products that the client is subscribed to; all where there is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub products: Option<Vec<String>>,
}

impl Claims {
    /// Whether the client is subscribed to a product, such as a service by its name.
    pub fn is_subscribed(&self, product: &str) -> bool {
        self.products.as_ref().is_none_or(|products| products.iter().any(|name| name == product))
    }
}

/// `aud`: one name or several (RFC 7519 §4.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// Several names.
    Many(Vec<String>),
    /// One name.
    One(String),
}

impl Audience {
    /// Whether `service` is named.
    pub fn names(&self, service: &str) -> bool {
        match self {
            Self::One(name) => name == service,
            Self::Many(names) => names.iter().any(|name| name == service),
        }
    }
}
