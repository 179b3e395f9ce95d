//! Outside systems that are asked before a decision, and where debtors' figures come from. Each has a client, and so a
//! breaker and a bulkhead, of its own. No error holds what was asked.

pub mod consumer_check;
pub mod debtors;
pub mod screening;

use common::client::{CallError, Client, ClientConfig, ServiceToken, TlsError};
use reqwest::{Method, Request, Url};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use self::consumer_check::SecureConsumer;
use self::screening::Screening;

/// Why a system that was asked has no finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The call failed, or its answer makes no sense.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The peer answered with a status that is no finding.
    #[error("the peer answered with status {0}")]
    Status(u16),
}

/// `connectors.*`: a base URL each, to which our path is appended. Without one the connector is off, which is no answer:
/// a debtor that nobody has screened is never ACTIVE at once, nor is a French one that secure-consumer has not seen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorsConfig {
    /// gda-audit.
    pub screening: ScreeningConfig,
    /// secure-consumer.
    pub consumer_check: ConsumerCheckConfig,
}

/// `connectors.screening.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScreeningConfig {
    /// gda-audit's base.
    pub url: Option<Url>,
    /// The token endpoint, whole.
    pub token_url: Option<Url>,
    /// Our client there; it needs the scope `screening:write`.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// The flow there by which debtors are screened.
    pub flow: String,
}

impl Default for ScreeningConfig {
    fn default() -> Self {
        Self {
            url: None,
            token_url: None,
            client_id: String::new(),
            client_secret: SecretString::default(),
            flow: "classifications".to_owned(),
        }
    }
}

/// `connectors.consumer_check.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConsumerCheckConfig {
    /// secure-consumer's base.
    pub url: Option<Url>,
    /// Our account there.
    pub username: String,
    /// Its password.
    pub password: SecretString,
}

/// Why the connectors cannot be made from their configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorsError {
    /// The TLS library cannot start.
    #[error(transparent)]
    Client(#[from] TlsError),
    /// gda-audit wants a token.
    #[error("connectors.screening: url needs token_url and client_id")]
    Token,
    /// secure-consumer wants HTTP Basic.
    #[error("connectors.consumer_check: url needs username and password, of which a header is made")]
    Account,
}

/// The connectors that are on.
#[derive(Default)]
pub struct Connectors {
    /// Sanctions.
    pub screening: Option<Screening>,
    /// French debtors.
    pub consumer_check: Option<SecureConsumer>,
}

impl Connectors {
    /// Makes those that are configured.
    ///
    /// # Errors
    /// [`ConnectorsError`] names the keys at fault.
    pub fn new(config: &ConnectorsConfig) -> Result<Self, ConnectorsError> {
        let screening =
            config.screening.url.as_ref().map(|url| screening(url, &config.screening)).transpose()?;
        let consumer_check = match &config.consumer_check {
            ConsumerCheckConfig { url: Some(url), username, password } => {
                let client = Client::new("secure-consumer", &call())?;
                Some(SecureConsumer::new(client, url, username, password).ok_or(ConnectorsError::Account)?)
            }
            _ => None,
        };
        Ok(Self { screening, consumer_check })
    }
}

fn screening(url: &Url, config: &ScreeningConfig) -> Result<Screening, ConnectorsError> {
    let token_url = config.token_url.clone().filter(|_| !config.client_id.is_empty());
    let token_url = token_url.ok_or(ConnectorsError::Token)?;
    let token = ServiceToken::new(
        Client::new("gda-audit-token", &call())?,
        token_url,
        config.client_id.clone(),
        config.client_secret.clone(),
        "screening:write".to_owned(),
    );
    Ok(Screening::new(Client::new("gda-audit", &call())?, token, url, &config.flow))
}

/// How a peer is called.
fn call() -> ClientConfig {
    ClientConfig { total_timeout_ms: 2_000, max_attempts: 2, ..ClientConfig::default() }
}

/// `base` with the segments of `path` appended; a slash at the end of `base` is not doubled.
fn under(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

fn request(method: Method, url: Url, body: &impl Serialize) -> Result<Request, CallError> {
    let mut request = Request::new(method, url);
    let json = reqwest::header::HeaderValue::from_static("application/json");
    request.headers_mut().insert(reqwest::header::CONTENT_TYPE, json);
    *request.body_mut() = Some(serde_json::to_vec(body).map_err(|_| CallError::Unreadable)?.into());
    Ok(request)
}
