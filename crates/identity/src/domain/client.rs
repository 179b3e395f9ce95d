//! Clients of the authorization server.

use std::fmt;
use std::str::FromStr;

use super::scopes::Scopes;

/// The authorization server itself, as a product.
pub const OAUTH: &str = "oauth";

/// A grant that a client may be allowed (refreshing comes with [`Grant::Password`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// RFC 6749 §4.3
    Password,
    /// RFC 6749 §4.4; confidential clients only.
    ClientCredentials,
}

impl Grant {
    /// The value of `grant_type`, also in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not one of the grants that we serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the grants served are password and client-credentials")]
pub struct UnknownGrant;

impl FromStr for Grant {
    type Err = UnknownGrant;

    /// Reads `client_credentials` and, as the contract's registration form writes it, `client-credentials`.
    fn from_str(text: &str) -> Result<Self, UnknownGrant> {
        match text {
            "password" => Ok(Self::Password),
            "client_credentials" | "client-credentials" => Ok(Self::ClientCredentials),
            _ => Err(UnknownGrant),
        }
    }
}

/// Whether a client can keep a secret (RFC 6749 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientType {
    /// It has a secret and must show it.
    Confidential,
    /// It has none.
    Public,
}

impl ClientType {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confidential => "confidential",
            Self::Public => "public",
        }
    }
}

/// Not a type of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client types are confidential and public")]
pub struct UnknownClientType;

impl FromStr for ClientType {
    type Err = UnknownClientType;

    fn from_str(text: &str) -> Result<Self, UnknownClientType> {
        match text {
            "confidential" => Ok(Self::Confidential),
            "public" => Ok(Self::Public),
            _ => Err(UnknownClientType),
        }
    }
}

/// What a client is allowed.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its identifier.
    pub client_id: String,
    /// For people to read.
    pub name: String,
    /// Whether it has a secret.
    pub client_type: ClientType,
    /// The grants that it may use.
    pub grants: Vec<Grant>,
    /// The most that its tokens may allow; of a registered application never more than its owner's.
    pub scopes: Scopes,
    /// The services that its tokens are for.
    pub audiences: Vec<String>,
    /// Roles of the tokens that it gets for itself.
    pub roles: Vec<String>,
    /// Absolute http and https URLs.
    pub redirect_uris: Vec<String>,
    /// The products that it is subscribed to; all where there is no list.
    pub products: Option<Vec<String>>,
    /// Whether it, and the user who registered it, may be used.
    pub is_enabled: bool,
}

impl Client {
    /// Whether it is subscribed to a product: [`OAUTH`], or a service by its name.
    pub fn is_subscribed(&self, product: &str) -> bool {
        self.products.as_ref().is_none_or(|products| products.iter().any(|name| name == product))
    }
}
