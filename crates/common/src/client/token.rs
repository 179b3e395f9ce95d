//! Service-to-service tokens: client credentials (RFC 6749 §4.4), kept until they near their end.

use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::form_urlencoded::byte_serialize;

use super::{Answer, CallError, Client, Repeat};

/// Of a token whose life is not told (RFC 6749 §5.1 only recommends it).
const UNTOLD: u64 = 60;
/// A life longer than a day is no reason to keep a token longer.
const LONGEST: u64 = 24 * 3_600;
/// A token that could not be renewed is used on, and the next attempt waits for this long.
const PAUSE: Duration = Duration::from_secs(5);

/// This service's own token for one peer. One fetch is under way at once; the others wait for it.
pub struct ServiceToken {
    client: Client,
    url: Url,
    client_id: String,
    client_secret: SecretString,
    scope: String,
    held: Mutex<Option<Held>>,
}

struct Held {
    bearer: HeaderValue,
    renew_at: Instant,
    expires_at: Instant,
}

#[derive(Deserialize)]
struct TokenBody {
    access_token: SecretString,
    token_type: String,
    expires_in: Option<u64>,
}

impl ServiceToken {
    /// Tokens of `scope` (names separated by spaces) from the token endpoint `url`, which `client` calls.
    pub fn new(
        client: Client,
        url: Url,
        client_id: String,
        client_secret: SecretString,
        scope: String,
    ) -> Self {
        Self { client, url, client_id, client_secret, scope, held: Mutex::default() }
    }

    /// The value for `Authorization`, marked as sensitive: the token that is held, or at 80 % of its life a new one.
    ///
    /// # Errors
    /// The endpoint gave none and the last one expired; a refusal is [`CallError::Unreadable`]. Failures are not kept.
    pub async fn bearer(&self) -> Result<HeaderValue, CallError> {
        let mut held = self.held.lock().await;
        if let Some(token) = held.as_ref().filter(|token| Instant::now() < token.renew_at) {
            return Ok(token.bearer.clone());
        }
        match (self.fetch().await, held.as_mut()) {
            (Ok(token), _) => Ok(held.insert(token).bearer.clone()),
            (Err(_), Some(token)) if Instant::now() < token.expires_at => {
                token.renew_at = Instant::now() + PAUSE;
                Ok(token.bearer.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Forgets a token that the peer refused, unless another one took its place.
    pub async fn forget(&self, refused: &HeaderValue) {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|token| token.bearer == *refused) {
            *held = None;
        }
    }

    async fn fetch(&self) -> Result<Held, CallError> {
        // RFC 6749 §2.3.1: both are form-encoded before they become the two parts of HTTP Basic.
        let encoded = |value: &str| byte_serialize(value.as_bytes()).collect::<String>();
        let form = [("grant_type", "client_credentials"), ("scope", &self.scope)];
        let request = self.client.http.post(self.url.clone());
        let request =
            request.basic_auth(encoded(&self.client_id), Some(encoded(self.client_secret.expose_secret())));
        let request = request.form(&form).build().map_err(|_| CallError::Unreachable)?;
        // The life is counted from the request on: the answer's way is not added to it.
        let asked_at = Instant::now();
        self.client.call(request, Repeat::Safe, |answer| read(&answer, asked_at)).await
    }
}

fn read(answer: &Answer, asked_at: Instant) -> Result<Held, CallError> {
    if answer.status != StatusCode::OK {
        return Err(CallError::Unreadable);
    }
    let TokenBody { access_token, token_type, expires_in } = answer.json()?;
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err(CallError::Unreadable);
    }
    let bearer = format!("Bearer {}", access_token.expose_secret());
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| CallError::Unreadable)?;
    bearer.set_sensitive(true);
    let life = Duration::from_secs(expires_in.unwrap_or(UNTOLD).min(LONGEST));
    Ok(Held { bearer, renew_at: asked_at + life.mul_f32(0.8), expires_at: asked_at + life })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use wiremock::matchers::{body_string, header, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::client::ClientConfig;

    fn tokens(url: &str) -> ServiceToken {
        let config = ClientConfig { max_attempts: 1, ..ClientConfig::default() };
        let client = Client::new("token", &config).unwrap();
        let secret = SecretString::from("s:cret&");
        ServiceToken::new(client, url.parse().unwrap(), "our id".into(), secret, "a:read b".into())
    }

    async fn endpoint(answers: &[(u16, Value)]) -> (MockServer, ServiceToken) {
        let server = MockServer::start().await;
        let last = answers.len() - 1;
        for (n, (status, body)) in answers.iter().enumerate() {
            let times = if n == last { u64::MAX } else { 1 };
            let answer = ResponseTemplate::new(*status).set_body_json(body);
            Mock::given(method("POST")).respond_with(answer).up_to_n_times(times).mount(&server).await;
        }
        let tokens = tokens(&server.uri());
        (server, tokens)
    }

    fn token(name: &str, life: u64) -> (u16, Value) {
        (200, json!({"access_token": name, "token_type": "bearer", "expires_in": life, "more": 1}))
    }

    async fn fetches(server: &MockServer) -> usize {
        server.received_requests().await.unwrap().len()
    }

    #[tokio::test]
    async fn the_client_authenticates_by_basic_and_names_grant_and_scope() {
        let server = MockServer::start().await;
        // base64("our+id:s%3Acret%26")
        Mock::given(header("authorization", "Basic b3VyK2lkOnMlM0FjcmV0JTI2"))
            .and(header("content-type", "application/x-www-form-urlencoded"))
            .and(body_string("grant_type=client_credentials&scope=a%3Aread+b"))
            .respond_with(ResponseTemplate::new(200).set_body_json(token("t", 60).1))
            .mount(&server)
            .await;
        let bearer = tokens(&server.uri()).bearer().await.unwrap();
        assert_eq!(bearer.to_str().unwrap(), "Bearer t");
        assert!(bearer.is_sensitive());
    }

    #[tokio::test]
    async fn one_fetch_serves_all_who_wait_for_it_and_those_who_come_later() {
        let (server, tokens) = endpoint(&[token("one", 300)]).await;
        let tokens = Arc::new(tokens);
        let waiting = (0..20).map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { tokens.bearer().await.unwrap() })
        });
        for bearer in futures_util::future::join_all(waiting).await {
            assert_eq!(bearer.unwrap(), "Bearer one");
        }
        tokens.bearer().await.unwrap();
        assert_eq!(fetches(&server).await, 1);
    }

    #[tokio::test]
    async fn a_token_is_renewed_at_four_fifths_of_its_life() {
        let (server, tokens) = endpoint(&[token("one", 1), token("two", 300)]).await;
        assert_eq!(tokens.bearer().await.unwrap(), "Bearer one");
        assert_eq!(tokens.bearer().await.unwrap(), "Bearer one");
        tokio::time::sleep(Duration::from_millis(850)).await;
        assert_eq!(tokens.bearer().await.unwrap(), "Bearer two");
        assert_eq!(fetches(&server).await, 2);
    }

    #[tokio::test]
    async fn a_token_that_cannot_be_renewed_is_used_to_its_end_with_one_attempt_a_pause() {
        let (server, tokens) = endpoint(&[token("one", 2), (500, json!({}))]).await;
        assert_eq!(tokens.bearer().await.unwrap(), "Bearer one");
        tokio::time::sleep(Duration::from_millis(1_650)).await;
        assert_eq!(tokens.bearer().await.unwrap(), "Bearer one");
        assert_eq!(tokens.bearer().await.unwrap(), "Bearer one");
        assert_eq!(fetches(&server).await, 2);
    }

    #[tokio::test]
    async fn refusals_and_nonsense_are_failures_and_not_kept() {
        for (status, body) in [
            (401, json!({"error": "invalid_client"})),
            (200, json!({"token_type": "bearer"})),
            (200, json!({"access_token": "t", "token_type": "mac", "expires_in": 300})),
            (200, json!({"access_token": "a\nb", "token_type": "bearer", "expires_in": 300})),
            (302, json!({})),
        ] {
            let (_server, tokens) = endpoint(&[(status, body.clone()), token("t", 300)]).await;
            assert_eq!(tokens.bearer().await.unwrap_err(), CallError::Unreadable, "{status} {body}");
            assert_eq!(tokens.bearer().await.unwrap(), "Bearer t");
        }
    }

    #[tokio::test]
    async fn a_refused_token_is_forgotten_and_its_successor_is_not() {
        let (server, tokens) = endpoint(&[token("one", 300), token("two", 300)]).await;
        let refused = tokens.bearer().await.unwrap();
        tokens.forget(&refused).await;
        assert_eq!(tokens.bearer().await.unwrap(), "Bearer two");
        tokens.forget(&refused).await;
        assert_eq!(tokens.bearer().await.unwrap(), "Bearer two");
        assert_eq!(fetches(&server).await, 2);
    }
}
