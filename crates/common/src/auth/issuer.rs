use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use url::Url;

use super::{RemoteKeys, TrustedIssuer};
use crate::client::{Client, ClientConfig};
use crate::config::ConfigError;

/// `auth.issuers[]`: an issuer elsewhere whose tokens are accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// `iss` of its tokens.
    pub issuer: String,
    /// Where its keys are.
    pub jwks_url: Url,
}

/// The issuers by name, with their keys fetched at first use.
pub fn trusted_issuers(issuers: &[IssuerConfig]) -> Result<HashMap<String, TrustedIssuer>, ConfigError> {
    let wrong = |reason: String| ConfigError::Key { key: "auth.issuers".to_owned(), reason };
    let mut trusted = HashMap::new();
    for IssuerConfig { issuer, jwks_url } in issuers {
        let client = Client::new("issuer", &ClientConfig::default()).map_err(|e| wrong(e.to_string()))?;
        let keys = Arc::new(RemoteKeys::new(jwks_url.clone(), client));
        if trusted.insert(issuer.clone(), TrustedIssuer { keys, revocations: None }).is_some() {
            return Err(wrong(format!("{issuer} is named twice")));
        }
    }
    Ok(trusted)
}
