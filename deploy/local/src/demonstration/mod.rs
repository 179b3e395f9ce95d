//! One real request to each service through the gateway, printed with its answer, and the answer held against what is
//! known of it.

pub(crate) mod gda_audit;
mod msepi05_proxy;
pub(crate) mod reconciliation;
mod secure_consumer;

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use testkit::caps::CapsSandbox;
use testkit::http::Credentials;

use crate::sandbox;

const SHOWN: usize = 420;

pub(crate) async fn run(gateway: &str, caps: &CapsSandbox) -> Result<()> {
    let caller = Caller { client: testkit::http::client()?, gateway: gateway.to_owned() };
    reconciliation::run(&caller).await.context("reconciliation")?;
    msepi05_proxy::run(&caller, caps).await.context("msepi05-proxy")?;
    gda_audit::run(&caller).await.context("gda-audit")?;
    secure_consumer::run(&caller).await.context("secure-consumer")
}

fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str> {
    body.get(field).and_then(Value::as_str).with_context(|| format!("{field} is missing"))
}

struct Caller {
    client: Client,
    gateway: String,
}

impl Caller {
    /// A token of the sandbox's client, for itself or for a user of the sandbox.
    async fn token(&self, user: Option<&str>, scope: Option<&str>) -> Result<String> {
        let credentials = Credentials {
            client: (sandbox::CLIENT_ID, sandbox::CLIENT_SECRET),
            user: user.map(|name| (name, sandbox::PASSWORD)),
            scope,
        };
        let shown = credentials
            .form()
            .into_iter()
            .filter(|(name, _)| ["grant_type", "client_id", "username", "scope"].contains(name));
        let note: Vec<String> = shown.map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self
            .call(Method::POST, "/o/token/", &note.join(", "), StatusCode::OK, |request| {
                request.form(&credentials.form())
            })
            .await?;
        Ok(text(&answer, "access_token")?.to_owned())
    }

    /// Sends a request and prints it with its answer.
    async fn call(
        &self,
        method: Method,
        path: &str,
        note: &str,
        expected: StatusCode,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Value> {
        println!("\n{method} {}{path}  {note}", self.gateway);
        let (status, body) = self.send(method, path, complete).await?;
        println!("{status} {}", shortened(body.clone()));
        ensure!(status == expected, "{path} answered {status}, not {expected}");
        Ok(body)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<(StatusCode, Value)> {
        let request = complete(self.client.request(method, format!("{}{path}", self.gateway)));
        let answer = request.send().await.with_context(|| path.to_owned())?;
        let status = answer.status();
        let body = answer.text().await?;
        Ok((status, serde_json::from_str(&body).unwrap_or(Value::String(body))))
    }
}

/// The body on one line of bounded length, without the tail of its tokens.
fn shortened(mut body: Value) -> String {
    for name in ["access_token", "refresh_token"] {
        if let Some(Value::String(token)) = body.get_mut(name) {
            *token = token.chars().take(12).chain(['…']).collect();
        }
    }
    let text = body.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    text.chars().take(SHOWN).chain(" …".chars()).collect()
}
