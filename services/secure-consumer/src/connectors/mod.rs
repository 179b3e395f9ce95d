//! Outside sources of evidence (contract, "Connectors"). Each is optional, has a client, and so a breaker and a bulkhead, of
//! its own, answers within 1.5 s, and tells an honest "nobody knows" ([`Option::None`]) from [`Unavailable`].
//! No error holds what was asked: the URLs have a SIREN or an address in them.

pub mod address;
pub mod company_register;
pub mod mail_exchange;
pub mod payee_verification;
pub mod screening;

use std::time::Duration;

use common::client::{Answer, CallError, Client, ClientConfig, ServiceToken, TlsError};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use self::address::AddressApi;
use self::company_register::{CompanyRegister, RegisterApi};
use self::mail_exchange::{MailExchange, ResolverError};
use self::payee_verification::PayeeVerification;
use self::screening::{Screening, Thresholds};

/// What one connector may cost a request.
pub const BUDGET: Duration = Duration::from_millis(1_500);

/// Why a configured connector has no finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The call failed, or its answer makes no sense.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The peer answered with a status that is no finding.
    #[error("the peer answered with status {0}")]
    Status(u16),
    /// The peer asked for a pause that is not over, or our own rate left no place within the budget.
    #[error("the peer's rate is used up")]
    Throttled,
    /// The resolver could not answer.
    #[error("the resolver answered with an error")]
    Resolver,
    /// No sanctions list is in force at the peer, so that nothing was compared.
    #[error("the peer has no sanctions list")]
    NoList,
}

/// `connectors.*`: a base URL each, to which our path is appended. Without one the connector is off.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectorsConfig {
    /// The company register.
    pub company_register: CompanyRegisterConfig,
    /// The national address base.
    pub address: BaseConfig,
    /// Who holds an account.
    pub payee_verification: BaseConfig,
    /// gda-audit.
    pub screening: ScreeningConfig,
    /// DNS.
    pub mx: MxConfig,
}

/// A connector that needs nothing but its base URL.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BaseConfig {
    /// Its base.
    pub url: Option<Url>,
}

/// `connectors.company_register.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompanyRegisterConfig {
    /// Its base.
    pub url: Option<Url>,
    /// Whose contract it speaks.
    pub api: RegisterApi,
    /// INSEE's key; `sirene` asks for one.
    pub api_key: Option<SecretString>,
}

/// `connectors.screening.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScreeningConfig {
    /// gda-audit's base.
    pub url: Option<Url>,
    /// The token endpoint, whole.
    pub token_url: Option<Url>,
    /// Our client there; it needs the scope `screening:read`.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// The score, 0–100, from which a hit is the person.
    pub match_threshold: f32,
    /// The score, 0–100, from which somebody should look.
    pub alert_threshold: f32,
}

impl Default for ScreeningConfig {
    fn default() -> Self {
        Self {
            url: None,
            token_url: None,
            client_id: String::new(),
            client_secret: SecretString::default(),
            match_threshold: 95.0,
            // gda-audit's own, which its flows have where they set none.
            alert_threshold: 75.0,
        }
    }
}

/// `connectors.mx.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MxConfig {
    /// `host:port`, or `system` for `/etc/resolv.conf`.
    pub resolver: Option<String>,
}

/// Why the connectors cannot be made from their configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorsError {
    /// The TLS library cannot start.
    #[error(transparent)]
    Client(#[from] TlsError),
    /// Sirene is not open.
    #[error("connectors.company_register.api_key: sirene needs a key that a header can hold")]
    ApiKey,
    /// gda-audit wants a token.
    #[error("connectors.screening: url needs token_url and client_id")]
    Token,
    /// The thresholds are out of range or order.
    #[error("connectors.screening: 0 ≤ alert_threshold ≤ match_threshold ≤ 100 must hold")]
    Thresholds,
    /// No such resolver.
    #[error("connectors.mx.resolver: {0}")]
    Resolver(#[from] ResolverError),
}

/// The connectors that are on.
#[derive(Default)]
pub struct Connectors {
    /// Companies by SIREN.
    pub company_register: Option<CompanyRegister>,
    /// Addresses by text.
    pub address: Option<AddressApi>,
    /// Accounts by IBAN.
    pub payee_verification: Option<PayeeVerification>,
    /// Sanctions by name.
    pub screening: Option<Screening>,
    /// Mail by domain.
    pub mail_exchange: Option<MailExchange>,
}

impl Connectors {
    /// Makes those that are configured. A resolver's name is looked up here, once.
    ///
    /// # Errors
    /// [`ConnectorsError`] names the key at fault.
    pub fn new(config: &ConnectorsConfig) -> Result<Self, ConnectorsError> {
        let client = |peer| Client::new(peer, &call());
        let mut connectors = Self::default();
        if let Some(url) = &config.company_register.url {
            let CompanyRegisterConfig { api, api_key, .. } = &config.company_register;
            connectors.company_register = Some(match api {
                RegisterApi::Search => CompanyRegister::search(url)?,
                RegisterApi::Sirene => {
                    CompanyRegister::sirene(url, api_key.as_ref().ok_or(ConnectorsError::ApiKey)?)?
                }
            });
        }
        if let Some(url) = &config.address.url {
            connectors.address = Some(AddressApi::new(client("address")?, url));
        }
        if let Some(url) = &config.payee_verification.url {
            connectors.payee_verification = Some(PayeeVerification::new(client("payee_verification")?, url));
        }
        if let Some(url) = &config.screening.url {
            connectors.screening = Some(screening(url, &config.screening)?);
        }
        if let Some(resolver) = &config.mx.resolver {
            connectors.mail_exchange = Some(MailExchange::new(resolver)?);
        }
        Ok(connectors)
    }
}

fn screening(url: &Url, config: &ScreeningConfig) -> Result<Screening, ConnectorsError> {
    let ScreeningConfig { token_url, client_id, client_secret, match_threshold, alert_threshold, .. } =
        config;
    let Some(token_url) = token_url.clone().filter(|_| !client_id.is_empty()) else {
        return Err(ConnectorsError::Token);
    };
    let thresholds =
        Thresholds::new(*alert_threshold, *match_threshold).ok_or(ConnectorsError::Thresholds)?;
    // Token and screening share the budget.
    let quick = ClientConfig { attempt_timeout_ms: 500, total_timeout_ms: 700, ..call() };
    let token = ServiceToken::new(
        Client::new("screening_token", &quick)?,
        token_url,
        client_id.clone(),
        client_secret.clone(),
        "screening:read".to_owned(),
    );
    Ok(Screening::new(Client::new("screening", &call())?, token, url, thresholds))
}

/// How a peer is called: within the budget, and once more where an early failure leaves time for it.
fn call() -> ClientConfig {
    ClientConfig {
        attempt_timeout_ms: 1_000,
        total_timeout_ms: 1_500,
        max_attempts: 2,
        ..ClientConfig::default()
    }
}

/// `base` with the segments of `path` appended, each escaped; a slash at the end of `base` is not doubled.
fn under(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

fn post(url: Url, body: &impl Serialize) -> Result<Request, Unavailable> {
    let mut request = Request::new(Method::POST, url);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = serde_json::to_vec(body).map_err(|_| CallError::Unreadable)?;
    *request.body_mut() = Some(body.into());
    Ok(request)
}

/// `read` makes sense of a 200; every other answer is none. Nonsense counts against the peer's breaker.
fn ok<T>(
    answer: &Answer,
    read: impl FnOnce(&Answer) -> Result<T, CallError>,
) -> Result<Result<T, Unavailable>, CallError> {
    match answer.status.as_u16() {
        200 => read(answer).map(Ok),
        429 => Ok(Err(Unavailable::Throttled)),
        status => Ok(Err(Unavailable::Status(status))),
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    /// A peer that gives the same answer to everything.
    pub(super) async fn peer(answer: ResponseTemplate) -> (MockServer, Url) {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let url = server.uri().parse().unwrap();
        (server, url)
    }

    pub(super) fn json(body: impl Serialize) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_json(body)
    }

    /// Answers that are no finding at any peer.
    pub(super) fn nonsense() -> Vec<(ResponseTemplate, Unavailable)> {
        let text = |body: &str| ResponseTemplate::new(200).set_body_string(body);
        let unreadable = Unavailable::Call(CallError::Unreadable);
        vec![
            (text("<!DOCTYPE html><title>Maintenance</title>"), unreadable),
            (text(r#"{"results":[{"siren":"1000"#), unreadable),
            (text(""), unreadable),
            (text("{}"), unreadable),
            (text("[]"), unreadable),
            (ResponseTemplate::new(500), Unavailable::Status(500)),
            (ResponseTemplate::new(204), Unavailable::Status(204)),
            (ResponseTemplate::new(302).insert_header("location", "/elsewhere"), Unavailable::Status(302)),
            (ResponseTemplate::new(403), Unavailable::Status(403)),
            (ResponseTemplate::new(429).insert_header("retry-after", "60"), Unavailable::Throttled),
        ]
    }

    #[test]
    fn a_base_may_have_a_prefix_and_a_slash_and_nothing_leaves_its_segment() {
        for (base, expected) in [
            ("http://peer", "http://peer/siren/1%2F..%3Fq"),
            ("http://peer/", "http://peer/siren/1%2F..%3Fq"),
            ("http://peer/api/v3.11", "http://peer/api/v3.11/siren/1%2F..%3Fq"),
            ("http://peer/api/v3.11/", "http://peer/api/v3.11/siren/1%2F..%3Fq"),
        ] {
            let url = under(&base.parse().unwrap(), &["siren", "1/..?q"]);
            assert_eq!(url.as_str(), expected);
        }
    }

    #[tokio::test]
    async fn unset_is_off_and_half_set_does_not_start() {
        let off = Connectors::new(&ConnectorsConfig::default()).unwrap();
        assert!(off.company_register.is_none() && off.mail_exchange.is_none());
        let url: Option<Url> = Some("http://127.0.0.1:1/".parse().unwrap());
        let sirene = CompanyRegisterConfig { url: url.clone(), api: RegisterApi::Sirene, api_key: None };
        let mut config = ConnectorsConfig { company_register: sirene, ..ConnectorsConfig::default() };
        assert!(matches!(Connectors::new(&config), Err(ConnectorsError::ApiKey)));
        config.company_register.api_key = Some("key".into());
        config.screening.url = url.clone();
        assert!(matches!(Connectors::new(&config), Err(ConnectorsError::Token)));
        config.screening.token_url = url;
        config.screening.client_id = "secure-consumer".to_owned();
        config.screening.alert_threshold = 99.0;
        assert!(matches!(Connectors::new(&config), Err(ConnectorsError::Thresholds)));
        config.screening.alert_threshold = 75.0;
        config.mx.resolver = Some("nowhere".to_owned());
        assert!(matches!(Connectors::new(&config), Err(ConnectorsError::Resolver(_))));
        config.mx.resolver = Some("127.0.0.1:53".to_owned());
        let on = Connectors::new(&config).unwrap();
        assert!(on.company_register.is_some() && on.screening.is_some() && on.mail_exchange.is_some());
    }
}
