//! A client's side of the services: tokens and plain requests.

use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A client that follows no redirect, takes no proxy from the environment and gives up after 60 s.
///
/// # Errors
/// The TLS library cannot be initialised.
pub fn client() -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60))
        .build()
        .context("cannot make an HTTP client")
}

/// Who asks for a token at `POST /o/token/`: a client, for itself or (with a user) by the password grant.
#[derive(Debug, Clone, Copy)]
pub struct Credentials<'a> {
    /// The client's id and secret.
    pub client: (&'a str, &'a str),
    /// The user's name and password.
    pub user: Option<(&'a str, &'a str)>,
    /// The scopes asked for, all that the client may have where `None`.
    pub scope: Option<&'a str>,
}

impl Credentials<'_> {
    /// The fields of the token request's form (RFC 6749 §4.3.2, §4.4.2).
    pub fn form(&self) -> Vec<(&'static str, String)> {
        let grant = if self.user.is_some() { "password" } else { "client_credentials" };
        let mut form = vec![
            ("grant_type", grant.to_owned()),
            ("client_id", self.client.0.to_owned()),
            ("client_secret", self.client.1.to_owned()),
        ];
        if let Some((name, password)) = self.user {
            form.push(("username", name.to_owned()));
            form.push(("password", password.to_owned()));
        }
        if let Some(scope) = self.scope {
            form.push(("scope", scope.to_owned()));
        }
        form
    }
}

/// An access token from `{base}/o/token/`.
///
/// # Errors
/// The server refuses; the message carries its answer.
pub async fn token(client: &reqwest::Client, base: &str, credentials: Credentials<'_>) -> Result<String> {
    let answer = client.post(format!("{base}/o/token/")).form(&credentials.form()).send().await?;
    let status = answer.status();
    let body: serde_json::Value = answer.json().await.context("the token endpoint answered no JSON")?;
    match body.get("access_token").and_then(serde_json::Value::as_str) {
        Some(token) => Ok(token.to_owned()),
        None => bail!("the token endpoint answered {status} {body}"),
    }
}
