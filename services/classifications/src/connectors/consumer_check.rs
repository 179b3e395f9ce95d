//! French debtors, by secure-consumer's `POST /ssp/secure_consumer`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::client::{Answer, CallError, Client, Repeat};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{Unavailable, request, under};
use crate::domain::debtor::ConsumerCheck;

/// The longest `social_reference` there, in characters.
const LONGEST_NAME: usize = 32;

/// The connector.
pub struct SecureConsumer {
    client: Client,
    url: Url,
    authorization: HeaderValue,
}

impl SecureConsumer {
    /// secure-consumer at `base`; none where the credentials are missing or no header can be made of them.
    pub fn new(client: Client, base: &Url, username: &str, password: &SecretString) -> Option<Self> {
        if username.is_empty() || username.contains(':') || password.expose_secret().is_empty() {
            return None;
        }
        let pair = BASE64_STANDARD.encode(format!("{username}:{}", password.expose_secret()));
        let mut authorization = HeaderValue::from_str(&format!("Basic {pair}")).ok()?;
        authorization.set_sensitive(true);
        Some(Self { client, url: under(base, &["ssp", "secure_consumer"]), authorization })
    }

    /// How genuine a French debtor of this name and SIREN looks.
    ///
    /// # Errors
    /// [`Unavailable`]
    pub async fn check(&self, name: &str, siren: &str) -> Result<ConsumerCheck, Unavailable> {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let body = json!({ "social_reference": name.trim(), "siren": siren });
        let mut request = request(Method::POST, self.url.clone(), &body)?;
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        // The same counts once there.
        self.client.call(request, Repeat::Safe, read).await?
    }
}

/// The colour is in a header; an answer without one is no score.
fn read(answer: Answer) -> Result<Result<ConsumerCheck, Unavailable>, CallError> {
    if answer.status != reqwest::StatusCode::OK {
        return Ok(Err(Unavailable::Status(answer.status.as_u16())));
    }
    let colour = answer.headers.get("x-score-colour").and_then(|colour| colour.to_str().ok());
    match colour {
        Some("green") => Ok(Ok(ConsumerCheck::Green)),
        Some("orange") => Ok(Ok(ConsumerCheck::Orange)),
        Some("red") => Ok(Ok(ConsumerCheck::Red)),
        _ => Err(CallError::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wiremock::matchers::{body_json, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::{Connectors, ConnectorsConfig, ConnectorsError};
    use super::*;

    async fn peer() -> (MockServer, SecureConsumer) {
        let server = MockServer::start().await;
        let mut config = ConnectorsConfig::default();
        config.consumer_check.url = Some(server.uri().parse().unwrap());
        config.consumer_check.username = "us".to_owned();
        config.consumer_check.password = "secret".into();
        (server, Connectors::new(&config).unwrap().consumer_check.unwrap())
    }

    #[tokio::test]
    async fn the_colour_is_the_finding_and_a_long_name_is_cut() {
        for (colour, finding) in
            [("green", ConsumerCheck::Green), ("orange", ConsumerCheck::Orange), ("red", ConsumerCheck::Red)]
        {
            let (server, check) = peer().await;
            let name = "é".repeat(40);
            Mock::given(method("POST"))
                .and(path("/ssp/secure_consumer"))
                // base64("us:secret")
                .and(header("authorization", "Basic dXM6c2VjcmV0"))
                .and(body_json(json!({"social_reference": "é".repeat(32), "siren": "000000018"})))
                .respond_with(ResponseTemplate::new(200).insert_header("x-score-colour", colour))
                .mount(&server)
                .await;
            assert_eq!(check.check(&name, "000000018").await, Ok(finding));
        }
    }

    #[tokio::test]
    async fn an_answer_without_a_colour_is_no_finding() {
        let (server, check) = peer().await;
        let refused = ResponseTemplate::new(200).set_body_json(json!({"result": false, "code": "FORM_001"}));
        Mock::given(path("/ssp/secure_consumer")).respond_with(refused).up_to_n_times(1).mount(&server).await;
        assert_eq!(check.check("Un", "000000018").await, Err(CallError::Unreadable.into()));
        Mock::given(path("/ssp/secure_consumer"))
            .respond_with(ResponseTemplate::new(401))
            .mount(&server)
            .await;
        assert_eq!(check.check("Un", "000000018").await, Err(Unavailable::Status(401)));
    }

    #[test]
    fn half_a_configuration_does_not_start() {
        let mut config = ConnectorsConfig::default();
        assert!(Connectors::new(&config).unwrap().consumer_check.is_none());
        config.consumer_check.url = Some("http://127.0.0.1:1".parse().unwrap());
        assert!(matches!(Connectors::new(&config), Err(ConnectorsError::Account)));
        config.consumer_check = super::super::ConsumerCheckConfig::default();
        config.screening.url = Some("http://127.0.0.1:1".parse().unwrap());
        assert!(matches!(Connectors::new(&config), Err(ConnectorsError::Token)));
    }
}
